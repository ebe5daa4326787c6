//! Consent as a stream's definition states it: which payloads may be stored.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::definition::{list, present, present_object};
use crate::json::Values;
use crate::pointer::Pointer;

mod judge;

/// The member `consent` of a stream's definition.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Members")]
pub struct Consent {
    /// What a payload must contain; without a rule only `honour_gpc` counts.
    pub rule: Option<Rule>,
    /// Whether every payload of a request that opts out by `Sec-GPC` or `DNT` is withheld, in every region.
    pub honour_gpc: bool,
}

/// What a payload must contain to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Points to the client's choice in the payload.
    pub pointer: Pointer,
    /// Which choices are consent.
    pub test: Test,
    /// What a missing choice means; `null` is not missing, and neither is a choice below a value that is not an object.
    pub absent: Absent,
    /// The regions that the rule binds; without them it binds all.
    pub regions: Option<Regions>,
}

/// Which choices are consent. Numbers compare by value (`1` equals `1.0`).
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The value is one of these.
    Granted(Values),
    /// The list contains at least one of these ids, or the object of flags has one of them `true`.
    AnyOf(Values),
    /// The list contains none of these ids, or the object of flags has each of them `false` or missing.
    NoneOf(Values),
}

/// What a missing choice means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Absent {
    /// The client did not consent.
    #[default]
    Withhold,
    /// The client consented.
    Allow,
}

/// The regions that a rule binds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regions {
    /// Points to the region in the payload. A payload without a [region's code](region_code) is bound.
    pub pointer: Pointer,
    /// The codes of the bound regions; ASCII case does not matter.
    #[serde(rename = "in", deserialize_with = "regions")]
    pub bound: Vec<String>,
}

/// The members as the file has them, before their relations are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    #[serde(default, deserialize_with = "present")]
    pointer: Option<Pointer>,
    #[serde(default, deserialize_with = "present")]
    granted: Option<Values>,
    #[serde(default, deserialize_with = "ids")]
    any_of: Option<Values>,
    #[serde(default, deserialize_with = "ids")]
    none_of: Option<Values>,
    #[serde(default, deserialize_with = "present")]
    absent: Option<Absent>,
    #[serde(default, deserialize_with = "present_object")]
    regions: Option<Regions>,
    #[serde(default)]
    honour_gpc: bool,
}

/// A region's code, such as `EU` or `US-CA`, without the blanks around it; `None` for any other text.
///
/// A code consists of ASCII letters and digits, with single hyphens between them.
#[must_use]
pub fn region_code(text: &str) -> Option<&str> {
    let code = text.trim();
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    code.split('-').all(is_part).then_some(code)
}

/// Reads a list of regions such as `EU` or `US-CA`.
fn regions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let regions: Vec<String> = list(deserializer)?;
    let codes = regions.iter().map(|region| region_code(region).map(str::to_owned)).collect::<Option<_>>();
    codes.ok_or_else(|| D::Error::custom("a region must be a code such as `EU` or `US-CA`"))
}

/// Reads a list of ids.
fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Values>, D::Error> {
    let ids: Vec<_> = list(deserializer)?.into_iter().map(|Id(id)| id).collect();
    Values::try_from(ids.as_slice()).map(Some).map_err(D::Error::custom)
}

/// An id of a purpose or vendor: a string or a number.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
struct Id(Value);

impl TryFrom<Value> for Id {
    type Error = &'static str;

    fn try_from(id: Value) -> Result<Self, Self::Error> {
        if id.is_string() || id.is_number() { Ok(Self(id)) } else { Err("must be an id: a string or a number") }
    }
}

impl TryFrom<Members> for Consent {
    type Error = &'static str;

    fn try_from(members: Members) -> Result<Self, Self::Error> {
        let honour_gpc = members.honour_gpc;
        let rule = members.rule()?;
        if rule.is_none() && !honour_gpc {
            return Err("has no effect: add `pointer` with a test, or `honour_gpc`");
        }
        Ok(Self { rule, honour_gpc })
    }
}

impl Members {
    fn rule(self) -> Result<Option<Rule>, &'static str> {
        let has_options = self.absent.is_some() || self.regions.is_some();
        let test = match (self.granted, self.any_of, self.none_of) {
            (Some(granted), None, None) => Some(Test::Granted(granted)),
            (None, Some(any_of), None) => Some(Test::AnyOf(any_of)),
            (None, None, Some(none_of)) => Some(Test::NoneOf(none_of)),
            (None, None, None) => None,
            _ => return Err("needs exactly one of `granted`, `any_of`, `none_of`"),
        };
        match (self.pointer, test) {
            (Some(pointer), Some(test)) => {
                Ok(Some(Rule { pointer, test, absent: self.absent.unwrap_or_default(), regions: self.regions }))
            }
            (None, None) if !has_options => Ok(None),
            (Some(_), None) => Err("needs exactly one of `granted`, `any_of`, `none_of`"),
            (None, _) => Err("needs `pointer`"),
        }
    }
}
