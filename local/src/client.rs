//! A client of the pipeline: one connection that posts documents, one after the other.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A document on its way: what is posted where.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// The path, query included.
    pub path: String,
    /// Headers beside `Host` and the length.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body as it is sent.
    pub body: Bytes,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// One connection, kept alive.
#[derive(Debug)]
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

impl Document {
    /// A document for a stream, as JSON, with a write key.
    ///
    /// # Panics
    /// When the key is no header's value.
    #[must_use]
    pub fn new(stream: &str, key: &str, body: impl Into<Bytes>) -> Self {
        let key = HeaderValue::from_str(key).expect("a write key of visible characters");
        let headers = vec![(HeaderName::from_static("x-write-key"), key)];
        Self { path: format!("/v1/streams/{stream}"), headers, body: body.into() }
    }

    /// The same with one more header.
    ///
    /// # Panics
    /// When the value is no header's value.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a value of visible characters");
        self.headers.push((HeaderName::from_static(name), value));
        self
    }
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// What the operating system says.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // It ends with the sender or with the server; whatever it says then, the next request says too.
        tokio::spawn(async move { drop(connection.await) });
        let host = HeaderValue::try_from(address.to_string()).map_err(io::Error::other)?;
        Ok(Self { sender, host })
    }

    /// Posts a document and reads the whole answer.
    ///
    /// # Errors
    /// The connection broke: what became of the document is not known, and the client is of no further use.
    pub async fn post(&mut self, document: &Document) -> io::Result<Answer> {
        self.sender.ready().await.map_err(io::Error::other)?;
        let response = self.sender.send_request(self.request(document)?).await.map_err(io::Error::other)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    fn request(&self, document: &Document) -> io::Result<Request<Full<Bytes>>> {
        let mut request = Request::post(&document.path).header(HOST, &self.host);
        for (name, value) in &document.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(document.body.clone())).map_err(io::Error::other)
    }
}
