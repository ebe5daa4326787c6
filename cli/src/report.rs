//! How counts and ledgers are told to people.

use std::fmt;
use std::io::{Write as _, stdout};
use std::process::ExitCode;

use spillway_local::ledger::Report;
use spillway_local::pipeline::Status;

/// Tells a person one thing on standard output.
macro_rules! say {
    ($($words:tt)*) => { $crate::report::tell(format_args!($($words)*)) };
}
pub(crate) use say;

/// What [`say!`] does. Whoever reads may be gone, which is no reason to stop serving.
pub(crate) fn tell(words: fmt::Arguments<'_>) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{words}").and_then(|()| out.flush());
}

/// One line of counts, in the order of the data's way.
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

/// Whether something has happened between two moments.
pub(crate) fn differ(now: &Status, last: &Status) -> bool {
    let counts = |status: &Status| Status { ready: true, oldest_message_seconds: 0.0, ..*status };
    counts(now) != counts(last)
}

/// 0 if every accepted record is where it should be and nothing is left, else 1.
pub(crate) fn exit_code(ledger: &Report) -> ExitCode {
    if ledger.holds() && ledger.is_settled() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
