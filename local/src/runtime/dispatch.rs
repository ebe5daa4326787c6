//! Where invocations and environments meet: whoever comes first waits for the other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::lock;
use super::settings::FunctionSettings;
use crate::invoke::InvokeError;

/// What an invocation came to.
pub(super) type Outcome = Result<Bytes, InvokeError>;

/// The invocations that wait for an environment, or the requests for one that wait for an invocation; never both.
pub(super) struct Dispatch {
    state: Mutex<State>,
    longest_queue: usize,
    longest_wait: Duration,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Invocation>,
    requests: VecDeque<oneshot::Sender<Handed>>,
    closed: bool,
}

/// An event and whoever waits for its answer.
pub(super) struct Invocation {
    pub(super) event: Bytes,
    pub(super) answer: oneshot::Sender<Outcome>,
    give_up_at: Instant,
}

/// An invocation on its way to an environment; dropped before it is taken, it goes back to the front of the queue.
pub(super) struct Handed {
    invocation: Option<Invocation>,
    from: Arc<Dispatch>,
}

impl Dispatch {
    pub(super) fn new(settings: &FunctionSettings) -> Self {
        let (longest_queue, longest_wait) = (settings.longest_queue, settings.longest_wait);
        Self { state: Mutex::default(), longest_queue, longest_wait }
    }

    /// Hands an event to whoever asks for one, or lets it wait. The receiver errs if nobody takes it.
    pub(super) fn submit(self: &Arc<Self>, event: Bytes) -> oneshot::Receiver<Outcome> {
        let (answer, outcome) = oneshot::channel();
        let invocation = Invocation { event, answer, give_up_at: Instant::now() + self.longest_wait };
        let mut state = lock(&self.state);
        if let Some(invocation) = self.offer(&mut state, invocation)
            && !state.closed
            && state.waiting.len() < self.longest_queue
        {
            state.waiting.push_back(invocation);
        }
        outcome
    }

    /// The next invocation, as soon as there is one; errs when nothing will come any more.
    pub(super) async fn next(self: &Arc<Self>) -> Option<Handed> {
        let request = match self.take_or_ask() {
            Ok(handed) => return Some(handed),
            Err(request) => request,
        };
        request.await.ok()
    }

    /// Lets go of the invocations that have waited too long by `now`, and says when the next one is due.
    pub(super) fn give_up_late(&self, now: Instant) -> Option<Instant> {
        let mut state = lock(&self.state);
        while let Some(first) = state.waiting.front() {
            if first.give_up_at > now {
                return Some(first.give_up_at);
            }
            state.waiting.pop_front();
        }
        None
    }

    /// Nothing waits any more, from now on.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.waiting.clear();
    }

    fn take_or_ask(self: &Arc<Self>) -> Result<Handed, oneshot::Receiver<Handed>> {
        let mut state = lock(&self.state);
        while let Some(invocation) = state.waiting.pop_front() {
            // Nobody waits for its answer any more: front has answered in its place.
            if !invocation.answer.is_closed() {
                return Ok(self.hand(invocation));
            }
        }
        // Requests of processes that have ended would add up where no invocation comes to find them closed.
        while state.requests.front().is_some_and(oneshot::Sender::is_closed) {
            state.requests.pop_front();
        }
        let (request, handed) = oneshot::channel();
        state.requests.push_back(request);
        Err(handed)
    }

    /// Gives the invocation to the first request that is still there; returns it if there is none.
    fn offer(self: &Arc<Self>, state: &mut State, mut invocation: Invocation) -> Option<Invocation> {
        while let Some(request) = state.requests.pop_front() {
            let Err(mut handed) = request.send(self.hand(invocation)) else { return None };
            // Taken out at once: a drop with it inside would lock again.
            invocation = handed.invocation.take()?;
        }
        Some(invocation)
    }

    fn give_back(self: &Arc<Self>, invocation: Invocation) {
        let mut state = lock(&self.state);
        if let Some(invocation) = self.offer(&mut state, invocation)
            && !state.closed
        {
            state.waiting.push_front(invocation);
        }
    }

    fn hand(self: &Arc<Self>, invocation: Invocation) -> Handed {
        Handed { invocation: Some(invocation), from: Arc::clone(self) }
    }
}

impl Handed {
    /// How long the event is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.invocation.as_ref().map_or(0, |invocation| invocation.event.len())
    }

    /// Until when it may wait for an environment.
    pub(super) fn give_up_at(&self) -> Instant {
        self.invocation.as_ref().map_or_else(Instant::now, |invocation| invocation.give_up_at)
    }

    /// Takes the invocation for good.
    pub(super) fn take(&mut self) -> Option<Invocation> {
        self.invocation.take()
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if let Some(invocation) = self.invocation.take() {
            self.from.give_back(invocation);
        }
    }
}

#[cfg(test)]
#[path = "dispatch_tests.rs"]
mod tests;
