//! The queue in which records wait for a worker: first in, first out, and bounded.

use std::collections::VecDeque;

use super::share::Share;
use super::{Limits, NotEnqueued};
use crate::metrics::BILLED_BYTES;
use crate::pack::{MAX_CALL_BYTES, Piece};

/// This many bytes of records are a call without waiting for others: compressed by 4 and in base64, they fill one
/// billed request of SQS.
pub(super) const CALL_WITHOUT_WAITING_BYTES: usize = 3 * BILLED_BYTES;

/// The pieces of all requests in the order of their arrival, and the state of the workers.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pieces: VecDeque<CountedPiece>,
    records: usize,
    bytes: usize,
    /// A worker has started and has not taken its pieces yet.
    is_worker_starting: bool,
    /// The number of calls behind which arrivals gather.
    gathering: usize,
}

#[derive(Debug)]
struct CountedPiece {
    piece: Piece<Share>,
    records: usize,
}

impl Pending {
    /// Adds a request's records.
    ///
    /// An empty queue takes any request; otherwise a request with more records than may wait could never succeed.
    pub(super) fn push(&mut self, piece: Piece<Share>, limits: &Limits) -> Result<(), NotEnqueued> {
        let records = piece.records();
        if !self.pieces.is_empty() && self.records + records > limits.waiting_records {
            return Err(NotEnqueued::Full);
        }
        for piece in piece.cut(limits.message_bytes) {
            let records = piece.records();
            self.records += records;
            self.bytes += piece.lines.len();
            self.pieces.push_back(CountedPiece { piece, records });
        }
        Ok(())
    }

    /// Whether to start a worker: records wait, no worker is starting, and either no call gathers arrivals or enough
    /// records wait for a call of their own.
    pub(super) fn needs_worker(&self) -> bool {
        let is_due = self.gathering == 0 || self.bytes >= CALL_WITHOUT_WAITING_BYTES;
        !self.pieces.is_empty() && !self.is_worker_starting && is_due
    }

    /// Notes that a worker has started; it must call [`Pending::take`].
    pub(super) fn worker_started(&mut self) {
        self.is_worker_starting = true;
    }

    /// Takes as many pieces as one call can carry. Arrivals gather behind this call until [`Pending::end_gathering`].
    pub(super) fn take(&mut self) -> Vec<Piece<Share>> {
        self.is_worker_starting = false;
        self.gathering += 1;
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.pieces.pop_front() {
            bytes += next.piece.lines.len();
            if bytes > MAX_CALL_BYTES && !pieces.is_empty() {
                self.pieces.push_front(next);
                break;
            }
            self.records -= next.records;
            self.bytes -= next.piece.lines.len();
            if next.piece.waiter.is_awaited() {
                pieces.push(next.piece);
            }
        }
        pieces
    }

    /// Notes that a call has ended, or is so slow that arrivals no longer wait for it.
    pub(super) fn end_gathering(&mut self) {
        self.gathering -= 1;
    }
}
