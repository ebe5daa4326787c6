//! The order in which objects are read.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use spillway_compact::store::Listed;
use spillway_shared::prefixes::{QUARANTINE, REJECTED};

use super::Search;
use super::found::Kind;

/// How long after its request a record is stored: nearly always within a minute, usually within ten. A request can have
/// records in several messages, of which some are stored later.
const OF_RECORD: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(10)];
const OF_REQUEST: [Duration; 1] = [Duration::from_mins(10)];
/// By how much the clocks of ingest and S3 can differ.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// The objects in rounds, by the time between the id and their storage. The last round has those that only retries,
/// redriven messages and replays explain. Quarantined messages are in the first. Without a time there is one round, the
/// newest objects first.
pub(super) fn rounds(mut objects: Vec<Listed>, search: &Search) -> Vec<Vec<Listed>> {
    let Some(time) = search.time else {
        objects.sort_by_key(|object| Reverse(object.modified));
        return vec![objects];
    };
    objects.sort_by_cached_key(|object| distance(object.modified, time));
    let mut rounds = Vec::new();
    for after in if search.is_record { &OF_RECORD[..] } else { &OF_REQUEST } {
        let span = time - CLOCK_SKEW..=time + *after;
        let is_near = |object: &Listed| kind(&object.key) == Kind::Quarantined || span.contains(&object.modified);
        let (near, far) = objects.into_iter().partition(is_near);
        rounds.push(near);
        objects = far;
    }
    rounds.push(objects);
    rounds
}

/// What an object is, by its key.
pub(super) fn kind(key: &str) -> Kind {
    match key {
        key if key.starts_with(REJECTED) => Kind::Kept,
        key if key.starts_with(QUARANTINE) => Kind::Quarantined,
        _ => Kind::Stored,
    }
}

fn distance(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|error| error.duration())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn object(key: &str, seconds: u64) -> Listed {
        Listed { key: key.to_owned(), size: 1, modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) }
    }

    fn keys(rounds: &[Vec<Listed>]) -> Vec<Vec<&str>> {
        rounds.iter().map(|round| round.iter().map(|object| object.key.as_str()).collect()).collect()
    }

    /// A search for an id made at second 10,000.
    fn search(end: &str) -> Search {
        let millis = 10_000_000_u128;
        let request = Uuid::from_u128(millis << 80 | 7 << 76 | 2 << 62);
        Search::parse(&format!("{request}{end}"), None).unwrap()
    }

    #[test]
    fn objects_stored_soon_after_the_id_come_first() {
        let objects = || {
            vec![
                object("hours later", 20_000),
                object("before", 9_900),
                object("clock behind", 9_970),
                object("nine minutes later", 10_540),
                object("at once", 10_001),
                object("quarantine/dt=1970-01-01/a.json", 90_000),
            ]
        };
        let quarantined = "quarantine/dt=1970-01-01/a.json";
        let of_record = rounds(objects(), &search("-3"));
        let far = vec!["before", "hours later"];
        assert_eq!(
            keys(&of_record),
            [vec!["at once", "clock behind", quarantined], vec!["nine minutes later"], far.clone()]
        );
        let of_request = rounds(objects(), &search(""));
        assert_eq!(keys(&of_request), [vec!["at once", "clock behind", "nine minutes later", quarantined], far]);
    }

    #[test]
    fn without_a_time_the_newest_come_first() {
        let search = Search::parse("0199aaaa-bbbb-8ccc-8ddd-eeeeffff0000", Some("2026-11-21")).unwrap();
        let rounds = rounds(vec![object("old", 1), object("new", 3), object("middle", 2)], &search);
        assert_eq!(keys(&rounds), [["new", "middle", "old"]]);
    }
}
