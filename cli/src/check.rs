//! `spillway check`: checks stream files, and judges a sample document.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use spillway_ingest::body::Form;
use spillway_ingest::config::MAX_PAYLOADS;
use spillway_ingest::judge::{self, Facts, Stream, Verdict};
use spillway_ingest::payloads::split;
use spillway_ingest::rejection::Rejection;
use spillway_shared::config::ConfigErrors;
use spillway_shared::keys::KeyRing;
use spillway_shared::stream::StreamName;

use crate::arguments::Check;
use crate::report::say;

/// Prints every configuration error, or the outcome of each payload. Exits with 1 after an error or a rejection.
pub(crate) fn run(arguments: &Check) -> anyhow::Result<ExitCode> {
    let streams = match load(&arguments.config) {
        Ok(streams) => streams,
        Err(errors) => {
            errors.sentences().iter().for_each(|error| say!("{error}"));
            return Ok(ExitCode::FAILURE);
        }
    };
    let names: Vec<_> = streams.keys().map(StreamName::as_str).collect();
    say!("{} is valid (streams: {})", arguments.config.display(), names.join(", "));
    let chosen = choose(&streams, arguments.stream.as_deref())?;
    let Some(sample) = &arguments.sample else { return Ok(ExitCode::SUCCESS) };
    let stream = chosen.with_context(|| format!("name the stream of the sample, one of: {}", names.join(", ")))?;
    let outcomes = outcomes(stream, sample)?;
    say!("\n{outcomes}");
    Ok(if outcomes.rejected() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn load(config: &Path) -> Result<BTreeMap<StreamName, Stream>, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let keys = KeyRing::load(config).map(drop);
    let streams = judge::load(config);
    keys.unwrap_or_else(|found| errors.extend(found));
    let streams = streams.unwrap_or_else(|found| {
        errors.extend(found);
        BTreeMap::new()
    });
    errors.or(streams)
}

/// The stream of this name, or the only one.
fn choose<'a>(streams: &'a BTreeMap<StreamName, Stream>, name: Option<&str>) -> anyhow::Result<Option<&'a Stream>> {
    match name {
        Some(name) => streams.get(name).map(Some).with_context(|| format!("unknown stream `{name}`")),
        None => Ok(streams.values().next().filter(|_| streams.len() == 1)),
    }
}

fn outcomes(stream: &Stream, sample: &Path) -> anyhow::Result<Outcomes> {
    let text = std::fs::read(sample).with_context(|| format!("{} cannot be read", sample.display()))?;
    let limit = usize::try_from(MAX_PAYLOADS.max)?;
    let document =
        split(&text, form(sample), limit).map_err(|error| anyhow!("{}: {}", sample.display(), error.detail()))?;
    let facts = Facts { opted_out: false };
    let judged = |payload: Result<&str, Rejection>| match payload {
        Ok(payload) => stream.judge.judge(&facts, payload.as_bytes()),
        Err(rejection) => Verdict::Reject(rejection),
    };
    Ok(Outcomes(document.payloads.into_iter().map(judged).collect()))
}

/// The form of a sample by its file name, because a file has no content type.
fn form(sample: &Path) -> Form {
    match sample.extension().and_then(|extension| extension.to_str()) {
        Some("ndjson" | "jsonl" | "jsonlines") => Form::Lines,
        _ => Form::Json,
    }
}

/// The outcome of each payload, displayed as a table.
struct Outcomes(Vec<Verdict>);

impl Outcomes {
    fn rejected(&self) -> usize {
        self.0.len() - self.count(&Verdict::Accept) - self.count(&Verdict::Withhold)
    }

    fn count(&self, wanted: &Verdict) -> usize {
        self.0.iter().filter(|verdict| *verdict == wanted).count()
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>7}  {:<8}  {:<13}  detail", "payload", "outcome", "reason")?;
        for (index, verdict) in self.0.iter().enumerate() {
            match verdict {
                Verdict::Accept => writeln!(f, "{index:>7}  accepted")?,
                Verdict::Withhold => writeln!(f, "{index:>7}  withheld")?,
                Verdict::Reject(Rejection { reason, detail }) => {
                    writeln!(f, "{index:>7}  rejected  {:<13}  {detail}", reason.as_str())?;
                }
            }
        }
        let (accepted, withheld) = (self.count(&Verdict::Accept), self.count(&Verdict::Withhold));
        write!(f, "{accepted} accepted, {withheld} withheld, {} rejected", self.rejected())
    }
}
