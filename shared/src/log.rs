//! Logs: JSON lines if Lambda requests them, text otherwise, at the level in `LOG_LEVEL`.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{Lookup, Reader};

/// Our crates. All others are capped at INFO, because the runtime and the SDKs print whole events below it.
const OURS: [&str; 5] =
    ["spillway_shared", "spillway_ingest", "spillway_deliver", "spillway_forward", "spillway_local"];

/// The variables for the level; the first that is set counts. `LOG_LEVEL` exists because Lambda's own variable also
/// filters metrics, which have no level and count as INFO.
pub const LEVELS: [&str; 2] = ["LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"];
/// The variable by which Lambda requests JSON.
pub const FORMAT: &str = "AWS_LAMBDA_LOG_FORMAT";

/// Starts logging in the format of [`FORMAT`] (`JSON` or text) at the level of [`LEVELS`] (INFO by default).
///
/// A second call has no effect.
pub fn start(lookup: Lookup<'_>) {
    let reader = Reader::new(lookup);
    let level = level(&reader);
    let json = reader.text(FORMAT).is_some_and(|text| text.eq_ignore_ascii_case("json"));
    // Lambda adds the time to text lines. Standard error, because tests use standard output.
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let lines: Box<dyn Layer<Registry> + Send + Sync> =
        if json { Box::new(lines.json().flatten_event(true)) } else { Box::new(lines.without_time()) };
    // Only tests start a second time, and the settings of the first start suit them.
    let _ = tracing_subscriber::registry().with(lines.with_filter(targets(level))).try_init();
}

/// From now on logs only the place of a panic: its message can quote what a client sent.
pub fn panics_by_place() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        tracing::error!(place, "a panic");
    }));
}

/// Adds an error if our own variable is not a level.
pub fn check(reader: &mut Reader<'_>) {
    if let Some(text) = reader.text(LEVELS[0])
        && text.parse::<LevelFilter>().is_err()
    {
        reader
            .errors()
            .add(LEVELS[0], format!("must be `error`, `warn`, `info`, `debug`, `trace` or `off`, not `{text}`"));
    }
}

fn level(reader: &Reader<'_>) -> LevelFilter {
    let named = LEVELS.iter().find_map(|name| reader.text(name)?.parse().ok());
    named.unwrap_or(LevelFilter::INFO)
}

fn targets(level: LevelFilter) -> Targets {
    let others = level.min(LevelFilter::INFO);
    Targets::new().with_default(others).with_targets(OURS.map(|target| (target, level)))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn other_crates_are_capped_at_info() {
        let filter = targets(LevelFilter::TRACE);
        assert!(filter.would_enable("spillway_ingest::queue", &Level::TRACE));
        assert!(filter.would_enable("lambda_runtime", &Level::INFO));
        assert!(!filter.would_enable("lambda_runtime", &Level::DEBUG));
    }

    #[test]
    fn our_variable_overrides_lambdas() {
        let level_of = |ours: &'static str, lambdas: &'static str| {
            let lookup = move |name: &str| Some(if name == "LOG_LEVEL" { ours } else { lambdas }.to_owned());
            level(&Reader::new(&lookup))
        };
        assert_eq!(level_of("ERROR", "INFO"), LevelFilter::ERROR);
        assert_eq!(level_of("", "WARN"), LevelFilter::WARN);
        assert_eq!(level_of("", ""), LevelFilter::INFO);
    }

    #[test]
    fn a_quieter_level_applies_to_all_crates() {
        let filter = targets(LevelFilter::WARN);
        assert!(!filter.would_enable("aws_smithy_runtime", &Level::INFO));
        assert!(!filter.would_enable("spillway_deliver", &Level::INFO));
    }
}
