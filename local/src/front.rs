//! An HTTP front that does what API Gateway does for an HTTP API with a Lambda function behind it.
//!
//! The way of a request: `server` accepts its connection, `request` takes it through the limits and reads its body,
//! `event` makes it an event in payload format 2.0, the function answers, and `answer` makes that a response.

mod answer;
mod event;
mod headers;
mod path;
mod refusal;
mod request;
mod server;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::invoke::Invoke;
use server::Server;

/// Where the front listens, and how long it waits for whom.
#[derive(Debug, Clone)]
pub struct FrontSettings {
    /// The address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// How long the function may take to answer, waiting included (30 s in API Gateway).
    pub answer_timeout: Duration,
    /// How long a client may take for the line and the headers of a request, and stay silent between two requests.
    pub head_timeout: Duration,
    /// How long a client may pause within a body.
    pub body_timeout: Duration,
    /// How many connections there may be; the next ones wait to be accepted.
    pub connections: usize,
    /// How many bytes of bodies and events may be held at once; beyond it requests are answered 503.
    pub held_bytes: usize,
    /// How long [`Front::close`] waits for requests to be answered.
    pub close_timeout: Duration,
}

impl FrontSettings {
    /// API Gateway's limits, for one machine.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            answer_timeout: Duration::from_secs(30),
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(10),
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
    pub async fn start<I: Invoke>(settings: FrontSettings, function: Arc<I>) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
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

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}
