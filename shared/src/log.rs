//! Logs: one JSON object a line where Lambda asks for it, text elsewhere, at the level that Lambda names.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{Lookup, Reader};

/// Our own crates; everything else is capped at INFO, because below it the runtime and the SDKs print whole events.
const OURS: [&str; 4] = ["spillway_shared", "spillway_ingest", "spillway_deliver", "spillway_local"];

/// Starts logging as `AWS_LAMBDA_LOG_FORMAT` (`JSON` or text) and `AWS_LAMBDA_LOG_LEVEL` (INFO by default) say.
///
/// A second call changes nothing.
pub fn start(lookup: Lookup<'_>) {
    let reader = Reader::new(lookup);
    let level = reader.text("AWS_LAMBDA_LOG_LEVEL").and_then(|text| text.parse().ok()).unwrap_or(LevelFilter::INFO);
    let json = reader.text("AWS_LAMBDA_LOG_FORMAT").is_some_and(|text| text.eq_ignore_ascii_case("json"));
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
    fn a_quieter_level_holds_for_all() {
        let filter = targets(LevelFilter::WARN);
        assert!(!filter.would_enable("aws_smithy_runtime", &Level::INFO));
        assert!(!filter.would_enable("spillway_deliver", &Level::INFO));
    }
}
