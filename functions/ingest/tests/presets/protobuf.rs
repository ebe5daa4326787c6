//! OTLP in protobuf becomes OTLP's own JSON, and is answered in protobuf.

use std::path::PathBuf;

use lambda_http::RequestExt;
use lambda_http::http::header::CONTENT_TYPE;
use serde_json::json;

use crate::http::recorded;
use crate::server::{Exchange, KEY, Server};

const TYPE: (&str, &str) = ("content-type", "application/x-protobuf; charset=x");

async fn sent(folder: &str, number: usize) -> Exchange {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/{folder}/{number:03}.http"));
    Server::accepting_all().send(recorded(&file, "telemetry")).await
}

#[tokio::test]
async fn protobuf_becomes_the_json_of_otlp() {
    let spans = sent("otlp-py", 1).await.records();
    assert_eq!(spans[0]["payload"]["name"], "pay");
    assert_eq!(spans[0]["payload"]["traceId"], spans[1]["payload"]["traceId"]);
    assert_eq!(spans[0]["payload"]["parentSpanId"], spans[1]["payload"]["spanId"]);
    assert_eq!(spans[1]["payload"]["attributes"], json!([{"key": "total", "value": {"doubleValue": 24.9}}]));
    assert_eq!(spans[1]["payload"]["kind"], 1);
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
    assert_eq!(spans[0]["context"], json!({"resource": resource, "scope": {"name": "demo"}}));

    let metric = &sent("otlp-py", 2).await.records()[0]["payload"];
    assert_eq!((&metric["name"], &metric["sum"]["isMonotonic"]), (&json!("orders"), &json!(true)));
    assert_eq!(metric["sum"]["dataPoints"][0]["asInt"], "3");
    let log = &sent("otlp-py", 3).await.records()[0]["payload"];
    assert_eq!((&log["severityText"], &log["severityNumber"]), (&json!("WARN"), &json!(13)));
    assert_eq!(log["body"], json!({"stringValue": "low stock"}));
    assert_eq!(sent("otlp-py-gzip", 1).await.records().len(), 2);
}

/// The recorded exporter posted metrics and logs to the path of traces.
#[tokio::test]
async fn messages_of_another_path_are_400() {
    for (number, path, records) in [(2, "v1/metrics", 1), (3, "v1/logs", 2)] {
        let file =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/captures/otlp-py-gzip/{number:03}.http"));
        let recorded = || recorded(&file, "telemetry");
        let exchange = Server::accepting_all().send(recorded()).await;
        assert_eq!((exchange.status, exchange.lines.as_str()), (400, ""), "{path}");
        let corrected = recorded().with_raw_http_path(format!("/v1/streams/telemetry/{path}"));
        assert_eq!(Server::accepting_all().send(corrected).await.records().len(), records, "{path}");
    }
}

#[tokio::test]
async fn answers_are_in_protobuf_too() {
    let exchange = sent("otlp-py", 1).await;
    assert_eq!((exchange.status, exchange.body.as_slice()), (200, &[][..]));
    assert_eq!(exchange.headers[CONTENT_TYPE], "application/x-protobuf");

    let server = Server::new(&[("strict", r#"{"schema":false,"accept":["otlp"]}"#)]);
    let headers = [("x-write-key", KEY), TYPE];
    let message = b"\x0A\x06\x12\x04\x12\x00\x12\x00".to_vec();
    let exchange = server.post("strict/v1/logs", &headers, message).await;
    // `partial_success` with two rejections and an error message.
    assert_eq!(exchange.status, 200);
    assert!(
        exchange.body.starts_with(&[0x0A]) && exchange.body[2..].starts_with(&[0x08, 2, 0x12]),
        "{:?}",
        exchange.body
    );

    let refused = server.post("strict/v1/logs", &[TYPE], Vec::new()).await;
    assert_eq!((refused.status, refused.body[0]), (401, 0x12), "a status with a message");
}

#[tokio::test]
async fn an_empty_body_has_no_payloads_and_a_broken_one_is_400() {
    let server = Server::accepting_all();
    let headers = [("x-write-key", KEY), TYPE];
    for (path, body, status) in [
        ("v1/logs", &[][..], 200),
        ("v1/logs", &[0x0A, 9, 0], 400),
        ("v1/traces", &[0x0A, 2, 0x0A, 9], 400),
        ("v1/metrics", b"{}", 400),
    ] {
        let exchange = server.post(&format!("telemetry/{path}"), &headers, body.to_vec()).await;
        assert_eq!((exchange.status, exchange.lines.as_str()), (status, ""), "{path} {body:?}");
    }
}
