//! SDK configuration of operator commands: the usual one of AWS, or that of a pipeline on this machine.

pub(crate) mod bucket;
pub(crate) mod queue;

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::Credentials;
use spillway_local::account::{CREDENTIAL, REGION};

/// The timeout of one attempt of a call. The SDK makes up to three attempts with backoff and jitter.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout of a call with all its attempts.
const CALL_TIMEOUT: Duration = Duration::from_secs(40);

/// The SDK configuration. A server on this machine needs neither region nor credentials of the user.
pub(crate) async fn config(endpoint: Option<&str>) -> SdkConfig {
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(TRY_TIMEOUT).operation_timeout(CALL_TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
        if is_here(endpoint) {
            let credentials = Credentials::new(CREDENTIAL, CREDENTIAL, None, None, "local");
            loader = loader.region(Region::new(REGION)).credentials_provider(credentials);
        }
    }
    loader.load().await
}

/// The endpoint of a queue outside AWS: `given`, or the origin of the queue's URL if it is on this machine.
pub(crate) fn endpoint_of_queue<'a>(given: Option<&'a str>, queue_url: &'a str) -> Option<&'a str> {
    given.or_else(|| is_here(queue_url).then(|| origin(queue_url)))
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |end| &url[..host + end])
}

fn is_here(url: &str) -> bool {
    let host = origin(url).strip_prefix("http://").unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    matches!(host, "localhost" | "[::1]") || host.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_of_a_queue_on_this_machine_is_the_origin_of_its_url() {
        for (url, endpoint) in [
            ("http://127.0.0.1:9324/000000000000/spillway", Some("http://127.0.0.1:9324")),
            ("http://localhost:9324/0/q", Some("http://localhost:9324")),
            ("http://[::1]:1/0/q", Some("http://[::1]:1")),
            ("http://127.0.0.1", Some("http://127.0.0.1")),
            ("https://sqs.eu-central-1.amazonaws.com/123456789012/q", None),
            ("http://localhost.example.com/q", None),
            ("nonsense", None),
        ] {
            assert_eq!(endpoint_of_queue(None, url), endpoint, "{url}");
        }
        assert_eq!(endpoint_of_queue(Some("http://x"), "http://127.0.0.1/q"), Some("http://x"));
    }
}
