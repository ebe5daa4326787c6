//! The line in which records wait for a worker: first come, first served, and bounded.

use std::collections::VecDeque;

use super::ticket::Share;
use super::{Limits, NotEnqueued};
use crate::pack::{MAX_CALL_BYTES, Piece};

/// Pieces of all requests, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Line {
    pieces: VecDeque<Waiting>,
    records: usize,
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
        if !self.is_empty() && self.records + records > limits.waiting_records {
            return Err(NotEnqueued::Full);
        }
        for piece in piece.cut(limits.message_bytes) {
            let records = piece.records();
            self.records += records;
            self.pieces.push_back(Waiting { piece, records });
        }
        Ok(())
    }

    /// What one call carries, from the front; `None` if nobody waits.
    pub(super) fn take(&mut self) -> Option<Vec<Piece<Share>>> {
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.pieces.pop_front() {
            bytes += next.piece.lines.len();
            if bytes > MAX_CALL_BYTES && !pieces.is_empty() {
                self.pieces.push_front(next);
                break;
            }
            self.records -= next.records;
            if next.piece.waiter.is_awaited() {
                pieces.push(next.piece);
            }
        }
        (!pieces.is_empty()).then_some(pieces)
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}
