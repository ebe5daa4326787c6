//! The numbers of a destination, each within its range.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// The most bytes of a batch.
const MOST_BYTES: usize = 10 << 20;

/// When a batch closes. A record larger than `bytes` is sent alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchLimits {
    /// Records per request.
    #[serde(deserialize_with = "batch_records")]
    pub records: usize,
    /// Bytes of a request's body.
    #[serde(deserialize_with = "batch_bytes")]
    pub bytes: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { records: 500, bytes: 512 << 10 }
    }
}

/// Requests per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate(pub f64);

/// Concurrent POSTs of one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workers(pub usize);

/// Environments at most; an event source of SQS has at least two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency(pub u32);

/// The timeout of one POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeoutMs(pub Duration);

/// POSTs of one batch, including the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries(pub u32);

impl Default for Workers {
    fn default() -> Self {
        Self(10)
    }
}

impl Default for Concurrency {
    fn default() -> Self {
        Self(5)
    }
}

impl Default for TimeoutMs {
    fn default() -> Self {
        Self(Duration::from_secs(5))
    }
}

impl Default for Tries {
    fn default() -> Self {
        Self(3)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rate = f64::deserialize(deserializer)?;
        let is_in_range = (0.01..=100_000.0).contains(&rate);
        if is_in_range { Ok(Self(rate)) } else { Err(D::Error::custom("must be a number from 0.01 to 100000")) }
    }
}

impl<'de> Deserialize<'de> for Workers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer, 1, 1_000).map(|workers| Self(usize::try_from(workers).unwrap_or(usize::MAX)))
    }
}

impl<'de> Deserialize<'de> for Concurrency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer, 2, 1_000).map(|count| Self(u32::try_from(count).unwrap_or(u32::MAX)))
    }
}

impl<'de> Deserialize<'de> for TimeoutMs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer, 50, 600_000).map(|millis| Self(Duration::from_millis(millis)))
    }
}

impl<'de> Deserialize<'de> for Tries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer, 1, 10).map(|tries| Self(u32::try_from(tries).unwrap_or(u32::MAX)))
    }
}

fn batch_records<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    whole(deserializer, 1, 100_000).map(|records| usize::try_from(records).unwrap_or(usize::MAX))
}

fn batch_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let bytes = whole(deserializer, 1_024, MOST_BYTES as u64)?;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

fn whole<'de, D: Deserializer<'de>>(deserializer: D, min: u64, max: u64) -> Result<u64, D::Error> {
    let number = serde_json::Value::deserialize(deserializer)?.as_u64();
    let in_range = number.filter(|number| (min..=max).contains(number));
    in_range.ok_or_else(|| D::Error::custom(format_args!("must be a whole number from {min} to {max}")))
}
