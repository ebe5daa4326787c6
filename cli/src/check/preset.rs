//! `spillway check --preset`: shows what a client library's document becomes.

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, anyhow, ensure};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use spillway_ingest::body::{Coding, decode};
use spillway_ingest::config::{MAX_BODY_BYTES, MAX_PAYLOADS};
use spillway_ingest::error::RequestError;
use spillway_ingest::judge::{Facts, Stream};
use spillway_ingest::payloads::Refused;
use spillway_ingest::preset::Preset;
use spillway_ingest::preset::items::{Items, Limits, Origins, read};
use spillway_ingest::preset::registry::Presets;
use spillway_shared::pool::Budget;

use super::outcome::{Fate, Outcome};

/// What each payload of a document becomes, displayed as a table.
pub(super) struct Listing(Vec<Row>);

struct Row {
    outcome: Outcome,
    id: Option<String>,
    time: Option<String>,
    context: Option<String>,
}

impl Listing {
    /// Whether no payload was rejected.
    pub(super) fn holds(&self) -> bool {
        !self.0.iter().any(|row| matches!(row.outcome.fate, Fate::Rejected | Fate::Kept))
    }
}

/// Reads the body of a request to `suffix` in `sample` as the preset does.
pub(super) fn list(
    presets: &Presets,
    name: &str,
    suffix: Option<&str>,
    stream: &Stream,
    sample: &Path,
) -> anyhow::Result<Listing> {
    let preset = presets
        .named(name)
        .with_context(|| format!("no preset is named `{name}`; known: {}", presets.names().join(", ")))?;
    if let Some(suffix) = suffix {
        let known = preset.suffixes.join(", ");
        ensure!(
            preset.suffixes.iter().any(|known| known == suffix),
            "`{name}` has no suffix `{suffix}`; it has: {known}"
        );
    }
    let body = std::fs::read(sample).with_context(|| format!("{} cannot be read", sample.display()))?;
    let rows = rows(preset, suffix, stream, body);
    Ok(Listing(rows.map_err(|error| anyhow!("{}: {}", sample.display(), error.detail()))?))
}

fn rows(preset: &Preset, suffix: Option<&str>, stream: &Stream, body: Vec<u8>) -> Result<Vec<Row>, RequestError> {
    let limit = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let bytes = limit(MAX_BODY_BYTES.max);
    // A file has no headers: compression is recognised by its first bytes.
    let body = decode(body, Coding::Identity, bytes, &Budget::new(4 * bytes))?.bytes;
    let headers = headers(&body);
    let text = preset.unframe(body, suffix, &headers, bytes)?.text;
    let limits = Limits { payloads: limit(MAX_PAYLOADS.max), context_bytes: 2 * bytes };
    let Items { payloads, origins } = read(&text, &preset.items, "", limits)?;
    let row = |(index, payload)| row(preset, stream, &origins, index, payload);
    Ok(payloads.into_iter().enumerate().map(row).collect())
}

/// The headers of a request with this body. A body that does not begin as JSON is protobuf to presets that know it.
fn headers(body: &[u8]) -> HeaderMap {
    let text = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii_start();
    let is_json = matches!(text.first(), Some(b'{' | b'['));
    let protobuf = (CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    (!is_json).then_some(protobuf).into_iter().collect()
}

fn row(preset: &Preset, stream: &Stream, origins: &Origins, index: usize, payload: Result<&str, Refused<'_>>) -> Row {
    let (shape, context) = (&preset.items[origins.of(index).shape], origins.context(index));
    let text = payload.as_ref().ok().copied();
    let of_stream = text.and_then(|text| stream.time.as_ref()?.read(text));
    let time = of_stream.or_else(|| text.and_then(|text| shape.time_of(text)));
    Row {
        id: text.and_then(|text| shape.id_of(text, context, index)).map(|parts| parts.join(" ")),
        time: time.map(|time| time.to_string()),
        context: context.map(str::to_owned),
        outcome: Outcome::of(&stream.judge, Facts { opted_out: false }, payload),
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut context = &None;
        for (index, row) in self.0.iter().enumerate() {
            if index == 0 || row.context != *context {
                writeln!(f, "context: {}", row.context.as_deref().unwrap_or("none"))?;
                context = &row.context;
            }
            let [id, time] = [&row.id, &row.time].map(|text| text.as_deref().unwrap_or("none"));
            write!(f, "{index:>7}  {:<8}  id: {id}  time: {time}", row.outcome.fate.as_str())?;
            if let Some(finding) = &row.outcome.finding {
                write!(f, "  {}: {}", finding.reason.as_str(), finding.detail)?;
            }
            writeln!(f)?;
        }
        write!(f, "{} payloads", self.0.len())
    }
}
