//! The order in which objects are read.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use spillway_compact::store::Listed;
use spillway_shared::prefixes::{QUARANTINE, REJECTED};

use super::found::Kind;

/// How long after its request a record is usually stored. The objective is 5 minutes.
const SOON: Duration = Duration::from_mins(10);
/// By how much the clocks of ingest and S3 can differ.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// The objects to read.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Those stored within ten minutes of the id's time, and all quarantined messages, the nearest first.
    pub(super) near: Vec<Listed>,
    /// The others: only retries, redriven messages and replays are stored there.
    pub(super) far: Vec<Listed>,
}

/// Orders objects by the time between the id and their storage; without a time, the newest first.
pub(super) fn ordered(mut objects: Vec<Listed>, time: Option<SystemTime>) -> Plan {
    let Some(time) = time else {
        objects.sort_by_key(|object| Reverse(object.modified));
        return Plan { near: objects, far: Vec::new() };
    };
    objects.sort_by_cached_key(|object| distance(object.modified, time));
    let span = time - CLOCK_SKEW..=time + SOON;
    let is_near = |object: &Listed| kind(&object.key) == Kind::Quarantined || span.contains(&object.modified);
    let (near, far) = objects.into_iter().partition(is_near);
    Plan { near, far }
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
    use super::*;

    fn object(key: &str, seconds: u64) -> Listed {
        Listed { key: key.to_owned(), size: 1, modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) }
    }

    fn keys(objects: &[Listed]) -> Vec<&str> {
        objects.iter().map(|object| object.key.as_str()).collect()
    }

    #[test]
    fn objects_stored_soon_after_the_id_come_first() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000);
        let objects = vec![
            object("hours later", 20_000),
            object("before", 9_900),
            object("clock behind", 9_970),
            object("nine minutes later", 10_540),
            object("at once", 10_001),
            object("quarantine/dt=2026-11-21/a.json", 90_000),
        ];
        let Plan { near, far } = ordered(objects, Some(time));
        let quarantined = "quarantine/dt=2026-11-21/a.json";
        assert_eq!(keys(&near), ["at once", "clock behind", "nine minutes later", quarantined]);
        assert_eq!(keys(&far), ["before", "hours later"]);
    }

    #[test]
    fn without_a_time_the_newest_come_first() {
        let Plan { near, far } = ordered(vec![object("old", 1), object("new", 3), object("middle", 2)], None);
        assert_eq!((keys(&near), keys(&far)), (vec!["new", "middle", "old"], vec![]));
    }
}
