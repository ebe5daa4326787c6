//! The invocations that one process is running.

use std::collections::HashMap;
use std::sync::Mutex;

use spillway_shared::pool::Reservation;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::dispatch::InvokeResult;
use crate::invoke::InvokeError;
use crate::lock::lock;

/// The running invocations by number; closed when the process has ended.
#[derive(Default)]
pub(super) struct InFlight(Mutex<State>);

#[derive(Default)]
struct State {
    flights: HashMap<u64, Flight>,
    closed: bool,
}

pub(super) struct Flight {
    pub(super) result: oneshot::Sender<InvokeResult>,
    /// The time at which the process is killed for it.
    pub(super) deadline: Instant,
    /// The event's part of the memory of the process.
    #[expect(dead_code, reason = "releases its part of the budget when dropped")]
    pub(super) reservation: Reservation,
}

impl InFlight {
    /// Whether [`Self::end`] was called: from then on no invocation can be added.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.0).closed
    }

    /// Adds an invocation; after the end it fails immediately.
    pub(super) fn add(&self, number: u64, flight: Flight) {
        let mut state = lock(&self.0);
        if state.closed {
            drop(state);
            let _ = flight.result.send(Err(InvokeError::Failed("its environment has ended".into())));
            return;
        }
        state.flights.insert(number, flight);
    }

    /// Ends an invocation and returns its deadline; `None` if the invocation is unknown or has ended.
    pub(super) fn finish(&self, number: u64, result: InvokeResult) -> Option<Instant> {
        let flight = lock(&self.0).flights.remove(&number)?;
        // The caller may have given up; the function does not need to know.
        let _ = flight.result.send(result);
        Some(flight.deadline)
    }

    pub(super) fn is_known(&self, number: u64) -> bool {
        lock(&self.0).flights.contains_key(&number)
    }

    /// The earliest deadline.
    pub(super) fn first_deadline(&self) -> Option<Instant> {
        lock(&self.0).flights.values().map(|flight| flight.deadline).min()
    }

    /// Fails every invocation: with a timeout if its deadline has passed, otherwise with `why`.
    pub(super) fn end(&self, now: Instant, why: &str) {
        let flights = {
            let mut state = lock(&self.0);
            state.closed = true;
            std::mem::take(&mut state.flights)
        };
        for flight in flights.into_values() {
            let error = if flight.deadline <= now { InvokeError::TimedOut } else { InvokeError::Failed(why.into()) };
            let _ = flight.result.send(Err(error));
        }
    }
}
