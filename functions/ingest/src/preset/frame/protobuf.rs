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
mod tests;
