//! Prefixes of keys in the bucket. The prefix of records is a setting, `OBJECT_PREFIX`; these are reserved.

use crate::hour::Hour;
use crate::stream::StreamName;

/// Records, unless `OBJECT_PREFIX` is set.
pub const RECORDS: &str = "records/";
/// Rejected payloads that their stream keeps.
pub const REJECTED: &str = "rejected/";
/// Which kept rejections were replayed.
pub const REPLAYED: &str = "replayed/";
/// Messages that can never be decoded.
pub const QUARANTINE: &str = "quarantine/";
/// Tables.
pub const LAKE: &str = "lake/";
/// Results of Athena.
pub const QUERY_RESULTS: &str = "query-results/";

/// Reads stream and hour of a key `{prefix}stream=S/dt=D/hour=HH/…`; `None` for another key.
#[must_use]
pub fn stream_and_hour(key: &str, prefix: &str) -> Option<(StreamName, Hour)> {
    let mut parts = key.strip_prefix(prefix)?.splitn(4, '/');
    let stream = StreamName::parse(parts.next()?.strip_prefix("stream=")?)?;
    let day = parts.next()?.strip_prefix("dt=")?;
    let hour = Hour::parse(&format!("{day}T{}", parts.next()?.strip_prefix("hour=")?))?;
    parts.next()?;
    Some((stream, hour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_stream_and_hour() {
        let key = "rejected/stream=clicks/dt=2026-11-21/hour=18/ab.ndjson.zst";
        let (stream, hour) = stream_and_hour(key, REJECTED).unwrap();
        assert_eq!((stream.as_str(), hour.to_string().as_str()), ("clicks", "2026-11-21T18"));
        assert_eq!(stream_and_hour(key, REPLAYED), None);
        for key in ["rejected/stream=clicks/dt=x/hour=18/a", "rejected/stream=../dt=2026-11-21/hour=18/a", "rejected/a"]
        {
            assert_eq!(stream_and_hour(key, REJECTED), None, "{key}");
        }
        assert_eq!(stream_and_hour("rejected/stream=clicks/dt=2026-11-21/hour=18", REJECTED), None);
    }
}
