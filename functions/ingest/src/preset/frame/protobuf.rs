//! Translates protobuf to JSON by a schema, and short messages back.

use std::fmt::Write as _;

use base64_simd::STANDARD as BASE64;

use super::otlp::{Field, Kind};
use crate::error::RequestError;

/// The most levels of messages; protobuf's own libraries stop at 100 too.
const MAX_MESSAGES: usize = 100;

/// A message's JSON, of at most `limit` bytes.
pub(super) fn json(message: &[u8], fields: &[Field], limit: usize) -> Result<String, RequestError> {
    let mut writer = Writer { json: String::new(), limit };
    writer.message(message, fields, 0)?;
    Ok(writer.json)
}

/// One value on the wire.
#[derive(Clone, Copy)]
enum Wire<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

struct Writer {
    json: String,
    limit: usize,
}

impl Writer {
    fn message(&mut self, message: &[u8], fields: &[Field], level: usize) -> Result<(), RequestError> {
        if level == MAX_MESSAGES {
            return Err(RequestError::Unreadable(format!("the protobuf has more than {MAX_MESSAGES} levels")));
        }
        self.json.push('{');
        for field in fields {
            self.field(message, field, level)?;
        }
        // A message of unknown fields must be read to its end too.
        values(message).try_for_each(|value| value.map(drop))?;
        self.json.push('}');
        Ok(())
    }

    /// Writes a field's values, which may lie anywhere in the message: JSON has each name once.
    fn field(&mut self, message: &[u8], field: &Field, level: usize) -> Result<(), RequestError> {
        let start = self.json.len();
        let mut is_first = true;
        for value in values(message) {
            let (_, value) = match value? {
                (number, _) if number != field.number => continue,
                (_, Wire::Bytes([])) if field.repeated && field.kind.is_packed() => continue,
                value => value,
            };
            match (is_first, field.repeated) {
                (true, _) => self.name(start, field),
                (false, true) => self.json.push(','),
                // The last value of a field counts.
                (false, false) => {
                    self.json.truncate(start);
                    self.name(start, field);
                }
            }
            self.value(value, field, level)?;
            is_first = false;
        }
        if field.repeated && !is_first {
            self.json.push(']');
        }
        Ok(())
    }

    fn name(&mut self, start: usize, field: &Field) {
        if !self.json[..start].ends_with('{') {
            self.json.push(',');
        }
        let _ = write!(self.json, "\"{}\":", field.name);
        if field.repeated {
            self.json.push('[');
        }
    }

    fn value(&mut self, value: Wire<'_>, field: &Field, level: usize) -> Result<(), RequestError> {
        if self.json.len() > self.limit {
            return Err(RequestError::TooLarge(format!("the document has more than {} bytes as JSON", self.limit)));
        }
        match (field.kind, value) {
            (Kind::Message(fields), Wire::Bytes(message)) => return self.message(message, fields(), level + 1),
            (Kind::Text, Wire::Bytes(text)) => self.text(std::str::from_utf8(text).map_err(|_| broken())?),
            (Kind::Hex, Wire::Bytes(bytes)) => self.hex(bytes),
            (Kind::Base64, Wire::Bytes(bytes)) => self.text(&BASE64.encode_to_string(bytes)),
            // Numbers of a repeated field are packed into one value.
            (kind, Wire::Bytes(packed)) if field.repeated && kind.is_packed() => return self.packed(packed, kind),
            (kind, value) => return self.number(value, kind),
        }
        Ok(())
    }

    fn packed(&mut self, mut packed: &[u8], kind: Kind) -> Result<(), RequestError> {
        let mut is_first = true;
        while !packed.is_empty() {
            if !is_first {
                self.json.push(',');
            }
            let value = match kind {
                Kind::Double | Kind::Unsigned64 | Kind::Signed64 => Wire::Fixed64(take(&mut packed)?),
                _ => Wire::Varint(varint(&mut packed)?),
            };
            self.number(value, kind)?;
            is_first = false;
        }
        Ok(())
    }

