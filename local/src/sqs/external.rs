//! An external SQS endpoint, used instead of the built-in one.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::QueueAttributeName::{
    ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed, ApproximateNumberOfMessagesNotVisible,
};
use tokio::time::timeout;

use super::{Counts, QueueError};
use crate::account::ACCOUNT;

const PATIENCE: Duration = Duration::from_secs(5);

/// The ARN of a queue, whose URL ends with account and name.
pub(super) fn arn(url: &str, region: &str) -> String {
    let mut ends = url.trim_end_matches('/').rsplit('/');
    let name = ends.next().unwrap_or_default();
    let account = ends.next().filter(|text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()));
    super::arn(region, account.unwrap_or(ACCOUNT), name)
}

/// How many messages the queue has, without those in its dead-letter queue.
pub(crate) async fn counts(client: &Client, url: &str) -> Result<Counts, QueueError> {
    let names =
        [ApproximateNumberOfMessages, ApproximateNumberOfMessagesDelayed, ApproximateNumberOfMessagesNotVisible];
    let call = client.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec())).send();
    let output = timeout(PATIENCE, call).await.map_err(|_| QueueError::External("no response in time".to_owned()))?;
    let output = output.map_err(|error| QueueError::External(DisplayErrorContext(error).to_string()))?;
    let counts = names.map(|name| output.attributes()?.get(&name)?.parse().ok());
    let [Some(visible), Some(delayed), Some(in_flight)] = counts else {
        return Err(QueueError::External("the response has no counts".to_owned()));
    };
    Ok(Counts { queued: visible + delayed, in_flight, ..Counts::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_follows_from_a_url() {
        let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/spillway-messages";
        assert_eq!(arn(url, "eu-central-1"), "arn:aws:sqs:eu-central-1:123456789012:spillway-messages");
        assert_eq!(arn("http://127.0.0.1:4566/q/", "us-east-1"), "arn:aws:sqs:us-east-1:000000000000:q");
    }
}
