//! The sequences of random numbers: each number follows from seed, kind and place, so that callers at once share no state.

use super::Kind;

/// Spreads neighbouring places over all seeds: the golden ratio's fraction in 64 bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The number at a place of a kind's sequence: at least 0, less than 1.
pub(super) fn number(seed: u64, kind: Kind, place: u64) -> f64 {
    let of_kind = fastrand::Rng::with_seed(seed.wrapping_mul(SPREAD) ^ kind as u64).u64(..);
    fastrand::Rng::with_seed(of_kind.wrapping_add(place.wrapping_mul(SPREAD))).f64()
}
