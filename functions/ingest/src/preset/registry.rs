//! All presets, and which of them each stream accepts.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use lambda_http::http::HeaderMap;
use lambda_http::http::header::CONTENT_TYPE;
use spillway_shared::config::ConfigErrors;
use spillway_shared::stream::StreamName;

use super::{Detect, Preset};
use crate::error::RequestError;
use crate::judge::Stream;

/// The folder of a team's own presets inside the configuration folder.
const FOLDER: &str = "presets";

/// Requests without a preset, which every stream accepts.
const NATIVE: &str = "native";

/// The presets that every deployment knows.
const BUILT_IN: [(&str, &str); 9] = [
    ("amplitude", include_str!("../../presets/amplitude.json")),
    ("cloudevents", include_str!("../../presets/cloudevents.json")),
    ("firehose", include_str!("../../presets/firehose.json")),
    ("mixpanel", include_str!("../../presets/mixpanel.json")),
    ("otlp", include_str!("../../presets/otlp.json")),
    ("posthog", include_str!("../../presets/posthog.json")),
    ("segment", include_str!("../../presets/segment.json")),
    ("snowplow", include_str!("../../presets/snowplow.json")),
    ("splunk", include_str!("../../presets/splunk.json")),
];

/// All presets, and which of them each stream accepts.
#[derive(Debug, Default)]
pub struct Presets {
    all: Vec<Preset>,
    /// The positions of the accepted presets; only streams that accept any.
    accepted: BTreeMap<StreamName, Vec<usize>>,
}

/// The file of a preset, as errors name it.
pub(super) fn file(name: &str) -> String {
    format!("{FOLDER}/{name}.json")
}

impl Presets {
    /// The built-in presets and those of a team, `<config_dir>/presets/<name>.json`, with what each stream accepts.
    ///
    /// # Errors
    /// The first error of each file, and every stream that accepts an unknown preset or two presets for the same
    /// requests.
    pub fn load(config_dir: &Path, streams: &BTreeMap<StreamName, Stream>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let mut presets = Self { all: all(config_dir, &mut errors), accepted: BTreeMap::new() };
        for (stream, definition) in streams.iter().filter(|(_, stream)| !stream.accept.is_empty()) {
            match presets.resolve(&definition.accept) {
                Ok(accepted) => _ = presets.accepted.insert(stream.clone(), accepted),
                Err(error) => errors.add(format_args!("streams/{stream}.json"), format_args!("/accept: {error}")),
            }
        }
        errors.or(presets)
    }

    /// The preset of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Preset> {
        self.all.iter().find(|preset| preset.name == name)
    }

    /// The names of all presets.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.all.iter().map(|preset| preset.name.as_str()).collect()
    }

    /// The preset of a request; `None` for a native one.
    ///
    /// # Errors
    /// The stream does not accept what the request asks for (404 or 415).
    pub fn choose(
        &self,
        stream: &str,
        suffix: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Option<&Preset>, RequestError> {
        let Some(suffix) = suffix else { return self.detected(stream, headers) };
        let of_suffix = self.of(stream).find(|preset| preset.has(suffix));
        of_suffix.map(Some).ok_or_else(|| RequestError::NotAccepted(self.list(stream)))
    }

    /// The preset whose dialect the client of a request understands, whether its stream accepts it or not.
    ///
    /// Without a stream, only the request counts: an answer to a client without a key must not depend on the stream.
    #[must_use]
    pub fn dialect(&self, stream: Option<&str>, suffix: Option<&str>, headers: &HeaderMap) -> Option<&Preset> {
        let of_stream = stream.into_iter().flat_map(|stream| self.of(stream));
        of_stream.chain(&self.all).find(|preset| match suffix {
            Some(suffix) => preset.has(suffix),
            None => preset.detect.is_marked(headers) || preset.detect.is_typed(headers),
        })
    }

    fn detected(&self, stream: &str, headers: &HeaderMap) -> Result<Option<&Preset>, RequestError> {
        let Some(marked) = self.all.iter().find(|preset| preset.detect.is_touched(headers)) else {
            return Ok(self.of(stream).find(|preset| preset.detect.is_typed(headers)));
        };
        let accepted = self.of(stream).find(|preset| preset.detect.is_marked(headers));
        accepted.map(Some).ok_or_else(|| {
            let (headers, name) = (marked.detect.headers.join("` and `"), &marked.name);
            RequestError::Unsupported(format!(
                "requests with the headers `{headers}` need all of them, and a stream that accepts `{name}`"
            ))
        })
    }

    /// The presets that a stream accepts.
    fn of(&self, stream: &str) -> impl Iterator<Item = &Preset> {
        let positions = if self.accepted.is_empty() { None } else { self.accepted.get(stream) };
        positions.into_iter().flatten().map(|position| &self.all[*position])
    }

    fn list(&self, stream: &str) -> String {
        let paths: Vec<_> = self.of(stream).flat_map(|preset| &preset.suffixes).map(String::as_str).collect();
        match paths.as_slice() {
            [] => "this stream accepts no presets: post to /v1/streams/{stream}, or list presets in its `accept`"
                .to_owned(),
            paths => format!("this stream does not accept this path after its name, but these: {}", paths.join(", ")),
        }
    }

    fn resolve(&self, names: &[String]) -> Result<Vec<usize>, String> {
        let mut accepted = Vec::new();
        for name in names.iter().filter(|name| *name != NATIVE) {
            let position = self.all.iter().position(|preset| preset.name == *name);
            let position =
                position.ok_or_else(|| format!("no preset is named `{name}`; known: {}", self.names().join(", ")))?;
            let other = accepted.iter().find_map(|other: &usize| self.all[*other].common(&self.all[position]));
            if let Some((other, what)) = other {
                return Err(format!("`{other}` and `{name}` both handle {what}"));
            }
            accepted.push(position);
        }
        Ok(accepted)
    }
}

