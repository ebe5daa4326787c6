//! The real SDK against a server that answers as SQS does.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use aws_sdk_sqs::config::Credentials;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

/// What a server was asked: operation and input.
type Calls = Arc<Mutex<Vec<(String, Value)>>>;

/// A queue whose server gives this one answer.
async fn queue(status: u16, answer: Value) -> (Sqs, Calls) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let calls = Calls::default();
    tokio::spawn(serve(listener, Arc::clone(&calls), status, answer));
    (client(endpoint).await, calls)
}

async fn client(endpoint: String) -> Sqs {
    let source = Source { queue_url: format!("{endpoint}/1/q"), region: "eu-central-1".to_owned() };
    let credentials = Credentials::new("key", "secret", None, None, "test");
    let loader = loader(&source, Duration::from_secs(5)).endpoint_url(endpoint).credentials_provider(credentials);
    Sqs::with(&loader.load().await, source.queue_url)
}

async fn serve(listener: TcpListener, calls: Calls, status: u16, answer: Value) {
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
async fn messages_are_deleted_and_hidden_by_their_handles() {
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
async fn a_message_that_failed_is_tried_again_unless_its_handle_is_to_blame() {
    for (sender_fault, expected) in [(false, "again"), (true, "done")] {
        let failed = json!([{"Id": "0", "Code": "InternalError", "SenderFault": sender_fault}]);
        let (sqs, _) = queue(200, json!({"Successful": [], "Failed": failed})).await;
        assert_eq!(word(&sqs.delete(&["a".to_owned()]).await), expected);
    }
}

#[tokio::test]
async fn a_failure_that_may_pass_is_told_from_a_refusal() {
    for (status, code, expected) in [
        (500, "InternalError", "again"),
        (503, "ServiceUnavailable", "again"),
        (400, "RequestThrottled", "again"),
        (400, "com.amazonaws.sqs#OverLimit", "again"),
        (400, "AccessDenied", "never"),
        (400, "QueueDoesNotExist", "never"),
    ] {
        let (sqs, _) = queue(status, json!({"__type": code, "message": "no"})).await;
        assert_eq!(word(&sqs.delete(&["a".to_owned()]).await), expected, "{code}");
    }
}

#[tokio::test]
async fn no_answer_at_all_may_pass() {
    let sqs = client("http://127.0.0.1:9".to_owned()).await;
    assert_eq!(word(&sqs.delete(&["a".to_owned()]).await), "again");
}

#[tokio::test]
async fn no_reason_repeats_what_was_to_be_sent() {
    let sqs = Sqs { queue_url: "no url".to_owned(), ..client("http://127.0.0.1:9".to_owned()).await };
    let (Outcome::Again(error) | Outcome::Never(error)) = sqs.delete(&["zqx".to_owned()]).await else { panic!("done") };
    assert!(!error.0.contains("zqx"), "{error}");
}
