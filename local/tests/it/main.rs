//! The emulators, used by the real SDKs, the real Lambda runtime and plain HTTP.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bucket;
mod common;
mod event_source;
mod external;
mod faults;
mod ingest_sqs;
mod lambda;
mod ledger;
mod queue;
