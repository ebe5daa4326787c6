//! One invocation: compacts the hours of its messages, or enqueues the hours with work left.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use futures::{StreamExt as _, stream};
use lambda_runtime::{Context, LambdaEvent};
use spillway_shared::deadline::time_left;
use spillway_shared::hour::Hour;
use spillway_shared::metrics::Compacted;
use spillway_shared::metrics::emf::Sink;
use spillway_shared::retry::GaveUp;
use spillway_shared::stream::StreamName;
use tokio::time::Instant;

use crate::config::Config;
use crate::event::{Answer, Event, Failure, Job, Message};
use crate::hour::{self, Compactor, End, Settings, Until};
use crate::list::Place;
use crate::replayed;
use crate::sqs::{Queue, SendError};
use crate::store::Store;
use crate::table::{Table, Tables};

/// The time of an invocation whose deadline is unknown (`cargo lambda watch`).
const UNKNOWN: Duration = Duration::from_mins(5);
/// Kept free for the response.
const FOR_ANSWER: Duration = Duration::from_secs(1);

/// What all invocations of a process share.
#[derive(Debug)]
pub struct Compact<S, Q> {
    settings: Settings,
    tables: Tables,
    store: S,
    queue: Q,
    metrics: Sink,
}

/// Why work is left for an hour.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The message is not one of ours.
    #[error("the message names no stream and hour: {0}")]
    Body(#[from] serde_json::Error),
    /// The stream has no table.
    #[error("the stream has no table; `spillway check --update-tables` writes its lock file")]
    NoTable,
    /// The message asks for another version than the stream's and, in a rebuild, the next one.
    #[error("the message asks for version {0}, but the lock file has version {1}; deploy the lock file first")]
    Version(u32, u32),
    /// The hour could not be compacted.
    #[error(transparent)]
    Hour(#[from] hour::Error),
    /// The rest could not be enqueued.
    #[error("the rest could not be enqueued: {0}")]
    Send(#[from] GaveUp<SendError>),
}

impl<S: Store, Q: Queue> Compact<S, Q> {
    /// Compacts in `store`, and enqueues on `queue`, with the settings of `config`.
    #[must_use]
    pub fn new(config: &Config, store: S, queue: Q) -> Self {
        let (settings, tables) = (config.files.clone(), config.tables.clone());
        Self { settings, tables, store, queue, metrics: Sink::none() }
    }

    /// The same, with a line of metrics for every hour.
    #[must_use]
    pub fn measured_by(self, metrics: Sink) -> Self {
        Self { metrics, ..self }
    }

    /// Handles one invocation.
    ///
    /// # Errors
    /// The hours with work left could not all be enqueued.
    pub async fn invocation(&self, event: LambdaEvent<Event>) -> Result<Answer, Failed> {
        let until = self.until(&event.context);
        match event.payload {
            Event::Queue { messages } => Ok(self.messages(&messages, until).await),
            Event::Schedule { hours } => self.scheduled(hours, until.deadline).await,
            Event::Range { from, to, stream } => self.enqueue(from.until(to), stream.as_ref(), until.deadline).await,
        }
    }

    /// The last file needs time for its PUT.
    fn until(&self, context: &Context) -> Until {
        let left = time_left(context.deadline, SystemTime::now()).unwrap_or(UNKNOWN);
        let deadline = Instant::now() + left.saturating_sub(FOR_ANSWER);
        Until {
            deadline,
            stop: deadline - self.settings.attempts.timeout.min(left / 3).min(left.saturating_sub(FOR_ANSWER)),
        }
    }

    /// Compacts the hours of messages, and names those that failed.
    pub async fn messages(&self, messages: &[Message], until: Until) -> Answer {
        let mut answer = Answer::default();
        for Message { message_id, body } in messages {
            if let Err(error) = self.message(body, until).await {
                tracing::error!(%error, body, "an hour is not compacted; its message stays on the queue");
                answer.batch_item_failures.push(Failure { item_identifier: message_id.clone() });
            }
        }
        answer
    }

    async fn message(&self, body: &str, until: Until) -> Result<(), Failed> {
        let job = Job::of_body(body)?;
        let (place, table) = (&job.place, self.table(&job)?);
        let mut counts = Compacted::default();
        // Boxed, since the future holds what a file is made of.
        let end = Box::pin(self.compactor().compact(place, &table, until, &mut counts)).await;
        self.metrics.write(SystemTime::now(), |line| line.with_stream(place.stream.as_str(), &counts));
        match end? {
            End::Complete => Ok(()),
            End::OutOfTime => Ok(self.send(&job, until.deadline).await?),
        }
    }

    /// The table that a message asks for. A rebuild writes the columns of the lock file under the next version.
    fn table(&self, job: &Job) -> Result<Cow<'_, Table>, Failed> {
        let table = self.tables.get(&job.place.stream).ok_or(Failed::NoTable)?;
        match job.version {
            Some(version) if table.version.checked_add(1) == Some(version) => {
                Ok(Cow::Owned(Table { version, ..table.clone() }))
            }
            Some(version) if version != table.version => Err(Failed::Version(version, table.version)),
            _ => Ok(Cow::Borrowed(table)),
        }
    }

    fn compactor(&self) -> Compactor<'_, S> {
        Compactor { store: &self.store, settings: &self.settings }
    }

    async fn send(&self, job: &Job, deadline: Instant) -> Result<(), GaveUp<SendError>> {
        let body = job.body();
        self.settings.attempts.run(deadline, || self.queue.send(&body)).await
    }

    /// Enqueues those of the last hours that have work left, then those of the older hours into which records were put
    /// back. If the markers cannot be listed, the last hours are enqueued all the same.
    async fn scheduled(&self, hours: u32, deadline: Instant) -> Result<Answer, Failed> {
        let before = |back: u32| Hour::of(SystemTime::now() - Duration::from_hours(u64::from(back)));
        let recent = self.enqueue((1..=hours).map(before), None, deadline).await;
        let replayed = replayed::hours(self.compactor().calls(deadline)).await.map_err(hour::Error::from)?;
        let is_older = |place: &Place| place.hour < before(hours);
        let older = self.enqueue_those_left(replayed.into_iter().filter(is_older).collect(), deadline).await?;
        Ok(Answer { enqueued: recent?.enqueued + older.enqueued, ..Answer::default() })
    }

    /// Enqueues those hours of one stream, or of all streams with a table, that have work left.
    ///
    /// # Errors
    /// The first error; all hours were tried.
    pub async fn enqueue(
        &self,
        hours: impl Iterator<Item = Hour> + Clone,
        only: Option<&StreamName>,
        deadline: Instant,
    ) -> Result<Answer, Failed> {
        let streams = self.tables.keys().filter(|stream| only.is_none_or(|only| only == *stream));
        let places = |stream: &StreamName| {
            let stream = stream.clone();
            hours.clone().map(move |hour| Place { stream: stream.clone(), hour })
        };
        self.enqueue_those_left(streams.flat_map(places).collect(), deadline).await
    }

    /// Enqueues those hours that have work left.
    async fn enqueue_those_left(&self, places: Vec<Place>, deadline: Instant) -> Result<Answer, Failed> {
        let enqueue = async |place: Place| self.enqueue_if_left(place, deadline).await;
        let ends: Vec<_> = stream::iter(places).map(enqueue).buffer_unordered(self.settings.prefetch).collect().await;
        let enqueued = ends.into_iter().sum::<Result<usize, Failed>>()?;
        Ok(Answer { enqueued, ..Answer::default() })
    }

    /// Returns how many messages were sent. A stream without a table has no work.
    async fn enqueue_if_left(&self, place: Place, deadline: Instant) -> Result<usize, Failed> {
        let Some(table) = self.tables.get(&place.stream) else { return Ok(0) };
        if !self.compactor().has_work(&place, table.version, deadline).await? {
            return Ok(0);
        }
        self.send(&Job { place, version: None }, deadline).await?;
        Ok(1)
    }
}

#[cfg(test)]
mod tests;
