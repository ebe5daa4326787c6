//! Explains why a payload does not match its schema: `<pointer>: <keyword>: expected …`.
//!
//! A detail repeats nothing that the client chose: no value, and no member's name that the schema does not contain.

use std::collections::HashSet;
use std::fmt::Write as _;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::Location;
use spillway_shared::json::Tree;
use spillway_shared::pointer::Nested as _;

use super::visits;

/// The longest detail, in characters.
pub(super) const MAX_CHARS: usize = 300;
/// The longest pointer in a detail, in characters, so that the rule still fits.
const MAX_POINTER_CHARS: usize = 120;
/// A text of this many bytes gets no further alternatives: it is cut anyway.
const ENOUGH_BYTES: usize = 4 * MAX_CHARS;

const NO_MORE_MEMBERS: &str = "no members that the schema does not name";

/// The detail of one error.
pub(super) fn detail(error: &ValidationError<'_>, payload: &Tree<'_>, names: &HashSet<String>) -> String {
    let mut writer = Writer { text: String::new(), payload, names };
    writer.error(error);
    cut(writer.text, MAX_CHARS)
}

struct Writer<'a> {
    text: String,
    payload: &'a Tree<'a>,
    names: &'a HashSet<String>,
}

impl Writer<'_> {
    fn error(&mut self, error: &ValidationError<'_>) {
        let pointer = self.pointer(error.instance_path());
        self.text.push_str(if pointer.is_empty() { "payload" } else { &pointer });
        self.text.push_str(": ");
        self.rule(error);
    }

    fn rule(&mut self, error: &ValidationError<'_>) {
        self.text.push_str(keyword(error));
        self.text.push_str(": expected ");
        match error.kind() {
            Kind::AnyOf { context } => self.alternatives("at least one", context),
            Kind::OneOfNotValid { context } => self.alternatives("one", context),
            Kind::PropertyNames { error } => {
                self.text.push_str("every member's name to match ");
                self.rule(error);
            }
            Kind::FalseSchema if keyword(error) == "additionalProperties" => self.text.push_str(NO_MORE_MEMBERS),
            kind => self.text.push_str(&expectation(kind)),
        }
    }

    /// The first error of each alternative: the client meant one of them.
    fn alternatives(&mut self, how_many: &str, alternatives: &[Vec<ValidationError<'_>>]) {
        let _ = write!(self.text, "{how_many} of {} alternatives to match", alternatives.len());
        for error in alternatives.iter().filter_map(|errors| errors.first()) {
            if self.text.len() > ENOUGH_BYTES {
                return;
            }
            self.text.push_str("; ");
            self.error(error);
        }
    }

    /// A place in the payload; names that the schema does not contain become `*`.
    fn pointer(&self, location: &Location) -> String {
        let mut pointer = String::new();
        let mut value = Some(self.payload);
        for token in location.as_str().split('/').skip(1) {
            let name = token.replace("~1", "/").replace("~0", "~");
            let is_index = matches!(value, Some(Tree::Array(_)));
            value = value.and_then(|value| value.inner(&name, name.parse().ok()).ok());
            pointer.push('/');
            pointer.push_str(if is_index || self.names.contains(&name) { token } else { "*" });
        }
        cut(pointer, MAX_POINTER_CHARS)
    }
}

/// The keyword that failed; for the schema `false`, the keyword that contains this schema.
fn keyword<'a>(error: &'a ValidationError<'_>) -> &'a str {
    const HOLDERS: [&str; 3] = ["additionalProperties", "additionalItems", "items"];
    let holder = error.schema_path().as_str().rsplit('/').next().filter(|last| HOLDERS.contains(last));
    match error.kind() {
        Kind::FalseSchema => holder.unwrap_or("false"),
        kind => kind.keyword(),
    }
}

/// What a rule expects, in the words of the schema.
fn expectation(kind: &Kind) -> String {
    match kind {
        Kind::Type { kind } => types(kind),
        Kind::Required { property } => format!("the member {property}"),
        Kind::Format { format } => format!("the format {format}"),
        Kind::ContentEncoding { content_encoding } => format!("the encoding {content_encoding}"),
        Kind::ContentMediaType { content_media_type } => format!("the media type {content_media_type}"),
        // The keywords of this crate say themselves what they expect.
        Kind::Custom { message, .. } => message.clone(),
        Kind::Not { schema } => format!("not to match {}", visits::unmarked(schema)),
        kind => limit(kind).unwrap_or_else(|| shape(kind).into()),
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(many) => many.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" or "),
    }
}

fn limit(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::Minimum { limit } => format!("at least {limit}"),
        Kind::Maximum { limit } => format!("at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("less than {limit}"),
        Kind::MinLength { limit } => format!("at least {limit} characters"),
        Kind::MaxLength { limit } => format!("at most {limit} characters"),
        Kind::MinItems { limit } => format!("at least {limit} elements"),
        Kind::MaxItems { limit } => format!("at most {limit} elements"),
        Kind::AdditionalItems { limit } => format!("at most {limit} elements"),
        Kind::MinProperties { limit } => format!("at least {limit} members"),
        Kind::MaxProperties { limit } => format!("at most {limit} members"),
        _ => return None,
    })
}

fn shape(kind: &Kind) -> &'static str {
    match kind {
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => NO_MORE_MEMBERS,
        Kind::UnevaluatedItems { .. } => "no elements that the schema does not name",
        Kind::UniqueItems => "no two equal elements",
        Kind::Contains => "the required number of matching elements",
        Kind::OneOfMultipleValid { .. } => "exactly one alternative to match, not several",
        Kind::FalseSchema => "nothing here",
        Kind::FromUtf8 { .. } => "text in UTF-8",
        _ => "a match of the schema",
    }
}

/// A text of at most so many characters.
pub(super) fn cut(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text,
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}
