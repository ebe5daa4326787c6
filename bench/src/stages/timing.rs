//! CPU time of short pieces of work, in turns with their limits.

use std::hint::black_box;
use std::time::Duration;

use crate::machine::thread_cpu;

/// The number of turns of work and limit; the median counts.
const ROUNDS: usize = 9;
/// The approximate CPU time of a turn.
const TURN: Duration = Duration::from_millis(60);

/// CPU seconds of one call of a piece of work and of its limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) work: f64,
    pub(crate) limit: f64,
}

/// Measures work and limit in turns, so that a slower machine slows down both. Returns the round with the median ratio.
pub(crate) fn measure<A, B>(mut work: impl FnMut() -> A, mut limit: impl FnMut() -> B) -> Pair {
    let (work_calls, limit_calls) = (calls(&mut work), calls(&mut limit));
    let round = |_| Pair { work: turn(&mut work, work_calls), limit: turn(&mut limit, limit_calls) };
    let mut rounds: Vec<_> = (0..ROUNDS).map(round).collect();
    rounds.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
    rounds[ROUNDS / 2]
}

impl Pair {
    pub(crate) fn ratio(&self) -> f64 {
        self.work / self.limit
    }
}

/// CPU seconds of one call, as the mean of several.
fn turn<T>(work: &mut impl FnMut() -> T, calls: u32) -> f64 {
    let before = thread_cpu();
    for _ in 0..calls {
        black_box(work());
    }
    thread_cpu().saturating_sub(before).as_secs_f64() / f64::from(calls)
}

/// The number of calls of a turn.
fn calls<T>(work: &mut impl FnMut() -> T) -> u32 {
    let mut calls = 1;
    loop {
        let took = turn(work, calls) * f64::from(calls);
        if took >= TURN.as_secs_f64() || calls >= 1 << 24 {
            return calls;
        }
        calls *= if took < TURN.as_secs_f64() / 16.0 { 8 } else { 2 };
    }
}
