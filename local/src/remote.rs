//! A function behind Lambda's `Invoke` API, such as that of `cargo lambda watch` or an emulator.

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

/// The maximum size of a function's output, in bytes.
const MAX_OUTPUT_BYTES: usize = 6 << 20;
/// The header of a 200 response that means that the function failed.
const FUNCTION_ERROR: &str = "x-amz-function-error";
/// The number of characters kept of an error.
const MAX_ERROR_CHARS: usize = 300;

/// A function at a URL such as `http://127.0.0.1:9000/2015-03-31/functions/deliver/invocations`.
#[derive(Debug, Clone)]
pub struct RemoteFunction {
    url: Uri,
    client: Client<HttpConnector, Full<Bytes>>,
    timeout: Duration,
}

impl RemoteFunction {
    /// The function at `url` (plain HTTP), with the timeout of an invocation, which may include a build.
    #[must_use]
    pub fn new(url: Uri, timeout: Duration) -> Self {
        Self { url, client: Client::builder(TokioExecutor::new()).build_http(), timeout }
    }

    async fn post(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let request = Request::post(&self.url).header(CONTENT_TYPE, "application/json").body(Full::new(event));
        let request = request.map_err(|error| InvokeError::Failed(error.to_string()))?;
        let response = self.client.request(request).await.map_err(|error| request_error(&error))?;
        output(response.map(|body| Limited::new(body, MAX_OUTPUT_BYTES))).await
    }
}

impl Invoke for RemoteFunction {
    async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        timeout(self.timeout, self.post(event)).await.unwrap_or(Err(InvokeError::TimedOut))
    }
}

/// A function that cannot be reached did not get the event.
fn request_error(error: &Error) -> InvokeError {
    if error.is_connect() { InvokeError::NoEnvironment } else { InvokeError::Failed(error.to_string()) }
}

async fn output(response: Response<Limited<hyper::body::Incoming>>) -> Result<Bytes, InvokeError> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| InvokeError::Failed(error.to_string()))?.to_bytes();
    if head.status.is_success() && !head.headers.contains_key(FUNCTION_ERROR) {
        return Ok(body);
    }
    let message: String = String::from_utf8_lossy(&body).chars().take(MAX_ERROR_CHARS).collect();
    Err(InvokeError::Failed(format!("{} {message}", head.status)))
}
