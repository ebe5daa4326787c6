//! How many of its files the process may give to clients.
//!
//! Every connection is a file, at both of its ends if both are in this process. The functions call SQS, S3 and the
//! Runtime API in this process, and the event source calls SQS. Clients must not use up the files that these need: if
//! the event source cannot reach SQS, it cannot delete the messages that deliver has stored, and SQS delivers them again.

use spillway_shared::config::Number;

use super::Settings;
use crate::loopback::file_limit;

/// Files of the process itself: standard streams, listeners, journals, the event loop, connections to the admin server.
const OWN: usize = 50;
/// Connections of the event source to SQS, which have both ends in this process.
const OF_EVENT_SOURCE: usize = 30;
/// Files of a function's process besides its connections: its standard input, its Runtime API, its extension.
const OF_PROCESS: usize = 5;
/// Clients have this part of the files at least.
const LEAST_SHARE: usize = 8;
/// More connections need more memory than most machines have.
const MAX_CONNECTIONS: usize = 20_000;

/// The number of connections that clients may have.
pub(super) fn of_clients(settings: &Settings) -> usize {
    connections(file_limit(), needed(settings))
}

/// The files that everything else needs at the highest load.
fn needed(settings: &Settings) -> usize {
    let workers =
        |function: &str, number: Number| usize::try_from(settings.number(function, &number)).unwrap_or(usize::MAX);
    let to_sqs = workers("ingest", spillway_ingest::config::MAX_WORKERS);
    // A call to S3 takes a connection and the object's file; calls to SQS have the same workers.
    let to_s3 = workers("deliver", spillway_deliver::config::MAX_WORKERS).saturating_mul(3);
    let ingest = settings.ingest_environments.saturating_mul(OF_PROCESS + settings.ingest_concurrency + to_sqs);
    let deliver = settings.deliver_environments.saturating_mul(OF_PROCESS + 1 + to_s3);
    (OWN + OF_EVENT_SOURCE).saturating_add(ingest).saturating_add(deliver)
}

fn connections(limit: usize, needed: usize) -> usize {
    let left = limit.saturating_sub(needed);
    if left < limit / LEAST_SHARE {
        tracing::warn!(limit, needed, "few files may be open: raise the limit (`ulimit -n`), or clients will wait");
    }
    left.max(limit / LEAST_SHARE).clamp(1, MAX_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_what_the_others_leave_and_at_least_a_part() {
        for (limit, needed, expected) in
            [(1_024, 500, 524), (1_000_000, 500, MAX_CONNECTIONS), (256, 500, 32), (600, 500, 100), (4, 500, 1)]
        {
            assert_eq!(connections(limit, needed), expected, "{limit}");
        }
    }

    #[test]
    fn the_usual_limit_of_a_shell_is_enough_for_the_default_settings() {
        let needed = needed(&Settings::new("program"));
        assert!((400..800).contains(&needed), "{needed}");
    }
}
