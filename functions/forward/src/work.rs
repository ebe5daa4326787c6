//! One message: its object is split, or its batches are sent. The fate of every line is in the result.

use std::ops::Range;
use std::time::SystemTime;

use futures::future::{BoxFuture, FutureExt};
use futures::stream::{self, BoxStream, StreamExt};
use spillway_shared::hour::parse_timestamp;
use spillway_shared::metrics::Forwarded;
use spillway_shared::pool::{Budget, Pool, Reservation};
use spillway_shared::retry::Attempts;
use tokio::time::timeout_at;

use crate::batch::Batch;
use crate::batches::Batches;
use crate::ended::{Ended, WHOLE};
use crate::event::Work;
use crate::object::{Lines, ObjectError};
use crate::post::{Gate, PostError, Posted, Poster};
use crate::s3::Objects;
use crate::secrets::Secrets;

/// Batches of one message: the unit of retries and dead letters.
const BATCHES: usize = 20;
/// An object whose batches are smaller than this is sent at once, and not read a second time.
const SMALL_BYTES: usize = 8 << 20;

/// What all messages of a process share.
#[derive(Debug)]
pub struct Worker<S, O> {
    /// Sends batches.
    pub poster: Poster<S>,
    /// The bucket.
    pub objects: O,
    /// Limits concurrent POSTs.
    pub pool: Pool,
    /// Limits bytes in memory.
    pub budget: Budget,
    /// The attempts of one GET.
    pub attempts: Attempts,
}

impl<S: Secrets, O: Objects> Worker<S, O> {
    /// Sends the lines of a message, or splits its object.
    pub fn work<'a>(&'a self, work: &'a Work, gate: &'a Gate) -> BoxFuture<'a, Ended> {
        async move {
            let mut ended = Ended::default();
            if let Err(failure) = gate.check() {
                ended.failure = failure;
                ended.add_rest(Some(work.lines.clone().unwrap_or(WHOLE)));
                return ended;
            }
            let result = match &work.lines {
                Some(lines) => self.send_lines(&work.key, lines, gate, &mut ended).await,
                None => self.send_or_split(&work.key, gate, &mut ended).await,
            };
            if let Err((error, lines)) = result {
                ended.add_unread(error, lines);
            }
            ended
        }
        .boxed()
    }

    async fn open<'a>(
        &'a self,
        key: &'a str,
        range: Option<&Range<u64>>,
        gate: &Gate,
    ) -> Result<Batches<'a, O>, ObjectError> {
        let lines = Lines::new(&self.objects, key, self.attempts, gate.deadline())?;
        Batches::new(lines, self.poster.destination(), range).await
    }

    async fn send_or_split(&self, key: &str, gate: &Gate, ended: &mut Ended) -> Result<(), Unread> {
        let held = self.budget.reserve(SMALL_BYTES).await;
        let mut batches = self.open(key, None, gate).await.map_err(|error| (error, None))?;
        let (mut kept, mut bytes, mut ranges) = (Vec::new(), 0, Vec::new());
        while let Some(batch) = batches.next().await.map_err(|error| (error, None))? {
            bytes += batch.body.len();
            ranges.push(batch.lines.clone());
            if bytes > SMALL_BYTES || ranges.len() > BATCHES {
                kept.clear();
            } else {
                kept.push(batch);
            }
        }
        if kept.len() < ranges.len() {
            ended.parts = ranges.chunks(BATCHES).filter_map(covering).collect();
            return Ok(());
        }
        ended.counts.add(&batches.counts);
        self.send(key, stream::iter(kept).map(|batch| (batch, None)).boxed(), gate, ended, &ranges).await;
        drop(held);
        Ok(())
    }

    async fn send_lines(&self, key: &str, lines: &Range<u64>, gate: &Gate, ended: &mut Ended) -> Result<(), Unread> {
        let unread = |error| (error, Some(lines.clone()));
        let mut batches = self.open(key, Some(lines), gate).await.map_err(unread)?;
        let (mut yielded, mut error) = (Vec::new(), None);
        let most = self.poster.destination().batch.bytes;
        let stream = stream::unfold((&mut batches, &mut yielded, &mut error), |(batches, yielded, error)| async move {
            if gate.is_shut() {
                return None;
            }
            let mut held = self.budget.reserve(most).await;
            match batches.next().await {
                Ok(Some(batch)) => {
                    held.shrink(batch.body.len());
                    yielded.push(batch.lines.clone());
                    Some(((batch, Some(held)), (batches, yielded, error)))
                }
                Ok(None) => None,
                Err(failed) => {
                    *error = Some(failed);
                    None
                }
            }
        });
        let results = self.post_all(key, stream.boxed(), gate, &mut ended.counts).await;
        ended.counts.add(&batches.counts);
        ended.settle(&yielded, results);
        let rest = batches.rest();
        if let Some(error) = error {
            return Err((error, Some(rest)));
        }
        if gate.is_shut() {
            ended.failure.get_or_insert_with(|| PostError::HeldBack.to_string());
        }
        ended.add_rest((rest.start < rest.end).then_some(rest));
        Ok(())
    }

    async fn send(
        &self,
        key: &str,
        batches: BoxStream<'_, Held>,
        gate: &Gate,
        ended: &mut Ended,
        ranges: &[Range<u64>],
    ) {
        let results = self.post_all(key, batches, gate, &mut ended.counts).await;
        ended.settle(ranges, results);
    }

    fn post<'a>(&'a self, key: &'a str, (batch, held): Held, gate: &'a Gate) -> BoxFuture<'a, (Batch, Posted)> {
        async move {
            let posted = self.poster.post(key, &batch, gate).await;
            drop(held);
            (batch, posted)
        }
        .boxed()
    }

    /// Sends batches on workers of the pool, and returns what is known by the deadline: lines and result of each.
    async fn post_all(
        &self,
        key: &str,
        batches: BoxStream<'_, Held>,
        gate: &Gate,
        counts: &mut Forwarded,
    ) -> Vec<(Range<u64>, Result<(), PostError>)> {
        let posts = batches.map(|held| self.post(key, held, gate));
        let (mut posts, mut results) = (self.pool.run_stream(posts).boxed(), Vec::new());
        while let Ok(Some((batch, posted))) = timeout_at(gate.deadline(), posts.next()).await {
            count(counts, &batch, &posted);
            results.push((batch.lines, posted.result));
        }
        results
    }
}

/// A batch with its memory.
type Held = (Batch, Option<Reservation>);

/// Lines that could not be read, or a whole object, and why.
type Unread = (ObjectError, Option<Range<u64>>);

fn covering(ranges: &[Range<u64>]) -> Option<Range<u64>> {
    Some(ranges.first()?.start..ranges.last()?.end)
}

fn count(counts: &mut Forwarded, batch: &Batch, posted: &Posted) {
    counts.post_retries += posted.requests.saturating_sub(1);
    match &posted.result {
        Ok(()) => {
            counts.sent += batch.records;
            counts.sent_bytes += batch.body.len() as u64;
            counts.batches += 1;
            let received_at = parse_timestamp(&batch.oldest);
            let lag = received_at.map(|time| SystemTime::now().duration_since(time).unwrap_or_default());
            counts.lag = counts.lag.max(lag);
        }
        Err(PostError::Failed(..)) => counts.post_failures += 1,
        Err(PostError::Blocked(_)) => counts.blocked += 1,
        Err(_) => {}
    }
}
