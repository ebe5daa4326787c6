//! Presets: how client libraries post, as data.
//!
//! ```text
//! suffix ► preset ► key ► unframe ► mask the key ► read the items ► … ► answer
//! ```
//!
//! The built-in presets are files of the same form as a team's own, `<CONFIG_DIR>/presets/<name>.json`. The stages know
//! no client by its name.

use serde::Deserialize;
use spillway_shared::config::ConfigErrors;
use spillway_shared::definition;

pub mod answer;
pub mod frame;
pub mod items;
mod level;
pub mod mask;
pub mod place;
pub mod registry;
pub mod shape;

use answer::Answer;
use frame::Framing;
use place::Place;
use shape::Shape;

/// How one kind of client library posts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The name in a stream's `accept`: the stem of the file.
    #[serde(skip)]
    pub name: String,
    /// A description for people.
    #[serde(default)]
    pub description: String,
    /// The paths after the stream that it handles.
    pub suffixes: Vec<String>,
    /// Requests without a suffix that it handles.
    #[serde(default)]
    pub detect: Detect,
    /// Where the key may be, in addition to the usual places.
    #[serde(default)]
    pub key: Vec<Place>,
    /// How the body becomes JSON.
    #[serde(default)]
    pub framing: Framing,
    /// The field of a form that holds JSON, or base64 of it.
    #[serde(default)]
    pub form: Option<String>,
    /// The header with a JSON object whose members become part of the context.
    #[serde(default)]
    pub context_header: Option<String>,
    /// Where the payloads are; the first of these shapes describes documents without any of the paths.
    #[serde(default = "one_shape")]
    pub items: Vec<Shape>,
    /// How requests are answered.
    #[serde(default)]
    pub answer: Answer,
}

/// Which requests without a suffix a preset handles: those with one of the media types or all of the headers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Detect {
    /// The media types.
    pub media_types: Vec<String>,
    /// The headers.
    pub headers: Vec<String>,
}

fn one_shape() -> Vec<Shape> {
    vec![Shape::default()]
}

impl Preset {
    /// Reads the text of a preset's file, `presets/<name>.json`.
    ///
    /// # Errors
    /// The first error in the file, with its pointer.
    pub fn parse(name: &str, text: &[u8]) -> Result<Self, ConfigErrors> {
        let preset = definition::read::<Self>(text).map_err(|error| error.to_string());
        let preset = preset.and_then(Self::checked).map_err(|error| ConfigErrors::one(registry::file(name), error))?;
        Ok(Self { name: name.to_owned(), ..preset })
    }

    fn checked(mut self) -> Result<Self, String> {
        if self.items.is_empty() {
            return Err("/items: must not be empty".to_owned());
        }
        for suffix in &mut self.suffixes {
            *suffix = suffix.trim_matches('/').to_owned();
            if suffix.is_empty() || suffix.starts_with('~') {
                return Err("/suffixes: must be paths such as `v1/batch` that do not begin with `~`".to_owned());
            }
        }
        self.answer.check(&self.suffixes)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
