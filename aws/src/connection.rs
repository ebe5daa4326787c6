//! The one loader of the SDK's configuration.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use crate::http;

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How calls to AWS are made: their timeouts and retries.
#[derive(Debug, Clone)]
pub struct Calls {
    timeouts: TimeoutConfig,
    retries: RetryConfig,
    streams: StalledStreamProtectionConfig,
}

impl Calls {
    /// Calls of one attempt, which ends after `timeout`. The caller retries by `spillway_shared::retry`, which knows
    /// the deadline.
    #[must_use]
    pub fn once(timeout: Duration) -> Self {
        Self {
            timeouts: timeouts(timeout, timeout),
            retries: RetryConfig::disabled(),
            // The timeout ends a stalled call already; watching its throughput costs a wrapper for each body.
            streams: StalledStreamProtectionConfig::disabled(),
        }
    }

    /// Calls that the SDK retries: three attempts of at most `attempt` each, `call` in total.
    #[must_use]
    pub fn retried(attempt: Duration, call: Duration) -> Self {
        Self {
            timeouts: timeouts(attempt, call),
            retries: RetryConfig::standard(),
            // No timeout covers the body of an answer.
            streams: StalledStreamProtectionConfig::enabled().build(),
        }
    }

    /// The configuration for this region and endpoint. Everything else, and what is `None`, comes from the SDK's usual
    /// variables and profiles.
    pub async fn load(self, region: Option<&str>, endpoint: Option<&str>) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http::client())
            .timeout_config(self.timeouts)
            .retry_config(self.retries)
            .stalled_stream_protection(self.streams);
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        loader.load().await
    }

    /// The configuration for one server, independent of the process's variables and profiles.
    #[must_use]
    pub fn fixed(self, endpoint: &str, region: &str, credentials: Credentials) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http::client())
            .timeout_config(self.timeouts)
            .retry_config(self.retries)
            .stalled_stream_protection(self.streams)
            .endpoint_url(endpoint)
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }
}

/// Whether S3 has another endpoint than AWS's own: from code, from `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, or from
/// a profile. Such a server is addressed by path, because it seldom has a host name for each bucket.
#[must_use]
pub fn is_s3_endpoint_overridden(config: &SdkConfig) -> bool {
    // The key by which the S3 client itself looks up its endpoint.
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let of_s3 = || config.service_config().zip(key.ok()).and_then(|(service, key)| service.load_config(key));
    config.endpoint_url().is_some() || of_s3().is_some()
}

fn timeouts(attempt: Duration, call: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(attempt))
        .operation_attempt_timeout(attempt)
        .operation_timeout(call)
        .build()
}

#[cfg(test)]
mod tests;
