//! The Lambda Runtime API for one process, on a port that no other process shares.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

mod event;
mod routes;

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use http::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use spillway_shared::pool::{Budget, Reservation};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Shared;
use super::counts::Counts;
use super::dispatch::{Assignment, Dispatch, InvokeResult};
use super::in_flight::InFlight;
use crate::ids::Ids;
use crate::lock::lock;
use crate::loopback::{Options, Server};

/// The maximum number of bytes of output that one process may post concurrently.
const MAX_OUTPUT_BYTES: usize = 1 << 30;

/// The state of the Runtime API of one process.
pub(super) struct Api {
    dispatch: Arc<Dispatch>,
    pub(super) in_flight: InFlight,
    ids: Ids,
    /// Bounds the bytes of events in the process.
    events: Budget,
    /// Bounds the bytes of output that the process is posting.
    outputs: Budget,
    arn: HeaderValue,
    timeout: Duration,
    counts: Arc<Mutex<Counts>>,
    first_next: OnceLock<Instant>,
    ready: Notify,
    /// The error that the process reported while it started.
    pub(super) init_error: OnceLock<String>,
}

impl Api {
    pub(super) fn new(shared: &Shared) -> Self {
        let arn = shared.settings.arn();
        Self {
            dispatch: Arc::clone(&shared.dispatch),
            in_flight: InFlight::default(),
            ids: Ids::new(),
            events: Budget::new(shared.settings.event_bytes()),
            outputs: Budget::new(MAX_OUTPUT_BYTES),
            arn: HeaderValue::try_from(arn).unwrap_or(HeaderValue::from_static("arn:aws:lambda")),
            timeout: shared.settings.timeout,
            counts: Arc::clone(&shared.counts),
            first_next: OnceLock::new(),
            ready: Notify::new(),
            init_error: OnceLock::new(),
        }
    }

    /// Whether the process has requested its first event.
    pub(super) fn is_ready(&self) -> bool {
        self.first_next.get().is_some()
    }

    /// Waits until the process requests its first event, and returns the time of the request.
    pub(super) async fn ready(&self) -> Instant {
        loop {
            let ready = self.ready.notified();
            if let Some(at) = self.first_next.get() {
                return *at;
            }
            ready.await;
        }
    }

    /// Passes on the result of an invocation; `false` if the invocation is unknown or has ended.
    fn settle(&self, number: u64, result: InvokeResult) -> bool {
        let Some(deadline) = self.in_flight.finish(number, result) else { return false };
        lock(&self.counts).busy += (Instant::now() + self.timeout).saturating_duration_since(deadline);
        true
    }

    /// The next invocation, once its event fits into the memory of the process. An invocation that waits too long fails in
    /// the same way as without a free environment.
    async fn next(&self) -> Option<(Assignment, Reservation)> {
        loop {
            let mut assignment = self.dispatch.next().await?;
            match timeout_at(assignment.deadline(), self.events.reserve(assignment.len())).await {
                Ok(reservation) => return Some((assignment, reservation)),
                Err(_) => drop(assignment.take()),
            }
        }
    }

    fn note_next(&self) {
        if self.first_next.get().is_none() && self.first_next.set(Instant::now()).is_ok() {
            self.ready.notify_waiters();
        }
    }
}

/// Serves the API on a free port of the loopback interface until the server is dropped.
pub(super) async fn serve(api: Arc<Api>) -> io::Result<Server> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    // Without a timer hyper keeps idle connections open: a process may wait hours for its next event.
    let options = Options { http: http1::Builder::new(), ..Options::default() };
    Server::start_with(listener, options, move |stream, _| {
        let api = Arc::clone(&api);
        (stream, service_fn(move |request| routes::respond(Arc::clone(&api), request)))
    })
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
