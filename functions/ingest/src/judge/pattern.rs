//! The keyword `pattern`, matched in linear time whose factor is counted or small.
//!
//! An automaton of a pattern with many positions, such as `x.{500}y`, may visit all of them for each byte of a text.
//! Such a pattern is simulated, and each visit takes steps. Others are matched by a regular expression.

use jsonschema::json::Node as _;
use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use regex_automata::meta::Regex;
use regex_automata::nfa::thompson::{NFA, WhichCaptures};
use regex_automata::util::syntax;
use regex_syntax::hir::{Hir, HirKind};
use serde_json::{Map, Value};

use super::counted::{Counted, Metered};
use super::detail::{MAX_CHARS, cut};
use super::keywords::Compiled;

mod simulation;

use simulation::Simulation;

pub(super) const NOT_LINEAR: &str = "must be a regular expression that matches in linear time and bounded memory: \
     no look-around, no back-references, no huge repetitions";

/// The most positions of a pattern that is not simulated.
const MOST_POSITIONS: usize = 64;
/// The size of a compiled pattern, as the validator and the crate `regex` limit it.
const MAX_BYTES: usize = 10 << 20;

/// A compiled pattern.
#[derive(Debug)]
enum Engine {
    Regex { regex: Box<Regex>, positions: usize },
    Simulation(Simulation),
}

struct Pattern {
    engine: Engine,
    /// What the detail says.
    expected: String,
}

pub(super) fn pattern<'a>(_: &'a Map<String, Value>, pattern: &'a Value, _: Location) -> Compiled<'a> {
    let text = pattern.as_str().unwrap_or_default();
    let engine = Engine::compile(text).ok_or_else(|| ValidationError::schema(NOT_LINEAR))?;
    Ok(Box::new(Pattern { engine, expected: cut(format!("a match of {text}"), MAX_CHARS) }))
}

/// The positions of a pattern: its characters and classes, with repetitions counted. `None` if it is not a pattern.
pub(super) fn positions(pattern: &str) -> Option<usize> {
    parse(pattern).as_ref().map(positions_of)
}

fn parse(pattern: &str) -> Option<Hir> {
    syntax::parse(&jsonschema_regex::to_rust_regex(pattern).ok()?).ok()
}

fn positions_of(hir: &Hir) -> usize {
    let sum = |parts: &[Hir]| parts.iter().map(positions_of).fold(0, usize::saturating_add);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(_) => 1,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1));
            positions_of(&repetition.sub).saturating_mul(usize::try_from(times).unwrap_or(usize::MAX))
        }
        HirKind::Capture(capture) => positions_of(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => sum(parts),
    }
}

impl Engine {
    fn compile(pattern: &str) -> Option<Self> {
        let hir = parse(pattern)?;
        let positions = positions_of(&hir);
        if positions <= MOST_POSITIONS {
            let regex = Box::new(Regex::builder().build_from_hir(&hir).ok()?);
            return Some(Self::Regex { regex, positions });
        }
        let config = NFA::config().which_captures(WhichCaptures::None).nfa_size_limit(Some(MAX_BYTES));
        let nfa = NFA::compiler().configure(config).build_from_hir(&hir).ok()?;
        Some(Self::Simulation(Simulation::new(nfa)))
    }
}

impl<'i> Keyword<'i, Metered> for Pattern {
    fn validate(&self, instance: Counted<'i>) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(ValidationError::custom(self.expected.clone())) }
    }

    fn is_valid(&self, instance: Counted<'i>) -> bool {
        let Some(text) = instance.as_string() else { return true };
        match &self.engine {
            Engine::Regex { regex, positions } => {
                instance.take(text.len().saturating_mul(*positions) / MOST_POSITIONS);
                regex.is_match(text.as_bytes())
            }
            Engine::Simulation(simulation) => simulation.is_match(&text, |steps| instance.take(steps)),
        }
    }
}
