//! The moves of one run: which messages are moved, in both queues, or left.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use indicatif::ProgressBar;
use tokio::time::{Instant, sleep_until};

use super::Pace;
use crate::aws::queue::{MOST_BYTES, MOST_MESSAGES, Queue, Received};

/// A run that moves messages from `dead` to `queue`.
pub(super) struct Moves<'a> {
    dead: &'a Queue,
    queue: &'a Queue,
    pace: Pace,
    progress: &'a ProgressBar,
    started: Instant,
    /// When the run began, by the clock that SQS's times are compared with.
    began: SystemTime,
    /// The end of the wait for hidden messages; each moved message extends it.
    patience: Instant,
    has_told: bool,
    back: u64,
    /// Sent, but not deleted yet.
    doubled: HashSet<String>,
    /// The send failed, or dead-lettered again in this run.
    left: HashSet<String>,
}

/// What a run has done.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Moved back to the queue.
    pub(super) back: u64,
    /// In both queues, because the deletion failed.
    pub(super) doubled: u64,
    /// Still in the dead-letter queue: the send failed, or they were dead-lettered again in this run.
    pub(super) left: u64,
    /// Received by an interrupted run or another reader, and hidden to the end.
    pub(super) hidden: u64,
    /// Why the run ended early.
    pub(super) failure: Option<anyhow::Error>,
}

impl<'a> Moves<'a> {
    pub(super) fn new(dead: &'a Queue, queue: &'a Queue, pace: Pace, progress: &'a ProgressBar) -> Self {
        let (started, began) = (Instant::now(), SystemTime::now());
        let (doubled, left) = (HashSet::new(), HashSet::new());
        let patience = started + pace.wait;
        Self { dead, queue, pace, progress, started, began, patience, has_told: false, back: 0, doubled, left }
    }

    /// Moves messages until none is left that this run can move.
    pub(super) async fn run(mut self) -> Ended {
        let result = self.all().await;
        let (hidden, failure) = match result {
            Ok(hidden) => (hidden, None),
            Err(error) => (self.hidden().await.unwrap_or(0), Some(error)),
        };
        let (doubled, left) = (self.doubled.len() as u64, self.left.len() as u64);
        Ended { back: self.back, doubled, left, hidden, failure }
    }

    /// Moves messages, and returns how many stayed hidden.
    async fn all(&mut self) -> anyhow::Result<u64> {
        while self.total() < self.pace.most {
            let messages = self.dead.receive().await?;
            if messages.is_empty() {
                let hidden = self.hidden().await?;
                if hidden == 0 || Instant::now() >= self.patience {
                    return Ok(hidden);
                }
                self.tell_waiting(hidden);
                continue;
            }
            let before = self.back;
            self.take(messages).await?;
            self.progress.set_position(self.total());
            if self.back > before {
                self.patience = Instant::now() + self.pace.wait;
            } else if Instant::now() >= self.patience {
                return self.hidden().await;
            }
            sleep_until(self.started + self.pause()).await;
        }
        Ok(0)
    }

    /// Moves received messages, within the limit of the run.
    async fn take(&mut self, mut messages: Vec<Received>) -> anyhow::Result<()> {
        let again: Vec<_> = messages.extract_if(.., |message| self.doubled.contains(&message.id)).collect();
        self.delete(&again).await?;
        let newer = messages.extract_if(.., |message| message.sent > self.began);
        self.left.extend(newer.map(|message| message.id));
        // Messages over the limit become visible again after their visibility timeout.
        let room = self.pace.most.saturating_sub(self.total());
        messages.truncate(usize::try_from(room).unwrap_or(usize::MAX));
        for call in calls(&messages) {
            self.send(call).await?;
        }
        Ok(())
    }

    /// Sends messages and deletes those that SQS has acknowledged.
    async fn send(&mut self, messages: &[Received]) -> anyhow::Result<()> {
        self.left.extend(messages.iter().map(|message| message.id.clone()));
        let bodies: Vec<_> = messages.iter().map(|message| message.body.as_str()).collect();
        let sent = self.queue.send(&bodies).await?;
        let sent: Vec<_> = sent.into_iter().filter_map(|at| messages.get(at)).cloned().collect();
        for message in &sent {
            self.left.remove(&message.id);
            self.doubled.insert(message.id.clone());
        }
        self.delete(&sent).await
    }

    /// Deletes messages that were sent.
    async fn delete(&mut self, messages: &[Received]) -> anyhow::Result<()> {
        for messages in messages.chunks(MOST_MESSAGES) {
            let handles: Vec<_> = messages.iter().map(|message| message.handle.as_str()).collect();
            for message in self.dead.delete(&handles).await?.into_iter().filter_map(|at| messages.get(at)) {
                self.back += u64::from(self.doubled.remove(&message.id));
            }
        }
        Ok(())
    }

    /// The messages that others hide: this run hides those that it could not move.
    async fn hidden(&self) -> anyhow::Result<u64> {
        let own = (self.left.len() + self.doubled.len()) as u64;
        Ok(self.dead.hidden().await?.saturating_sub(own))
    }

    fn tell_waiting(&mut self, hidden: u64) {
        if !std::mem::replace(&mut self.has_told, true) {
            let wait = humantime::format_duration(self.pace.wait);
            let text = format!(
                "{hidden} messages are hidden: an interrupted run or another reader has received them; \
                 waiting for them, {wait} at most"
            );
            self.progress.suspend(|| eprintln!("{text}"));
        }
    }

    /// The time that the messages so far take at the requested rate.
    fn pause(&self) -> Duration {
        Duration::from_millis(1_000 * self.total() / u64::from(self.pace.rate))
    }

    fn total(&self) -> u64 {
        self.back + (self.doubled.len() + self.left.len()) as u64
    }
}

/// Splits messages into parts that fit into one call: all together, or each alone if their bodies are too large.
fn calls(messages: &[Received]) -> impl Iterator<Item = &[Received]> {
    let bytes: usize = messages.iter().map(|message| message.body.len()).sum();
    messages.chunks(if bytes > MOST_BYTES { 1 } else { MOST_MESSAGES })
}
