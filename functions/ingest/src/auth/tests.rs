use spillway_shared::keys::digest;

use super::*;

fn access() -> Access {
    let keys = format!("web={},app={}:clicks", digest(b"web-key"), digest(b"app key"));
    Access::Keys(KeyRing::parse_variable(&keys).unwrap())
}

fn name(access: &Access, header: Option<(&'static str, &str)>, query: &str) -> Result<String, RequestError> {
    let headers =
        header.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap())).collect();
    access.admit(&headers, query).map(|sender| sender.name().to_owned())
}

#[test]
fn a_key_is_found_in_every_place() {
    let basic = format!("basic {}", BASE64.encode_to_string("web-key:ignored"));
    for (header, query) in [
        (Some(("x-write-key", "web-key")), ""),
        (Some(("authorization", "Bearer web-key")), ""),
        (Some(("authorization", "bEARER  web-key ")), ""),
        (Some(("authorization", basic.as_str())), ""),
        (None, "a=b&write_key=web-key"),
        (None, "write_key=web%2Dkey"),
    ] {
        assert_eq!(name(&access(), header, query), Ok("web".to_owned()), "{header:?} {query}");
    }
    assert_eq!(name(&access(), None, "write_key=app+key"), Ok("app".to_owned()));
}

/// A proxy may put its own credentials into the headers.
#[test]
fn a_key_in_the_query_is_tried_when_the_headers_hold_none_of_ours() {
    for header in [
        ("authorization", "Digest username=\"x\""),
        ("authorization", "Bearer of-a-proxy"),
        ("authorization", "Basic !!!"),
        ("authorization", "Basic cHJveHk6cHJveHk="),
        ("x-write-key", ""),
        ("x-write-key", "other"),
    ] {
        assert_eq!(name(&access(), Some(header), "write_key=web-key"), Ok("web".to_owned()), "{header:?}");
        assert!(name(&access(), Some(header), "write_key=other").is_err(), "{header:?}");
    }
    let bearer = Some(("authorization", "Bearer app key"));
    assert_eq!(name(&access(), bearer, "write_key=web-key"), Ok("app".to_owned()), "a header comes first");
}

#[test]
fn broken_base64_is_no_key_even_if_the_empty_key_were_known() {
    for value in [&b"Basic !!!"[..], b"Basic d2ViLWtleQ", b"Basic d2ViLWtleR==", b"Basic d2ViLWtl eQ=="] {
        assert_eq!(from_authorization(value), None);
    }
}

#[test]
fn a_page_is_not_challenged_for_a_user_name() {
    let from_page = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static("https://shop.example"))]);
    for (headers, from_page) in [(from_page, true), (HeaderMap::new(), false)] {
        assert_eq!(access().admit(&headers, "").err(), Some(RequestError::Unauthorized { from_page }));
    }
}

#[test]
fn unknown_wrong_and_missing_keys_give_the_same_error() {
    for (header, query) in [
        (None, ""),
        (Some(("x-write-key", "")), ""),
        (Some(("x-write-key", "web-keY")), ""),
        (Some(("x-write-key", "other")), "write_key=another"),
        (Some(("authorization", "Bearer")), ""),
        (Some(("authorization", "Digest web-key")), ""),
        (Some(("authorization", "Basic !!!")), ""),
        (Some(("authorization", "Basic d2ViLWtleQ")), ""),
        (Some(("authorization", "Basic d2ViLWtleR==")), ""),
        (Some(("authorization", "Basic d2ViLWtl eQ==")), ""),
        (Some(("authorization", "web-key")), ""),
        (None, "write_key="),
    ] {
        assert_eq!(
            name(&access(), header, query),
            Err(RequestError::Unauthorized { from_page: false }),
            "{header:?} {query}"
        );
    }
}

#[test]
fn a_key_writes_only_its_streams() {
    let access = access();
    let sender = |key: &str| access.admit(&HeaderMap::new(), &format!("write_key={key}")).unwrap();
    let (clicks, telemetry) = (StreamName::parse("clicks").unwrap(), StreamName::parse("telemetry").unwrap());
    assert!(sender("web-key").may_write(&telemetry));
    assert!(sender("app+key").may_write(&clicks));
    assert!(!sender("app+key").may_write(&telemetry));
}

#[test]
fn without_authentication_no_key_is_needed() {
    let sender = Access::Open.admit(&HeaderMap::new(), "").unwrap();
    assert_eq!(sender.name(), "");
    assert!(sender.may_write(&StreamName::parse("clicks").unwrap()));
}
