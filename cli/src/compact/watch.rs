//! Watches enqueued hours until files name their objects.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use futures::future::try_join_all;
use indicatif::ProgressBar;
use spillway_compact::event::Job;
use tokio::time::{Instant, sleep};

use super::lake::Lake;
use crate::aws::queue::Queue;

/// Hours that are looked at together.
const WINDOW: usize = 8;
/// The shortest and the longest pause after a look that found nothing new. It grows with the time of the command.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// How long the queue is empty until compact is taken to have given the hours up. SQS's counts may be a minute late.
const IDLE: Duration = Duration::from_secs(90);

/// An enqueued hour.
#[derive(Debug)]
pub(super) struct Waiting {
    /// The message.
    pub(super) job: Job,
    /// The objects that no file named when this command last looked. Later objects do not count.
    pub(super) objects: HashSet<String>,
}

/// The hours that are watched.
pub(super) struct Hours<'a> {
    lake: &'a Lake,
    queue: &'a Queue,
    waiting: VecDeque<Waiting>,
}

impl<'a> Hours<'a> {
    pub(super) fn new(lake: &'a Lake, queue: &'a Queue, waiting: Vec<Waiting>) -> Self {
        Self { lake, queue, waiting: waiting.into() }
    }

    /// Returns the hours that are not compacted: nothing was written for `wait`, or the queue is empty, so that compact
    /// has given them up.
    pub(super) async fn watch(mut self, wait: Duration, bar: &ProgressBar) -> anyhow::Result<Vec<Waiting>> {
        let begun = Instant::now();
        let (mut written, mut busy) = (begun, begun);
        while !self.waiting.is_empty() && written.elapsed() < wait && busy.elapsed() < IDLE {
            let before = self.waiting.len();
            let is_new = self.look().await?;
            bar.inc((before - self.waiting.len()) as u64);
            if is_new {
                (written, busy) = (Instant::now(), Instant::now());
                continue;
            }
            if self.queue.waiting().await? + self.queue.hidden().await? > 0 {
                busy = Instant::now();
            }
            sleep((begun.elapsed() / 20).clamp(PAUSES.0, PAUSES.1)).await;
        }
        // Some may be written that were not looked at for a while.
        for _ in 0..self.waiting.len().div_ceil(WINDOW) {
            self.look().await?;
        }
        Ok(self.waiting.into())
    }

    /// Looks at the first hours. The finished ones go, and the others move to the end. Returns whether a file is new.
    async fn look(&mut self) -> anyhow::Result<bool> {
        let some: Vec<_> = self.waiting.drain(..WINDOW.min(self.waiting.len())).collect();
        let left = try_join_all(some.iter().map(|waiting| self.lake.left(&waiting.job))).await?;
        let mut is_new = false;
        for (mut waiting, left) in some.into_iter().zip(left) {
            let before = waiting.objects.len();
            waiting.objects.retain(|key| left.contains(key));
            is_new |= waiting.objects.len() < before;
            if !waiting.objects.is_empty() {
                self.waiting.push_back(waiting);
            }
        }
        Ok(is_new)
    }
}
