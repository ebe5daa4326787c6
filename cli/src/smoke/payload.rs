//! The payloads of one run: each carries the run's marker, so that its records are found among all others.

use spillway_local::sample::reading;

/// What a parser that writes JSON again would change: numbers beyond 64 bits, spaces, escapes, a key that stands twice.
const FRAGILE: &str = concat!(
    r#""float":1.0,"large":123456789012345678901234567890,"tiny":1E-400, "#,
    r#""text" : "ü \u00fc \" \\ / \/ 😀","twice":1,"twice":2,"a":[ ],"empty":{}"#
);

/// One run of the smoke test.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) key: String,
    /// The origin whose CORS headers are checked.
    pub(super) origin: Option<String>,
    id: String,
}

impl Run {
    /// A run with a random id.
    pub(super) fn new(key: &str, origin: Option<&str>) -> Self {
        let id = format!("{:032x}", fastrand::u128(..));
        Self { key: key.to_owned(), origin: origin.map(str::to_owned), id }
    }

    /// The text that every payload of this run contains, and no other.
    pub(super) fn marker(&self) -> String {
        format!(r#""run":"{}""#, self.id)
    }

    /// A payload of a check.
    pub(super) fn payload(&self, check: &str, number: usize) -> String {
        format!(r#"{{{},"check":"{check}","z":{number},{FRAGILE}}}"#, self.marker())
    }

    /// A payload of about 500 bytes that compresses as telemetry does.
    pub(super) fn reading(&self, number: usize) -> String {
        let mut random = fastrand::Rng::with_seed(number as u64);
        let reading = reading(&mut random, &format!("device-{number}"), number % 60);
        format!(r#"{{{},"reading":{reading}}}"#, self.marker())
    }
}
