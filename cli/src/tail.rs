//! `spillway tail`: prints records as they are stored.
//!
//! The names of objects have no order in time, so each poll lists the hours of the last ten minutes, and prints the
//! objects that no poll before has listed.

mod condition;

use std::collections::HashSet;
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::process::{ExitCode, exit};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use clap::Args;
use spillway_compact::read::{is_object, lines};
use spillway_compact::store::{Calls, Listed, Part};
use spillway_local::find::{ATTEMPTS, Source, folders};
use spillway_shared::hour::Hour;
use spillway_shared::prefixes::REJECTED;
use spillway_shared::stream::StreamName;
use tokio::time::{Instant, sleep};

use crate::place::Place;
use crate::rejected::stream;
use crate::signals::Signals;
use condition::Condition;

/// The pause between two polls of a server on this machine, and of S3, where each poll is billed.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));
/// How long after the end of an hour its objects are still listed. Deliver stores records within 5 minutes.
const OVERLAP: Duration = Duration::from_mins(10);
/// How long one poll may take.
const LONGEST: Duration = Duration::from_mins(2);

/// The arguments of `spillway tail`.
#[derive(Debug, Args)]
pub(crate) struct Tail {
    #[command(flatten)]
    place: Place,
    /// The stream
    #[arg(value_parser = stream)]
    stream: StreamName,
    /// Only records whose payload has this value: a JSON pointer, `=` and a string or JSON; repeatable
    #[arg(long = "where", value_name = "POINTER=VALUE", value_parser = Condition::parse)]
    conditions: Vec<Condition>,
    /// Rejected payloads that the stream keeps, instead of accepted ones
    #[arg(long)]
    rejected: bool,
    /// The prefix of records on AWS, if it is not `records/`
    #[arg(long, value_name = "PREFIX", env = "OBJECT_PREFIX")]
    prefix: Option<String>,
}

/// Follows the stream until a signal, or until nobody reads the output.
pub(crate) async fn run(arguments: Tail) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let target = arguments.place.target().await?;
    let prefix = if arguments.rejected { REJECTED.to_owned() } else { target.records(arguments.prefix) };
    let folder = format!("{prefix}stream={}/", arguments.stream);
    let pause = if target.admin().is_some() { PAUSES.0 } else { PAUSES.1 };
    let source = target.source().await?;
    // An ending runtime waits for its tasks, and a write to a full pipe may wait for ever.
    tokio::spawn(async move {
        signals.next().await;
        exit(0);
    });
    let mut tail = Follower { source, folder, seen: HashSet::new() };
    if !tail.exists(&prefix).await? {
        eprintln!("the bucket has no `{}` so far; waiting for its first object", tail.folder);
    }
    tail.poll().await?;
    loop {
        sleep(pause).await;
        for object in tail.poll().await? {
            match tail.print(&object, &arguments.conditions).await {
                Err(error) if error.downcast_ref::<io::Error>().is_some_and(is_closed) => return Ok(ExitCode::SUCCESS),
                result => result?,
            }
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}

struct Follower {
    source: Source,
    /// `records/stream=clicks/`.
    folder: String,
    /// The keys in the hours that are listed.
    seen: HashSet<String>,
}

impl Follower {
    fn calls(&self) -> Calls<'_, Source> {
        Calls { store: &self.source, attempts: ATTEMPTS, deadline: Instant::now() + LONGEST }
    }

    /// Whether the stream has an object.
    async fn exists(&self, prefix: &str) -> anyhow::Result<bool> {
        let streams = folders(self.calls(), prefix).await.context("the bucket cannot be listed")?;
        Ok(streams.contains(&self.folder))
    }

    /// The objects that are new since the last poll, the oldest first.
    async fn poll(&mut self) -> anyhow::Result<Vec<Listed>> {
        let (mut new, mut seen) = (Vec::new(), HashSet::new());
        for hour in hours(SystemTime::now()) {
            let prefix = format!("{}dt={}/hour={}/", self.folder, hour.date(), hour.of_day());
            for object in self.calls().list(&prefix).await.context("the bucket cannot be listed")? {
                seen.insert(object.key.clone());
                if !self.seen.contains(&object.key) && is_object(&object.key) {
                    new.push(object);
                }
            }
        }
        self.seen = seen;
        new.sort_by(|one, other| (one.modified, &one.key).cmp(&(other.modified, &other.key)));
        Ok(new)
    }

    /// Prints the records of an object that meet all conditions. A damaged object is reported, and does not end the
    /// command.
    async fn print(&self, object: &Listed, conditions: &[Condition]) -> anyhow::Result<()> {
        let bytes = self.calls().get(&object.key, Part::Whole).await;
        // An object that is gone was deleted meanwhile.
        let Some(bytes) = bytes.with_context(|| format!("{} cannot be read", object.key))? else { return Ok(()) };
        let (mut out, mut written) = (BufWriter::new(io::stdout().lock()), Ok(()));
        let read = lines(&object.key, &bytes, |line| {
            if written.is_ok() && conditions.iter().all(|condition| condition.is_met(line)) {
                written = out.write_all(line).and_then(|()| out.write_all(b"\n"));
            }
        });
        written.and_then(|()| out.flush())?;
        if let Err(error) = read {
            eprintln!("{} is damaged: {error}; the lines before are printed", object.key);
        }
        Ok(())
    }
}

/// The hours whose objects may still be stored.
fn hours(now: SystemTime) -> impl Iterator<Item = Hour> {
    Hour::of(now - OVERLAP).until(Hour::of(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_listed_until_ten_minutes_after_its_end() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        let count = |minutes| hours(start + Duration::from_mins(minutes)).count();
        assert_eq!([0, 9, 10, 59].map(count), [2, 2, 1, 1]);
    }

    #[tokio::test]
    async fn each_object_is_new_once_and_those_from_before_are_not() {
        let root = tempfile::tempdir().unwrap();
        let source = Source::Folder(root.path().to_owned());
        let mut tail = Follower { source, folder: "records/stream=a/".to_owned(), seen: HashSet::new() };
        assert!(!tail.exists("records/").await.unwrap());
        let put = |name: &str| {
            // The test may run while an hour ends: the object is still in a listed hour then.
            let hour = Hour::of(SystemTime::now());
            let folder = root.path().join(format!("records/stream=a/dt={}/hour={}", hour.date(), hour.of_day()));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(name), "{}\n").unwrap();
        };
        put("old.ndjson");
        assert_eq!(tail.poll().await.unwrap().len(), 1);
        put("new.ndjson");
        put("other.txt");
        let new = tail.poll().await.unwrap();
        assert!(matches!(&new[..], [one] if one.key.ends_with("/new.ndjson")), "{new:?}");
        assert!(tail.poll().await.unwrap().is_empty() && tail.exists("records/").await.unwrap());
    }
}
