//! Unwraps records whose data is in base64: `{"records":[{"data":"…"}]}` becomes `{"records":[{…},{…}]}`.

use base64_simd::STANDARD as BASE64;
use serde_json::value::RawValue;
use spillway_shared::pointer::Pointer;

use crate::error::RequestError;
use crate::payloads::not_utf8;
use crate::preset::level::{Use, elements, members, push_member};

/// The member of a record that holds its data.
const DATA: &str = "/data";

/// The document with the JSON values of every record in place of the record.
///
/// Data that is no JSON becomes a string, so that it is rejected alone and its place in the document counts.
pub(super) fn unwrap(body: &[u8], array: &str) -> Result<Vec<u8>, RequestError> {
    let text = std::str::from_utf8(body).map_err(|error| RequestError::Unreadable(not_utf8(&error)))?;
    let sort = |key: &str| if key == array { Use::Items(0) } else { Use::Context(None) };
    let level = members(text, &sort)?;
    let mut values = Vec::new();
    for (_, records) in &level.arrays {
        elements(records.get(), &mut |record| {
            values.push(values_of(record)?);
            Ok(())
        })?;
    }
    values.retain(|values| !values.is_empty());
    let mut document = level.context;
    push_member(&mut document, array, &format!("[{}]", values.join(",")));
    Ok(format!("{{{document}}}").into_bytes())
}

/// The values of one record, joined by commas.
fn values_of(record: &str) -> Result<String, RequestError> {
    let data = Pointer::parse(DATA).and_then(|pointer| pointer.find_raw(record));
    let Some(Ok(data)) = data.map(|data| serde_json::from_str::<String>(data.get())) else {
        return Err(RequestError::Unreadable("a record has no string `data`".to_owned()));
    };
    let decoded = BASE64.decode_to_vec(&data).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(decoded.map_or_else(|| quoted(&data), |text| joined(&text)))
}

fn joined(text: &str) -> String {
    let texts = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let values = texts.map(|value| value.map(RawValue::get)).collect::<Result<Vec<_>, _>>();
    values.map_or_else(|_| joined_lines(text), |values| values.join(","))
}

fn joined_lines(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let value = |line: &str| serde_json::from_str::<&RawValue>(line).map_or_else(|_| quoted(line), ToString::to_string);
    lines.map(value).collect::<Vec<_>>().join(",")
}

fn quoted(text: &str) -> String {
    // A string always serialises.
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwrapped(data: &[&str]) -> String {
        let records: Vec<_> =
            data.iter().map(|data| format!(r#"{{"data":"{}"}}"#, BASE64.encode_to_string(data))).collect();
        let body = format!(r#"{{"requestId":"r","records":[{}],"timestamp":1.0}}"#, records.join(","));
        String::from_utf8(unwrap(body.as_bytes(), "records").unwrap()).unwrap()
    }

    #[test]
    fn every_json_value_of_a_record_takes_its_place() {
        assert_eq!(
            unwrapped(&[r#"{"a":1.0}"#, "{\"a\":2}\n{\"a\":3}\n", "", r#"{"a":4}{"a":5}"#]),
            r#"{"requestId":"r","timestamp":1.0,"records":[{"a":1.0},{"a":2},{"a":3},{"a":4},{"a":5}]}"#
        );
    }

    #[test]
    fn data_that_is_no_json_becomes_a_string() {
        let document = unwrapped(&["{\"a\":1}\nnon\"sense\n{\"a\":2}", "text"]);
        assert!(document.ends_with(r#""records":[{"a":1},"non\"sense",{"a":2},"text"]}"#), "{document}");
        let broken = unwrap(br#"{"records":[{"data":"?"}]}"#, "records").unwrap();
        assert_eq!(String::from_utf8(broken).unwrap(), r#"{"records":["?"]}"#);
    }

    #[test]
    fn a_record_without_data_makes_the_document_unreadable() {
        for body in [r#"{"records":[{}]}"#, r#"{"records":[{"data":1}]}"#, r#"{"records":{}}"#, "[]", "\u{fffd}"] {
            assert!(matches!(unwrap(body.as_bytes(), "records"), Err(RequestError::Unreadable(_))), "{body}");
        }
    }
}
