//! Logs: one JSON object a line where Lambda asks for it, text elsewhere, at the level that `LOG_LEVEL` names.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{Lookup, Reader};

/// Our own crates; everything else is capped at INFO, because below it the runtime and the SDKs print whole events.
const OURS: [&str; 4] = ["spillway_shared", "spillway_ingest", "spillway_deliver", "spillway_local"];

/// The variables that name the level, the first one that is set. Lambda's own would filter lines of metrics too, which
/// have no level and count as INFO; so `LOG_LEVEL` is ours.
pub const LEVELS: [&str; 2] = ["LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"];
/// The variable by which Lambda asks for JSON.
pub const FORMAT: &str = "AWS_LAMBDA_LOG_FORMAT";

/// Starts logging as [`FORMAT`] (`JSON` or text) and [`LEVELS`] (INFO by default) say.
///
/// A second call changes nothing.
pub fn start(lookup: Lookup<'_>) {
    let reader = Reader::new(lookup);
    let level = level(&reader);
    let json = reader.text(FORMAT).is_some_and(|text| text.eq_ignore_ascii_case("json"));
    // Lambda stamps the time on text lines itself; standard output would be as good, but is not ours in tests.
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let lines: Box<dyn Layer<Registry> + Send + Sync> =
        if json { Box::new(lines.json().flatten_event(true)) } else { Box::new(lines.without_time()) };
    // A second start only happens in tests, where the first one's settings are as good.
    let _ = tracing_subscriber::registry().with(lines.with_filter(targets(level))).try_init();
}

/// Logs only where a panic happened from now on: its words can quote what a client sent.
pub fn panics_by_place() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        tracing::error!(place, "a panic");
    }));
}

/// Notes our own variable as a fault if it names no level.
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
    fn others_are_capped_at_info() {
        let filter = targets(LevelFilter::TRACE);
        assert!(filter.would_enable("spillway_ingest::queue", &Level::TRACE));
        assert!(filter.would_enable("lambda_runtime", &Level::INFO));
        assert!(!filter.would_enable("lambda_runtime", &Level::DEBUG));
    }

    #[test]
    fn our_own_variable_comes_before_lambdas() {
        let level_of = |ours: &'static str, lambdas: &'static str| {
            let lookup = move |name: &str| Some(if name == "LOG_LEVEL" { ours } else { lambdas }.to_owned());
            level(&Reader::new(&lookup))
        };
        assert_eq!(level_of("ERROR", "INFO"), LevelFilter::ERROR);
        assert_eq!(level_of("", "WARN"), LevelFilter::WARN);
        assert_eq!(level_of("", ""), LevelFilter::INFO);
    }

    #[test]
    fn a_quieter_level_holds_for_all() {
        let filter = targets(LevelFilter::WARN);
        assert!(!filter.would_enable("aws_smithy_runtime", &Level::INFO));
        assert!(!filter.would_enable("spillway_deliver", &Level::INFO));
    }
}
