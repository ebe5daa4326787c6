//! Prints counts and ledgers.

use std::fmt;
use std::io::{Write as _, stdout};
use std::process::ExitCode;

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

/// One line of counts, in the order of the data flow.
pub(crate) fn line(status: &Status) -> String {
    format!(
        "{} requests  {} accepted  {} rejected  {} withheld  |  {} queued  {} in flight  |  {} stored in {} objects  \
         {} quarantined  {} dead-lettered",
        status.requests,
        status.accepted,
        status.rejected,
        status.withheld,
        status.queued,
        status.in_flight,
        status.stored,
        status.objects,
        status.quarantined,
        status.dead_lettered
    )
}

/// Whether the counts changed.
pub(crate) fn differ(now: &Status, last: &Status) -> bool {
    let counts = |status: &Status| Status { ready: true, oldest_message_seconds: 0.0, ..*status };
    counts(now) != counts(last)
}

/// 0 if the ledger adds up and nothing is queued, otherwise 1.
pub(crate) fn exit_code(ledger: &Report) -> ExitCode {
    if ledger.holds() && ledger.is_settled() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
