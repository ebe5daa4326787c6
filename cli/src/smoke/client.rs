//! An HTTP client for any address, with TLS.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use spillway_local::client::Response;
use tokio::time::timeout;

use super::call::Call;

/// How long a request may take; API Gateway ends its own after 30 s.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A client of one API.
pub(super) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
}

impl Client {
    /// The client of the API at `url`. The certificates of this machine are trusted.
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        let connector = HttpsConnectorBuilder::new().with_native_roots().context("no certificate is trusted here")?;
        let pool = Pool::builder(TokioExecutor::new()).build(connector.https_or_http().enable_http1().build());
        Ok(Self { pool, base: base(url)? })
    }

    /// The API's address, without a slash at its end.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn send(&self, call: &Call) -> anyhow::Result<Response> {
        timeout(TIMEOUT, self.exchange(call)).await.with_context(|| format!("no answer in {} s", TIMEOUT.as_secs()))?
    }

    async fn exchange(&self, call: &Call) -> anyhow::Result<Response> {
        let mut request = Request::builder().method(&call.method).uri(format!("{}{}", self.base, call.path));
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let (head, body) = self.pool.request(request.body(Full::new(call.body.clone()))?).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Response { status: head.status, headers: head.headers, body })
    }
}

/// The API's address in a URL, which may be that of its streams.
fn base(url: &str) -> anyhow::Result<String> {
    let base = url.trim_end_matches('/');
    let base = base.strip_suffix("/v1/streams").unwrap_or(base);
    let parsed: Uri = base.parse().context("--url is not a URL")?;
    ensure!(
        matches!(parsed.scheme_str(), Some("http" | "https")) && parsed.query().is_none(),
        "--url must begin with https:// or http:// and have no query"
    );
    Ok(base.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_may_be_that_of_the_streams() {
        for (url, expected) in [
            ("https://api.example", "https://api.example"),
            ("https://api.example/v1/streams/", "https://api.example"),
            ("https://api.example/prod/v1/streams", "https://api.example/prod"),
            ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        ] {
            assert_eq!(base(url).unwrap(), expected, "{url}");
        }
        for url in ["api.example", "ftp://api.example", "https://api.example?x=1", ""] {
            assert!(base(url).is_err(), "{url}");
        }
    }
}
