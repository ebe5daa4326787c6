//! The adapter to the partner: one POST over HTTP.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring::default_provider;
use spillway_shared::causes::causes;
use spillway_shared::destination::Destination;
use tokio::time::timeout;

use crate::credentials::Credentials;
use crate::resolve::Resolver;

/// Bytes of an answer that are read: of a refusal as its reason, and of a success so that the connection can be used
/// again.
const MOST_OF_ANSWER: usize = 4 << 10;
/// The time for that. The status is known already.
const TIME_FOR_ANSWER: Duration = Duration::from_millis(200);
/// Characters of a refusal's answer that go to the dead letters.
const MOST_OF_REASON: usize = 300;
/// An idle connection is closed after this time; many servers keep theirs for 60 seconds.
const IDLE: Duration = Duration::from_secs(20);
/// The longest `Retry-After` that counts: the longest delay of a message.
const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// One request to the partner.
#[derive(Debug, Clone)]
pub struct Post {
    /// The batch's id.
    pub id: String,
    /// The body.
    pub body: Bytes,
    /// The headers of the file and the signature's keys.
    pub credentials: Arc<Credentials>,
}

/// What the partner answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It has the batch.
    Accepted,
    /// It failed, or the connection did: another attempt may succeed, not before the given time has passed.
    Again(String, Option<Duration>),
    /// It refuses everything.
    Blocked(u16),
    /// It refuses this batch, with this reason.
    Refused(u16, String),
}

/// The HTTP client of a destination. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Partner {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    uri: Uri,
    content_type: &'static str,
}

impl Partner {
    /// A client for a destination; connects with the first request.
    ///
    /// # Errors
    /// The system's certificates cannot be read, or the URL is not one of HTTP.
    pub fn new(destination: &Destination) -> io::Result<Self> {
        let mut http = HttpConnector::new_with_resolver(Resolver::new(destination.allow_private));
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(destination.timeout));
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(default_provider())?
            .https_or_http()
            .enable_http1();
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_idle_timeout(IDLE).pool_timer(TokioTimer::new()).pool_max_idle_per_host(destination.workers);
        Ok(Self {
            client: client.build(https.wrap_connector(http)),
            uri: destination.target.url().parse().map_err(io::Error::other)?,
            content_type: destination.format.content_type(),
        })
    }

    /// Makes one attempt, which ends after `limit`. Redirects are not followed.
    pub async fn post(&self, post: &Post, limit: Duration, now: SystemTime) -> Answer {
        let request = match self.request(post, now) {
            Ok(request) => request,
            Err(error) => return Answer::Again(error.to_string(), None),
        };
        match timeout(limit, self.client.request(request)).await {
            Ok(Ok(response)) => answer(response, now).await,
            Ok(Err(error)) => Answer::Again(causes(&error), None),
            Err(_) => Answer::Again(format!("no answer in {limit:?}"), None),
        }
    }

    fn request(&self, post: &Post, now: SystemTime) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::builder().method(Method::POST).uri(&self.uri);
        for (name, value) in headers(post, self.content_type, now) {
            request = request.header(name, value);
        }
        let mut request = request.body(Full::new(post.body.clone()))?;
        for (name, value) in &post.credentials.headers {
            request.headers_mut().insert(name, value.clone());
        }
        Ok(request)
    }
}

/// The headers of a request besides those of the file.
#[must_use]
pub fn headers(post: &Post, content_type: &str, now: SystemTime) -> Vec<(&'static str, String)> {
    let timestamp = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut headers = vec![
        (CONTENT_TYPE.as_str(), content_type.to_owned()),
        (USER_AGENT.as_str(), concat!("spillway/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("idempotency-key", post.id.clone()),
    ];
    if let Some(keys) = &post.credentials.keys {
        headers.push(("webhook-id", post.id.clone()));
        headers.push(("webhook-timestamp", timestamp.to_string()));
        headers.push(("webhook-signature", keys.sign(&post.id, timestamp, &post.body)));
    }
    headers
}

async fn answer(response: Response<Incoming>, now: SystemTime) -> Answer {
    let status = response.status().as_u16();
    match status {
        200..=299 => {
            let _ = beginning(response).await;
            Answer::Accepted
        }
        408 | 429 | 500.. => {
            Answer::Again(format!("the partner answered {status}"), retry_after(response.headers(), now))
        }
        300..=399 | 401 | 403 | 404 | 410 => Answer::Blocked(status),
        _ => Answer::Refused(status, reason(&beginning(response).await)),
    }
}

/// The first bytes of an answer, as far as they arrive soon: some partners never finish theirs.
async fn beginning(response: Response<Incoming>) -> Vec<u8> {
    let (mut body, mut bytes) = (response.into_body(), Vec::new());
    let reading = async {
        while bytes.len() < MOST_OF_ANSWER {
            let Some(Ok(frame)) = body.frame().await else { break };
            if let Some(data) = frame.data_ref() {
                bytes.extend_from_slice(&data[..data.len().min(MOST_OF_ANSWER - bytes.len())]);
            }
        }
    };
    let _ = timeout(TIME_FOR_ANSWER, reading).await;
    bytes
}

/// A refusal's answer as one line.
fn reason(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|letter| !letter.is_control()).take(MOST_OF_REASON).collect()
}

/// `Retry-After` in seconds or as a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod hostile;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let wait = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7));
        assert_eq!((wait("99999"), wait("soon"), wait("-1")), (Some(900), None, None));
    }

    #[test]
    fn a_reason_is_one_short_line() {
        assert_eq!(reason(b"no\r\n  such\x00 \x07event"), "no such event");
        assert_eq!(reason(&[b'x'; 4_000]).len(), 300);
    }
}
