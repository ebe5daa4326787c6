//! Finds the ids of records without parsing the records.

use std::borrow::Cow;

use memchr::memchr;
use sha2::{Digest, Sha256};
use spillway_shared::message;
use uuid::Uuid;

/// Every record begins with this.
const START: &[u8] = b"{\"id\":\"";
/// A request id with its hyphens.
const UUID_BYTES: usize = 36;

/// What names a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Id<'a> {
    /// `<request id>-<index>`.
    Record {
        /// The request id.
        request: u128,
        /// The payload's index in its document.
        index: u32,
    },
    /// Any other name: an id of another form, or the digest of what has none.
    Other(Cow<'a, str>),
}

/// Passes the id of every record of a message to `visit`; a message that cannot be read has one id: its digest.
/// A test event of S3 has none, because deliver acknowledges it and stores nothing.
pub(super) fn of_message(body: &str, mut visit: impl FnMut(Id<'_>)) {
    match message::open(body).and_then(|sealed| sealed.records().map(Cow::into_owned)) {
        Ok(records) => lines(&records).for_each(|line| visit(of_line(line))),
        Err(_) if message::is_s3_test_event(body) => {}
        Err(_) => visit(digest("message", body.as_bytes())),
    }
}

/// The id of one line of NDJSON; a line without one has the name of its digest.
pub(super) fn of_line(line: &[u8]) -> Id<'_> {
    let id = line.strip_prefix(START).and_then(|rest| Some(&rest[..memchr(b'"', rest)?]));
    id.and_then(|id| std::str::from_utf8(id).ok()).map_or_else(|| digest("line", line), of_text)
}

/// The id with this text.
pub(super) fn of_text(id: &str) -> Id<'_> {
    record(id).unwrap_or(Id::Other(Cow::Borrowed(id)))
}

fn lines(records: &[u8]) -> impl Iterator<Item = &[u8]> {
    records.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// Only the canonical form is a record's, so that two texts never mean one id.
fn record(id: &str) -> Option<Id<'static>> {
    let (uuid, index) = id.split_at_checked(UUID_BYTES)?;
    let index = index.strip_prefix('-')?;
    let canonical = !uuid.bytes().any(|byte| byte.is_ascii_uppercase())
        && index.bytes().all(|byte| byte.is_ascii_digit())
        && (index == "0" || !index.starts_with('0'));
    if !canonical {
        return None;
    }
    let request = Uuid::try_parse(uuid).ok()?.as_u128();
    Some(Id::Record { request, index: index.parse().ok()? })
}

fn digest(kind: &str, bytes: &[u8]) -> Id<'static> {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let half = digest.first_chunk().map_or(0, |half| u128::from_be_bytes(*half));
    Id::Other(Cow::Owned(format!("{kind} without ids {half:032x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000";

    fn line(id: &str) -> String {
        format!("{{\"id\":\"{id}\",\"stream\":\"clicks\"}}")
    }

    #[test]
    fn a_record_is_named_by_request_and_index() {
        let request = 0x0199_aaaa_bbbb_7ccc_8ddd_eeee_ffff_0000;
        assert_eq!(of_line(line(&format!("{UUID}-0")).as_bytes()), Id::Record { request, index: 0 });
        assert_eq!(of_line(line(&format!("{UUID}-9999")).as_bytes()), Id::Record { request, index: 9999 });
    }

    #[test]
    fn another_form_of_id_is_kept_as_text() {
        let upper = UUID.to_uppercase();
        for id in [
            "x",
            "",
            UUID,
            &format!("{UUID}-01"),
            &format!("{UUID}-"),
            &format!("{UUID}-4294967296"),
            &format!("{upper}-1"),
        ] {
            assert_eq!(of_line(line(id).as_bytes()), Id::Other(Cow::Borrowed(id)), "{id}");
        }
    }

    #[test]
    fn a_line_without_an_id_is_named_by_its_digest() {
        let names: Vec<_> =
            [&b"{}"[..], b"{\"id\":1}", b"\xff\xfe", b"{\"id\":\""].iter().map(|line| of_line(line)).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(matches!(name, Id::Other(text) if text.starts_with("line without ids ")));
            assert!(!names[..at].contains(name));
        }
    }

    #[test]
    fn a_message_that_cannot_be_read_is_one_id() {
        let mut ids = Vec::new();
        of_message("garbage", |id| ids.push(format!("{id:?}")));
        of_message("garbage", |id| ids.push(format!("{id:?}")));
        of_message("other garbage", |id| ids.push(format!("{id:?}")));
        of_message(r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#, |id| ids.push(format!("{id:?}")));
        assert_eq!(ids.len(), 3);
        assert_eq!(ids[0], ids[1]);
        assert_ne!(ids[0], ids[2]);
    }
}
