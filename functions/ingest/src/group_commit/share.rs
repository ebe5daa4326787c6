//! How a request waits: it is answered when all its shares are acknowledged, or when one is dropped.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::NotEnqueued;

/// A request's part in one piece or message.
///
/// Dropping a share without [`Share::acknowledge`], for whatever reason, fails the request: no panic and no forgotten
/// branch can make a lost record look durable.
#[derive(Debug)]
pub(super) struct Share(Option<Arc<WaitingRequest>>);

type Answer = oneshot::Sender<Result<(), NotEnqueued>>;

#[derive(Debug)]
struct WaitingRequest {
    unacknowledged: AtomicUsize,
    /// Taken by the last acknowledgement, or by the first share that is refused or lost.
    answer: Mutex<Option<Answer>>,
    deadline: Instant,
}

impl Share {
    /// The first share of a request; further ones are clones. The receiver resolves when all shares are acknowledged or
    /// one is refused, and fails as soon as one is lost.
    pub(super) fn new(deadline: Instant) -> (Self, oneshot::Receiver<Result<(), NotEnqueued>>) {
        let (sender, receiver) = oneshot::channel();
        let (unacknowledged, answer) = (AtomicUsize::new(1), Mutex::new(Some(sender)));
        (Self(Some(Arc::new(WaitingRequest { unacknowledged, answer, deadline }))), receiver)
    }

    /// Notes that the records of this share are durable.
    pub(super) fn acknowledge(mut self) {
        if let Some(request) = self.0.take()
            && request.unacknowledged.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(answer) = request.take_answer()
        {
            // The request may have ended meanwhile.
            let _ = answer.send(Ok(()));
        }
    }

    /// Fails the request, because SQS will never take the records of this share.
    pub(super) fn refuse(mut self) {
        if let Some(answer) = self.0.take().and_then(|request| request.take_answer()) {
            let _ = answer.send(Err(NotEnqueued::Refused));
        }
    }

    /// Whether the request still waits.
    pub(super) fn is_awaited(&self) -> bool {
        let Some(request) = &self.0 else { return false };
        let answer = request.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.as_ref().is_some_and(|answer| !answer.is_closed())
    }

    /// The request's deadline, if it still waits.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.as_ref().filter(|_| self.is_awaited()).map(|request| request.deadline)
    }
}

impl WaitingRequest {
    fn take_answer(&self) -> Option<Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Clone for Share {
    fn clone(&self) -> Self {
        if let Some(request) = &self.0 {
            request.unacknowledged.fetch_add(1, Ordering::AcqRel);
        }
        Self(self.0.clone())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(request) = &self.0 {
            drop(request.take_answer());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share() -> (Share, oneshot::Receiver<Result<(), NotEnqueued>>) {
        Share::new(Instant::now())
    }

    #[tokio::test]
    async fn only_the_last_acknowledgement_answers_the_request() {
        let (share, mut answer) = share();
        let other = share.clone();
        share.acknowledge();
        assert!(answer.try_recv().is_err());
        other.acknowledge();
        assert_eq!(answer.await, Ok(Ok(())));
    }

    #[tokio::test]
    async fn a_refused_share_fails_its_request_immediately() {
        let (share, answer) = share();
        let other = share.clone();
        share.refuse();
        assert_eq!(answer.await, Ok(Err(NotEnqueued::Refused)));
        other.acknowledge();
    }

    #[tokio::test]
    async fn a_lost_share_fails_its_request_immediately() {
        let (share, answer) = share();
        let other = share.clone();
        drop(share);
        assert!(answer.await.is_err());
        other.acknowledge();
    }

    #[tokio::test]
    async fn a_request_that_has_ended_is_not_awaited() {
        let (share, answer) = share();
        assert!(share.is_awaited() && share.deadline().is_some());
        drop(answer);
        assert!(!share.is_awaited() && share.deadline().is_none());
    }
}
