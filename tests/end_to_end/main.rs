//! The whole pipeline, from a POST to an object: real function processes, the real SDKs, HTTP on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod api;
mod bad_input;
mod command;
mod documents;
mod harness;
mod kills;
mod limits;
mod restarts;
