//! Prefixes of keys in the bucket. The prefix of records is a setting, `OBJECT_PREFIX`; these are reserved.

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