    fn number(&mut self, value: Wire<'_>, kind: Kind) -> Result<(), RequestError> {
        let json = &mut self.json;
        // Two's complement: a negative number is a large one on the wire.
        #[expect(clippy::cast_possible_wrap, clippy::cast_possible_truncation, reason = "protobuf's own encoding")]
        let _ = match (kind, value) {
            (Kind::Double, Wire::Fixed64(bytes)) => return self.double(f64::from_le_bytes(bytes)),
            (Kind::Unsigned64, Wire::Fixed64(bytes)) => write!(json, "\"{}\"", u64::from_le_bytes(bytes)),
            (Kind::Signed64, Wire::Fixed64(bytes)) => write!(json, "\"{}\"", i64::from_le_bytes(bytes)),
            (Kind::Unsigned32, Wire::Fixed32(bytes)) => write!(json, "{}", u32::from_le_bytes(bytes)),
            (Kind::Bool, Wire::Varint(number)) => write!(json, "{}", number != 0),
            (Kind::Unsigned32, Wire::Varint(number)) => write!(json, "{}", number as u32),
            (Kind::Enum, Wire::Varint(number)) => write!(json, "{}", number as i32),
            (Kind::ZigZag32, Wire::Varint(number)) => write!(json, "{}", (number >> 1) as i32 ^ -((number & 1) as i32)),
            (Kind::VarintUnsigned64, Wire::Varint(number)) => write!(json, "\"{number}\""),
            (Kind::VarintSigned64, Wire::Varint(number)) => write!(json, "\"{}\"", number as i64),
            _ => return Err(broken()),
        };
        Ok(())
    }

    fn double(&mut self, number: f64) -> Result<(), RequestError> {
        let special = match number {
            number if number.is_nan() => "\"NaN\"",
            f64::INFINITY => "\"Infinity\"",
            f64::NEG_INFINITY => "\"-Infinity\"",
            number => {
                let text = serde_json::to_string(&number).map_err(|_| broken())?;
                self.json.push_str(&text);
                return Ok(());
            }
        };
        self.json.push_str(special);
        Ok(())
    }

    fn text(&mut self, text: &str) {
        // A string always serialises.
        self.json.push_str(&serde_json::to_string(text).unwrap_or_default());
    }

    fn hex(&mut self, bytes: &[u8]) {
        self.json.push('"');
        for byte in bytes {
            let _ = write!(self.json, "{byte:02x}");
        }
        self.json.push('"');
    }
}

/// The numbers and values of a message's fields. After an error come no more.
fn values(mut message: &[u8]) -> impl Iterator<Item = Result<(u32, Wire<'_>), RequestError>> {
    std::iter::from_fn(move || {
        if message.is_empty() {
            return None;
        }
        let value = field(&mut message);
        if value.is_err() {
            message = &[];
        }
        Some(value)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Result<(u32, Wire<'a>), RequestError> {
    let tag = varint(rest)?;
    let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0).ok_or_else(broken)?;
    let value = match tag & 7 {
        0 => Wire::Varint(varint(rest)?),
        1 => Wire::Fixed64(take(rest)?),
        2 => Wire::Bytes(bytes(rest)?),
        5 => Wire::Fixed32(take(rest)?),
        _ => return Err(broken()),
    };
    Ok((number, value))
}

fn varint(rest: &mut &[u8]) -> Result<u64, RequestError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(rest)?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(broken())
}

fn bytes<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], RequestError> {
    let length = usize::try_from(varint(rest)?).map_err(|_| broken())?;
    let (bytes, others) = rest.split_at_checked(length).ok_or_else(broken)?;
    *rest = others;
    Ok(bytes)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], RequestError> {
    let (bytes, others) = rest.split_first_chunk().ok_or_else(broken)?;
    *rest = others;
    Ok(*bytes)
}

fn broken() -> RequestError {
    RequestError::Unreadable("the body is no protobuf message of this path, or it is cut off".to_owned())
}

/// Appends a number to a message; 0 is left out.
pub(super) fn push_varint_field(message: &mut Vec<u8>, number: u8, value: u64) {
    if value != 0 {
        message.push(number << 3);
        push_varint(message, value);
    }
}

/// Appends text or a message to a message; nothing is appended for an empty one.
pub(super) fn push_bytes_field(message: &mut Vec<u8>, number: u8, value: &[u8]) {
    if !value.is_empty() {
        message.push(number << 3 | 2);
        push_varint(message, value.len() as u64);
        message.extend_from_slice(value);
    }
}

