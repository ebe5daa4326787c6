//! Random sequences: each number depends only on seed, kind and position, so that concurrent callers share no state.

use super::Kind;

/// Spreads neighbouring positions over all seeds: the fraction of the golden ratio in 64 bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The number at a position of a kind's sequence: at least 0 and less than 1.
pub(super) fn number(seed: u64, kind: Kind, position: u64) -> f64 {
    let of_kind = fastrand::Rng::with_seed(seed.wrapping_mul(SPREAD) ^ kind as u64).u64(..);
    fastrand::Rng::with_seed(of_kind.wrapping_add(position.wrapping_mul(SPREAD))).f64()
}
