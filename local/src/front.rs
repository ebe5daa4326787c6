//! An HTTP server that does what API Gateway does for an HTTP API with a Lambda function behind it, or a Function URL.
//!
//! A request passes the modules in this order: `wire` reads its connection and checks its `framing`; `request` applies the
//! limits and reads the body; `event` encodes it in payload format 2.0; the function runs; `response` decodes its output;
//! `cors` adds headers for pages of other origins.

mod cors;
mod event;
mod framing;
mod headers;
mod kind;
mod path;
mod refusal;
mod request;
mod response;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpSocket};

use crate::invoke::Invoke;
use crate::loopback::{Options, Server};
pub use cors::{ALLOW_HEADERS, ALLOW_METHODS, Cors, EXPOSE_HEADERS, MAX_AGE, Origin};
pub use kind::Kind;
use request::{Peer, Requests};
use wire::Wire;

/// The number of connections that may wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 4_096;
/// Request heads between the quota (10,240 bytes) and this size still get a JSON response.
const MAX_BUFFER_BYTES: usize = 64 << 10;

/// Address and limits of the front.
#[derive(Debug, Clone)]
pub struct FrontSettings {
    /// What it emulates.
    pub kind: Kind,
    /// The address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The time that the function has to respond, including the wait for an environment (30 s in API Gateway).
    pub function_timeout: Duration,
    /// The time that clients have to send requests.
    pub client_timeouts: ClientTimeouts,
    /// The pages that may send documents; none disables CORS.
    pub cors: Cors,
    /// The maximum number of open connections. Further clients wait to be accepted.
    pub max_connections: usize,
    /// The maximum number of bytes of bodies and events in memory; requests above it get 503.
    pub max_inflight_bytes: usize,
    /// The maximum time that [`Front::close`] waits for running requests.
    pub close_timeout: Duration,
}

/// The time that clients have to send requests. The front closes connections that take longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// For the whole head of a request, and for the next request on an open connection (30 s).
    pub head: Duration,
    /// Between two reads of a body (10 s).
    pub idle: Duration,
    /// For a whole body (60 s, so that 6 MB arrive at 1 Mbit/s). It bounds clients that send a byte now and then.
    pub body: Duration,
}

impl Default for ClientTimeouts {
    fn default() -> Self {
        Self { head: Duration::from_secs(30), idle: Duration::from_secs(10), body: Duration::from_mins(1) }
    }
}

impl FrontSettings {
    /// API Gateway's timeouts, with limits for one machine.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            kind: Kind::HttpApi,
            listen,
            function_timeout: Duration::from_secs(30),
            client_timeouts: ClientTimeouts::default(),
            cors: Cors::default(),
            max_connections: 20_000,
            max_inflight_bytes: 1 << 30,
            close_timeout: Duration::from_secs(35),
        }
    }

    fn options(&self) -> Options {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new());
        http.header_read_timeout(self.client_timeouts.head).max_buf_size(MAX_BUFFER_BYTES);
        Options { http, max_connections: self.max_connections }
    }
}

/// A running front. Dropping it closes every connection immediately.
pub struct Front {
    server: Server,
    close_timeout: Duration,
}

impl Front {
    /// Listens, and invokes the function once for every request.
    ///
    /// # Errors
    /// The front cannot listen on the address.
    #[expect(clippy::unused_async, reason = "a listener needs a Tokio runtime, which an async function ensures")]
    pub async fn start<I: Invoke>(settings: FrontSettings, function: Arc<I>) -> io::Result<Self> {
        let listener = listen(settings.listen)?;
        let (options, close_timeout) = (settings.options(), settings.close_timeout);
        let requests = Arc::new(Requests::new(settings, listener.local_addr()?, function));
        let server = Server::start_with(listener, options, move |stream, address| {
            let (requests, peer) = (Arc::clone(&requests), Arc::new(Peer::new(address)));
            let wire = Wire::new(stream, peer.ambiguous());
            let service = service_fn(move |request| {
                let (requests, peer) = (Arc::clone(&requests), Arc::clone(&peer));
                async move { requests.respond(request, &peer).await }
            });
            (wire, service)
        })?;
        Ok(Self { server, close_timeout })
    }

    /// The address on which the front listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Accepts no new connection, and returns when all requests have a response or after the close timeout.
    pub async fn close(self) {
        self.server.close(self.close_timeout).await;
    }
}

/// A listener with a long backlog: when the backlog is full, new clients retry only after a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of an earlier server on this address may still be closing.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
