//! `spillway rejected list`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use spillway_ingest::record::kept::KeptRecord;
use spillway_shared::hour::Hour;

use super::{Choice, objects};
use crate::aws::bucket::Bucket;

/// Rejections with one cause.
struct Group {
    count: u64,
    first: Hour,
    last: Hour,
}

/// Stream, reason and detail.
type Cause = (String, String, String);

/// Prints the keys of the chosen objects, or counts what they contain. Exits with 1 if an object cannot be read.
pub(super) async fn run(bucket: &Bucket, choice: &Choice, keys: bool) -> anyhow::Result<ExitCode> {
    let (mut groups, mut unreadable) = (BTreeMap::new(), 0);
    for object in objects::list(bucket, choice).await? {
        if keys {
            println!("{}", object.key);
            continue;
        }
        match objects::read(bucket, &object.key).await {
            Ok(text) => unreadable += count(&text, object.hour, choice, &mut groups),
            Err(error) => {
                eprintln!("{error:#}");
                unreadable += 1;
            }
        }
    }
    if !keys {
        print(&groups);
    }
    if unreadable > 0 {
        eprintln!("{unreadable} objects or lines cannot be read");
    }
    Ok(if unreadable == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Adds an object's rejections; returns how many lines are none.
fn count(text: &[u8], hour: Hour, choice: &Choice, groups: &mut BTreeMap<Cause, Group>) -> u64 {
    let mut unreadable = 0;
    for (_, line) in objects::lines(text) {
        let Ok(record) = KeptRecord::read(line) else {
            unreadable += 1;
            continue;
        };
        if choice.reason.as_ref().is_some_and(|reason| *reason != record.reason) {
            continue;
        }
        let cause = (record.stream.to_owned(), record.reason.into_owned(), record.detail.into_owned());
        let group = groups.entry(cause).or_insert(Group { count: 0, first: hour, last: hour });
        group.count += 1;
        group.first = group.first.min(hour);
        group.last = group.last.max(hour);
    }
    unreadable
}

fn print(groups: &BTreeMap<Cause, Group>) {
    println!("{:>9}  {:<13}  {:<13}  {:<20}  {:<13}  detail", "count", "first hour", "last hour", "stream", "reason");
    for ((stream, reason, detail), Group { count, first, last }) in groups {
        println!("{count:>9}  {first}  {last}  {stream:<20}  {reason:<13}  {detail}");
    }
    println!("{} kept rejections", groups.values().map(|group| group.count).sum::<u64>());
}
