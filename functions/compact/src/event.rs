//! What the function is invoked with: hours from its queue, or a schedule that looks for hours with work left.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use spillway_shared::hour::Hour;
use spillway_shared::stream::StreamName;

use crate::list::Place;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// Messages of SQS.
    Queue {
        /// The messages.
        #[serde(rename = "Records")]
        messages: Vec<Message>,
    },
    /// From the scheduler: enqueue the hours with work left.
    Schedule {
        /// How many hours before the running one are looked at.
        hours: u32,
    },
    /// From an operator: enqueue the hours with work left of a range, which may contain the running one.
    Range {
        /// The first hour.
        #[serde(deserialize_with = "hour")]
        from: Hour,
        /// The last hour.
        #[serde(deserialize_with = "hour")]
        to: Hour,
        /// Only of this stream.
        #[serde(default)]
        stream: Option<StreamName>,
    },
}

/// A message of SQS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The id that SQS gave it.
    pub message_id: String,
    /// Its text.
    pub body: String,
}

/// The failed messages of an event of SQS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The messages that stay on the queue.
    pub batch_item_failures: Vec<Failure>,
    /// The number of hours that were enqueued. Lambda gets only what it knows.
    #[serde(skip_serializing_if = "is_zero")]
    pub enqueued: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A failed message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The message's id.
    pub item_identifier: String,
}

/// The body of a message: `{"stream":"clicks","hour":"2026-11-21T18"}`, in a rebuild with `"version":2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The hour.
    pub place: Place,
    /// The version of the files; without it, the version of the stream's lock file.
    pub version: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    stream: StreamName,
    #[serde(deserialize_with = "hour")]
    hour: Hour,
    version: Option<u32>,
}

fn hour<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hour, D::Error> {
    let text = String::deserialize(deserializer)?;
    Hour::parse(&text).ok_or_else(|| D::Error::custom("must be an hour such as `2026-11-21T18`"))
}

impl Job {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// It is not one that [`Job::body`] writes.
    pub fn of_body(body: &str) -> Result<Self, serde_json::Error> {
        let Body { stream, hour, version } = serde_json::from_str(body)?;
        Ok(Self { place: Place { stream, hour }, version })
    }

    /// The body of a message.
    #[must_use]
    pub fn body(&self) -> String {
        let Self { place: Place { stream, hour }, version } = self;
        let version = version.map(|version| format!(r#","version":{version}"#)).unwrap_or_default();
        format!(r#"{{"stream":"{stream}","hour":"{hour}"{version}}}"#)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.stream, self.hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::place;

    #[test]
    fn bodies_are_read_as_they_were_written() {
        for version in [None, Some(2)] {
            let job = Job { place: place(), version };
            assert_eq!(Job::of_body(&job.body()).unwrap(), job);
        }
        for body in ["", "{}", r#"{"stream":"../x","hour":"2026-11-21T18"}"#, r#"{"stream":"a","hour":"2026-11-21"}"#] {
            assert!(Job::of_body(body).is_err(), "{body}");
        }
    }

    #[test]
    fn every_event_is_read_and_others_refused() {
        let queue = r#"{"Records":[{"messageId":"1","receiptHandle":"r","body":"{}","attributes":{}}]}"#;
        let message = Message { message_id: "1".to_owned(), body: "{}".to_owned() };
        assert_eq!(serde_json::from_str::<Event>(queue).unwrap(), Event::Queue { messages: vec![message] });
        assert_eq!(serde_json::from_str::<Event>(r#"{"hours":24}"#).unwrap(), Event::Schedule { hours: 24 });
        let range = Event::Range { from: place().hour, to: place().hour, stream: None };
        let text = r#"{"from":"2026-11-21T18","to":"2026-11-21T18"}"#;
        assert_eq!(serde_json::from_str::<Event>(text).unwrap(), range);
        assert!(serde_json::from_str::<Event>("{}").is_err());
    }
}
