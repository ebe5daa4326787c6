//! The body of an answer to `next`: an event that counts as delivered when it is written, not before.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use spillway_shared::pool::Reservation;
use tokio::time::Instant;

use super::Api;
use crate::runtime::dispatch::Handed;
use crate::runtime::in_flight::Flight;

/// An event on its way into a connection. If the connection is gone before it is written, it goes back into the queue.
pub(super) struct EventBody {
    handed: Handed,
    /// Its event's room in the process, until it is in flight.
    held: Option<Reservation>,
    api: Arc<Api>,
    number: u64,
    deadline: Instant,
}

impl EventBody {
    pub(super) fn new((handed, held): (Handed, Reservation), api: Arc<Api>, number: u64, deadline: Instant) -> Self {
        Self { handed, held: Some(held), api, number, deadline }
    }
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(invocation) = self.handed.take() else { return Poll::Ready(None) };
        let Some(held) = self.held.take() else { return Poll::Ready(None) };
        let flight = Flight { answer: invocation.answer, deadline: self.deadline, held };
        self.api.in_flight().add(self.number, flight);
        Poll::Ready(Some(Ok(Frame::data(invocation.event))))
    }

    fn is_end_stream(&self) -> bool {
        self.handed.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.handed.len() as u64)
    }
}
