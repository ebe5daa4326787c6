//! CPU time of short pieces of work, each beside its limit in the same moment.

use std::fs;
use std::hint::black_box;
use std::time::Duration;

/// How often work and limit take turns; the median counts.
const ROUNDS: usize = 9;
/// CPU time that a turn takes about.
const TURN: Duration = Duration::from_millis(60);

/// What a piece of work and its limit took, in CPU seconds for one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) work: f64,
    pub(super) limit: f64,
    /// The median of the rounds' ratios.
    pub(super) ratio: f64,
}

/// Measures work beside its limit, in turns, so that whatever slows the machine slows both.
pub(super) fn beside<A, B>(mut work: impl FnMut() -> A, mut limit: impl FnMut() -> B) -> Pair {
    let (work_calls, limit_calls) = (calls(&mut work), calls(&mut limit));
    let mut rounds: Vec<_> =
        (0..ROUNDS).map(|_| (one_turn(&mut work, work_calls), one_turn(&mut limit, limit_calls))).collect();
    rounds.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    let (of_work, of_limit) = rounds[ROUNDS / 2];
    Pair { work: of_work, limit: of_limit, ratio: of_work / of_limit }
}

/// CPU seconds of one call, over so many of them.
fn one_turn<T>(work: &mut impl FnMut() -> T, calls: u32) -> f64 {
    let before = thread_cpu();
    for _ in 0..calls {
        black_box(work());
    }
    thread_cpu().saturating_sub(before).as_secs_f64() / f64::from(calls)
}

/// How many calls make a turn.
fn calls<T>(work: &mut impl FnMut() -> T) -> u32 {
    let mut calls = 1;
    loop {
        let took = one_turn(work, calls) * f64::from(calls);
        if took >= TURN.as_secs_f64() || calls >= 1 << 24 {
            return calls;
        }
        calls = if took < TURN.as_secs_f64() / 16.0 { calls * 8 } else { calls * 2 };
    }
}

/// The time that this thread was on a processor; what the scheduler gave to others does not count.
fn thread_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanos)
}
