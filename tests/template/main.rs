//! Compares `template.yaml` with the code and the manual: variables, versions, times, rights, the front, the queue, the
//! table, compact, metrics, alarms and options.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod alarms;
mod bucket;
mod cloudformation;
mod compact;
mod destination;
mod front;
mod limits;
mod metrics;
mod options;
mod queue;
mod roles;
mod times;
mod variables;
mod versions;

use spillway_shared::config::Number;

/// Every function of the template; the first two run the same code.
const FUNCTIONS: [&str; 4] = ["IngestFunction", "ManagedIngestFunction", "DeliverFunction", "CompactFunction"];

/// The numbers that a function reads from its environment.
fn numbers_of(function: &str) -> &'static [Number] {
    match function {
        "DeliverFunction" => &spillway_deliver::config::NUMBERS,
        "CompactFunction" => &spillway_compact::config::NUMBERS,
        _ => &spillway_ingest::config::NUMBERS,
    }
}
