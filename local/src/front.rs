//! An HTTP front that does what API Gateway does for an HTTP API with a Lambda function behind it.
//!
//! The way of a request: `server` accepts its connection, `wire` follows where requests begin and end on it (`framing`),
//! `request` takes it through the limits and reads its body, `event` makes it an event in payload format 2.0, the function answers, and `answer` makes that a response.

mod answer;
mod event;
mod framing;
mod headers;
mod path;
mod refusal;
mod request;
mod server;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::invoke::Invoke;
use server::Server;

/// How many connections may wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 4_096;

/// Where the front listens, and how long it waits for whom.
#[derive(Debug, Clone)]
pub struct FrontSettings {
    /// The address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// How long the function may take to answer, waiting included (30 s in API Gateway).
    pub answer_timeout: Duration,
    /// How long it waits for clients.
    pub patience: Patience,
    /// How many connections there may be; the next ones wait to be accepted.
    pub connections: usize,
    /// How many bytes of bodies and events may be held at once; beyond it requests are answered 503.
    pub held_bytes: usize,
    /// How long [`Front::close`] waits for requests to be answered.
    pub close_timeout: Duration,
}

/// How long clients are waited for; who takes longer is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the line and the headers of a request as a whole, and for the next request on a connection (30 s).
    pub head: Duration,
    /// For the next byte of a body (10 s).
    pub pause: Duration,
    /// For a body as a whole (60 s, so that 6 MB arrive at 1 Mbit/s): a byte now and then shall not last for ever.
    pub body: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: Duration::from_secs(30), pause: Duration::from_secs(10), body: Duration::from_mins(1) }
    }
}

impl FrontSettings {
    /// API Gateway's limits, for one machine.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            answer_timeout: Duration::from_secs(30),
            patience: Patience::default(),
            connections: 20_000,
            held_bytes: 1 << 30,
            close_timeout: Duration::from_secs(35),
        }
    }
}

/// A front that listens. Dropping it stops it at once.
pub struct Front {
    address: SocketAddr,
    close: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Front {
    /// Listens, and invokes the function for every request from then on.
    ///
    /// # Errors
    /// The address cannot be listened on.
    #[expect(clippy::unused_async, reason = "it needs a runtime, and so says its kind")]
    pub async fn start<I: Invoke>(settings: FrontSettings, function: Arc<I>) -> io::Result<Self> {
        let listener = listen(settings.listen)?;
        let address = listener.local_addr()?;
        let (close, closed) = oneshot::channel();
        let server = tokio::spawn(Server::new(settings, address, function).serve(listener, closed));
        Ok(Self { address, close, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more, and returns when all requests are answered, or when the time for it is over.
    pub async fn close(mut self) {
        let (never, _) = oneshot::channel();
        // Errors here mean that the server has ended already.
        let _ = std::mem::replace(&mut self.close, never).send(());
        let _ = (&mut self.server).await;
    }
}

/// A listener for crowds: where its queue is full, whoever connects next waits a second before the system tries again.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As every server has it: connections of the one before may still be ending.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}
