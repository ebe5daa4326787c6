//! The AWS account that everything here believes to be in.

/// Its number.
pub const ACCOUNT: &str = "000000000000";
/// Its only region.
pub const REGION: &str = "us-east-1";
/// The access key and the secret; nothing checks more than that they agree.
pub const CREDENTIAL: &str = "local";
