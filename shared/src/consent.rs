//! Consent, as a stream's file writes it down: when a payload may be kept.

use serde_json::Value;

use crate::config::ConfigErrors;
use crate::members::Members;
use crate::pointer::Pointer;

/// When a payload may be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Consent {
    /// What the payload itself must say; without it only `honour_gpc` counts.
    pub rule: Option<Rule>,
    /// Whether everything sent with `Sec-GPC: 1` or `DNT: 1` is withheld, in every region.
    pub honour_gpc: bool,
}

/// What a payload must say to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Where the client's choice stands in the payload.
    pub pointer: Pointer,
    /// Which choice is consent.
    pub test: Test,
    /// What it means when nothing stands at `pointer`; a `null` is not absent.
    pub absent: Absent,
    /// Whom the rule binds; without it everyone.
    pub regions: Option<Regions>,
}

/// Which choice is consent; numbers compare by value (`1` is `1.0`).
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The value is one of these.
    Granted(Vec<Value>),
    /// The list holds at least one of these ids, or the object of flags has one of them `true`.
    AnyOf(Vec<Value>),
    /// The list holds none of these ids, or the object of flags has each of them `false` or not at all.
    NoneOf(Vec<Value>),
}

/// What an absent value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Absent {
    /// No consent.
    #[default]
    Withhold,
    /// Consent.
    Allow,
}

/// The regions that a rule binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regions {
    /// Where the region stands in the payload; a payload that does not name one is bound.
    pub pointer: Pointer,
    /// The regions bound, in any case of ASCII letters.
    pub bound: Vec<String>,
}

impl Consent {
    /// Reads the member `consent`; after a fault the result means nothing.
    pub(crate) fn read(mut members: Members, errors: &mut ConfigErrors) -> Self {
        let place = members.place().clone();
        let honour_gpc = members.flag("honour_gpc", errors).unwrap_or_default();
        let before = errors.sentences().len();
        let rule = Rule::read(&mut members, errors);
        members.finish(errors);
        if rule.is_none() && !honour_gpc && errors.sentences().len() == before {
            place.error(errors, "asks for nothing: it needs `pointer` with a rule, or `honour_gpc`");
        }
        Self { rule, honour_gpc }
    }
}

impl Rule {
    fn read(members: &mut Members, errors: &mut ConfigErrors) -> Option<Self> {
        let named = ["pointer", "granted", "any_of", "none_of", "absent", "regions"].iter().any(|n| members.has(n));
        if !named {
            return None;
        }
        if !members.has("pointer") {
            members.place().error(errors, "needs `pointer`");
        }
        let pointer = members.pointer("pointer", errors);
        let test = Test::read(members, errors);
        let choices = [("withhold", Absent::Withhold), ("allow", Absent::Allow)];
        let absent = members.choice("absent", &choices, errors).unwrap_or_default();
        let regions = members.object("regions", errors).and_then(|regions| Regions::read(regions, errors));
        Some(Self { pointer: pointer?, test: test?, absent, regions })
    }
}

impl Test {
    fn read(members: &mut Members, errors: &mut ConfigErrors) -> Option<Self> {
        let named = ["granted", "any_of", "none_of"].iter().filter(|name| members.has(name)).count();
        if named != 1 {
            members.place().error(errors, "needs exactly one of `granted`, `any_of`, `none_of`");
        }
        let granted = members.list("granted", "a value", |value| Some(value.clone()), errors).map(Self::Granted);
        let any_of = members.list("any_of", ID, id, errors).map(Self::AnyOf);
        let none_of = members.list("none_of", ID, id, errors).map(Self::NoneOf);
        granted.or(any_of).or(none_of)
    }
}

impl Regions {
    fn read(mut members: Members, errors: &mut ConfigErrors) -> Option<Self> {
        for name in ["pointer", "in"] {
            if !members.has(name) {
                members.place().error(errors, format_args!("needs `{name}`"));
            }
        }
        let pointer = members.pointer("pointer", errors);
        let bound = members.list("in", "a region, as a text that is not empty", region, errors);
        members.finish(errors);
        Some(Self { pointer: pointer?, bound: bound? })
    }
}

const ID: &str = "an id: a text or a number";

fn id(value: &Value) -> Option<Value> {
    (value.is_string() || value.is_number()).then(|| value.clone())
}

fn region(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
