//! Deliver: drains SQS into S3.

/// Stub.
pub fn run(_lookup: spillway_shared::config::Lookup<'_>) -> Result<(), lambda_runtime::Error> {
    Err("not built yet".into())
}
