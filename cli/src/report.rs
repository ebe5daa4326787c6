//! Prints progress, counts and ledgers.

use std::fmt;
use std::io::{Write as _, stdout};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use spillway_local::ledger::Report;
use spillway_local::pipeline::Status;

/// Prints a line to standard output.
macro_rules! say {
    ($($words:tt)*) => { $crate::report::print(format_args!($($words)*)) };
}
pub(crate) use say;

/// Implements [`say!`]. A closed standard output does not stop the server.
pub(crate) fn print(text: fmt::Arguments<'_>) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// A bar on standard error with the number of finished items and their rate. Without a terminal it is hidden.
pub(crate) fn progress(total: u64, items: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!("{{wide_bar}} {{pos}}/{{len}} {items}  {{per_sec}}"));
    let bar = ProgressBar::new(total);
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

/// One line of counts, in the order of the data flow.
pub(crate) fn line(status: &Status) -> String {
    let Status { requests, accepted, rejected, withheld, queued, in_flight, stored, kept, objects, .. } = status;
    format!(
        "{requests} requests  {accepted} accepted  {rejected} rejected  {withheld} withheld  |  {queued} queued  \
         {in_flight} in flight  |  {stored} stored and {kept} kept in {objects} objects  {} quarantined  {} dead-lettered",
        status.quarantined, status.dead_lettered
    )
}

/// Whether the counts changed.
pub(crate) fn differ(now: &Status, last: &Status) -> bool {
    let counts = |status: &Status| {
        let mut counts = Status { ready: true, oldest_message_seconds: 0.0, ..status.clone() };
        counts.destinations.iter_mut().for_each(|destination| destination.oldest_message_seconds = 0.0);
        counts
    };
    counts(now) != counts(last)
}

/// 0 if the ledger adds up and nothing is queued, otherwise 1.
pub(crate) fn exit_code(ledger: &Report) -> ExitCode {
    if ledger.holds() && ledger.is_settled() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
