//! Reads a kept rejection back, and makes it the record of an accepted payload.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Finding;
use crate::rejection::Rejection;

/// A kept rejection as it is stored. Its members stay byte for byte.
#[derive(Debug, Deserialize)]
pub struct KeptRecord<'a> {
    /// The record's id, as JSON; its text needs no escapes.
    pub id: &'a str,
    /// The stream.
    pub stream: &'a str,
    /// When the payload was received.
    pub received_at: &'a str,
    #[serde(borrow)]
    event_time: Option<&'a RawValue>,
    /// Why it was rejected.
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
    /// What is wrong, and where.
    #[serde(borrow)]
    pub detail: Cow<'a, str>,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    /// The payload as it was sent.
    #[serde(borrow)]
    pub payload: &'a RawValue,
}

impl<'a> KeptRecord<'a> {
    /// Reads one line of an object under `rejected/`.
    ///
    /// # Errors
    /// The line is not a kept rejection.
    pub fn read(line: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(line)
    }

    /// The record of a payload that took the place of this one's and is accepted: with the same id and time of receipt,
    /// the digest of the schema that judged it, and its violation, if any.
    #[must_use]
    pub fn accepted(&self, payload: &str, schema: Option<&str>, violation: Option<Rejection>) -> String {
        let Self { id, stream, received_at, .. } = self;
        let mut line = format!(r#"{{"id":"{id}","stream":"{stream}","received_at":"{received_at}""#);
        push(&mut line, "event_time", self.event_time);
        if let Some(schema) = schema {
            let _ = write!(line, r#","schema":"{schema}""#);
        }
        if let Some(violation) = violation {
            Finding::Violation(violation).append(&mut line);
        }
        push(&mut line, "source", self.source);
        push(&mut line, "context", self.context);
        let _ = writeln!(line, r#","payload":{payload}}}"#);
        line
    }
}

fn push(line: &mut String, name: &str, value: Option<&RawValue>) {
    if let Some(value) = value {
        let _ = write!(line, r#","{name}":{}"#, value.get());
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use spillway_shared::stream::StreamName;
    use uuid::Uuid;

    use super::super::{Shared, Template};
    use super::*;
    use crate::rejection::Reason;

    #[test]
    fn a_kept_record_becomes_the_record_that_ingest_would_have_written() {
        let shared = Shared {
            schema: Some("0123456789abcdef"),
            source: Some(r#"{"country":"DE"}"#),
            context: Some("{\"a\":1.0}"),
        };
        let stream = StreamName::parse("clicks").unwrap();
        let template = Template::new(Uuid::nil(), &stream, SystemTime::UNIX_EPOCH, &shared);
        let rejection = Rejection::new(Reason::Schema, "/a: type: expected \"string\"");
        let (mut kept, mut accepted) = (String::new(), String::new());
        assert!(template.append(&mut kept, 7, Some(&Finding::Kept(rejection.clone())), r#"{"a":1.50}"#));
        assert!(template.append(&mut accepted, 7, Some(&Finding::Violation(rejection.clone())), r#"{"a":1.50}"#));

        let record = KeptRecord::read(kept.as_bytes()).unwrap();
        assert_eq!((record.reason.as_ref(), record.detail.as_ref()), ("schema", rejection.detail.as_str()));
        let again = record.accepted(record.payload.get(), shared.schema, Some(rejection));
        assert_eq!(again, accepted);
    }

    #[test]
    fn an_accepted_record_is_not_a_kept_one() {
        assert!(KeptRecord::read(br#"{"id":"a-0","stream":"clicks","received_at":"x","payload":{}}"#).is_err());
    }
}
