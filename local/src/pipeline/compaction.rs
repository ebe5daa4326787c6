//! Compact with its own queue and schedule: the Scheduler ► compact ► SQS ► event source ► compact.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::json;
use spillway_compact::table::load_all;
use spillway_shared::hour::Hour;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::functions::compact;
use super::{PipelineError, Settings};
use crate::account::{CREDENTIAL, REGION};
use crate::event_source::{EventSource, EventSourceSettings};
use crate::faults::Faults;
use crate::invoke::{Invoke, InvokeError};
use crate::runtime::{Function, FunctionCounts};
use crate::s3::Bucket;
use crate::sqs::{Queue, QueueSettings, connect};

/// Hours that the schedule looks at.
const HOURS: u32 = 24;
const AN_HOUR: Duration = Duration::from_hours(1);
/// Receives after which a message of the queue is dead-lettered, as in the template.
const MAX_RECEIVES: u32 = 5;
/// Attempts of an invocation without a queue: Lambda repeats asynchronous invocations twice.
const ATTEMPTS: u32 = 3;
/// The pause between them; Lambda's are a minute and two.
const PAUSE: Duration = Duration::from_secs(1);
/// What the visibility timeout exceeds the function's by.
const BEHIND_TIMEOUT: Duration = Duration::from_secs(1);

/// The running function, its queue and its schedule. Its messages are in memory: the schedule finds work left again.
pub struct Compaction {
    function: Function,
    queue: Queue,
    event_source: EventSource,
    _schedule: JoinSet<()>,
    started: SystemTime,
}

impl Compaction {
    /// Starts the function, unless compaction is switched off, no stream has a table, or the servers are external.
    pub(super) async fn start(
        settings: &Settings,
        bucket: &Bucket,
        faults: &Faults,
    ) -> Result<Option<Self>, PipelineError> {
        let Some(after) = settings.compact_after.filter(|_| !settings.is_external()) else { return Ok(None) };
        // The function itself reports a broken lock file.
        if load_all(&settings.config).is_ok_and(|tables| tables.is_empty()) {
            return Ok(None);
        }
        let queue = Queue::start(queue_settings(settings, faults)).await?;
        let function = Function::start(compact(settings, &queue, bucket, faults)).await?;
        let client = connect(&queue.endpoint, REGION, CREDENTIAL);
        let source = EventSourceSettings {
            batch_size: 1,
            window: Duration::ZERO,
            pollers: 1,
            ..EventSourceSettings::new(client, &queue.url, &queue.arn)
        };
        let event_source = EventSource::start(source, Arc::new(function.clone()));
        let mut schedule = JoinSet::new();
        schedule.spawn(run_schedule(function.clone(), after));
        Ok(Some(Self { function, queue, event_source, _schedule: schedule, started: SystemTime::now() }))
    }

    /// Enqueues the hours with work left of a range.
    ///
    /// # Errors
    /// The function failed.
    pub async fn enqueue(&self, from: Hour, to: Hour) -> Result<(), InvokeError> {
        let event = json!({"from": from.to_string(), "to": to.to_string()}).to_string();
        invoke(&self.function, event.into()).await.map(drop)
    }

    /// The function's own queue.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The counts of the function.
    #[must_use]
    pub fn function(&self) -> FunctionCounts {
        self.function.counts()
    }

    /// Stops everything; with a deadline, after the hours of this run have been compacted.
    pub(super) async fn stop(self, compact_until: Option<Instant>) {
        if let Some(deadline) = compact_until {
            let enqueued = self.enqueue(Hour::of(self.started), Hour::of(SystemTime::now())).await;
            enqueued.inspect_err(|error| tracing::error!(%error, "hours are not compacted")).ok();
            self.event_source.drain(deadline).await;
        }
        self.event_source.stop();
        self.function.stop().await;
        self.queue.close().await;
    }
}

fn queue_settings(settings: &Settings, faults: &Faults) -> QueueSettings {
    QueueSettings {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        data: None,
        name: "spillway-compact".to_owned(),
        region: REGION.to_owned(),
        // A message that is received twice does no harm.
        visibility_timeout: settings.compact_timeout + BEHIND_TIMEOUT,
        max_receive_count: MAX_RECEIVES,
        max_message_bytes: 256 << 10,
        accepted: None,
        faults: faults.clone(),
    }
}

/// Invokes the function at once, for hours that ended while the server was down, and `after` the end of each hour.
async fn run_schedule(function: Function, after: Duration) {
    loop {
        let event = Bytes::from(json!({"hours": HOURS}).to_string());
        if let Err(error) = invoke(&function, event).await {
            tracing::error!(%error, "the schedule of compact failed; it runs again after the next hour");
        }
        sleep(until_next(after, SystemTime::now())).await;
    }
}

/// Invokes the function until it succeeds, as Lambda repeats asynchronous invocations.
async fn invoke(function: &Function, event: Bytes) -> Result<Bytes, InvokeError> {
    for _ in 1..ATTEMPTS {
        match function.invoke(event.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => tracing::warn!(%error, "compact is invoked again"),
        }
        sleep(PAUSE).await;
    }
    function.invoke(event).await
}

/// The time until the next moment that is `after` the end of an hour.
fn until_next(after: Duration, now: SystemTime) -> Duration {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let hour = AN_HOUR.as_secs();
    let passed = (now + hour - after.as_secs() % hour) % hour;
    Duration::from_secs(hour - passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_runs_after_the_end_of_each_hour() {
        let minutes = |minutes| Duration::from_mins(minutes);
        let until =
            |after, passed| until_next(minutes(after), SystemTime::UNIX_EPOCH + 1_000 * AN_HOUR + minutes(passed));
        for (after, passed, next) in [(10, 0, 10), (10, 9, 1), (10, 10, 60), (10, 59, 11), (0, 1, 59), (70, 0, 10)] {
            assert_eq!(until(after, passed), minutes(next), "{after} {passed}");
        }
    }
}
