//! The line in which records wait for a worker: first come, first served, and bounded. It knows when a worker is worth it.

use std::collections::VecDeque;

use super::ticket::Share;
use super::{Limits, NotEnqueued};
use crate::metrics::BILLED_BYTES;
use crate::pack::{MAX_CALL_BYTES, Piece};

/// So many bytes of records do not wait for those ahead: compressed by 4 and in base64, they fill what SQS bills as one request.
pub(super) const WORTH_BYTES: usize = 3 * BILLED_BYTES;

/// Pieces of all requests, in the order in which they came, and the workers that are there for them.
#[derive(Debug, Default)]
pub(super) struct Line {
    pieces: VecDeque<Waiting>,
    records: usize,
    bytes: usize,
    /// A worker is on its way and has not taken anything yet.
    is_called: bool,
    /// How many workers took something and are expected back soon.
    prompt: usize,
}

#[derive(Debug)]
struct Waiting {
    piece: Piece<Share>,
    records: usize,
}

impl Line {
    /// Joins a request's records.
    ///
    /// A line that is empty takes any request: one that alone has more records than may wait would otherwise never get in.
    pub(super) fn join(&mut self, piece: Piece<Share>, limits: &Limits) -> Result<(), NotEnqueued> {
        let records = piece.records();
        if !self.pieces.is_empty() && self.records + records > limits.waiting_records {
            return Err(NotEnqueued::Full);
        }
        for piece in piece.cut(limits.message_bytes) {
            let records = piece.records();
            self.records += records;
            self.bytes += piece.lines.len();
            self.pieces.push_back(Waiting { piece, records });
        }
        Ok(())
    }

    /// Whether one more worker should come: somebody waits, nobody is on the way to them, and either nobody will be back
    /// soon or there is enough here for a call of its own.
    pub(super) fn is_worth_a_worker(&self) -> bool {
        !self.pieces.is_empty() && !self.is_called && (self.prompt == 0 || self.bytes >= WORTH_BYTES)
    }

    /// A worker is on its way; it has to [`Line::take`].
    pub(super) fn call(&mut self) {
        self.is_called = true;
    }

    /// What one call carries, from the front, for the worker that was called. It is expected back soon, until it says
    /// [`Line::do_not_expect`].
    pub(super) fn take(&mut self) -> Vec<Piece<Share>> {
        self.is_called = false;
        self.prompt += 1;
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

    /// A worker that took something is back, or takes longer than those who wait should wait for it.
    pub(super) fn do_not_expect(&mut self) {
        self.prompt -= 1;
    }
}
