//! Documents that are computed from their number, so that a test can compare them later without storing them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::RangeInclusive;

use flate2::Compression;
use flate2::write::GzEncoder;
use spillway_local::client::Document;

/// The write key of the pipeline's settings.
const KEY: &str = "local";

/// All the documents of a run.
#[derive(Debug, Clone)]
pub(crate) struct Documents {
    /// The same seed gives the same documents.
    pub(crate) seed: u64,
    /// The number of payloads per document.
    pub(crate) payloads: RangeInclusive<u32>,
}

impl Documents {
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
            2 => write!(text, ",\"z\":1,\"a\":[ ],\"z\":-0.0"),
            3 => write!(text, ",\"name\":\"\u{ffff}{}\"", random.u32(..)),
            _ => write!(text, ",\"deep\":{{\"list\":[1,[2,[3,null]],true]}},\"at\":{}", random.u64(..)),
        };
        text.push('}');
        text
    }

    /// A document as a client sends it: an array, lines or an object with a context, compressed or not.
    pub(crate) fn document(&self, number: u32) -> Document {
        let payloads: Vec<_> = (0..self.len(number)).map(|index| self.payload(number, index)).collect();
        let array = || format!("[{}]", payloads.join(", "));
        let document = match number % 5 {
            0 => Document::new("clicks", KEY, payloads.join("\n")).header("content-type", "application/x-ndjson"),
            1 => Document::new("telemetry", KEY, gzip(&array())).header("content-encoding", "gzip"),
            2 => Document::new("clicks", KEY, format!("{{\"app\":\"4.2\",\"payloads\":{}}}", array())),
            _ => Document::new("telemetry", KEY, array()),
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
