//! The invocations that one process has taken and not answered yet.

use std::collections::HashMap;
use std::sync::Mutex;

use spillway_shared::pool::Reservation;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::dispatch::Outcome;
use super::lock;
use crate::invoke::InvokeError;

/// By number of invocation; closed when the process has ended.
#[derive(Default)]
pub(super) struct InFlight(Mutex<State>);

#[derive(Default)]
struct State {
    flights: HashMap<u64, Flight>,
    closed: bool,
}

pub(super) struct Flight {
    pub(super) answer: oneshot::Sender<Outcome>,
    /// When the process is killed for it.
    pub(super) deadline: Instant,
    /// Its event's room in the process.
    #[expect(dead_code, reason = "held for its drop")]
    pub(super) held: Reservation,
}

impl InFlight {
    /// Whether invocations can still be added. They can until [`Self::end`], which nothing else undoes.
    pub(super) fn is_closed(&self) -> bool {
        lock(&self.0).closed
    }

    /// Adds an invocation; one that comes after the end fails at once.
    pub(super) fn add(&self, number: u64, flight: Flight) {
        let mut state = lock(&self.0);
        if state.closed {
            drop(state);
            let _ = flight.answer.send(Err(InvokeError::Failed("its environment has ended".into())));
            return;
        }
        state.flights.insert(number, flight);
    }

    /// Answers an invocation and tells its deadline; nothing if it is not known, or not any more.
    pub(super) fn answer(&self, number: u64, outcome: Outcome) -> Option<Instant> {
        let flight = lock(&self.0).flights.remove(&number)?;
        // Nobody may wait for it any more; to the function it is answered all the same.
        let _ = flight.answer.send(outcome);
        Some(flight.deadline)
    }

    pub(super) fn is_known(&self, number: u64) -> bool {
        lock(&self.0).flights.contains_key(&number)
    }

    /// The deadline that comes first.
    pub(super) fn first_deadline(&self) -> Option<Instant> {
        lock(&self.0).flights.values().map(|flight| flight.deadline).min()
    }

    /// Fails everything: what is past its deadline with a time-out, the rest with `why`.
    pub(super) fn end(&self, now: Instant, why: &str) {
        let flights = {
            let mut state = lock(&self.0);
            state.closed = true;
            std::mem::take(&mut state.flights)
        };
        for flight in flights.into_values() {
            let error = if flight.deadline <= now { InvokeError::TimedOut } else { InvokeError::Failed(why.into()) };
            let _ = flight.answer.send(Err(error));
        }
    }
}
