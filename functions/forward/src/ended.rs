//! What became of the lines of one message.

use std::ops::Range;
use std::time::Duration;

use spillway_shared::metrics::Forwarded;

use crate::object::ObjectError;
use crate::post::PostError;

/// What became of a message.
#[derive(Debug, Default)]
pub struct Ended {
    /// Its counts.
    pub counts: Forwarded,
    /// Whether something was sent: then only the rest is sent again.
    pub is_partly_done: bool,
    /// The lines of a large object that were only read: other messages send them.
    pub parts: Vec<Range<u64>>,
    /// Lines that were not sent, in order.
    pub rest: Vec<Range<u64>>,
    /// Lines that are never sent.
    pub dead: Vec<Dead>,
    /// Why the rest was not sent; `None` if only time was missing.
    pub failure: Option<String>,
    /// How long the partner asked to wait.
    pub wait: Option<Duration>,
}

/// Lines that are never sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// The lines.
    pub lines: Range<u64>,
    /// The partner's status.
    pub status: Option<u16>,
    /// Why.
    pub reason: String,
}

impl Ended {
    /// Adds the results of batches; a batch without a result was not sent in time.
    pub(crate) fn settle(&mut self, yielded: &[Range<u64>], mut results: Vec<(Range<u64>, Result<(), PostError>)>) {
        results.sort_by_key(|(lines, _)| lines.start);
        let mut results = results.into_iter().peekable();
        let mut is_after_rest = false;
        for lines in yielded {
            let result = results.next_if(|(known, _)| known == lines).map(|(_, result)| result);
            let is_rest = self.add(lines, result);
            match self.rest.last_mut().filter(|_| is_rest && is_after_rest) {
                Some(last) => last.end = lines.end,
                None if is_rest => self.rest.push(lines.clone()),
                None => {}
            }
            is_after_rest = is_rest;
        }
    }

    /// Adds the result of one batch, and returns whether its lines must be sent again.
    fn add(&mut self, lines: &Range<u64>, result: Option<Result<(), PostError>>) -> bool {
        match result {
            Some(Ok(())) => {
                self.is_partly_done = true;
                return false;
            }
            Some(Err(PostError::Refused(status, reason))) => {
                let dead = Dead { lines: lines.clone(), status: Some(status), reason };
                self.dead.push(dead);
                return false;
            }
            Some(Err(PostError::OutOfTime)) | None => {}
            Some(Err(PostError::NotYet(wait))) => self.wait = self.wait.max(Some(wait)),
            Some(Err(error)) => {
                if let PostError::Failed(_, wait) = &error {
                    self.wait = self.wait.max(*wait);
                }
                self.failure.get_or_insert_with(|| error.to_string());
            }
        }
        true
    }

    /// Adds lines that were not read.
    pub(crate) fn add_unread(&mut self, error: ObjectError, lines: Range<u64>) {
        match error {
            ObjectError::Unavailable(why) => {
                self.failure.get_or_insert(why);
                self.rest.push(lines);
            }
            ObjectError::Missing | ObjectError::Broken(_) => {
                self.dead.push(Dead { lines, status: None, reason: error.to_string() });
            }
        }
    }
}
