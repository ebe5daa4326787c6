//! The batches of an object or of some of its lines, made as they are needed.

use std::ops::Range;

use spillway_shared::destination::Destination;
use spillway_shared::metrics::Forwarded;
use tokio::task::yield_now;

use crate::batch::{Batch, Batcher};
use crate::object::{Lines, ObjectError};
use crate::s3::Objects;
use crate::select::{Select, Selected};

/// The batches between two lines.
pub struct Batches<'a, O> {
    lines: Lines<'a, O>,
    select: Select<'a>,
    batcher: Batcher,
    /// The line after the last one; until the object ends, it may have fewer lines.
    end: u64,
    /// The lines that are in no batch yet.
    start: u64,
    is_finished: bool,
    /// What was left out so far.
    pub counts: Forwarded,
}

impl<'a, O: Objects> Batches<'a, O> {
    /// The batches of `range`.
    ///
    /// # Errors
    /// The object cannot be read.
    pub async fn new(
        mut lines: Lines<'a, O>,
        destination: &'a Destination,
        range: &Range<u64>,
    ) -> Result<Self, ObjectError> {
        lines.skip_to(range.start).await?;
        Ok(Self {
            lines,
            select: Select::new(destination),
            batcher: Batcher::new(destination),
            end: range.end,
            start: range.start,
            is_finished: false,
            counts: Forwarded::default(),
        })
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// The object cannot be read further.
    pub async fn next(&mut self) -> Result<Option<Batch>, ObjectError> {
        // Batches are made on the thread that also sends them.
        yield_now().await;
        while !self.is_finished {
            let number = self.lines.number();
            if number >= self.end {
                break;
            }
            let Some(line) = self.lines.next().await? else { break };
            let full = match self.select.judge(line) {
                Selected::Send(item) => self.batcher.push(number, &item),
                left_out => {
                    count(&mut self.counts, &left_out);
                    None
                }
            };
            if let Some(batch) = full {
                self.start = batch.lines.end;
                return Ok(Some(batch));
            }
        }
        self.is_finished = true;
        let last = self.batcher.take();
        self.end = self.end.min(self.lines.number());
        self.start = self.end;
        Ok(last)
    }

    /// The lines that no batch contains yet.
    #[must_use]
    pub fn rest(&self) -> Range<u64> {
        self.start..self.end
    }
}

fn count(counts: &mut Forwarded, selected: &Selected<'_>) {
    match selected {
        Selected::Send(_) => {}
        Selected::OptedOut => counts.opted_out += 1,
        Selected::Withheld => counts.withheld += 1,
        Selected::Skipped => counts.skipped += 1,
        Selected::Unreadable => counts.unreadable += 1,
    }
}
