//! Ingest: takes documents over HTTP and puts their records on SQS.

pub mod rejection;

/// Stub.
pub fn run(_lookup: spillway_shared::config::Lookup<'_>) -> Result<(), lambda_http::Error> {
    Err("not built yet".into())
}
