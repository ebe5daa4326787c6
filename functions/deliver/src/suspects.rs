//! Messages that may kill the process: handled last, in random order, each settled before the next is touched.
//!
//! A message whose handling ends the process (out of memory, out of time) leaves no response, so only its receive count
//! distinguishes it from the other messages of the batch. A message received [`SUSPECT_RECEIVES`] times is a suspect,
//! whether it is harmful or not. An invocation proceeds in this order:
//!
//! 1. It stores the fresh messages, those that are not suspects. If the batch has suspects too, deliver itself deletes
//!    the stored messages from SQS, so that nothing that follows can bring them back.
//! 2. It takes the suspects in turns, in an order drawn at random each time, and deletes what a turn stored before the
//!    next turn begins. A turn is one suspect while there are at most [`MAX_TURNS`] of them. Otherwise suspects are
//!    spread evenly over that many turns, so that an invocation still gets through its batch after an outage, when
//!    every message is a suspect.
//! 3. It returns the suspects that the deadline leaves untouched, and all remaining ones once S3 keeps failing.
//!
//! Why this converges: SQS counts a receive for every message of a batch, including untouched ones. Let a message P
//! kill the process every time. In one invocation a neighbour N is safe unless its turn is P's turn or comes after it.
//! In random order N is unsafe with probability 1/2, or 1/2 + 1/(2 t) with t full turns of several suspects: 0.508 at
//! most. The receive counts of the two do not matter, so no counts make one of them always go first. An order by
//! receive counts would allow that: a new poison message would always precede the messages that an outage made
//! suspects. After k such invocations N is still unsafe with probability 0.508^k at most. P is never stored and uses up
//! its receives. N loses at most the four receives before it becomes a suspect, and with the limit of 100 has 96
//! chances left: of 10,000 neighbours, all in P's batch every time, 10^4 × 0.508^96 < 10^-24 are expected in the
//! dead-letter queue. With 25 receives left, as after an hour without S3 (see [`crate::delay`]), 10^4 × 0.508^25 <
//! 10^-3 are. The more neighbours are safe, the fewer meet P again.
//!
//! If the process ends, the suspects that wait for their turn come back after the visibility timeout. So do those for
//! which an invocation has no time; each loses a receive and is drawn like all others next time.

use aws_lambda_events::event::sqs::SqsMessage;
use spillway_shared::delay::receives;

use crate::index::BatchIndex;

/// From this receive on a message is a suspect.
pub const SUSPECT_RECEIVES: u32 = 5;
/// The most turns in an invocation. At about 50 ms for storing and deleting they take 3 of its 20 seconds.
pub const MAX_TURNS: usize = 64;

/// The messages of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sorted {
    /// Received fewer than [`SUSPECT_RECEIVES`] times.
    pub fresh: Vec<BatchIndex>,
    /// All others.
    pub suspects: Vec<BatchIndex>,
}

/// Separates suspects from fresh messages.
#[must_use]
pub fn sort(batch: &[SqsMessage]) -> Sorted {
    let (suspects, fresh) =
        BatchIndex::all(batch).partition(|index| receives(&batch[*index].attributes) >= SUSPECT_RECEIVES);
    Sorted { fresh, suspects }
}

/// The turns of suspects in random order: one suspect each, or [`MAX_TURNS`] turns of several at most.
#[must_use]
pub fn turns(mut suspects: Vec<BatchIndex>) -> Vec<Vec<BatchIndex>> {
    fastrand::shuffle(&mut suspects);
    let each = suspects.len().div_ceil(MAX_TURNS).max(1);
    suspects.chunks(each).map(<[BatchIndex]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::received;

    fn indices(range: std::ops::Range<usize>) -> Vec<BatchIndex> {
        range.map(BatchIndex).collect()
    }

    #[test]
    fn a_message_is_a_suspect_from_its_fifth_receive() {
        let batch = [received(1, "a", ""), received(5, "b", ""), received(4, "c", ""), received(99, "d", "")];
        let expected =
            Sorted { fresh: vec![BatchIndex(0), BatchIndex(2)], suspects: vec![BatchIndex(1), BatchIndex(3)] };
        assert_eq!(sort(&batch), expected);
    }

    #[test]
    fn every_suspect_has_one_turn() {
        for count in [0, 1, 2, MAX_TURNS, MAX_TURNS + 1, 1_000, 10_000] {
            let turns = turns(indices(0..count));
            assert!(turns.len() <= MAX_TURNS && (count > MAX_TURNS || turns.len() == count), "{count}");
            let mut all = turns.concat();
            all.sort_unstable();
            assert_eq!(all, indices(0..count));
        }
    }

    #[test]
    fn each_suspect_is_first_equally_often() {
        let rounds = 2_000;
        let first = (0..rounds).filter(|_| turns(indices(0..3))[0] == [BatchIndex(2)]).count();
        assert!((rounds / 4..rounds * 5 / 12).contains(&first), "{first} of {rounds}");
    }
}
