//! The SQS client of the event source.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{Credentials, Region};

/// The timeout of a call, including the wait of a long poll (at most 20 s).
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of the SQS at `endpoint`, without retries. Access key and secret are both `credential`.
#[must_use]
pub fn connect(endpoint: &str, region: &'static str, credential: &str) -> Client {
    connect_as(endpoint, region.to_owned(), credential, credential, None)
}

/// A client of the SQS at `endpoint` with these credentials, without retries.
#[must_use]
pub fn connect_as(
    endpoint: &str,
    region: String,
    access_key: &str,
    secret_key: &str,
    session: Option<String>,
) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new(region))
        .credentials_provider(Credentials::new(access_key, secret_key, session, None, "local"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT).build())
        .build();
    Client::from_conf(config)
}
