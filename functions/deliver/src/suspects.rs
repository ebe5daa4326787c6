//! Messages that may kill the process: kept apart, taken in random order, each settled before the next is touched.
//!
//! A message whose handling ends the process (out of memory, out of time) leaves no answer behind, so nothing tells it
//! from those beside it but how often each was received. Whoever was received [`SUSPECT_RECEIVES`] times is a suspect,
//! guilty or not. An invocation does this, in this order:
//!
//! 1. Messages that are no suspects are stored and, if there are suspects too, deleted from SQS by deliver itself. From
//!    here on nothing that follows can bring them back.
//! 2. Suspects are taken in turns, in an order drawn anew each time. What a turn stored is deleted from SQS before the
//!    next turn begins. A turn is one suspect, as long as there are no more than [`MOST_TURNS`]; then as few as make
//!    that many turns, so that after an outage, when every message is a suspect, an invocation still gets through its
//!    batch.
//! 3. What the deadline leaves untouched is handed back, as is everything else once S3 has shown that it takes nothing.
//!
//! Why this converges. SQS counts a receive for every message of a batch, also for those that were never touched. So
//! let a message P kill the process every time. In one invocation a neighbour N is in safety unless its turn is P's
//! or comes after it. In random order that is one chance in two, and 1/2 + 1/(2 t) with t full turns: 0.508 at worst.
//! It does not matter what receive counts the two have, so none can be arranged so that one always goes first; an
//! order by receive counts could be: a new poison would always go before the victims of an outage. After k such
//! invocations N is left with a chance of 0.508^k. P is never stored and uses up its receives. N first loses at most
//! the four receives in which it is no suspect, and then, with the limit of 100, has 96 chances: of 10,000 neighbours,
//! all in P's batch every time, 10^4 × 0.508^96 < 10^-24 reach the dead-letter queue. With 25 receives left, as after
//! an hour without S3 (see [`crate::delay`]), it is 10^4 × 0.508^25 < 10^-3. The more are in safety the fewer meet P.
//!
//! Suspects that wait for their turn when the process ends come back after the visibility timeout. Those that one
//! invocation has no time for come back too, and it costs them a receive; they are drawn like all others next time.

use aws_lambda_events::event::sqs::SqsMessage;

use crate::delay::receives;

/// From this receive on a message is a suspect.
pub const SUSPECT_RECEIVES: u32 = 5;
/// How many turns an invocation has at most: with some 50 ms for storing and deleting, 3 of its 20 seconds.
pub const MOST_TURNS: usize = 64;

/// The messages of a batch, by their places in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sorted {
    /// Those that were received fewer than [`SUSPECT_RECEIVES`] times.
    pub fresh: Vec<usize>,
    /// All others.
    pub suspects: Vec<usize>,
}

/// Tells suspects from others.
#[must_use]
pub fn sort(batch: &[SqsMessage]) -> Sorted {
    let (suspects, fresh) = (0..batch.len()).partition(|at| receives(&batch[*at]) >= SUSPECT_RECEIVES);
    Sorted { fresh, suspects }
}

/// The turns of suspects, in random order: one each, or at most [`MOST_TURNS`] turns of several.
#[must_use]
pub fn turns(mut suspects: Vec<usize>) -> Vec<Vec<usize>> {
    fastrand::shuffle(&mut suspects);
    let each = suspects.len().div_ceil(MOST_TURNS).max(1);
    suspects.chunks(each).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::received;

    #[test]
    fn the_fifth_receive_makes_a_suspect() {
        let batch = [received(1, "a", ""), received(5, "b", ""), received(4, "c", ""), received(99, "d", "")];
        assert_eq!(sort(&batch), Sorted { fresh: vec![0, 2], suspects: vec![1, 3] });
    }

    #[test]
    fn every_suspect_has_one_turn() {
        for count in [0, 1, 2, MOST_TURNS, MOST_TURNS + 1, 1_000, 10_000] {
            let turns = turns((0..count).collect());
            assert!(turns.len() <= MOST_TURNS && (count > MOST_TURNS || turns.len() == count), "{count}");
            let mut all = turns.concat();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..count));
        }
    }

    #[test]
    fn whoever_it_is_goes_first_as_often_as_last() {
        let rounds = 2_000;
        let before = (0..rounds).filter(|_| turns(vec![0, 1, 2])[0] == [2]).count();
        assert!((rounds / 4..rounds * 5 / 12).contains(&before), "{before} of {rounds}");
    }
}
