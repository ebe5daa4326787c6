//! The hours of which a stream has records.

use spillway_compact::store::Store as _;
use spillway_shared::hour::Hour;
use spillway_shared::stream::StreamName;

use super::lake::Lake;

/// A range of hours.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// The first one; without it, there is no lower bound.
    pub(super) from: Option<Hour>,
    /// The last one.
    pub(super) to: Hour,
}

impl Lake {
    /// The hours of a range of which a stream has records: one listing for each, which skips the hour's other objects.
    pub(super) async fn hours(&self, stream: &StreamName, range: Range) -> anyhow::Result<Vec<Hour>> {
        let folder = format!("{}stream={stream}/", self.prefix);
        let (mut hours, mut after) = (Vec::new(), range.from.map(|hour| before(&folder, hour)).unwrap_or_default());
        loop {
            let calls = self.calls();
            let page = calls.attempts.run(calls.deadline, || calls.store.list(&folder, &after)).await?;
            let Some(first) = page.objects.into_iter().next() else { return Ok(hours) };
            match hour_of(&folder, &first.key) {
                Some(hour) if hour > range.to => return Ok(hours),
                Some(hour) => {
                    hours.push(hour);
                    after = behind(&folder, hour);
                }
                // What another program put there.
                None => after = first.key,
            }
        }
    }
}

fn before(folder: &str, hour: Hour) -> String {
    format!("{folder}dt={}/hour={}", hour.date(), hour.of_day())
}

/// A text behind all keys of an hour: `0` follows `/`.
fn behind(folder: &str, hour: Hour) -> String {
    before(folder, hour) + "0"
}

/// The hour in a key: `…dt=2026-11-21/hour=18/…`.
fn hour_of(folder: &str, key: &str) -> Option<Hour> {
    let (date, rest) = key.strip_prefix(folder)?.strip_prefix("dt=")?.split_once("/hour=")?;
    let (of_day, _) = rest.split_once('/')?;
    Hour::parse(&format!("{date}T{of_day}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_an_hour_are_between_its_bounds() {
        let (folder, hour) = ("records/stream=clicks/", Hour::parse("2026-11-21T09").unwrap());
        let key = "records/stream=clicks/dt=2026-11-21/hour=09/0f3c.ndjson.zst";
        assert_eq!(hour_of(folder, key), Some(hour));
        assert!(before(folder, hour).as_str() < key && key < behind(folder, hour).as_str());
        let next = before(folder, Hour::parse("2026-11-21T10").unwrap());
        assert!(behind(folder, hour) < next);
        for other in ["records/stream=clicks/README", "records/stream=clicks/dt=2026-11-21/hour=24/x", "x"] {
            assert_eq!(hour_of(folder, other), None, "{other}");
        }
    }
}
