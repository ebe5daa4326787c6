//! `spillway rejected replay`.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use sha2::{Digest as _, Sha256};
use spillway_ingest::judge::{self, Stream};
use spillway_ingest::pack::{Packed, Partition, Piece, group_by_size, pack};
use spillway_ingest::record::kept::KeptRecord;
use spillway_shared::message::{Kind, MessageId};
use spillway_shared::stream::StreamName;

use super::edit::Edit;
use super::judgement::{Judgement, judge};
use super::objects::RejectedObject;
use super::{Choice, markers, objects};
use crate::aws::bucket::Bucket;
use crate::aws::queue::Queue;
use crate::place::Place;
use crate::report::progress;

/// The default of ingest, which the queue's limit is at least.
const MAX_MESSAGE_BYTES: usize = 256 << 10;
/// Reasons that a report lists.
const MAX_REASONS: usize = 10;

/// The arguments of `spillway rejected replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    choice: Choice,
    /// A JSON Patch (RFC 6902) for each payload, or @FILE with one; consent must hold before and after it
    #[arg(long, value_name = "PATCH")]
    edit: Option<String>,
    /// The folder with streams/ (default: that of `spillway serve`; on AWS, ./config)
    #[arg(long)]
    config: Option<PathBuf>,
    /// Judge only, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Counts of a replay.
#[derive(Debug, Default)]
struct Tally {
    replayed: u64,
    before: u64,
    withheld: u64,
    rejected: BTreeMap<String, u64>,
    /// Objects and lines that could not be replayed for another reason.
    failed: Vec<String>,
}

struct Replaying {
    bucket: Bucket,
    queue: Option<Queue>,
    streams: BTreeMap<StreamName, Stream>,
    choice: Choice,
    edit: Edit,
}

