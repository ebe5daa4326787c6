use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;

use super::*;

/// Status, code, and whether another attempt may succeed.
const ANSWERS: [(u16, &str, bool); 27] = [
    (500, "InternalError", true),
    (502, "", true),
    (503, "SlowDown", true),
    (503, "ServiceUnavailable", true),
    (408, "", true),
    (429, "", true),
    (429, "TooManyRequestsException", true),
    (400, "RequestLimitExceeded", true),
    (400, "RequestThrottled", true),
    (400, "com.amazonaws.sqs#RequestThrottled", true),
    (400, "com.amazonaws.sqs#OverLimit", true),
    (400, "AWS.SimpleQueueService.KmsThrottled", true),
    (400, "KmsThrottled", true),
    (400, "ThrottlingException", true),
    (400, "RequestTimeout", true),
    (400, "BadDigest", true),
    (400, "IncompleteBody", true),
    (409, "ConditionalRequestConflict", true),
    (409, "OperationAborted", true),
    (409, "BucketNotEmpty", false),
    (301, "PermanentRedirect", false),
    (400, "InvalidArgument", false),
    (400, "AWS.SimpleQueueService.NonExistentQueue", false),
    (400, "Throttling.NotOurs", false),
    (403, "AccessDenied", false),
    (404, "NoSuchBucket", false),
    (412, "PreconditionFailed", false),
];

#[derive(Debug, thiserror::Error)]
#[error("an answer")]
struct Answer(ErrorMetadata);

impl ProvideErrorMetadata for Answer {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

fn answered(status: u16, code: &str) -> SdkError<Answer, HttpResponse> {
    let response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
    SdkError::service_error(Answer(ErrorMetadata::builder().code(code).message("no").build()), response)
}

#[test]
fn status_and_code_tell_whether_another_attempt_may_succeed() {
    for (status, code, expected) in ANSWERS {
        assert_eq!(is_transient(status, code), expected, "{status} {code}");
        assert_eq!(is_transient_error(&answered(status, code)), expected, "{status} {code}");
    }
}

#[test]
fn the_sdks_own_codes_are_in_the_table() {
    for code in aws_runtime::retries::classifiers::THROTTLING_ERRORS
        .iter()
        .chain(aws_runtime::retries::classifiers::TRANSIENT_ERRORS)
    {
        assert!(is_transient(400, code), "{code}");
    }
}

#[test]
fn an_entry_that_failed_through_no_fault_of_the_sender_may_succeed() {
    assert!(is_transient_entry(false, "AnyCode"));
    assert!(is_transient_entry(true, "OverLimit"));
    assert!(!is_transient_entry(true, "InvalidMessageContents"));
}

#[test]
fn without_an_answer_another_attempt_may_succeed_unless_the_request_cannot_be_built() {
    assert!(is_transient_error(&SdkError::<Answer, _>::timeout_error("late")));
    assert!(!is_transient_error(&SdkError::<Answer, _>::construction_failure("no region")));
}

#[test]
fn a_reason_names_service_status_code_and_message() {
    assert_eq!(explain("S3", &answered(403, "AccessDenied")), "S3 answered 403 AccessDenied: no");
}
