//! One message: its first batches are sent, and the lines after them go to other messages. The fate of every line is in
//! the result.

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
use crate::ended::Ended;
use crate::event::Work;
use crate::object::{Lines, ObjectError};
use crate::post::{Gate, PostError, Posted, Poster};
use crate::s3::Objects;
use crate::secrets::Secrets;

/// Batches of one message: the unit of retries and dead letters.
const BATCHES: usize = 20;

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

/// A batch with its memory.
type Held = (Batch, Reservation);

impl<S: Secrets, O: Objects> Worker<S, O> {
    /// Sends the first batches of a message, and splits the rest.
    pub fn work<'a>(&'a self, work: &'a Work, gate: &'a Gate) -> BoxFuture<'a, Ended> {
        async move {
            let (mut ended, lines) = (Ended::default(), work.lines.clone());
            if let Err(failure) = gate.check() {
                ended.failure = failure;
                ended.rest.push(lines);
                return ended;
            }
            match self.open(work, gate).await {
                Ok(batches) => self.send(&work.key, batches, gate, &mut ended).await,
                Err(error) => ended.add_unread(error, lines),
            }
            ended
        }
        .boxed()
    }

    async fn open<'a>(&'a self, work: &'a Work, gate: &Gate) -> Result<Batches<'a, O>, ObjectError> {
        let lines = Lines::new(&self.objects, &work.key, self.attempts, gate.deadline())?;
        Batches::new(lines, self.poster.destination(), &work.lines).await
    }

    async fn send(&self, key: &str, mut batches: Batches<'_, O>, gate: &Gate, ended: &mut Ended) {
        let (mut begun, mut failed) = (Vec::new(), None);
        let first = self.first(&mut batches, gate, &mut begun, &mut failed);
        let results = self.post_all(key, first, gate, &mut ended.counts).await;
        ended.counts.add(&batches.counts);
        ended.settle(&begun, results);
        let mut rest = batches.rest();
        if failed.is_none() && gate.check().is_ok() {
            (ended.parts, rest, failed) = split(&mut batches).await;
        }
        if let Some(error) = failed {
            ended.add_unread(error, rest);
        } else if !rest.is_empty() {
            ended.rest.push(rest);
            ended.failure = ended.failure.take().or(gate.check().err().flatten());
        }
    }

    /// The batches that this message sends, made as the pool needs them.
    fn first<'a>(
        &'a self,
        batches: &'a mut Batches<'_, O>,
        gate: &'a Gate,
        begun: &'a mut Vec<Range<u64>>,
        failed: &'a mut Option<ObjectError>,
    ) -> BoxStream<'a, Held> {
        let most = self.poster.destination().batch.bytes;
        stream::unfold((batches, begun, failed), move |(batches, begun, failed)| async move {
            if gate.is_shut() {
                return None;
            }
            let mut held = self.budget.reserve(most).await;
            let batch = batches.next().await.unwrap_or_else(|error| {
                *failed = Some(error);
                None
            })?;
            held.shrink(batch.body.len());
            begun.push(batch.lines.clone());
            Some(((batch, held), (batches, begun, failed)))
        })
        .take(BATCHES)
        .boxed()
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

/// Splits the lines that are in no batch yet by messages. Also returns those that could not be read, and why.
async fn split<O: Objects>(batches: &mut Batches<'_, O>) -> (Vec<Range<u64>>, Range<u64>, Option<ObjectError>) {
    let (begin, mut starts, mut count) = (batches.rest().start, Vec::new(), 0_usize);
    let failed = loop {
        match batches.next().await {
            Ok(Some(batch)) if count.is_multiple_of(BATCHES) => starts.push(batch.lines.start),
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        count += 1;
    };
    let Range { start, end } = batches.rest();
    if failed.is_none() {
        starts.push(start);
    }
    let parts = starts.windows(2).map(|ends| ends[0]..ends[1]).collect();
    (parts, starts.last().copied().unwrap_or(begin)..end, failed)
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
