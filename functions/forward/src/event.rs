//! Reads the body of a message: which object to send, and which of its lines.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// All lines of an object.
pub const WHOLE: Range<u64> = 0..u64::MAX;

/// What a message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The key of the object.
    pub key: String,
    /// The lines to send, counted from 0.
    pub lines: Range<u64>,
    /// How often earlier messages with these lines were received.
    pub receives: u32,
}

/// Why a message is not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It can never be understood.
    #[error("neither an event `Object Created` of S3 nor a message of `forward`")]
    Unreadable,
    /// It concerns an object that is not the destination's.
    #[error("an object of another bucket or stream")]
    NotOurs,
}

/// A message that forward sends to its own queue, or to the dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Part {
    /// The key of the object.
    pub key: String,
    /// The first line, counted from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub from_line: u64,
    /// The line after the last one; `None` for all lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_line: Option<u64>,
    /// How often earlier messages with these lines were received.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub receives: u32,
    /// For dead letters: the partner's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For dead letters: why they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The event `Object Created` as `EventBridge` sends it. Its keys are not URL-encoded, unlike those of S3's notifications.
#[derive(Deserialize)]
struct Created {
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    bucket: Named,
    object: Keyed,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Keyed {
    key: String,
}

/// Reads a body. Only objects of `bucket` whose keys begin with one of `prefixes` are work.
///
/// # Errors
/// Why it is not work.
pub fn read(body: &str, bucket: &str, prefixes: &[String]) -> Result<Work, EventError> {
    let work = match serde_json::from_str::<Created>(body) {
        Ok(Created { detail }) if detail.bucket.name != bucket => return Err(EventError::NotOurs),
        Ok(Created { detail }) => Work { key: detail.object.key, lines: WHOLE, receives: 0 },
        Err(_) => of_part(serde_json::from_str(body).map_err(|_| EventError::Unreadable)?)?,
    };
    let is_ours = prefixes.iter().any(|prefix| work.key.starts_with(prefix));
    if is_ours { Ok(work) } else { Err(EventError::NotOurs) }
}

fn of_part(part: Part) -> Result<Work, EventError> {
    let lines = part.from_line..part.to_line.unwrap_or(WHOLE.end);
    if lines.is_empty() {
        return Err(EventError::Unreadable);
    }
    // A dead letter that is sent again starts anew.
    let receives = if part.reason.is_some() { 0 } else { part.receives };
    Ok(Work { key: part.key, lines, receives })
}

impl Part {
    /// A message for these lines.
    #[must_use]
    pub fn of(key: &str, lines: Range<u64>) -> Self {
        let to_line = Some(lines.end).filter(|end| *end < WHOLE.end);
        Self { key: key.to_owned(), from_line: lines.start, to_line, ..Self::default() }
    }

    /// The body of the message.
    #[must_use]
    pub fn body(&self) -> String {
        // Serialising texts and numbers cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn is_zero<N: PartialEq + Default>(number: &N) -> bool {
    *number == N::default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_body(body: &str) -> Result<Work, EventError> {
        read(body, "b", &["records/stream=clicks/".to_owned()])
    }

    fn created(bucket: &str, key: &str) -> String {
        json!({"source": "aws.s3", "detail-type": "Object Created",
               "detail": {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}}})
        .to_string()
    }

    #[test]
    fn an_event_of_the_destinations_streams_is_work() {
        let key = "records/stream=clicks/dt=2026-11-21/hour=18/a b+c.ndjson";
        assert_eq!(read_body(&created("b", key)), Ok(Work { key: key.to_owned(), lines: WHOLE, receives: 0 }));
        assert_eq!(read_body(&created("c", key)), Err(EventError::NotOurs));
        assert_eq!(read_body(&created("b", "records/stream=clicks2/a")), Err(EventError::NotOurs));
    }

    #[test]
    fn parts_round_trip_and_dead_letters_start_anew() {
        let part = Part { receives: 7, ..Part::of("records/stream=clicks/a", 10..20) };
        let work = read_body(&part.body()).unwrap();
        assert_eq!((work.lines, work.receives), (10..20, 7));
        let dead = Part { status: Some(400), reason: Some("no".to_owned()), ..part };
        assert_eq!(read_body(&dead.body()).unwrap().receives, 0);
        for lines in [WHOLE, 0..7, 7..u64::MAX] {
            let body = Part::of("records/stream=clicks/a", lines.clone()).body();
            assert_eq!(read_body(&body).unwrap().lines, lines, "{body}");
        }
    }

    #[test]
    fn anything_else_is_unreadable() {
        for body in
            ["", "{}", "[]", "{\"key\":1}", "{\"key\":\"records/stream=clicks/a\",\"from_line\":3,\"to_line\":3}"]
        {
            assert_eq!(read_body(body), Err(EventError::Unreadable), "{body}");
        }
    }
}
