//! Simulates an automaton, and counts the states that it visits.

use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::primitives::StateID;

/// So many visits are one step.
const VISITS_PER_STEP: usize = 4;
/// A state with many transitions looks at so many of them in one visit.
const TRANSITIONS_PER_VISIT: usize = 8;
/// Clearing the marks of so many states is one step.
const MARKS_PER_STEP: usize = 64;

/// An automaton that is simulated state by state.
#[derive(Debug)]
pub(super) struct Simulation {
    nfa: NFA,
}

impl Simulation {
    pub(super) fn new(nfa: NFA) -> Self {
        Self { nfa }
    }

    /// Whether the pattern matches somewhere in a text.
    pub(super) fn is_match(&self, text: &str, take: impl Fn(usize)) -> bool {
        let states = self.nfa.states().len();
        take(states / MARKS_PER_STEP);
        let mut run =
            Run { nfa: &self.nfa, text, marks: vec![0; states], active: Vec::new(), stack: Vec::new(), visits: 0 };
        for at in 0..=text.len() {
            if run.advance(at) {
                return true;
            }
            take(run.visits.div_ceil(VISITS_PER_STEP));
            run.visits = 0;
        }
        false
    }
}

struct Run<'a> {
    nfa: &'a NFA,
    text: &'a str,
    /// The position, from 1, at which a state was last entered.
    marks: Vec<usize>,
    /// The states that wait for the next byte.
    active: Vec<StateID>,
    stack: Vec<StateID>,
    visits: usize,
}

impl Run<'_> {
    /// Enters the states that follow the byte before a position. Whether one of them is a match.
    fn advance(&mut self, at: usize) -> bool {
        let waiting = std::mem::take(&mut self.active);
        let nexts: Vec<_> = waiting.iter().filter_map(|state| self.after_byte(*state, at)).collect();
        let may_start = at == 0 || (!self.nfa.is_always_start_anchored() && self.text.is_char_boundary(at));
        let start = may_start.then(|| self.nfa.start_anchored());
        nexts.into_iter().chain(start).any(|state| self.enter(state, at))
    }

    fn after_byte(&mut self, state: StateID, at: usize) -> Option<StateID> {
        let (nfa, text, before) = (self.nfa, self.text.as_bytes(), at.checked_sub(1)?);
        self.visits += 1;
        match nfa.state(state) {
            State::ByteRange { trans } => trans.matches(text, before).then_some(trans.next),
            State::Sparse(sparse) => {
                self.visits += sparse.transitions.len() / TRANSITIONS_PER_VISIT;
                sparse.matches(text, before)
            }
            State::Dense(dense) => dense.matches(text, before),
            _ => None,
        }
    }

    /// Enters a state and those that it leads to without a byte. Whether one of them is a match.
    fn enter(&mut self, state: StateID, at: usize) -> bool {
        self.stack.push(state);
        while let Some(state) = self.stack.pop() {
            self.visits += 1;
            if std::mem::replace(&mut self.marks[state], at + 1) == at + 1 {
                continue;
            }
            match self.nfa.state(state) {
                State::Match { .. } => return true,
                State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) => self.active.push(state),
                other => self.follow(other, at),
            }
        }
        false
    }

    fn follow(&mut self, state: &State, at: usize) {
        match state {
            State::Union { alternates } => self.stack.extend(alternates.iter().rev()),
            State::BinaryUnion { alt1, alt2 } => self.stack.extend([*alt2, *alt1]),
            State::Capture { next, .. } => self.stack.push(*next),
            State::Look { look, next } if self.nfa.look_matcher().matches(*look, self.text.as_bytes(), at) => {
                self.stack.push(*next);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use proptest::prelude::*;

    fn simulated(pattern: &str, text: &str) -> (bool, usize) {
        let steps = Cell::new(0);
        let simulation = Simulation::new(NFA::new(pattern).unwrap());
        (simulation.is_match(text, |more| steps.set(steps.get() + more)), steps.get())
    }

    #[test]
    fn a_simulation_finds_the_matches_of_a_regular_expression() {
        for pattern in
            ["", "a", "^a", "a$", "^a{2,5}$", "(a|bc)+d", "\\bé\\b", "\\w{3}", "^(a?){3}b", "[^a]", "\\B", "$^"]
        {
            let regex = regex_automata::meta::Regex::new(pattern).unwrap();
            for text in ["", "a", "aa", "aaaaaa", "bcad", "xé é", "ab_", "b", "été", "\n"] {
                assert_eq!(simulated(pattern, text).0, regex.is_match(text), "{pattern:?} {text:?}");
            }
        }
    }

    #[test]
    fn steps_count_the_states_that_a_text_visits() {
        let text = "1".repeat(2_000);
        let of = |pattern: &str| simulated(pattern, &text).1;
        let (one_thread, many_threads) = (of("^[01]{500}[01]*2"), of("[01]*1[01]{500}2"));
        assert!(one_thread < 10_000, "{one_thread}");
        assert!(many_threads > 150_000, "{many_threads}");
    }

    proptest! {
        #[test]
        fn every_text_has_the_same_match(text in "[ab1é \n]{0,20}", pattern in "(\\^|)[ab](\\{2,3\\}|\\*|\\+|)(\\[a1\\]|\\(é\\|b\\)|\\.)(\\$|\\\\b|)") {
            let regex = regex_automata::meta::Regex::new(&pattern).unwrap();
            prop_assert_eq!(simulated(&pattern, &text).0, regex.is_match(text.as_str()));
        }
    }
}
