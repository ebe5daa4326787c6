//! A client of the pipeline that posts documents one after the other over one connection.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A document with its path and headers.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// The path and the query.
    pub path: String,
    /// Headers other than `Host` and `Content-Length`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

/// A response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// An open connection.
#[derive(Debug)]
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

impl Document {
    /// A document for a stream, with a write key.
    ///
    /// # Panics
    /// The key is not valid in a header.
    #[must_use]
    pub fn new(stream: &str, key: &str, body: impl Into<Bytes>) -> Self {
        let key = HeaderValue::from_str(key).expect("a write key of visible characters");
        let headers = vec![(HeaderName::from_static("x-write-key"), key)];
        Self { path: format!("/v1/streams/{stream}"), headers, body: body.into() }
    }

    /// Adds a header.
    ///
    /// # Panics
    /// The value is not valid in a header.
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
    /// The connection cannot be opened.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // An error of the connection also fails the next request.
        tokio::spawn(async move { drop(connection.await) });
        let host = HeaderValue::try_from(address.to_string()).map_err(io::Error::other)?;
        Ok(Self { sender, host })
    }

    /// Posts a document and reads the whole response.
    ///
    /// # Errors
    /// The connection failed. The outcome of the document is unknown, and the client can no longer be used.
    pub async fn post(&mut self, document: &Document) -> io::Result<Response> {
        let request = self.request(document)?;
        self.send(request).await
    }

    /// Gets a path and reads the whole response.
    ///
    /// # Errors
    /// The connection failed, and the client can no longer be used.
    pub async fn get(&mut self, path: &str) -> io::Result<Response> {
        let request = Request::get(path).header(HOST, &self.host).body(Full::default()).map_err(io::Error::other)?;
        self.send(request).await
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> io::Result<Response> {
        self.sender.ready().await.map_err(io::Error::other)?;
        let response = self.sender.send_request(request).await.map_err(io::Error::other)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Response { status: parts.status, headers: parts.headers, body })
    }

    fn request(&self, document: &Document) -> io::Result<Request<Full<Bytes>>> {
        let mut request = Request::post(&document.path).header(HOST, &self.host);
        for (name, value) in &document.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(document.body.clone())).map_err(io::Error::other)
    }
}