/// Replays object by object; a failure is noted and the next object follows. Exits with 1 after a failure.
pub(super) async fn run(arguments: Replay) -> anyhow::Result<ExitCode> {
    let Replay { place, choice, edit, config, dry_run } = arguments;
    let target = place.target().await?;
    let streams = judge::load(&target.config(config));
    let streams = streams.map_err(|errors| anyhow::anyhow!(errors.sentences().join("\n")))?;
    let edit = edit.as_deref().map(Edit::read).transpose()?.unwrap_or_default();
    let queue = if dry_run { None } else { Some(target.queue().await?) };
    let replaying = Replaying { bucket: target.bucket().await?, queue, streams, choice, edit };
    let tally = replaying.all().await?;
    if target.json {
        println!("{}", tally.json(dry_run));
    } else {
        println!("{tally}{}", if dry_run { "\nnothing was sent (--dry-run)" } else { "" });
    }
    Ok(if tally.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Replaying {
    async fn all(&self) -> anyhow::Result<Tally> {
        let objects = objects::list(&self.bucket, &self.choice).await?;
        let (mut tally, bar) = (Tally::default(), progress(objects.len() as u64, "objects"));
        for object in &objects {
            if let Err(error) = self.object(object, &mut tally).await {
                tally.failed.push(format!("{error:#}"));
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(tally)
    }

    async fn object(&self, object: &RejectedObject, tally: &mut Tally) -> anyhow::Result<()> {
        let RejectedObject { key, stream: name, hour } = object;
        let stream = self.streams.get(name).with_context(|| {
            format!(
                "{key}: there is no stream `{name}`; put its file back into streams/, or delete its kept rejections"
            )
        })?;
        let text = objects::read(&self.bucket, key).await?;
        let before = markers::read(&self.bucket, key).await?;
        let partition = Partition { kind: Kind::Accepted, stream: name.clone(), hour: *hour };
        let piece = |(number, line): (usize, String)| Piece {
            partition: partition.clone(),
            lines: line.into(),
            waiter: number,
        };
        let pieces = self.judge_all(key, &text, &before, stream, tally).into_iter().map(piece).collect();
        let schema = stream.judge.schema_digest().unwrap_or_default();
        for call in calls(key, pieces, schema, &self.edit.text) {
            self.send(key, call, tally).await?;
        }
        Ok(())
    }

    /// The new lines of the chosen rejections that pass, with the numbers of their lines.
    fn judge_all(
        &self,
        key: &str,
        text: &[u8],
        before: &HashSet<usize>,
        stream: &Stream,
        tally: &mut Tally,
    ) -> Vec<(usize, String)> {
        let mut passed = Vec::new();
        for (number, line) in objects::lines(text) {
            match KeptRecord::read(line) {
                Ok(record) if self.choice.reason.as_ref().is_some_and(|reason| *reason != record.reason) => {}
                Ok(_) if before.contains(&number) => tally.before += 1,
                Ok(record) => match judge(&record, &self.edit, &stream.judge, MAX_MESSAGE_BYTES) {
                    Judgement::Replay(line) => passed.push((number, line)),
                    Judgement::Withheld => tally.withheld += 1,
                    Judgement::Rejected(reason) => *tally.rejected.entry(reason).or_default() += 1,
                },
                Err(error) => tally.failed.push(format!("{key}: line {}: not a kept rejection: {error}", number + 1)),
            }
        }
        passed
    }

    /// Sends one call, and marks the lines of each message that SQS has acknowledged.
    async fn send(&self, key: &str, call: Vec<Packed<usize>>, tally: &mut Tally) -> anyhow::Result<()> {
        let lines: usize = call.iter().map(|message| message.waiters.len()).sum();
        let Some(queue) = &self.queue else {
            tally.replayed += lines as u64;
            return Ok(());
        };
        let bodies: Vec<_> = call.iter().map(|message| message.body.as_str()).collect();
        let acknowledged: HashSet<_> = queue.send(&bodies).await.context(key.to_owned())?.into_iter().collect();
        for (at, message) in call.into_iter().enumerate() {
            let count = message.waiters.len() as u64;
            if acknowledged.contains(&at) {
                markers::write(&self.bucket, key, message.id, message.waiters).await?;
                tally.replayed += count;
            } else {
                tally.failed.push(format!("{key}: SQS refused a message with {count} records"));
            }
        }
        Ok(())
    }
}

/// Packs lines so that a message depends on its lines alone: whether lines are compressed depends on all lines that are
/// packed together, and those that a killed replay has marked are not packed again.
fn calls(key: &str, pieces: Vec<Piece<usize>>, schema: &str, edit: &str) -> Vec<Vec<Packed<usize>>> {
    let groups = group_by_size(pieces, MAX_MESSAGE_BYTES).into_iter();
    groups.flat_map(|group| pack(group, MAX_MESSAGE_BYTES, |pieces| message_id(key, pieces, schema, edit))).collect()
}

/// The id of a message: the same lines, judged by the same schema with the same edit, make the same message, so that a
/// replay that was killed before it wrote the marker sends no second one.
fn message_id(key: &str, pieces: &[Piece<usize>], schema: &str, edit: &str) -> MessageId {
    let lines: Vec<_> = pieces.iter().map(|piece| piece.waiter.to_string()).collect();
    let mut digest = Sha256::new();
    for part in [key, &lines.join(","), schema, edit] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let digest: [u8; 32] = digest.finalize().into();
    MessageId::new(digest.first_chunk().map_or(0, |half| u128::from_be_bytes(*half)))
}

impl Tally {
    fn json(&self, dry_run: bool) -> serde_json::Value {
        let Self { replayed, before, withheld, rejected, failed } = self;
        serde_json::json!({
            "dry_run": dry_run, "replayed": replayed, "replayed_before": before, "withheld": withheld,
            "rejected": rejected, "failed": failed,
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { replayed, before, withheld, rejected, failed } = self;
        for failure in failed {
            writeln!(f, "{failure}")?;
        }
        let mut reasons: Vec<_> = rejected.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (reason, count) in reasons.iter().take(MAX_REASONS) {
            writeln!(f, "{count:>9} still rejected: {reason}")?;
        }
        let rejected: u64 = rejected.values().sum();
        write!(f, "{replayed} replayed, {before} replayed before, {rejected} still rejected, {withheld} withheld")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spillway_shared::hour::Hour;

    /// Lines of these lengths, numbered from `first`.
    fn pieces(first: usize, lengths: &[usize]) -> Vec<Piece<usize>> {
        let stream = StreamName::parse("clicks").unwrap();
        let partition = Partition { kind: Kind::Accepted, stream, hour: Hour::parse("2026-11-21T18").unwrap() };
        let piece = |(number, length): (usize, &usize)| Piece {
            partition: partition.clone(),
            lines: ("x".repeat(*length) + "\n").into(),
            waiter: number,
        };
        (first..).zip(lengths).map(piece).collect()
    }

    fn packed(pieces: Vec<Piece<usize>>) -> Vec<(MessageId, String)> {
        calls("k", pieces, "s", "").into_iter().flatten().map(|message| (message.id, message.body)).collect()
    }

    #[test]
    fn a_message_is_the_same_after_a_replay_was_killed_before_its_marker() {
        let lengths = [200_000, 50_000, 100_000, 120_000, 300];
        let all = packed(pieces(0, &lengths));
        assert_eq!(all.len(), 2);
        assert_eq!(packed(pieces(2, &lengths[2..])), all[1..]);
        let lengths = [200_000, 50_000, 12_100, 300, 200];
        let all = packed(pieces(0, &lengths));
        assert_eq!(all.len(), 2, "the last message has few bytes");
        assert_eq!(packed(pieces(3, &lengths[3..])), all[1..]);
    }

    #[test]
    fn another_object_schema_or_edit_makes_another_message() {
        let id = |key, schema, edit| calls(key, pieces(0, &[10]), schema, edit)[0][0].id;
        let ids = [id("k", "s", ""), id("k2", "s", ""), id("k", "s2", ""), id("k", "s", "[]")];
        assert_eq!(ids.iter().map(ToString::to_string).collect::<HashSet<_>>().len(), 4);
    }
}
