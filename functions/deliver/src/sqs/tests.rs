//! The real SDK against a server that answers like SQS.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use spillway_aws::{Calls, Credentials};
use tokio::net::TcpListener;

use super::*;

/// The requests of a server: operation and input.
type Requests = Arc<Mutex<Vec<(String, Value)>>>;

/// A queue whose server always gives this answer.
async fn queue(status: u16, answer: Value) -> (Sqs, Requests) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let calls = Requests::default();
    tokio::spawn(serve(listener, Arc::clone(&calls), status, answer));
    (client(&endpoint), calls)
}

fn client(endpoint: &str) -> Sqs {
    let credentials = Credentials::new("key", "secret", None, None, "test");
    let config = Calls::once(Duration::from_secs(5)).fixed(endpoint, "eu-central-1", credentials);
    Sqs::new(&config, &format!("{endpoint}/1/q"))
}

async fn serve(listener: TcpListener, calls: Requests, status: u16, answer: Value) {
    while let Ok((socket, _)) = listener.accept().await {
        let service = service_fn(async |request: Request<Incoming>| {
            let operation = request.headers()["x-amz-target"].to_str().unwrap().to_owned();
            let input = request.into_body().collect().await.unwrap().to_bytes();
            calls.lock().unwrap().push((operation, serde_json::from_slice(&input).unwrap()));
            let response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from(answer.to_string()))).unwrap())
        });
        let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(socket), service).await;
    }
}

fn word<T>(outcome: &Outcome<T, CallError>) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Again(_) => "again",
        Outcome::Never(_) => "never",
    }
}

#[tokio::test]
async fn messages_are_deleted_and_hidden_by_receipt_handle() {
    let (sqs, calls) = queue(200, json!({"Successful": [], "Failed": []})).await;
    assert_eq!(word(&sqs.delete(&["a".to_owned(), "b".to_owned()]).await), "done");
    assert_eq!(word(&sqs.hide(&[Hidden { handle: "c".to_owned(), seconds: 60 }]).await), "done");
    let calls = calls.lock().unwrap().clone();
    assert_eq!(calls[0].0, "AmazonSQS.DeleteMessageBatch");
    let entries = json!([{"Id": "0", "ReceiptHandle": "a"}, {"Id": "1", "ReceiptHandle": "b"}]);
    assert_eq!(calls[0].1["Entries"], entries);
    assert_eq!(calls[1].0, "AmazonSQS.ChangeMessageVisibilityBatch");
    assert_eq!(calls[1].1["Entries"], json!([{"Id": "0", "ReceiptHandle": "c", "VisibilityTimeout": 60}]));
    assert!(calls[0].1["QueueUrl"].as_str().unwrap().ends_with("/1/q"));
}

#[tokio::test]
async fn a_failed_entry_is_transient_unless_it_is_the_senders_fault() {
    for (sender_fault, code, expected) in
        [(false, "InternalError", "again"), (true, "OverLimit", "again"), (true, "ReceiptHandleIsInvalid", "done")]
    {
        let failed = json!([{"Id": "0", "Code": code, "SenderFault": sender_fault}]);
        let (sqs, _) = queue(200, json!({"Successful": [], "Failed": failed})).await;
        assert_eq!(word(&sqs.delete(&["a".to_owned()]).await), expected);
    }
}

#[tokio::test]
async fn transient_errors_and_refusals_are_distinguished() {
    for (status, code, expected) in [
        (500, "InternalError", "again"),
        (503, "ServiceUnavailable", "again"),
        (400, "RequestThrottled", "again"),
        (400, "RequestLimitExceeded", "again"),
        (400, "com.amazonaws.sqs#OverLimit", "again"),
        (400, "AccessDenied", "never"),
        (400, "QueueDoesNotExist", "never"),
    ] {
        let (sqs, _) = queue(status, json!({"__type": code, "message": "no"})).await;
        assert_eq!(word(&sqs.delete(&["a".to_owned()]).await), expected, "{code}");
    }
}

#[tokio::test]
async fn a_missing_server_is_a_transient_error() {
    let sqs = client("http://127.0.0.1:9");
    assert_eq!(word(&sqs.delete(&["a".to_owned()]).await), "again");
}

#[tokio::test]
async fn no_error_quotes_the_request() {
    let sqs = Sqs { queue_url: "no url".to_owned(), ..client("http://127.0.0.1:9") };
    let (Outcome::Again(error) | Outcome::Never(error)) = sqs.delete(&["zqx".to_owned()]).await else { panic!("done") };
    assert!(!error.0.contains("zqx"), "{error}");
}
