//! Documents that are computed from their number, so that a test can compare them later without storing them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::RangeInclusive;

use flate2::Compression;
use flate2::write::GzEncoder;
use spillway_local::client::Document;

/// The write key of the pipeline's settings.
const KEY: &str = "local";

/// In every withheld payload, and in no other.
pub(crate) const SECRET: &str = "zqx-secret";
/// Payloads of one document of [`Documents::judged`], after which their fates repeat.
pub(crate) const CYCLE: u32 = 50;

/// All the documents of a run.
#[derive(Debug, Clone)]
pub(crate) struct Documents {
    /// The same seed gives the same documents.
    pub(crate) seed: u64,
    /// The number of payloads per document.
    pub(crate) payloads: RangeInclusive<u32>,
    /// Whether the documents are for the stream `judged`; otherwise all payloads are good.
    is_judged: bool,
}

/// What becomes of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Accepted,
    /// It fails the schema.
    Kept,
    /// It lacks consent.
    Withheld,
}

impl Documents {
    /// Documents of good payloads for two streams of the repository's configuration.
    pub(crate) fn new(seed: u64, payloads: RangeInclusive<u32>) -> Self {
        Self { seed, payloads, is_judged: false }
    }

    /// Documents of [`CYCLE`] payloads for the stream `judged`: a fifth lacks `event`, which the schema requires, and a
    /// tenth lacks consent. Both are independent, so a fiftieth lacks both.
    pub(crate) fn judged(seed: u64) -> Self {
        Self { seed, payloads: CYCLE..=CYCLE, is_judged: true }
    }

    /// What becomes of a payload.
    pub(crate) fn fate(&self, number: u32, index: u32) -> Fate {
        match (self.is_judged, (number + index) % CYCLE) {
            (true, 0..5) => Fate::Withheld,
            (true, place) if place.is_multiple_of(5) => Fate::Kept,
            _ => Fate::Accepted,
        }
    }

    /// The number of payloads of a document with this fate.
    pub(crate) fn count(&self, number: u32, fate: Fate) -> u32 {
        (0..self.len(number)).map(|index| u32::from(self.fate(number, index) == fate)).sum()
    }

    /// The number in a payload's record id: only payloads that are stored have one.
    pub(crate) fn number_in_id(&self, number: u32, index: u32) -> u32 {
        (0..index).map(|before| u32::from(self.fate(number, before) != Fate::Withheld)).sum()
    }

    /// The number of payloads in a document.
    pub(crate) fn len(&self, number: u32) -> u32 {
        self.random(number, u32::MAX).u32(self.payloads.clone())
    }

    /// A payload: its name, then JSON that a parser would not preserve.
    pub(crate) fn payload(&self, number: u32, index: u32) -> String {
        let mut random = self.random(number, index);
        let mut text = format!("{{\"n\":\"{number}.{index}\",\"price\": {}.50e{}", random.u16(..), random.u8(..9));
        let _ = match random.u8(..5) {
            0 => write!(text, ",\"big\":{}{:020}", random.u64(1..), random.u64(..)),
            1 => write!(text, ",\"text\":\"\\u00e4ä\\/😀 {:x}\"", random.u128(..)),
            // A judged stream rejects a payload that has a member twice.
            2 if self.is_judged => write!(text, ",\"z\":1,\"a\":[ ],\"Z\":-0.0"),
            2 => write!(text, ",\"z\":1,\"a\":[ ],\"z\":-0.0"),
            3 => write!(text, ",\"name\":\"\u{ffff}{}\"", random.u32(..)),
            _ => write!(text, ",\"deep\":{{\"list\":[1,[2,[3,null]],true]}},\"at\":{}", random.u64(..)),
        };
        if self.is_judged {
            text.push_str(&self.judged_members(number, index));
        }
        text.push('}');
        text
    }

    fn judged_members(&self, number: u32, index: u32) -> String {
        let event = if (number + index).is_multiple_of(5) { "evnet" } else { "event" };
        let consent = match self.fate(number, index) {
            Fate::Withheld => format!("\"consent\":false,\"secret\":\"{SECRET}-{number}.{index}\""),
            Fate::Accepted | Fate::Kept => "\"consent\":true".to_owned(),
        };
        format!(",\"{event}\":\"view\",{consent}")
    }

    /// A document as a client sends it: an array, lines or an object with a context, compressed or not.
    pub(crate) fn document(&self, number: u32) -> Document {
        let payloads: Vec<_> = (0..self.len(number)).map(|index| self.payload(number, index)).collect();
        let array = || format!("[{}]", payloads.join(", "));
        let [clicks, telemetry] = if self.is_judged { ["judged"; 2] } else { ["clicks", "telemetry"] };
        let document = match number % 5 {
            0 => Document::new(clicks, KEY, payloads.join("\n")).header("content-type", "application/x-ndjson"),
            1 => Document::new(telemetry, KEY, gzip(&array())).header("content-encoding", "gzip"),
            2 => Document::new(clicks, KEY, format!("{{\"app\":\"4.2\",\"payloads\":{}}}", array())),
            _ => Document::new(telemetry, KEY, array()),
        };
        document.header("idempotency-key", &format!("{}-{number}", self.seed))
    }

    fn random(&self, number: u32, index: u32) -> fastrand::Rng {
        let place = u64::from(number) << 32 | u64::from(index);
        fastrand::Rng::with_seed(self.seed ^ place.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("writing to memory cannot fail");
    encoder.finish().expect("writing to memory cannot fail")
}
