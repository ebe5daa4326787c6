//! After which errors another attempt may succeed.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use spillway_shared::causes::causes;

/// Codes of transient errors that AWS may send with a status of 4xx, without their prefix.
///
/// The first sixteen are the SDK's own: `THROTTLING_ERRORS` and `TRANSIENT_ERRORS` in
/// `aws_runtime::retries::classifiers`.
const TRANSIENT_CODES: [&str; 24] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
    // The service failed (common errors of the SQS and S3 API references). An entry of a batch has no status of its
    // own.
    "InternalError",
    // SQS: the key service throttles, or the queue has too many messages in flight (SQS API reference, errors of
    // `SendMessageBatch` and `ReceiveMessage`).
    "KmsThrottled",
    "OverLimit",
    // S3, 409: another request for the same key is under way (S3 API reference, "Error responses").
    "ConditionalRequestConflict",
    "OperationAborted",
    // S3, 400: the body was damaged or cut off in transit (same list).
    "BadDigest",
    "IncompleteBody",
    "XAmzContentChecksumMismatch",
];

/// Whether another attempt may succeed after an answer with this HTTP status and error code.
///
/// Statuses 408, 429 and 500 or above are transient with any code. A code may have a prefix that ends with `#` or `.`.
#[must_use]
pub fn is_transient(status: u16, code: &str) -> bool {
    let code = code.rsplit(['#', '.']).next().unwrap_or_default();
    matches!(status, 408 | 429 | 500..) || TRANSIENT_CODES.contains(&code)
}

/// Whether another attempt may succeed for one entry that failed in an SQS batch: `sender_fault` takes the status's
/// place.
#[must_use]
pub fn is_transient_entry(sender_fault: bool, code: &str) -> bool {
    is_transient(if sender_fault { 400 } else { 500 }, code)
}

/// Whether another attempt may succeed after this error.
///
/// Without an answer from AWS it may, unless the request cannot even be built.
#[must_use]
pub fn is_transient_error<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::ServiceError(answer) => {
            is_transient(answer.raw().status().as_u16(), answer.err().code().unwrap_or_default())
        }
        SdkError::ConstructionFailure(_) => false,
        _ => true,
    }
}

/// Why a call to `service` failed, in one line for the log, without the content of the request.
#[must_use]
pub fn explain<E>(service: &str, error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let SdkError::ServiceError(answer) = error else { return causes(error) };
    let (status, error) = (answer.raw().status().as_u16(), answer.err());
    let (code, message) = (error.code().unwrap_or("without a code"), error.message().unwrap_or("no message"));
    format!("{service} answered {status} {code}: {message}")
}

#[cfg(test)]
mod tests;
