//! External servers: a function behind HTTP, and a queue.

use std::convert::Infallible;
use std::time::Duration;

use crate::common::{queue, sqs};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use spillway_local::invoke::{Invoke as _, InvokeError};
use spillway_local::loopback::Server;
use spillway_local::remote::RemoteFunction;
use spillway_local::sqs::{Queue, connect};
use tokio::net::TcpListener;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Responds as Lambda's `Invoke` API does; the event selects the response.
async fn lambda(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let event = request.into_body().collect().await.unwrap().to_bytes();
    let response = match &event[..] {
        b"\"refuse\"" => Response::builder().status(500).body(Full::from("it broke")),
        b"\"fail\"" => Response::builder().header("X-Amz-Function-Error", "Unhandled").body(Full::from("{}")),
        b"\"stall\"" => std::future::pending().await,
        _ => Ok(Response::new(Full::new(event))),
    };
    Ok(response.unwrap())
}

#[tokio::test]
async fn an_external_function_is_invoked_over_http() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start(listener, service_fn(lambda)).unwrap();
    let url = format!("http://{}/2015-03-31/functions/deliver/invocations", server.address());
    let function = RemoteFunction::new(url.parse().unwrap(), TIMEOUT);
    assert_eq!(function.invoke(Bytes::from_static(b"{}")).await, Ok(Bytes::from_static(b"{}")));
    for (event, error) in [("\"refuse\"", "500 Internal Server Error it broke"), ("\"fail\"", "200 OK {}")] {
        assert_eq!(function.invoke(Bytes::from(event)).await, Err(InvokeError::Failed(error.to_owned())));
    }
    let impatient = RemoteFunction::new(url.parse().unwrap(), Duration::from_millis(50));
    assert_eq!(impatient.invoke(Bytes::from_static(b"\"stall\"")).await, Err(InvokeError::TimedOut));
}

#[tokio::test]
async fn an_unreachable_function_did_not_get_the_event() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let function = RemoteFunction::new(url.parse().unwrap(), TIMEOUT);
    assert_eq!(function.invoke(Bytes::new()).await, Err(InvokeError::NoEnvironment));
}

#[tokio::test]
async fn an_external_queue_is_counted_but_never_read() {
    let queue = queue(5, None).await;
    sqs(&queue.endpoint).send_message().queue_url(&queue.url).message_body("x").send().await.unwrap();

    let external = Queue::external(&queue.endpoint, &queue.url, connect(&queue.endpoint, "eu-west-1", "local"));
    assert_eq!((external.counts().await.unwrap().queued, &external.arn), (1, &queue.arn));
    external.each_queued(|_| panic!("an external queue is not read"));
    external.each_dead_letter(|_| panic!("an external queue is not read"));
    external.close().await;
    assert_eq!(queue.counts().await.unwrap().queued, 1);
}
