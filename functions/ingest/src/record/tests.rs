use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn clicks() -> StreamName {
    StreamName::parse("clicks").unwrap()
}

fn template(source: Option<&str>, context: Option<&str>) -> Template {
    let received_at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_286_340_123);
    Template::new(Uuid::nil(), &clicks(), received_at, &Shared { schema: None, source, context })
}

fn record(payload: &str) -> String {
    let mut lines = String::new();
    assert!(template(None, None).append(&mut lines, 7, None, payload));
    lines
}

#[test]
fn a_record_is_exactly_as_specified() {
    let mut lines = String::new();
    assert!(template(Some(r#"{"country":"DE"}"#), Some("{\"a\":\r\n1}")).append(
        &mut lines,
        3,
        None,
        "{\"n\": 1.0,\n\"n\":2}"
    ));
    assert_eq!(
        lines,
        "{\"id\":\"00000000-0000-0000-0000-000000000000-3\",\"stream\":\"clicks\",\
         \"received_at\":\"2026-11-21T18:39:00.123Z\",\"source\":{\"country\":\"DE\"},\"context\":{\"a\":  1},\
         \"payload\":{\"n\": 1.0, \"n\":2}}\n"
    );
}

#[test]
fn a_record_over_the_limit_is_not_appended() {
    let overhead = record("").len();
    let of = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert_eq!(record(&of(MAX_RECORD_BYTES - overhead)).len(), MAX_RECORD_BYTES);
    let mut lines = "before\n".to_owned();
    assert!(!template(None, None).append(&mut lines, 7, None, &of(MAX_RECORD_BYTES - overhead + 1)));
    assert_eq!(lines, "before\n");
}

#[test]
fn the_overhead_is_an_upper_bound() {
    for index in [0, 9, 10_000, 999_999] {
        let template = template(Some("{}"), Some("{}"));
        let mut lines = String::new();
        assert!(template.append(&mut lines, index, None, "{}"));
        assert!(lines.len() - 2 <= template.overhead());
    }
}

#[test]
fn a_derived_id_depends_on_every_part() {
    let id = |parts: &[&str]| derived_request_id(parts.iter().map(|part| part.as_bytes()));
    let first = id(&["web", "clicks", "json", "k", "", "{}"]);
    assert_eq!(first, id(&["web", "clicks", "json", "k", "", "{}"]));
    for other in [
        &["app", "clicks", "json", "k", "", "{}"][..],
        &["web", "clicks", "ndjson", "k", "", "{}"],
        &["web", "clicks", "json", "k", "{}"],
        &["web", "clicks", "json", "k", "", "{}", "{}"],
        &["webc", "licks", "json", "k", "", "{}"],
    ] {
        assert_ne!(first, id(other));
    }
    assert_eq!(first.get_version_num(), 8);
}

#[test]
fn opting_out_and_the_schema_are_stored() {
    let source = source(Stamp::default(), &Client::default(), true);
    let shared = Shared { schema: Some("0123456789abcdef"), source: source.as_deref(), context: None };
    let template = Template::new(Uuid::nil(), &clicks(), SystemTime::UNIX_EPOCH, &shared);
    let mut lines = String::new();
    assert!(template.append(&mut lines, 0, None, "{}"));
    let members = r#","schema":"0123456789abcdef","source":{"opted_out":true},"payload":{}}"#;
    assert!(lines.trim_end().ends_with(members), "{lines}");
}

fn stored(stamp: Stamp, ip: &str) -> Option<String> {
    let client = Client {
        ip: ip.parse().ok(),
        user_agent: Some("curl/8 \"quoted\"".to_owned()),
        country: Some("DE".to_owned()),
    };
    source(stamp, &client, false)
}

#[test]
fn only_the_metadata_that_the_stream_names_is_stored() {
    let ip = |client_ip| Stamp { client_ip, ..Stamp::default() };
    assert_eq!(stored(Stamp::default(), "203.0.113.9"), None);
    for (client_ip, address, source) in [
        (ClientIp::Truncated, "203.0.113.9", "203.0.113.0"),
        (ClientIp::Truncated, "2001:db8:1:2:3::4", "2001:db8:1::"),
        (ClientIp::Truncated, "::ffff:203.0.113.9", "203.0.113.0"),
        (ClientIp::Full, "2001:db8:1:2:3::4", "2001:db8:1:2:3::4"),
    ] {
        assert_eq!(stored(ip(client_ip), address), Some(format!("{{\"client_ip\":\"{source}\"}}")));
    }
    let rest = Stamp { client_ip: ClientIp::None, user_agent: true, country: true };
    assert_eq!(stored(rest, "-").unwrap(), r#"{"user_agent":"curl/8 \"quoted\"","country":"DE"}"#);
}

#[test]
fn a_long_user_agent_is_cut_between_characters() {
    let client = Client { user_agent: Some("ü".repeat(400) + "x"), ..Client::default() };
    let stored = source(Stamp { user_agent: true, ..Stamp::default() }, &client, false).unwrap();
    assert_eq!(stored, format!("{{\"user_agent\":\"{}\"}}", "ü".repeat(256)));
}

proptest! {
    #[test]
    fn a_payload_keeps_its_bytes_except_line_breaks(text in "[a-z{}\\[\\]\",:\r\n ]{0,80}") {
        let line = record(&text);
        prop_assert_eq!(line.matches('\n').count(), 1);
        let end = format!("\"payload\":{}}}\n", text.replace(['\r', '\n'], " "));
        prop_assert!(line.ends_with(&end));
    }
}
