//! `spillway check`: checks stream files and presets, and judges sample payloads.

mod expect;
pub(crate) mod outcome;
mod preset;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context as _, anyhow};
use spillway_ingest::body::Form;
use spillway_ingest::config::MAX_PAYLOADS;
use spillway_ingest::judge::{self, Facts, Stream};
use spillway_ingest::payloads::split;
use spillway_ingest::preset::registry::Presets;
use spillway_shared::config::ConfigErrors;
use spillway_shared::destination::{self, Destination};
use spillway_shared::keys::KeyFile;
use spillway_shared::stream::{self, StreamName};

use crate::arguments::Check;
use crate::forward::sample::requests;
use crate::report::say;
use crate::table::locks;
use outcome::{Fate, Outcome, Outcomes};

/// Prints every configuration error, or the outcome of each payload. Exits with 1 after an error or a rejection.
pub(crate) fn run(arguments: &Check) -> anyhow::Result<ExitCode> {
    if arguments.update_tables {
        update_tables(&arguments.config)?;
    }
    let (streams, presets, destinations) = match load(&arguments.config) {
        Ok(loaded) => loaded,
        Err(errors) => {
            errors.sentences().iter().for_each(|error| say!("{error}"));
            return Ok(ExitCode::FAILURE);
        }
    };
    let names: Vec<_> = streams.keys().map(StreamName::as_str).collect();
    say!("{} is valid (streams: {}{})", arguments.config.display(), names.join(", "), listed(&destinations));
    let chosen = choose(&streams, arguments.stream.as_deref())?;
    let stream = || chosen.with_context(|| format!("name the stream of the sample, one of: {}", names.join(", ")));
    let is_good = match (&arguments.sample, &arguments.preset, &arguments.expect) {
        (Some(sample), Some(preset), _) => {
            let listing = preset::list(&presets, preset, arguments.suffix.as_deref(), stream()?, sample)?;
            say!("\n{listing}");
            listing.holds()
        }
        (Some(sample), None, _) => {
            let is_good = judge_sample(stream()?, sample)?;
            show_requests(&streams, arguments.stream.as_deref(), &destinations, sample)?;
            is_good
        }
        (None, _, Some(expect)) => compare(stream()?, expect)?,
        (None, _, None) => true,
    };
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes the lock files that differ from the schemas, and names them. Errors of stream files are reported later.
fn update_tables(config: &Path) -> anyhow::Result<()> {
    let Ok(streams) = stream::load(config) else { return Ok(()) };
    for change in locks::changes(config, &streams)? {
        change.write(config)?;
        say!("{change}");
    }
    Ok(())
}

/// The names of the destinations, if there are any.
fn listed(destinations: &[Destination]) -> String {
    let names: Vec<_> = destinations.iter().map(|destination| destination.name.as_str()).collect();
    if names.is_empty() { String::new() } else { format!("; destinations: {}", names.join(", ")) }
}

/// Prints the outcome of each payload; returns whether none was rejected.
fn judge_sample(stream: &Stream, sample: &Path) -> anyhow::Result<bool> {
    let outcomes = outcomes(stream, sample)?;
    say!("\n{outcomes}");
    Ok(outcomes.count(Fate::Rejected) + outcomes.count(Fate::Kept) == 0)
}

/// Prints what each destination of the stream would be sent of the accepted payloads.
fn show_requests(
    streams: &BTreeMap<StreamName, Stream>,
    name: Option<&str>,
    destinations: &[Destination],
    sample: &Path,
) -> anyhow::Result<()> {
    let Some((name, stream)) = streams.iter().find(|(known, _)| name.is_none_or(|name| known.as_str() == name)) else {
        return Ok(());
    };
    let of_stream = destinations.iter().filter(|destination| destination.streams.contains(name));
    let payloads = accepted(stream, sample)?;
    for destination in of_stream {
        say!("\n{}", requests(destination, name.as_str(), &payloads, SystemTime::now())?);
    }
    Ok(())
}

/// The payloads of a sample that are accepted.
fn accepted(stream: &Stream, sample: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read(sample).with_context(|| format!("{} cannot be read", sample.display()))?;
    let document = split(&text, form(sample), usize::try_from(MAX_PAYLOADS.max)?);
    let document = document.map_err(|error| anyhow!("{}: {}", sample.display(), error.detail()))?;
    let is_accepted =
        |payload: &&str| Outcome::of(&stream.judge, Facts { opted_out: false }, Ok(payload)).fate == Fate::Accepted;
    // Ingest also replaces line breaks between tokens, which are white space.
    let one_line = |payload: &str| payload.replace(['\r', '\n'], " ");
    Ok(document.payloads.into_iter().filter_map(Result::ok).filter(is_accepted).map(one_line).collect())
}

/// Prints the cases whose outcomes differ; returns whether there are none.
fn compare(stream: &Stream, expect: &Path) -> anyhow::Result<bool> {
    let file = std::fs::read_to_string(expect).with_context(|| format!("{} cannot be read", expect.display()))?;
    let comparison = expect::compare(&stream.judge, &file).with_context(|| expect.display().to_string())?;
    say!("\n{comparison}");
    Ok(comparison.holds())
}

type Loaded = (BTreeMap<StreamName, Stream>, Presets, Vec<Destination>);

fn load(config: &Path) -> Result<Loaded, ConfigErrors> {
    let mut errors = ConfigErrors::default();
    let keys = KeyFile::load(config).map(drop);
    let streams = judge::load(config);
    keys.unwrap_or_else(|found| errors.extend(found));
    if let Ok(streams) = stream::load(config) {
        locks::check(config, &streams).unwrap_or_else(|found| errors.extend(found));
    }
    let streams = streams.unwrap_or_else(|found| {
        errors.extend(found);
        BTreeMap::new()
    });
    let presets = Presets::load(config, &streams).unwrap_or_else(|found| {
        errors.extend(found);
        Presets::default()
    });
    let destinations = destination::load(config).unwrap_or_else(|found| {
        errors.extend(found);
        Vec::new()
    });
    if !streams.is_empty() {
        for destination in &destinations {
            destination.refuse_unknown_streams(&streams, &mut errors);
        }
    }
    errors.or((streams, presets, destinations))
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
    let payloads = document.payloads.into_iter();
    Ok(Outcomes(payloads.map(|payload| Outcome::of(&stream.judge, facts, payload)).collect()))
}

/// The form of a sample by its file name, because a file has no content type.
fn form(sample: &Path) -> Form {
    match sample.extension().and_then(|extension| extension.to_str()) {
        Some("ndjson" | "jsonl" | "jsonlines") => Form::Lines,
        _ => Form::Json,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_of_this_repository_is_valid() {
        let config = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../config"));
        let errors = load(config).map(drop).err().unwrap_or_default();
        assert!(errors.sentences().is_empty(), "{:?}", errors.sentences());
    }
}
