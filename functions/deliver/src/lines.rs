//! Checks that each line of a message looks like a record of its stream.
//!
//! Only ingest writes to the queue, so a line that does not begin like its records was written by someone else, and
//! would make objects that readers cannot use. Parsing every record would cost as much as compressing it; the beginning
//! and the end of a line cost a hundredth of that.

use memchr::{memchr, memchr_iter};
use spillway_shared::stream::StreamName;

/// The beginning of every record.
const START: &[u8] = b"{\"id\":\"";
/// No id is longer, in bytes.
const MAX_ID_BYTES: usize = 128;

/// Checks records, each of which ends with a line feed.
///
/// # Errors
/// The first line, counted from 1, that is not a record of this stream, and what is wrong with it.
pub fn check(records: &[u8], stream: &StreamName) -> Result<(), String> {
    let after_id = format!("\",\"stream\":\"{stream}\",");
    let mut start = 0;
    for (end, number) in memchr_iter(b'\n', records).zip(1..) {
        if let Some(wrong) = wrong(&records[start..end], after_id.as_bytes()) {
            return Err(format!("record {number} {wrong}"));
        }
        start = end + 1;
    }
    Ok(())
}

/// What is wrong with a line; `None` if it is a record.
fn wrong(line: &[u8], after_id: &[u8]) -> Option<&'static str> {
    let Some(rest) = line.strip_prefix(START) else { return Some("does not begin with {\"id\":\"") };
    let head = &rest[..rest.len().min(MAX_ID_BYTES + 1)];
    let Some(id) = memchr(b'"', head).filter(|id| is_id(&head[..*id])) else { return Some("has an invalid id") };
    if !rest[id..].starts_with(after_id) {
        return Some("does not name the stream of the header after its id");
    }
    (line.last() != Some(&b'}')).then_some("does not end with }")
}

fn is_id(id: &[u8]) -> bool {
    !id.is_empty() && id.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(records: &str) -> Option<String> {
        check(records.as_bytes(), &StreamName::parse("clicks").unwrap()).err()
    }

    #[test]
    fn the_records_of_ingest_are_records() {
        let long = "x".repeat(MAX_ID_BYTES);
        for id in ["0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000-12", "a", &long] {
            let line = format!("{{\"id\":\"{id}\",\"stream\":\"clicks\",\"payload\":{{\"a\":\"}}\"}}}}\n");
            assert_eq!(reason(&line.repeat(3)), None, "{id}");
        }
    }

    #[test]
    fn the_reason_names_the_line_and_what_is_wrong() {
        let good = "{\"id\":\"a-0\",\"stream\":\"clicks\",\"payload\":{}}\n";
        let long = format!("{{\"id\":\"{}\",\"stream\":\"clicks\",}}", "x".repeat(MAX_ID_BYTES + 1));
        for (line, expected) in [
            ("", "record 2 does not begin with {\"id\":\""),
            ("{}", "record 2 does not begin with {\"id\":\""),
            ("{ \"id\":\"a\",\"stream\":\"clicks\",\"payload\":{}}", "record 2 does not begin with {\"id\":\""),
            ("{\"id\":\"\",\"stream\":\"clicks\",\"payload\":{}}", "record 2 has an invalid id"),
            ("{\"id\":\"a\\\",\"stream\":\"clicks\",\"payload\":{}}", "record 2 has an invalid id"),
            ("{\"id\":\"a", "record 2 has an invalid id"),
            (&long, "record 2 has an invalid id"),
            (
                "{\"id\":\"a\",\"stream\":\"click\",\"b\":1}",
                "record 2 does not name the stream of the header after its id",
            ),
            ("{\"id\":\"a\",\"stream\":\"clicks\"}", "record 2 does not name the stream of the header after its id"),
            ("{\"id\":\"a\"}", "record 2 does not name the stream of the header after its id"),
            ("{\"id\":\"a\",\"stream\":\"clicks\",\"payload\":{}} ", "record 2 does not end with }"),
            ("{\"id\":\"a\",\"stream\":\"clicks\",", "record 2 does not end with }"),
        ] {
            assert_eq!(reason(&format!("{good}{line}\n{good}")).as_deref(), Some(expected), "{line}");
        }
    }
}
