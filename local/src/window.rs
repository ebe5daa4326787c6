//! Percentiles of durations over the last ten minutes, in bounded memory: at most 61 histograms of ten seconds each.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;

/// The time that one histogram covers.
const SLOT: Duration = Duration::from_secs(10);
/// The number of whole slots in ten minutes.
const SLOTS: u64 = 60;
/// Each doubling of the duration has 2⁵ buckets, so a percentile is at most 1/32 too long.
const BITS: u32 = 5;
/// Longer durations count as 2³⁷ µs, about 38 hours.
const MAX_BITS: u32 = 37;
const BUCKETS: usize = ((MAX_BITS - BITS + 1) as usize) << BITS;

/// Durations of the last ten minutes.
#[derive(Debug)]
pub struct Window {
    started: Instant,
    slots: VecDeque<Slot>,
}

/// The durations of one slot; slots without durations do not exist.
#[derive(Debug)]
struct Slot {
    number: u64,
    counts: Box<[u32]>,
}

/// Percentiles in milliseconds; without durations they are absent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Percentiles {
    /// The number of durations.
    pub count: u64,
    /// Half of the durations are at most this long.
    pub p50_ms: Option<f64>,
    /// 99 % of the durations are at most this long.
    pub p99_ms: Option<f64>,
}

impl Default for Window {
    fn default() -> Self {
        Self { started: Instant::now(), slots: VecDeque::new() }
    }
}

impl Window {
    /// Adds a duration that was measured at `now`.
    pub fn record(&mut self, now: Instant, duration: Duration) {
        let number = self.forget(now);
        if self.slots.back().is_none_or(|slot| slot.number != number) {
            self.slots.push_back(Slot { number, counts: vec![0; BUCKETS].into() });
        }
        if let Some(slot) = self.slots.back_mut() {
            let count = &mut slot.counts[bucket(duration)];
            *count = count.saturating_add(1);
        }
    }

    /// The percentiles of the ten minutes before `now`.
    pub fn percentiles(&mut self, now: Instant) -> Percentiles {
        self.forget(now);
        let mut counts = vec![0; BUCKETS];
        for slot in &self.slots {
            counts.iter_mut().zip(&slot.counts).for_each(|(sum, count)| *sum += u64::from(*count));
        }
        let count = counts.iter().sum();
        Percentiles { count, p50_ms: percentile(&counts, count, 50), p99_ms: percentile(&counts, count, 99) }
    }

    /// Drops slots that are older than ten minutes; returns the number of the current slot.
    fn forget(&mut self, now: Instant) -> u64 {
        let number = now.saturating_duration_since(self.started).as_secs() / SLOT.as_secs();
        while self.slots.front().is_some_and(|slot| slot.number + SLOTS < number) {
            self.slots.pop_front();
        }
        number
    }
}

/// The bucket of a duration: one for each microsecond up to 2⁵, then 2⁵ for each doubling.
fn bucket(duration: Duration) -> usize {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).min((1 << MAX_BITS) - 1);
    let doublings = micros.max(1).ilog2().saturating_sub(BITS);
    ((doublings as usize) << BITS) + usize::try_from(micros >> doublings).unwrap_or(0)
}

/// The longest duration of a bucket, in microseconds.
fn longest(bucket: usize) -> u64 {
    let doublings = (bucket >> BITS).saturating_sub(1);
    let first = bucket - (doublings << BITS);
    ((first as u64 + 1) << doublings) - 1
}

fn percentile(counts: &[u64], total: u64, percent: u64) -> Option<f64> {
    let rank = (total * percent).div_ceil(100).max(1);
    let mut below = 0;
    let found = counts.iter().position(|count| {
        below += count;
        below >= rank
    });
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2³⁷ microseconds")]
    found.map(|bucket| longest(bucket) as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_in_a_bucket_that_ends_at_most_a_32nd_later() {
        for micros in (0..5_000).chain((12..37).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 12_345])) {
            let longest = longest(bucket(Duration::from_micros(micros)));
            assert!(longest >= micros && longest <= micros + micros / 32, "{micros} µs: {longest} µs");
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_those_of_the_durations() {
        let mut window = Window::default();
        let now = window.started;
        assert_eq!(window.percentiles(now), Percentiles::default());
        (1..=1_000).for_each(|millis| window.record(now, Duration::from_millis(millis)));
        let Percentiles { count, p50_ms, p99_ms } = window.percentiles(now);
        assert_eq!(count, 1_000);
        assert!((500.0..516.0).contains(&p50_ms.unwrap()), "{p50_ms:?}");
        assert!((990.0..1_021.0).contains(&p99_ms.unwrap()), "{p99_ms:?}");
    }

    #[test]
    fn durations_are_forgotten_after_ten_minutes() {
        let mut window = Window::default();
        let start = window.started;
        window.record(start, Duration::from_secs(5));
        window.record(start + Duration::from_mins(6), Duration::from_secs(1));
        assert_eq!(window.percentiles(start + Duration::from_mins(10)).count, 2);
        assert_eq!(window.percentiles(start + Duration::from_mins(11)).count, 1);
        (0..100_000).for_each(|second| window.record(start + Duration::from_secs(second), Duration::ZERO));
        assert!(window.slots.len() <= 61);
        assert_eq!(window.percentiles(start + Duration::from_hours(48)).count, 0);
        assert!(window.slots.is_empty());
    }
}
