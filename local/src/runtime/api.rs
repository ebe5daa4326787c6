//! The Lambda Runtime API for one process: its four routes, on a listener of its own.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

mod event;
mod routes;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use spillway_shared::pool::{Budget, Reservation};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::Shared;
use super::counts::Counts;
use super::dispatch::{Dispatch, Handed, Outcome};
use super::in_flight::InFlight;
use crate::ids::Ids;

/// The pause after a connection could not be accepted, which happens when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// How many bytes of answers one process may be posting at once.
const LARGEST_ANSWERS: usize = 1 << 30;

/// What one process sees of the Lambda service.
pub(super) struct Api {
    dispatch: Arc<Dispatch>,
    in_flight: InFlight,
    ids: Ids,
    /// What events may hold in the process.
    events: Budget,
    /// What answers may hold on their way to whoever waits for them.
    budget: Budget,
    arn: HeaderValue,
    timeout: Duration,
    counts: Arc<Counts>,
    first_next: OnceLock<Instant>,
    asked: Notify,
    /// What the process said went wrong while it started.
    init_error: OnceLock<String>,
}

impl Api {
    pub(super) fn new(shared: &Shared) -> Self {
        let arn = shared.settings.arn();
        Self {
            dispatch: Arc::clone(&shared.dispatch),
            in_flight: InFlight::default(),
            ids: Ids::new(),
            events: Budget::new(shared.settings.event_bytes()),
            budget: Budget::new(LARGEST_ANSWERS),
            arn: HeaderValue::try_from(arn).unwrap_or(HeaderValue::from_static("arn:aws:lambda")),
            timeout: shared.settings.timeout,
            counts: Arc::clone(&shared.counts),
            first_next: OnceLock::new(),
            asked: Notify::new(),
            init_error: OnceLock::new(),
        }
    }

    pub(super) fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    pub(super) fn init_error(&self) -> Option<&str> {
        self.init_error.get().map(String::as_str)
    }

    /// Whether the process has asked for an event, ever.
    pub(super) fn is_ready(&self) -> bool {
        self.first_next.get().is_some()
    }

    /// When the process first asked for an event, once it has.
    pub(super) async fn ready(&self) -> Instant {
        loop {
            let asked = self.asked.notified();
            if let Some(at) = self.first_next.get() {
                return *at;
            }
            asked.await;
        }
    }

    /// Passes on the answer of an invocation; `false` if it is not known, or not any more.
    fn settle(&self, number: u64, outcome: Outcome) -> bool {
        let Some(deadline) = self.in_flight.answer(number, outcome) else { return false };
        self.counts.ran((Instant::now() + self.timeout).saturating_duration_since(deadline));
        true
    }

    /// The next invocation, once the process has room for its event; one that waits for it too long is let go, as one is
    /// that finds no environment.
    async fn next(&self) -> Option<(Handed, Reservation)> {
        loop {
            let mut handed = self.dispatch.next().await?;
            match timeout_at(handed.give_up_at(), self.events.reserve(handed.len())).await {
                Ok(held) => return Some((handed, held)),
                Err(_) => drop(handed.take()),
            }
        }
    }

    fn note_next(&self) {
        if self.first_next.get().is_none() && self.first_next.set(Instant::now()).is_ok() {
            self.asked.notify_waiters();
        }
    }
}

/// A listener on a free port of the loopback interface.
pub(super) async fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves one process until it is aborted, and all its connections with it.
pub(super) async fn serve(listener: TcpListener, api: Arc<Api>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((connection, _)) => { connections.spawn(converse(connection, Arc::clone(&api))); }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(connection: TcpStream, api: Arc<Api>) {
    // Without it, an answer in two writes would wait for an acknowledgement.
    let _ = connection.set_nodelay(true);
    let service = service_fn(|request| routes::answer(&api, request));
    // A connection that breaks belongs to a process that has ended, which its keeper sees.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
