//! Client libraries post unchanged: recorded requests, and requests by hand, through the whole of ingest.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bad_input;
mod files;
mod http;
mod protobuf;
mod recorded;
mod requests;
mod server;
