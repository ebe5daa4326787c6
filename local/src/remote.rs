//! A function that runs elsewhere and is invoked as AWS's API does it: `cargo lambda watch`, an emulator.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::invoke::{Invoke, InvokeError};

/// The most that a function answers.
const MOST_BYTES: usize = 6 << 20;
/// With this header an answer of 200 says that the function failed.
const FUNCTION_ERROR: &str = "x-amz-function-error";
/// How much of an error is told.
const TOLD_CHARS: usize = 300;

/// A function at a URL such as `http://127.0.0.1:9000/2015-03-31/functions/deliver/invocations`.
#[derive(Debug, Clone)]
pub struct RemoteFunction {
    url: Uri,
    client: Client<HttpConnector, Full<Bytes>>,
    limit: Duration,
}

impl RemoteFunction {
    /// The function at `url` (plain HTTP), which has `limit` for an answer, a build included.
    #[must_use]
    pub fn new(url: Uri, limit: Duration) -> Self {
        Self { url, client: Client::builder(TokioExecutor::new()).build_http(), limit }
    }

    async fn post(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let request = Request::post(&self.url).header(CONTENT_TYPE, "application/json").body(Full::new(event));
        let request = request.map_err(|error| InvokeError::Failed(error.to_string()))?;
        let response = self.client.request(request).await.map_err(|error| no_answer(&error))?;
        answer(response.map(|body| Limited::new(body, MOST_BYTES))).await
    }
}

impl Invoke for RemoteFunction {
    async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        timeout(self.limit, self.post(event)).await.unwrap_or(Err(InvokeError::TimedOut))
    }
}

/// Who could not be reached has not seen the event.
fn no_answer(error: &Error) -> InvokeError {
    if error.is_connect() { InvokeError::NoEnvironment } else { InvokeError::Failed(error.to_string()) }
}

async fn answer(response: Response<Limited<hyper::body::Incoming>>) -> Result<Bytes, InvokeError> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| InvokeError::Failed(error.to_string()))?.to_bytes();
    if head.status.is_success() && !head.headers.contains_key(FUNCTION_ERROR) {
        return Ok(body);
    }
    let said: String = String::from_utf8_lossy(&body).chars().take(TOLD_CHARS).collect();
    Err(InvokeError::Failed(format!("{} {said}", head.status)))
}
