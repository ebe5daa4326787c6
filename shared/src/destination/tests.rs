use serde_json::json;

use super::*;

fn read(file: &Value) -> Result<Destination, String> {
    parse("acme", file.to_string().as_bytes()).map_err(|errors| errors.to_string())
}

/// A small destination with one more member.
fn with(member: &str, value: Value) -> Result<Destination, String> {
    let mut file = json!({"url": "https://partner.example/events", "streams": ["clicks"]});
    file[member] = value;
    read(&file)
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let destination = with("format", json!("records")).unwrap();
    assert_eq!(destination.batch, BatchLimits { records: 500, bytes: 512 << 10 });
    assert_eq!((destination.workers, destination.concurrency, destination.tries), (10, 5, 3));
    assert_eq!((destination.timeout, destination.rate), (Duration::from_secs(5), None));
    assert!(destination.honour_gpc && !destination.allow_private);
    assert_eq!(destination.prefixes("records/"), ["records/stream=clicks/"]);
}

#[test]
fn errors_name_file_and_pointer() {
    for (member, value, expected) in [
        ("colour", json!(1), "colour: unknown field"),
        ("url", json!("ftp://x"), "/url: must be an https:// URL"),
        ("url", json!("http://partner.example/"), "/url: must be https"),
        ("url", json!("https://user:hunter2@partner.example/"), "/url: must not contain a user or password"),
        ("url", json!("https://partner.example:99999/"), "/url: must have a host"),
        ("streams", json!([]), "/streams: must not be empty"),
        ("streams", json!(["Clicks"]), "/streams/0: must be a stream's name"),
        ("where", json!({"event": [1]}), "/where: must be a JSON pointer"),
        ("pick", json!(["/a", "b"]), "/pick/1: must be a JSON pointer"),
        ("batch", json!({"records": 0}), "/batch/records: must be a whole number from 1 to 100000"),
        ("batch", json!({"size": 1}), "/batch/size: unknown field"),
        ("headers", json!({"x-a": "1\r\nx-b: 2"}), "/headers/x-a: must be visible ASCII, without line breaks"),
        ("headers", json!({"x a": "1"}), "/headers: a header's name must"),
        ("headers", json!({"Webhook-Id": "1"}), "/headers: the header `webhook-id` is set by Spillway"),
        ("sign", json!({"secret": "a b"}), "/sign/secret: must be a secret's name"),
        ("consent", json!({"honour_gpc": true}), "/consent: `honour_gpc` is a member of the destination"),
        ("rate", json!(0), "/rate: must be a number from 0.01"),
        ("tries", json!(11), "/tries: must be a whole number from 1 to 10"),
        ("concurrency", json!(1), "/concurrency: must be a whole number from 2 to 1000"),
    ] {
        let error = with(member, value).unwrap_err();
        assert!(error.starts_with("destinations/acme.json: /"), "{error}");
        assert!(error.contains(expected), "{error} does not contain {expected}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn private_addresses_need_permission_and_http_is_for_loopback_only() {
    for (url, allowed_publicly, allowed_privately) in [
        ("https://partner.example/", true, true),
        ("https://8.8.8.8/", true, true),
        ("https://127.0.0.1/", false, true),
        ("https://localhost:8443/", false, true),
        ("https://[::1]/", false, true),
        ("https://[::ffff:10.0.0.1]/", false, true),
        ("https://169.254.169.254/latest", false, true),
        ("https://10.1.2.3/", false, true),
        ("http://127.0.0.1:9100/", false, true),
        ("http://10.1.2.3/", false, false),
        ("http://partner.example/", false, false),
    ] {
        let file = |allow: bool| json!({"url": url, "streams": ["clicks"], "allow_private": allow});
        assert_eq!(read(&file(false)).is_ok(), allowed_publicly, "{url}");
        assert_eq!(read(&file(true)).is_ok(), allowed_privately, "{url}");
    }
}

#[test]
fn special_addresses_are_not_public() {
    for address in [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2001:db8::1",
    ] {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    for address in ["8.8.8.8", "99.255.255.255", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808"] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn the_secrets_of_headers_and_signature_are_named() {
    let mut file = json!({"url": "https://partner.example/", "streams": ["clicks"], "sign": {"secret": "b"}});
    file["headers"] = json!({"Authorization": {"secret": "a"}, "x-c": "text"});
    assert_eq!(read(&file).unwrap().secrets(), ["a", "b"]);
}
