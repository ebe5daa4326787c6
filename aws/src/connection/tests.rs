use aws_types::service_config::LoadServiceConfig;

use super::*;

const ATTEMPT: Duration = Duration::from_secs(1);

/// An environment or a profile that names an endpoint for one service.
#[derive(Debug)]
struct EndpointOf(&'static str);

impl LoadServiceConfig for EndpointOf {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.service_id() == self.0 && key.env() == "AWS_ENDPOINT_URL" && key.profile() == "endpoint_url")
            .then(|| "http://127.0.0.1:9".to_owned())
    }
}

fn fixed(calls: Calls) -> SdkConfig {
    calls.fixed("http://127.0.0.1:9", "eu-west-1", Credentials::new("key", "secret", None, None, "test"))
}

#[test]
fn calls_of_one_attempt_have_one_timeout_and_no_retries() {
    let config = fixed(Calls::once(ATTEMPT));
    let timeouts = config.timeout_config().unwrap();
    assert_eq!(timeouts.connect_timeout(), Some(ATTEMPT));
    assert_eq!((timeouts.operation_attempt_timeout(), timeouts.operation_timeout()), (Some(ATTEMPT), Some(ATTEMPT)));
    assert_eq!(config.retry_config().unwrap().max_attempts(), 1);
}

#[test]
fn retried_calls_have_three_attempts_and_a_timeout_in_total() {
    let config = fixed(Calls::retried(4 * ATTEMPT, 10 * ATTEMPT));
    let timeouts = config.timeout_config().unwrap();
    assert_eq!(timeouts.connect_timeout(), Some(CONNECT_TIMEOUT));
    assert_eq!(timeouts.operation_attempt_timeout(), Some(4 * ATTEMPT));
    assert_eq!(timeouts.operation_timeout(), Some(10 * ATTEMPT));
    assert_eq!(config.retry_config().unwrap().max_attempts(), 3);
}

#[tokio::test]
async fn a_given_region_and_endpoint_override_the_environment() {
    let config = Calls::once(ATTEMPT).load(Some("eu-west-1"), Some("http://127.0.0.1:9")).await;
    assert_eq!(config.region().map(AsRef::as_ref), Some("eu-west-1"));
    assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:9"));
}

#[test]
fn s3_is_addressed_by_path_wherever_its_endpoint_comes_from() {
    assert!(is_s3_endpoint_overridden(&fixed(Calls::once(ATTEMPT))));
    let of_service = |service| SdkConfig::builder().service_config(EndpointOf(service)).build();
    assert!(is_s3_endpoint_overridden(&of_service("S3")));
    assert!(!is_s3_endpoint_overridden(&of_service("SQS")));
    assert!(!is_s3_endpoint_overridden(&SdkConfig::builder().build()));
}
