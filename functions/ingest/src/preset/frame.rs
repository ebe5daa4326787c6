//! Frames: how a client's JSON is contained in the body of a request.

use base64_simd::STANDARD as BASE64;
use lambda_http::http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Preset;
use super::level::{Use, members};
use crate::error::RequestError;
use crate::payloads::not_utf8;
use crate::surrogates;

mod attributes;
pub(super) mod otlp;
mod protobuf;
mod records;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// How a body becomes JSON texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// The body is one JSON text or several, whatever its content type.
    #[default]
    Json,
    /// The first array of the path holds records, each with JSON texts in base64 in its member `data`.
    Base64Records,
    /// `CloudEvents`, whose attributes may be headers.
    #[serde(rename = "cloudevents")]
    CloudEvents,
    /// OTLP in JSON, or in protobuf by the content type.
    Otlp,
}

/// The JSON texts of a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Unframed {
    /// One text or several.
    pub text: String,
    /// The number of lone surrogates that were repaired.
    pub repaired: usize,
}

impl Preset {
    /// The JSON texts in the body of a request to a suffix, of at most `limit` bytes.
    ///
    /// # Errors
    /// The body cannot be read (400), or its JSON exceeds the limit (413).
    pub fn unframe(
        &self,
        mut body: Vec<u8>,
        suffix: Option<&str>,
        headers: &HeaderMap,
        limit: usize,
    ) -> Result<Unframed, RequestError> {
        if body.starts_with(BOM) {
            body.drain(..BOM.len());
        }
        let mut bytes = match self.framing {
            Framing::Json => match &self.form {
                Some(field) if !is_json(&body) => from_form(&body, field)?,
                _ => body,
            },
            Framing::Base64Records => records::unwrap(&body, self.first_array())?,
            Framing::CloudEvents => attributes::structured(&body, headers)?.unwrap_or(body),
            Framing::Otlp if otlp::is_protobuf(headers) => otlp::request(&body, suffix, limit)?.into_bytes(),
            Framing::Otlp => body,
        };
        let repaired = surrogates::repair(&mut bytes);
        let text = String::from_utf8(bytes);
        let text = text.map_err(|error| RequestError::Unreadable(not_utf8(&error.utf8_error())))?;
        if text.len() > limit {
            return Err(RequestError::TooLarge(format!("the document has more than {limit} bytes as JSON")));
        }
        Ok(Unframed { text, repaired })
    }

    /// The member that contains the outermost array of the first path.
    fn first_array(&self) -> &str {
        let array = self.items.first().and_then(|shape| shape.arrays.first());
        array.map_or("records", |array| &array.member)
    }

    /// The members of the JSON object in the preset's context header; empty if there is none.
    #[must_use]
    pub fn context_of(&self, headers: &HeaderMap) -> String {
        let value = self.context_header.as_ref().and_then(|name| headers.get(name)?.to_str().ok());
        let object = value.and_then(|value| serde_json::from_str::<&RawValue>(value).ok());
        let level = object.and_then(|object| members(object.get(), &|_| Use::Context(None)).ok());
        level.map(|level| level.context).unwrap_or_default()
    }
}

fn is_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), None | Some(b'{' | b'['))
}

/// The JSON in a form's field, which may be in base64.
fn from_form(body: &[u8], field: &str) -> Result<Vec<u8>, RequestError> {
    let mut fields = form_urlencoded::parse(body);
    let value = fields.find(|(name, _)| name == field).map(|(_, value)| value.into_owned());
    let value =
        value.ok_or_else(|| RequestError::Unreadable(format!("neither JSON nor a form with the field `{field}`")))?;
    if is_json(value.as_bytes()) {
        return Ok(value.into_bytes());
    }
    // A form's `+` is a space.
    BASE64.decode_to_vec(value.replace(' ', "+")).map_err(|_| {
        RequestError::Unreadable(format!("the form's field `{field}` holds neither JSON nor base64 of it"))
    })
}
