//! Requests by hand: keys, ids, times, bad input and the answers to it.

use std::io::Write as _;

use base64_simd::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::server::{Exchange, KEY, Server};

const BY_HEADER: (&str, &str) = ("x-write-key", KEY);

fn ids(exchange: &Exchange) -> Vec<String> {
    exchange.records().iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

async fn posted(path: &str, body: &str) -> Exchange {
    Server::accepting_all().post(&format!("telemetry/{path}"), &[BY_HEADER], body).await
}

async fn id_of(path: &str, body: &str) -> String {
    let exchange = posted(path, body).await;
    assert_eq!(exchange.status, 200, "{}", exchange.json());
    ids(&exchange).concat()
}

#[tokio::test]
async fn a_clients_id_names_the_record_whatever_else_changes() {
    let first = id_of("v1/batch", r#"{"batch":[{"messageId":"m"}],"sentAt":"1"}"#).await;
    assert_eq!(id_of("v1/batch", r#"{"batch":[{"messageId":"m","retried":true}],"sentAt":"2"}"#).await, first);
    assert_eq!(id_of("v1/track", r#"{"messageId":"m"}"#).await, first, "alone");
    assert_ne!(id_of("v1/batch", r#"{"batch":[{"messageId":"n"}]}"#).await, first, "another id");
    assert_ne!(id_of("batch", r#"{"batch":[{"uuid":"m"}]}"#).await, first, "another preset");
    let headers = [("x-write-key", "unbound")];
    let other = Server::accepting_all().post("telemetry/v1/track", &headers, r#"{"messageId":"m"}"#).await;
    assert_ne!(ids(&other).concat(), first, "another key");
    let split = |source: &str, id: &str| format!(r#"{{"source":"{source}","id":"{id}"}}"#);
    assert_ne!(
        id_of("events", &split("ab", "c")).await,
        id_of("events", &split("a", "bc")).await,
        "parts have lengths"
    );
}

#[tokio::test]
async fn without_a_clients_id_the_time_identifies_a_payload() {
    for id in ["", r#""messageId":"","#, r#""messageId":7,"#, &format!(r#""messageId":"{}","#, "x".repeat(256))] {
        let dated = format!(r#"{{"batch":[{{{id}"timestamp":"2026-11-26T10:00:00Z"}}]}}"#);
        assert_eq!(id_of("v1/batch", &dated).await, id_of("v1/batch", &dated).await, "{id}");
        let undated = format!(r#"{{"batch":[{{{id}"a":1}}]}}"#);
        assert_ne!(id_of("v1/batch", &undated).await, id_of("v1/batch", &undated).await, "{id}");
    }
    let two = posted("services/collector", r#"{"time":1}{"time":1}"#).await;
    assert_eq!(ids(&two).iter().map(|id| &id[36..]).collect::<Vec<_>>(), ["-0", "-1"], "equal events are two records");
}

#[tokio::test]
async fn an_idempotency_key_comes_before_the_time() {
    let server = Server::accepting_all();
    let post = async |key, body: &str| {
        let headers = [BY_HEADER, ("idempotency-key", key)];
        ids(&server.post("telemetry/v1/batch", &headers, body.to_owned()).await)
    };
    let body = r#"{"batch":[{"a":1},{"messageId":"m"}]}"#;
    let [first, again, other] = [post("k", body).await, post("k", body).await, post("other", body).await];
    assert_eq!(first, again);
    assert_ne!(first[0], other[0]);
    assert_eq!(first[1], other[1], "a client's id comes first");
}

#[tokio::test]
async fn keys_are_found_in_every_place_of_a_preset() {
    let basic = format!("Basic {}", BASE64.encode_to_string(format!("{KEY}:")));
    let (splunk, in_path) = (format!("Splunk {KEY}"), format!("telemetry/~{KEY}"));
    for (path, header, body) in [
        (format!("telemetry/v1/t?writeKey={KEY}"), None, "{}".to_owned()),
        ("telemetry/v1/t".to_owned(), Some(("authorization", basic.as_str())), "{}".to_owned()),
        ("telemetry/v1/t".to_owned(), None, format!(r#"{{"writeKey":"{KEY}"}}"#)),
        ("telemetry/services/collector".to_owned(), Some(("authorization", splunk.as_str())), "{}".to_owned()),
        ("telemetry/firehose".to_owned(), Some(("x-amz-firehose-access-key", KEY)), r#"{"records":[]}"#.to_owned()),
        ("telemetry/batch/".to_owned(), None, format!(r#"{{"batch":[],"api_key":"{KEY}"}}"#)),
        ("telemetry/e/".to_owned(), None, format!(r#"[{{"properties":{{"token":"{KEY}"}}}}]"#)),
        (format!("{in_path}/track"), None, "[{}]".to_owned()),
        (format!("{in_path}/com.snowplowanalytics.snowplow/tp2/"), None, r#"{"data":[{}]}"#.to_owned()),
        (in_path.clone(), None, "[{}]".to_owned()),
        (format!("{in_path}/"), None, "[{}]".to_owned()),
    ] {
        let exchange = Server::accepting_all().post(&path, header.as_slice(), body).await;
        assert_eq!(exchange.status, 200, "{path} {}", String::from_utf8_lossy(&exchange.body));
        assert!(!exchange.lines.contains(KEY), "{}", exchange.lines);
    }
}

#[tokio::test]
async fn without_a_known_key_a_client_learns_nothing() {
    let server = Server::accepting_all();
    for stream in ["telemetry", "plain", "nowhere"] {
        for (path, body) in [
            ("v1/batch", r#"{"writeKey":"wrong"}"#),
            ("v1/batch?writeKey=wrong", "nonsense"),
            ("v1/batch", ""),
            ("~wrong/track", "[]"),
            ("~/track", "[]"),
            ("v9/unknown", "{}"),
            ("", "{}"),
        ] {
            let exchange = server.post(&format!("{stream}/{path}"), &[], body).await;
            let other = server.post(&format!("telemetry/{path}"), &[], body).await;
            assert_eq!(exchange.status, 401, "{stream}/{path}");
            assert_eq!(exchange.body, other.body, "{stream}/{path}");
        }
    }
}

#[tokio::test]
async fn a_key_in_the_path_must_be_bound_to_streams() {
    let server = Server::accepting_all();
    for path in ["telemetry/~unbound/track", "telemetry/~unbound", "nowhere/~unbound"] {
        assert_eq!(server.post(path, &[], "[]").await.status, 403, "{path}");
    }
    assert_eq!(server.post(&format!("nowhere/~{KEY}"), &[], "[]").await.status, 403);
    assert_eq!(server.post("telemetry/~unbound", &[BY_HEADER], "[]").await.status, 200, "another key is known");
}

#[tokio::test]
async fn a_stream_lists_the_paths_that_it_accepts() {
    let server = Server::new(&[("events", r#"{"accept":["native","amplitude"]}"#), ("plain", "{}")]);
    for (path, status, listed) in [
        ("events/2/httpapi", 200, ""),
        ("events", 200, ""),
        ("events/v1/batch", 404, "these: 2/httpapi"),
        ("events/v1", 404, "these: 2/httpapi"),
        ("events//", 404, "these: 2/httpapi"),
        ("plain/2/httpapi", 404, "accepts no presets"),
        ("nowhere/2/httpapi", 403, ""),
    ] {
        let exchange = server.post(path, &[BY_HEADER], "{}").await;
        let answer = String::from_utf8(exchange.body).unwrap();
        assert_eq!((exchange.status, answer.contains(listed)), (status, true), "{path} {answer}");
    }
}

#[tokio::test]
async fn headers_of_an_event_are_never_dropped() {
    let server = Server::accepting_all();
    let headers = [BY_HEADER, ("ce-id", "1"), ("ce-specversion", "1.0"), ("ce-source", "/s")];
    let binary = server.post("telemetry", &headers, r#"{"a":1}"#).await;
    assert_eq!(binary.records()[0]["payload"]["data"], json!({"a": 1}), "{}", binary.lines);
    assert_eq!(binary.records()[0]["payload"]["source"], "/s");
    for half in ["ce-id", "ce-specversion"] {
        for (path, status) in [("plain", 415), ("telemetry", 415), ("telemetry/events", 400)] {
            let exchange = server.post(path, &[BY_HEADER, (half, "1")], r#"{"a":1}"#).await;
            assert_eq!((exchange.status, exchange.lines.as_str()), (status, ""), "{half} {path}");
        }
    }
    let refused = server.post("plain", &headers, r#"{"a":1}"#).await;
    assert_eq!((refused.status, refused.lines.as_str()), (415, ""));
    assert!(refused.json()["detail"].as_str().unwrap().contains("cloudevents"));

    let structured = [BY_HEADER, ("content-type", "application/cloudevents+json; charset=utf-8")];
    let event = r#"{"source":"/s","id":"1","time":"2026-11-26T10:00:00Z"}"#;
    let ids = [ids(&server.post("telemetry", &structured, event).await), ids(&binary)];
    assert_eq!(ids[0], ids[1], "the same event in another mode");
    assert_eq!(server.post("plain", &structured, event).await.status, 200, "a JSON document");
}

#[tokio::test]
async fn rejected_payloads_are_no_failure_of_the_request() {
    let server =
        Server::new(&[("strict", r#"{"schema":{"required":["event"]},"accept":["segment","otlp","splunk"]}"#)]);
    for (path, body, answer) in [
        ("v1/batch", r#"{"batch":[{},3]}"#, json!({"success": true})),
        ("services/collector", "{}", json!({"text": "Success", "code": 0})),
        (
            "v1/logs",
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{"event":1}]}]}]}"#,
            json!({"partialSuccess": {"rejectedLogRecords": 1, "errorMessage": "payload: required: `event` is missing"}}),
        ),
        (
            "v1/metrics",
            r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"sum":{"dataPoints":[{},{},{}]}},{"name":"n"}]}]}]}"#,
            json!({"partialSuccess": {"rejectedDataPoints": 4, "errorMessage": ""}}),
        ),
    ] {
        let exchange = server.post(&format!("strict/{path}"), &[BY_HEADER], body).await;
        let mut found = exchange.json();
        if let Some(message) = found.pointer_mut("/partialSuccess/errorMessage") {
            assert!(message.as_str().is_some_and(|message| message.contains("event")), "{message}");
            *message = answer["partialSuccess"]["errorMessage"].clone();
        }
        assert_eq!((exchange.status, found), (200, answer), "{path}");
    }
}

#[tokio::test]
async fn refusals_are_in_the_clients_dialect() {
    let server = Server::accepting_all();
    for (path, body, status, expected) in [
        ("2/httpapi", "{}", 401, json!({"code": 401, "error": "Invalid API key: send a known write key as api_key"})),
        ("services/collector", "{}", 401, json!({"text": "Invalid token", "code": 4})),
        ("track", "{}", 401, json!({"status": 0, "code": 401})),
        ("firehose", "{}", 401, json!({"requestId": "r"})),
        ("v1/logs", "{}", 401, json!({"code": 401})),
        ("v1/batch", "{}", 401, json!({"code": 401, "error": "unauthorized"})),
    ] {
        let exchange = server.post(&format!("telemetry/{path}"), &[("x-amz-firehose-request-id", "r")], body).await;
        let answer = exchange.json();
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&answer[member], value, "{path} {answer}");
        }
        assert_eq!(exchange.status, status);
        assert!(exchange.headers.contains_key("www-authenticate"), "{path}");
    }
    let unreadable = server.post("telemetry/services/collector", &[BY_HEADER], r#"{"a":1}{"#).await;
    assert_eq!((unreadable.status, &unreadable.json()["code"], unreadable.lines.as_str()), (400, &json!(6), ""));
}

#[tokio::test]
async fn an_overloaded_server_asks_each_client_to_come_back() {
    let server = Server::with(&[("telemetry", r#"{"accept":["splunk","amplitude","firehose"]}"#)], &[], true);
    for (path, body, member, value) in [
        ("services/collector", "{}", "code", json!(9)),
        ("2/httpapi", r#"{"events":[{}]}"#, "code", json!(503)),
        ("firehose", r#"{"records":[{"data":"e30="}]}"#, "requestId", Value::Null),
    ] {
        let exchange = server.post(&format!("telemetry/{path}"), &[BY_HEADER], body).await;
        assert_eq!((exchange.status, &exchange.json()[member]), (503, &value), "{path}");
        assert!(exchange.headers.contains_key("retry-after"), "{path}");
    }
}

#[tokio::test]
async fn the_key_is_masked_wherever_it_is() {
    let body = format!(
        r#"{{"batch":[{{"a":[{{"{KEY}":"https://x/?k={KEY}&y"}}],"b":"\u0077k-demo-0000","messageId":"{KEY}","n":1.0}}],
        "writeKey":"{KEY}"}}"#
    );
    let exchange = posted("v1/batch", &body).await;
    let record = &exchange.records()[0];
    assert_eq!(record["payload"]["a"], json!([{"***": "https://x/?k=***&y"}]));
    assert_eq!((&record["payload"]["b"], &record["context"]["writeKey"]), (&json!("***"), &json!("***")));
    assert!(exchange.lines.contains("\"n\":1.0"), "other bytes stay");
    let attributes = format!(r#"{{"commonAttributes":{{"key":"{KEY}"}}}}"#);
    let headers = [BY_HEADER, ("x-amz-firehose-common-attributes", attributes.as_str())];
    let data = format!(r#"{{"records":[{{"data":"{}"}}]}}"#, BASE64.encode_to_string(format!(r#"{{"k":"{KEY}"}}"#)));
    let exchange = Server::accepting_all().post("telemetry/firehose", &headers, data).await;
    let record = &exchange.records()[0];
    assert_eq!(record["payload"], json!({"k": "***"}));
    assert_eq!(record["context"], json!({"commonAttributes": {"key": "***"}}));
}

#[tokio::test]
async fn forms_and_unnamed_gzip_are_read() {
    let event = r#"[{"event":"a+b","properties":{"time":1795692589,"$insert_id":"i"},"uuid":"i"}]"#;
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(event.as_bytes()).unwrap();
    let forms = [
        format!("verbose=1&data={}", encode(event)).into_bytes(),
        format!("data={}", encode(&BASE64.encode_to_string(event))).into_bytes(),
        format!("data={}", BASE64.encode_to_string(event)).into_bytes(),
        event.as_bytes().to_vec(),
        gzip.finish().unwrap(),
    ];
    for (path, dated) in [("track", true), ("e/", false)] {
        for form in &forms {
            let headers = [BY_HEADER, ("content-type", "application/x-www-form-urlencoded")];
            let exchange = Server::accepting_all().post(&format!("telemetry/{path}"), &headers, form.clone()).await;
            let records = exchange.records();
            assert_eq!((exchange.status, records.len()), (200, 1), "{path}");
            assert_eq!(
                (&records[0]["payload"]["event"], records[0]["id"].as_str().unwrap().ends_with("-0")),
                (&json!("a+b"), true)
            );
            assert_eq!(records[0].get("event_time").is_some(), dated);
        }
    }
    for form in ["other=1", "data=?", "data=", "nonsense"] {
        assert_eq!(posted("track", form).await.status, 400, "{form}");
    }
}

#[tokio::test]
async fn documents_that_cannot_be_read_are_400() {
    for (path, body) in [
        ("v1/batch", r#"{"batch":{}}"#),
        ("v1/batch", r#"{"batch":null}"#),
        ("v1/batch", r#"{"batch":[],"batch":[]}"#),
        ("v1/batch", r#"{"batch":[{]}"#),
        ("v1/batch", "  "),
        ("v1/logs", r#"{"resourceLogs":[3]}"#),
        ("v1/logs", r#"{"resourceLogs":[{"scopeLogs":"x"}]}"#),
        ("firehose", r#"{"records":[{"data":3}]}"#),
    ] {
        let exchange = posted(path, body).await;
        assert_eq!((exchange.status, exchange.lines.as_str()), (400, ""), "{path} {body}");
    }
}

#[tokio::test]
async fn no_error_quotes_the_document() {
    for (path, body) in [
        ("v1/batch", r#"{"batch":"zqx"}"#),
        ("v1/batch", r#""zqx" zqx"#),
        ("v1/logs", r#"{"resourceLogs":["zqx"]}"#),
        ("v1/logs", r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":"zqx"}]}]}"#),
        ("firehose", r#""zqx""#),
        ("firehose", r#"{"records":"zqx"}"#),
        ("firehose", r#"{"records":["zqx"]}"#),
        ("track", "data=zqx"),
        ("track", "zqx"),
    ] {
        let exchange = posted(path, body).await;
        assert_eq!(exchange.status, 400, "{path} {body}");
        let answer = String::from_utf8(exchange.body).unwrap();
        assert!(!answer.contains("zqx"), "{answer}");
    }
}

#[tokio::test]
async fn empty_documents_have_no_payloads() {
    for (path, body) in [
        ("v1/logs", "{}"),
        ("v1/logs", r#"{"resourceLogs":[]}"#),
        ("v1/logs", r#"{"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{}}]},{}]}"#),
        ("v1/batch", r#"{"batch":[],"sentAt":"x"}"#),
        ("track", "[]"),
    ] {
        let exchange = posted(path, body).await;
        assert_eq!((exchange.status, exchange.lines.as_str()), (200, ""), "{path} {body}");
    }
}

#[tokio::test]
async fn contexts_are_limited_alone_and_together() {
    let with = |members: usize, items: usize| {
        let events = vec!["{}"; items].join(",");
        format!(r#"{{"a":"{}","batch":[{events}]}}"#, "x".repeat(members))
    };
    assert_eq!(posted("v1/batch", &with(60_000, 10)).await.status, 200);
    assert_eq!(posted("v1/batch", &with(70_000, 1)).await.status, 413);
    assert_eq!(posted("v1/batch", &with(60_000, 10_000)).await.status, 413);
    let many = posted("v1/batch", &with(10, 10_000)).await;
    assert_eq!((many.status, many.lines.lines().count()), (200, 10_000));
    let deep = |levels: usize| format!(r#"{{"a":{}{},"batch":[{{}}]}}"#, "[".repeat(levels), "]".repeat(levels));
    assert_eq!((posted("v1/batch", &deep(126)).await.status, posted("v1/batch", &deep(127)).await.status), (200, 400));
}

#[tokio::test]
async fn a_streams_own_time_takes_precedence_also_in_native_documents() {
    let stream = r#"{"time":{"pointer":"/at","unit":"s"},"accept":["segment"]}"#;
    let server = Server::new(&[("timed", stream)]);
    let time = async |path: &str, body: &str| {
        let exchange = server.post(path, &[BY_HEADER], body.to_owned()).await;
        exchange.records()[0].get("event_time").cloned()
    };
    assert_eq!(time("timed", r#"[{"at":1795692615.5}]"#).await, Some(json!("2026-11-26T11:30:15.5Z")));
    assert_eq!(time("timed", r#"[{"at":"soon"}]"#).await, None);
    let both = r#"{"at":1795692615,"timestamp":"2026-01-01T00:00:00Z"}"#;
    assert_eq!(time("timed/v1/t", both).await, Some(json!("2026-11-26T11:30:15Z")));
    let other = r#"{"timestamp":"2026-01-01T00:00:00+01:00"}"#;
    assert_eq!(time("timed/v1/t", other).await, Some(json!("2025-12-31T23:00:00Z")));
}

#[tokio::test]
async fn every_level_of_the_path_gives_its_context() {
    let body = r#"{"resourceMetrics":[{"scopeMetrics":[
        {"metrics":[{"gauge":{"dataPoints":[{"timeUnixNano":"1795692615000000000"}]}}],"scope":{"name":"s"}},
        {"schemaUrl":"u","metrics":[{"name":"n"}]}],"resource":{"r":1},"schemaUrl":"v","unknown":1}]}"#;
    let records = posted("v1/metrics", body).await.records();
    assert_eq!(
        records[0]["context"],
        json!({"resource": {"r": 1}, "resource_schema_url": "v", "scope": {"name": "s"}})
    );
    assert_eq!(
        records[1]["context"],
        json!({"resource": {"r": 1}, "resource_schema_url": "v", "scope_schema_url": "u"})
    );
    assert_eq!(records[0]["event_time"], "2026-11-26T11:30:15Z");
    assert!(records[1].get("event_time").is_none());
}
