//! How operator commands reach SQS and S3: on AWS or in a pipeline on this machine.

pub(crate) mod bucket;
pub(crate) mod queue;

use std::time::Duration;

use spillway_aws::{Calls, Credentials, SdkConfig};
use spillway_local::account::{CREDENTIAL, REGION};

/// How long one attempt of a call may take. The SDK makes three, with growing pauses and jitter.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call may take with all its attempts.
const CALL_TIMEOUT: Duration = Duration::from_secs(40);

/// The SDK's configuration. A server on this machine needs neither a region nor the user's credentials.
pub(crate) async fn config(endpoint: Option<&str>) -> SdkConfig {
    config_of(Calls::retried(ATTEMPT_TIMEOUT, CALL_TIMEOUT), endpoint).await
}

/// The same for other timeouts and retries.
pub(crate) async fn config_of(calls: Calls, endpoint: Option<&str>) -> SdkConfig {
    match endpoint.filter(|endpoint| is_here(endpoint)) {
        Some(endpoint) => calls.fixed(endpoint, REGION, Credentials::new(CREDENTIAL, CREDENTIAL, None, None, "local")),
        None => calls.load(None, endpoint).await,
    }
}

/// The endpoint of a queue, unless it is on AWS: the given one, or the server in its URL if that is on this machine.
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
