//! Compares `template.yaml` with the code and the manual: variables, versions, times, rights, the front, the queue, the
//! table, metrics, alarms and options.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod alarms;
mod bucket;
mod cloudformation;
mod destination;
mod front;
mod metrics;
mod options;
mod queue;
mod roles;
mod times;
mod variables;
mod versions;

use spillway_shared::config::Number;

/// Every function of the template; the first two run the same code.
const FUNCTIONS: [&str; 3] = ["IngestFunction", "ManagedIngestFunction", "DeliverFunction"];

/// The numbers that a function reads from its environment.
fn numbers_of(function: &str) -> &'static [Number] {
    if function == "DeliverFunction" { &spillway_deliver::config::NUMBERS } else { &spillway_ingest::config::NUMBERS }
}
