//! Sends stored hours again: their keys go to the destination's queue.
//!
//! The batches have the same ids as before, as long as the destination's file is the same, so a partner that
//! deduplicates takes nothing twice.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{bail, ensure};
use clap::Args;
use spillway_forward::event::{Part, WHOLE};
use spillway_shared::destination::Destination;
use spillway_shared::hour::Hour;
use tokio::time::{Instant, sleep_until};

use crate::aws;
use crate::aws::bucket::{Bucket, Listed};
use crate::aws::queue::{MOST_MESSAGES, Queue};
use crate::report;

/// Which hours are sent again, and where they are.
#[derive(Debug, Args)]
#[group(id = "again")]
pub(super) struct Again {
    /// Sends stored hours of this destination's streams again; needs `--from`, `--to`, `--bucket` and `--queue-url`
    #[arg(long, value_name = "NAME", required = false, requires_all = ["from", "to", "bucket", "queue_url"])]
    pub(super) destination: String,
    /// The first hour of receipt (UTC), such as 2026-11-21T18
    #[arg(long, value_name = "HOUR", value_parser = hour, required = false)]
    from: Hour,
    /// The last hour, which is sent too
    #[arg(long, value_name = "HOUR", value_parser = hour, required = false)]
    to: Hour,
    /// The name of the bucket
    #[arg(long, env = "BUCKET", required = false)]
    bucket: String,
    /// The URL of the destination's queue; on this machine no endpoint and credentials are needed
    #[arg(long, required = false)]
    queue_url: String,
    /// The endpoint of S3, if it is not AWS; a server on this machine needs no credentials
    #[arg(long)]
    s3_endpoint: Option<String>,
    /// The endpoint of SQS, if it is neither AWS nor on this machine
    #[arg(long)]
    sqs_endpoint: Option<String>,
    /// Only counts the objects
    #[arg(long)]
    dry_run: bool,
    /// The maximum number of objects per second
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
}

/// Lists the objects of the hours, and enqueues their keys.
pub(super) async fn run(again: &Again, destination: &Destination, object_prefix: &str) -> anyhow::Result<ExitCode> {
    ensure!(again.from <= again.to, "`--from` is after `--to`");
    let bucket = Bucket::new(&aws::config(again.s3_endpoint.as_deref()).await, &again.bucket);
    let objects = list(again, &bucket, destination, object_prefix).await?;
    let bytes: u64 = objects.iter().map(|object| object.bytes).sum();
    println!("{} objects with {bytes} bytes from {} to {}", objects.len(), again.from, again.to);
    if again.dry_run {
        println!("nothing was sent: this was a dry run");
        return Ok(ExitCode::SUCCESS);
    }
    let endpoint = aws::endpoint_of_queue(again.sqs_endpoint.as_deref(), &again.queue_url);
    let queue = Queue::new(&aws::config(endpoint).await, &again.queue_url);
    let sent = enqueue(&queue, &objects, again.rate).await?;
    println!("{sent} objects are on the queue of `{}`", destination.name);
    Ok(ExitCode::SUCCESS)
}

/// The objects of the destination's streams in these hours.
async fn list(
    again: &Again,
    bucket: &Bucket,
    destination: &Destination,
    object_prefix: &str,
) -> anyhow::Result<Vec<Listed>> {
    let mut objects = Vec::new();
    for prefix in destination.prefixes(object_prefix) {
        let listed = bucket.list(&prefix).await?;
        let is_wanted = |hour: Hour| (again.from..=again.to).contains(&hour);
        objects.extend(listed.into_iter().filter(|object| hour_of(&object.key).is_some_and(is_wanted)));
    }
    Ok(objects)
}

async fn enqueue(queue: &Queue, objects: &[Listed], rate: u32) -> anyhow::Result<usize> {
    let (started, mut sent) = (Instant::now(), 0);
    let progress = report::progress(objects.len() as u64, "objects");
    for objects in objects.chunks(MOST_MESSAGES) {
        let bodies: Vec<_> = objects.iter().map(|object| Part::of(&object.key, WHOLE).body()).collect();
        let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
        let acknowledged = queue.send(&bodies).await?.len();
        sent += acknowledged;
        if acknowledged < objects.len() {
            bail!("SQS refused some messages after {sent} objects; run the command again: ids stay the same");
        }
        progress.set_position(sent as u64);
        sleep_until(started + Duration::from_millis(1_000 * sent as u64 / u64::from(rate))).await;
    }
    progress.finish_and_clear();
    Ok(sent)
}

/// The hour in a key: `…/dt=2026-11-21/hour=18/…`.
fn hour_of(key: &str) -> Option<Hour> {
    let part = |name: &str| key.split('/').find_map(|part| part.strip_prefix(name));
    Hour::parse(&format!("{}T{}", part("dt=")?, part("hour=")?))
}

fn hour(text: &str) -> Result<Hour, &'static str> {
    Hour::parse(text).ok_or("must be an hour such as 2026-11-21T18")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hour_is_in_the_key() {
        let key = "raw/stream=clicks/dt=2026-11-21/hour=18/0123.ndjson.zst";
        assert_eq!(hour_of(key), Hour::parse("2026-11-21T18"));
        assert_eq!(hour_of("records/stream=clicks/a.ndjson"), None);
    }
}
