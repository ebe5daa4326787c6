//! Clients of SQS, without the SDK's retries.

use std::time::Duration;

use aws_sdk_sqs::Client;
use spillway_aws::{Calls, Credentials};

/// Includes the up to 20 seconds that a receive waits for messages, and the time for its response.
const CALL_TIMEOUT: Duration = Duration::from_secs(80);

/// A client of the SQS at `endpoint`. Access key and secret are both `credential`.
#[must_use]
pub fn connect(endpoint: &str, region: &str, credential: &str) -> Client {
    connect_as(endpoint, region, Credentials::new(credential, credential, None, None, "local"))
}

/// A client of the SQS at `endpoint` with these credentials.
#[must_use]
pub fn connect_as(endpoint: &str, region: &str, credentials: Credentials) -> Client {
    Client::new(&Calls::once(CALL_TIMEOUT).fixed(endpoint, region, credentials))
}
