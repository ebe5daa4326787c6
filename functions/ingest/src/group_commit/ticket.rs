//! Who waits for what: a request is answered when all its shares are acknowledged, or when one is lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

/// A request that waits.
#[derive(Debug)]
pub(super) struct Ticket {
    unacknowledged: AtomicUsize,
    answer: Mutex<Option<oneshot::Sender<()>>>,
    deadline: Instant,
}

/// A request's part in one piece or message. Dropped without [`Share::acknowledge`], for whatever reason, it fails the request:
/// no panic and no forgotten branch can make a lost record look durable.
#[derive(Debug)]
pub(super) struct Share(Option<Arc<Ticket>>);

impl Ticket {
    /// A ticket and what resolves when all its shares are acknowledged, or fails as soon as one is lost.
    pub(super) fn new(deadline: Instant) -> (Self, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        let answer = Mutex::new(Some(sender));
        (Self { unacknowledged: AtomicUsize::new(0), answer, deadline }, receiver)
    }

    fn take_answer(&self) -> Option<oneshot::Sender<()>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Share {
    /// The first share of a ticket; further ones are clones.
    pub(super) fn of(ticket: Ticket) -> Self {
        ticket.unacknowledged.store(1, Ordering::Release);
        Self(Some(Arc::new(ticket)))
    }

    /// Says that what this share stands for is durable.
    pub(super) fn acknowledge(mut self) {
        if let Some(ticket) = self.0.take()
            && ticket.unacknowledged.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(answer) = ticket.take_answer()
        {
            // Who no longer waits needs no answer.
            let _ = answer.send(());
        }
    }

    /// Whether the request still waits.
    pub(super) fn is_awaited(&self) -> bool {
        let Some(ticket) = &self.0 else { return false };
        let answer = ticket.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.as_ref().is_some_and(|answer| !answer.is_closed())
    }

    /// When the request has to be answered, if it still waits.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.is_awaited().then(|| self.0.as_ref().map(|ticket| ticket.deadline)).flatten()
    }
}

impl Clone for Share {
    fn clone(&self) -> Self {
        if let Some(ticket) = &self.0 {
            ticket.unacknowledged.fetch_add(1, Ordering::AcqRel);
        }
        Self(self.0.clone())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(ticket) = &self.0 {
            drop(ticket.take_answer());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> (Share, oneshot::Receiver<()>) {
        let (ticket, answer) = Ticket::new(Instant::now());
        (Share::of(ticket), answer)
    }

    #[tokio::test]
    async fn only_the_last_acknowledgement_answers() {
        let (share, mut answer) = ticket();
        let other = share.clone();
        share.acknowledge();
        assert!(answer.try_recv().is_err());
        other.acknowledge();
        assert_eq!(answer.await, Ok(()));
    }

    #[tokio::test]
    async fn a_lost_share_fails_at_once() {
        let (share, answer) = ticket();
        let other = share.clone();
        drop(share);
        assert!(answer.await.is_err());
        other.acknowledge();
    }

    #[tokio::test]
    async fn who_has_gone_is_not_awaited() {
        let (share, answer) = ticket();
        assert!(share.is_awaited() && share.deadline().is_some());
        drop(answer);
        assert!(!share.is_awaited() && share.deadline().is_none());
    }
}