impl Preset {
    fn has(&self, suffix: &str) -> bool {
        self.suffixes.iter().any(|own| own == suffix.trim_matches('/'))
    }

    /// What both presets handle, with the name of this one.
    fn common(&self, other: &Self) -> Option<(&str, String)> {
        let suffix = self.suffixes.iter().find(|suffix| other.has(suffix)).map(|suffix| format!("`{suffix}`"));
        let media_type = self.detect.media_types.iter().find(|own| other.detect.media_types.contains(own));
        let is_marked = !self.detect.headers.is_empty() && self.detect.headers == other.detect.headers;
        let marks = is_marked.then(|| self.detect.headers.join(", "));
        suffix.or(media_type.cloned()).or(marks).map(|what| (self.name.as_str(), what))
    }
}

impl Detect {
    fn is_marked(&self, headers: &HeaderMap) -> bool {
        !self.headers.is_empty() && self.headers.iter().all(|name| headers.contains_key(name))
    }

    /// Whether a part of the marks is there, which must not be dropped silently.
    fn is_touched(&self, headers: &HeaderMap) -> bool {
        self.headers.iter().any(|name| headers.contains_key(name))
    }

    fn is_typed(&self, headers: &HeaderMap) -> bool {
        let Some(Ok(value)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
        let essence = value.split(';').next().unwrap_or_default().trim();
        self.media_types.iter().any(|own| own.eq_ignore_ascii_case(essence))
    }
}

fn all(config_dir: &Path, errors: &mut ConfigErrors) -> Vec<Preset> {
    let built_in = BUILT_IN.iter().map(|(name, text)| Preset::parse(name, text.as_bytes()));
    let own = files(config_dir, errors).into_iter().map(|(name, text)| own(&name, &text));
    let mut presets = Vec::new();
    for preset in built_in.chain(own) {
        preset.map_or_else(|found| errors.extend(found), |preset| presets.push(preset));
    }
    presets
}

fn own(name: &str, text: &[u8]) -> Result<Preset, ConfigErrors> {
    let refuse = |what| Err(ConfigErrors::one(file(name), what));
    if StreamName::parse(name).is_none() {
        return refuse("a preset's name must be `[a-z][a-z0-9_-]{0,62}`");
    }
    if name == NATIVE || BUILT_IN.iter().any(|(other, _)| *other == name) {
        return refuse("a built-in preset has this name; choose another one");
    }
    Preset::parse(name, text)
}

/// The names and texts of a team's presets, by name; without the folder there are none.
fn files(config_dir: &Path, errors: &mut ConfigErrors) -> Vec<(String, Vec<u8>)> {
    let entries = match config_dir.join(FOLDER).read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        entries => entries.and_then(Iterator::collect::<Result<Vec<_>, _>>),
    };
    let paths = entries.map(|entries| entries.iter().map(std::fs::DirEntry::path).collect::<Vec<_>>());
    let mut paths = paths.unwrap_or_else(|error| {
        errors.add(FOLDER, format_args!("cannot be read: {error}"));
        Vec::new()
    });
    paths.sort();
    paths.iter().filter_map(|path| text(path, errors)).collect()
}

fn text(path: &Path, errors: &mut ConfigErrors) -> Option<(String, Vec<u8>)> {
    let name = path.file_name()?.to_string_lossy().strip_suffix(".json")?.to_owned();
    match std::fs::read(path) {
        Ok(text) => Some((name, text)),
        Err(error) => {
            errors.add(file(&name), format_args!("cannot be read: {error}"));
            None
        }
    }
}
