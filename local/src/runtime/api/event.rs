//! The body of the response to `next`: an event that counts as delivered only once its body is written.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use spillway_shared::pool::Reservation;
use tokio::time::Instant;

use super::Api;
use crate::runtime::dispatch::Assignment;
use crate::runtime::in_flight::Flight;

/// An event that is not yet written. If the connection closes first, the event returns to the queue.
pub(super) struct EventBody {
    assignment: Assignment,
    /// The event's part of the memory of the process, until it is in flight.
    reservation: Option<Reservation>,
    api: Arc<Api>,
    number: u64,
    deadline: Instant,
}

impl EventBody {
    pub(super) fn new(
        (assignment, reservation): (Assignment, Reservation),
        api: Arc<Api>,
        number: u64,
        deadline: Instant,
    ) -> Self {
        Self { assignment, reservation: Some(reservation), api, number, deadline }
    }
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(invocation) = self.assignment.take() else { return Poll::Ready(None) };
        let Some(reservation) = self.reservation.take() else { return Poll::Ready(None) };
        let flight = Flight { result: invocation.result, deadline: self.deadline, reservation };
        self.api.in_flight.add(self.number, flight);
        Poll::Ready(Some(Ok(Frame::data(invocation.event))))
    }

    fn is_end_stream(&self) -> bool {
        self.assignment.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.assignment.len() as u64)
    }
}