fn push_varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    message.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const INNER: &[Field] = &[one(1, "text", Kind::Text), many(2, "inner", Kind::Message(|| INNER))];
    const ALL: &[Field] = &[
        many(1, "inner", Kind::Message(|| INNER)),
        one(2, "hex", Kind::Hex),
        one(3, "base64", Kind::Base64),
        one(4, "bool", Kind::Bool),
        one(5, "enum", Kind::Enum),
        many(6, "doubles", Kind::Double),
        one(7, "zigzag", Kind::ZigZag32),
        many(8, "unsigned", Kind::VarintUnsigned64),
        one(9, "signed", Kind::VarintSigned64),
        one(10, "fixed32", Kind::Unsigned32),
        one(11, "fixed64", Kind::Signed64),
    ];

    const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
        Field { number, name, kind, repeated: false }
    }

    const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
        Field { number, name, kind, repeated: true }
    }

    fn of(message: &[u8]) -> Result<String, RequestError> {
        json(message, ALL, 1_000)
    }

    fn bytes_field(number: u8, value: &[u8]) -> Vec<u8> {
        let mut message = Vec::new();
        message.push(number << 3 | 2);
        push_varint(&mut message, value.len() as u64);
        message.extend_from_slice(value);
        message
    }

    #[test]
    fn every_kind_has_its_form_in_json() {
        let double = |number: f64| number.to_le_bytes();
        for (message, expected) in [
            (vec![], "{}"),
            (bytes_field(1, &bytes_field(1, b"a\"")), r#"{"inner":[{"text":"a\""}]}"#),
            (bytes_field(2, &[0, 0xAB]), r#"{"hex":"00ab"}"#),
            (bytes_field(3, &[0, 0xFF]), r#"{"base64":"AP8="}"#),
            (vec![4 << 3, 1], r#"{"bool":true}"#),
            (vec![5 << 3, 7, 5 << 3, 2], r#"{"enum":2}"#),
            (bytes_field(6, &[double(1.5), double(f64::NAN)].concat()), r#"{"doubles":[1.5,"NaN"]}"#),
            ([vec![6 << 3 | 1], double(-0.25).to_vec()].concat(), r#"{"doubles":[-0.25]}"#),
            (vec![7 << 3, 3], r#"{"zigzag":-2}"#),
            (bytes_field(8, &[1, 0xFF, 1]), r#"{"unsigned":["1","255"]}"#),
            ([bytes_field(8, &[]), bytes_field(8, &[1]), bytes_field(8, &[])].concat(), r#"{"unsigned":["1"]}"#),
            ([vec![9 << 3], vec![0xFF; 9], vec![1]].concat(), r#"{"signed":"-1"}"#),
            (vec![10 << 3 | 5, 1, 1, 0, 0], r#"{"fixed32":257}"#),
            ([vec![11 << 3 | 1], (-5_i64).to_le_bytes().to_vec()].concat(), r#"{"fixed64":"-5"}"#),
            (vec![4 << 3, 1, 0xF8, 1, 3], r#"{"bool":true}"#),
        ] {
            assert_eq!(of(&message).as_deref(), Ok(expected), "{message:?}");
        }
    }

    #[test]
    fn values_of_one_field_are_gathered() {
        let (a, b) = (bytes_field(1, &bytes_field(1, b"a")), bytes_field(1, &[]));
        let message = [a, vec![4 << 3, 0], b].concat();
        assert_eq!(of(&message).unwrap(), r#"{"inner":[{"text":"a"},{}],"bool":false}"#);
    }

    #[test]
    fn broken_messages_are_unreadable() {
        let deep = (0..100).fold(Vec::new(), |inner, _| bytes_field(2, &inner));
        for message in [
            &[4 << 3][..],
            &[4 << 3, 0x80],
            &[2 << 3 | 2, 3, 0],
            &[4 << 3 | 3],
            &[0, 1],
            &[4 << 3 | 1, 0, 0, 0, 0, 0, 0, 0, 0],
            &bytes_field(1, &bytes_field(1, &[0xFF])),
            &bytes_field(6, &[1, 2, 3]),
            &[[9 << 3].as_slice(), &[0xFF; 10], &[1]].concat(),
            &bytes_field(1, &deep),
            &[0xF8, 1],
        ] {
            assert!(matches!(of(message), Err(RequestError::Unreadable(_))), "{message:?}");
        }
    }

    #[test]
    fn json_beyond_the_limit_is_too_large() {
        let message: Vec<u8> = (0..1_000).flat_map(|_| bytes_field(1, &[])).collect();
        assert!(matches!(of(&message), Err(RequestError::TooLarge(_))));
    }
}
