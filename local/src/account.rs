//! The AWS account of the local pipeline.

/// The account id.
pub const ACCOUNT: &str = "000000000000";
/// The region.
pub const REGION: &str = "us-east-1";
/// The access key and the secret of built-in servers.
pub const CREDENTIAL: &str = "local";
