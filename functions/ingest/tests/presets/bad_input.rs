//! Every kind of bad input, for every built-in preset.

use std::path::PathBuf;

use base64_simd::STANDARD as BASE64;
use lambda_http::http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::http::recorded;
use crate::server::{Exchange, KEY, Server};

const BY_HEADER: (&str, &str) = ("x-write-key", KEY);

/// How the clients of one preset post.
struct Client {
    preset: &'static str,
    path: &'static str,
    /// A document with these payloads.
    document: fn(&[String]) -> String,
    /// A payload with this JSON as its client's id.
    payload: fn(&str) -> String,
    /// Documents whose payloads are not in an array.
    without_array: &'static [&'static str],
}

fn list(payloads: &[String]) -> String {
    format!("[{}]", payloads.join(","))
}

fn firehose(payloads: &[String]) -> String {
    let record = |payload: &String| format!(r#"{{"data":"{}"}}"#, BASE64.encode_to_string(payload));
    format!(r#"{{"records":{}}}"#, list(&payloads.iter().map(record).collect::<Vec<_>>()))
}

fn clients() -> Vec<Client> {
    vec![
        Client {
            preset: "segment",
            path: "v1/batch",
            document: |payloads| format!(r#"{{"batch":{}}}"#, list(payloads)),
            payload: |id| format!(r#"{{"messageId":{id}}}"#),
            without_array: &[r#"{"batch":{}}"#, r#"{"batch":3}"#],
        },
        Client {
            preset: "posthog",
            path: "batch/",
            document: |payloads| format!(r#"{{"batch":{}}}"#, list(payloads)),
            payload: |id| format!(r#"{{"uuid":{id}}}"#),
            without_array: &[r#"{"batch":"x"}"#, r#"{"batch":null}"#],
        },
        Client {
            preset: "amplitude",
            path: "2/httpapi",
            document: |payloads| format!(r#"{{"events":{}}}"#, list(payloads)),
            payload: |id| format!(r#"{{"insert_id":{id}}}"#),
            without_array: &[r#"{"events":{}}"#, r#"{"events":true}"#],
        },
        Client {
            preset: "snowplow",
            path: "com.snowplowanalytics.snowplow/tp2",
            document: |payloads| format!(r#"{{"data":{}}}"#, list(payloads)),
            payload: |id| format!(r#"{{"eid":{id}}}"#),
            without_array: &[r#"{"data":{}}"#, r#"{"data":3}"#],
        },
        Client {
            preset: "mixpanel",
            path: "track",
            document: list,
            payload: |id| format!(r#"{{"properties":{{"$insert_id":{id}}}}}"#),
            without_array: &["3", "data=3"],
        },
        Client {
            preset: "cloudevents",
            path: "events",
            document: list,
            payload: |id| format!(r#"{{"source":"/s","id":{id}}}"#),
            without_array: &[],
        },
        Client {
            preset: "splunk",
            path: "services/collector/event",
            document: |payloads| payloads.concat(),
            payload: |id| format!(r#"{{"event":{id}}}"#),
            without_array: &[],
        },
        Client {
            preset: "firehose",
            path: "firehose",
            document: firehose,
            payload: |id| format!(r#"{{"n":{id}}}"#),
            without_array: &[r#"{"records":{}}"#, r#"{"records":null}"#],
        },
        Client {
            preset: "otlp",
            path: "v1/traces",
            document: |payloads| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":{}}}]}}]}}"#, list(payloads)),
            payload: |id| format!(r#"{{"traceId":"t","spanId":{id}}}"#),
            without_array: &[r#"{"resourceSpans":{}}"#, r#"{"resourceSpans":[{"scopeSpans":[{"spans":3}]}]}"#],
        },
    ]
}

impl Client {
    fn payloads(&self, count: usize) -> String {
        (self.document)(&vec![(self.payload)("\"i\""); count])
    }

    async fn post(&self, headers: &[(&'static str, &str)], body: impl Into<lambda_http::Body>) -> Exchange {
        Server::accepting_all().post(&format!("telemetry/{}", self.path), headers, body).await
    }
}

fn ids(exchange: &Exchange) -> Vec<Value> {
    exchange.records().iter().map(|record| record["id"].clone()).collect()
}

#[test]
fn the_list_has_every_built_in_preset() {
    let presets = crate::server::configured(&[("clicks", "{}")], &[]).unwrap().intake.presets;
    let mut names: Vec<_> = clients().iter().map(|client| client.preset).collect();
    names.sort_unstable();
    assert_eq!(names, presets.names());
}

#[tokio::test]
async fn a_missing_wrong_or_misplaced_key_is_401() {
    let (good, basic) = (format!("Digest {KEY}"), "Basic d3Jvbmc6");
    for client in clients() {
        let in_item = client.payloads(1).replace("\"i\"", &format!("\"{KEY}\""));
        for (headers, body) in [
            (&[][..], client.payloads(1)),
            (&[("x-write-key", "wrong")], client.payloads(1)),
            (&[("authorization", basic)], client.payloads(1)),
            (&[("authorization", good.as_str())], client.payloads(1)),
            (&[("cookie", KEY)], client.payloads(1)),
            (&[], in_item),
        ] {
            let exchange = client.post(headers, body).await;
            assert_eq!((exchange.status, exchange.lines.as_str()), (401, ""), "{} {headers:?}", client.preset);
        }
    }
}

#[tokio::test]
async fn json_is_read_whatever_its_media_type() {
    for client in clients() {
        for media_type in ["application/xml", "text/plain", "image/png", "nonsense"] {
            let exchange = client.post(&[BY_HEADER, ("content-type", media_type)], client.payloads(2)).await;
            assert_eq!((exchange.status, exchange.records().len()), (200, 2), "{} {media_type}", client.preset);
        }
    }
    let otlp = clients().pop().unwrap();
    let exchange = otlp.post(&[BY_HEADER, ("content-type", "application/x-protobuf")], otlp.payloads(1)).await;
    assert_eq!((exchange.status, exchange.lines.as_str()), (400, ""), "JSON is not protobuf");
}

#[tokio::test]
async fn a_truncated_document_is_400_and_stores_nothing() {
    for client in clients() {
        let whole = client.payloads(2);
        // The first text of Splunk's two is a document too.
        let first = client.payloads(1).len();
        for length in (1..whole.len()).filter(|length| client.preset != "splunk" || *length != first) {
            let exchange = client.post(&[BY_HEADER], &whole[..length]).await;
            let place = format!("{} {}", client.preset, &whole[..length]);
            assert_eq!((exchange.status, exchange.lines.as_str()), (400, ""), "{place}");
        }
    }
}

#[tokio::test]
async fn truncated_protobuf_is_400_and_stores_nothing() {
    for number in 1..=3 {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/otlp-py/{number:03}.http"));
        let whole = recorded(&file, "telemetry");
        for length in 1..whole.body().len() {
            let mut request = recorded(&file, "telemetry");
            *request.body_mut() = whole.body()[..length].to_vec().into();
            let exchange = Server::accepting_all().send(request).await;
            assert_eq!((exchange.status, exchange.lines.as_str()), (400, ""), "{number} {length}");
            assert_eq!(exchange.headers[CONTENT_TYPE], "application/x-protobuf");
        }
    }
}

#[tokio::test]
async fn payloads_that_are_not_in_an_array_are_400() {
    for client in clients() {
        for document in client.without_array {
            let exchange = client.post(&[BY_HEADER], *document).await;
            assert_eq!((exchange.status, exchange.lines.as_str()), (400, ""), "{} {document}", client.preset);
        }
    }
}

#[tokio::test]
async fn an_id_that_is_no_short_text_counts_as_missing() {
    // Firehose's ids are those of requests, and Splunk's events have none.
    let with_ids = clients().into_iter().filter(|client| !matches!(client.preset, "firehose" | "splunk"));
    for client in with_ids {
        let sent = async |id: &str| {
            let document = (client.document)(&[(client.payload)(id)]);
            let exchange = client.post(&[BY_HEADER], document).await;
            assert_eq!((exchange.status, exchange.records().len()), (200, 1), "{} {id}", client.preset);
            ids(&exchange)
        };
        for id in ["null", "7", "[\"i\"]", "{}", "\"\"", &format!("\"{}\"", "i".repeat(256))] {
            assert_ne!(sent(id).await, sent(id).await, "{} {id}", client.preset);
        }
        assert_eq!(sent("\"i\"").await, sent("\"i\"").await, "{}", client.preset);
    }
}

#[tokio::test]
async fn ten_thousand_payloads_are_ten_thousand_records() {
    for client in clients() {
        let exchange = client.post(&[BY_HEADER], client.payloads(10_000)).await;
        assert_eq!((exchange.status, exchange.lines.lines().count()), (200, 10_000), "{}", client.preset);
    }
}

#[tokio::test]
async fn a_key_is_masked_however_deep_it_is() {
    let deep = format!(r#"{}{{"{KEY}":"a {KEY} b"}}{}"#, "[".repeat(100), "]".repeat(100));
    for client in clients() {
        let payload = (client.payload)("\"i\"").replacen('{', &format!(r#"{{"deep":{deep},"#), 1);
        let exchange = client.post(&[BY_HEADER], (client.document)(&[payload])).await;
        assert_eq!((exchange.status, exchange.records().len()), (200, 1), "{}", client.preset);
        assert!(!exchange.lines.contains(KEY) && exchange.lines.contains(r#"{"***":"a *** b"}"#), "{}", exchange.lines);
    }
}

#[tokio::test]
async fn a_path_that_the_stream_does_not_accept_is_404_to_a_known_key() {
    for client in clients() {
        let other = if client.preset == "segment" { "amplitude" } else { "segment" };
        let server = Server::new(&[("events", &format!(r#"{{"accept":["{other}"]}}"#)), ("plain", "{}")]);
        for (stream, listed) in
            [("events", if other == "segment" { "v1/batch" } else { "2/httpapi" }), ("plain", "no presets")]
        {
            let path = format!("{stream}/{}", client.path);
            let exchange = server.post(&path, &[BY_HEADER], client.payloads(1)).await;
            let answer = String::from_utf8(exchange.body).unwrap();
            assert_eq!((exchange.status, exchange.lines.as_str()), (404, ""), "{path} {answer}");
            assert!(answer.contains(listed), "{path} {answer}");
            assert_eq!(server.post(&path, &[], client.payloads(1)).await.status, 401, "{path}");
        }
    }
}
