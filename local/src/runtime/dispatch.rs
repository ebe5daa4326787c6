//! Matches invocations with environments; whichever comes first waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::settings::FunctionSettings;
use crate::invoke::InvokeError;
use crate::lock::lock;

/// The result of an invocation: the function's output, or why it has none.
pub(super) type InvokeResult = Result<Bytes, InvokeError>;

/// The invocations that wait for an environment, or the requests that wait for an invocation; never both.
pub(super) struct Dispatch {
    state: Mutex<State>,
    max_waiting: usize,
    max_wait: Duration,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Invocation>,
    requests: VecDeque<oneshot::Sender<Assignment>>,
    closed: bool,
}

/// An event, and the channel for its result.
pub(super) struct Invocation {
    pub(super) event: Bytes,
    pub(super) result: oneshot::Sender<InvokeResult>,
    deadline: Instant,
}

/// An invocation assigned to an environment. Dropped before it is taken, it returns to the front of the queue.
pub(super) struct Assignment {
    invocation: Option<Invocation>,
    from: Arc<Dispatch>,
}

impl Dispatch {
    pub(super) fn new(settings: &FunctionSettings) -> Self {
        let (max_waiting, max_wait) = (settings.max_waiting, settings.max_wait);
        Self { state: Mutex::default(), max_waiting, max_wait }
    }

    /// Assigns an event to the first waiting request, or queues it. The receiver fails if no environment takes the event.
    pub(super) fn submit(self: &Arc<Self>, event: Bytes) -> oneshot::Receiver<InvokeResult> {
        let (result, receiver) = oneshot::channel();
        let invocation = Invocation { event, result, deadline: Instant::now() + self.max_wait };
        let mut state = lock(&self.state);
        if let Some(invocation) = self.offer(&mut state, invocation)
            && !state.closed
            && state.waiting.len() < self.max_waiting
        {
            state.waiting.push_back(invocation);
        }
        receiver
    }

    /// Waits for the next invocation; `None` after the function has stopped.
    pub(super) async fn next(self: &Arc<Self>) -> Option<Assignment> {
        let request = match self.take_or_ask() {
            Ok(assignment) => return Some(assignment),
            Err(request) => request,
        };
        request.await.ok()
    }

    /// Drops the invocations whose deadline is not after `now`, and returns the next deadline.
    pub(super) fn expire(&self, now: Instant) -> Option<Instant> {
        let mut state = lock(&self.state);
        while let Some(first) = state.waiting.front() {
            if first.deadline > now {
                return Some(first.deadline);
            }
            state.waiting.pop_front();
        }
        None
    }

    /// Drops all waiting invocations, and every later one that finds no request.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.waiting.clear();
    }

    fn take_or_ask(self: &Arc<Self>) -> Result<Assignment, oneshot::Receiver<Assignment>> {
        let mut state = lock(&self.state);
        while let Some(invocation) = state.waiting.pop_front() {
            // The caller has given up: the front has already sent a timeout.
            if !invocation.result.is_closed() {
                return Ok(self.assign(invocation));
            }
        }
        // Without invocations, closed requests of ended processes would accumulate.
        while state.requests.front().is_some_and(oneshot::Sender::is_closed) {
            state.requests.pop_front();
        }
        let (request, assignment) = oneshot::channel();
        state.requests.push_back(request);
        Err(assignment)
    }

    /// Assigns the invocation to the first open request; returns it if none is open.
    fn offer(self: &Arc<Self>, state: &mut State, mut invocation: Invocation) -> Option<Invocation> {
        while let Some(request) = state.requests.pop_front() {
            let Err(mut assignment) = request.send(self.assign(invocation)) else { return None };
            // Taken out here, because dropping the assignment would lock the state again.
            invocation = assignment.invocation.take()?;
        }
        Some(invocation)
    }

    fn put_back(self: &Arc<Self>, invocation: Invocation) {
        let mut state = lock(&self.state);
        if let Some(invocation) = self.offer(&mut state, invocation)
            && !state.closed
        {
            state.waiting.push_front(invocation);
        }
    }

    fn assign(self: &Arc<Self>, invocation: Invocation) -> Assignment {
        Assignment { invocation: Some(invocation), from: Arc::clone(self) }
    }
}

impl Assignment {
    /// The size of the event, in bytes.
    pub(super) fn len(&self) -> usize {
        self.invocation.as_ref().map_or(0, |invocation| invocation.event.len())
    }

    /// The end of the wait for an environment.
    pub(super) fn deadline(&self) -> Instant {
        self.invocation.as_ref().map_or_else(Instant::now, |invocation| invocation.deadline)
    }

    /// Takes the invocation, so that dropping the assignment no longer returns it.
    pub(super) fn take(&mut self) -> Option<Invocation> {
        self.invocation.take()
    }
}

impl Drop for Assignment {
    fn drop(&mut self) {
        if let Some(invocation) = self.invocation.take() {
            self.from.put_back(invocation);
        }
    }
}

#[cfg(test)]
#[path = "dispatch_tests.rs"]
mod tests;
