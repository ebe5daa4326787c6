//! `CloudEvents` in binary mode: the attributes of an event are headers, the body is its data.

use base64_simd::STANDARD as BASE64;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::CONTENT_TYPE;
use percent_encoding::percent_decode;
use serde_json::value::RawValue;

use crate::error::RequestError;
use crate::preset::level::push_member;

const PREFIX: &str = "ce-";
/// The attributes that make headers an event.
const REQUIRED: [&str; 2] = ["ce-id", "ce-specversion"];

/// The event in structured mode; `None` if its attributes are not in the headers.
pub(super) fn structured(body: &[u8], headers: &HeaderMap) -> Result<Option<Vec<u8>>, RequestError> {
    if !headers.keys().any(|name| name.as_str().starts_with(PREFIX)) {
        return Ok(None);
    }
    if !REQUIRED.iter().all(|name| headers.contains_key(*name)) {
        return Err(RequestError::Unreadable(format!("an event in headers needs `{}`", REQUIRED.join("` and `"))));
    }
    let mut event = String::new();
    for (name, value) in headers {
        if let Some(name) = name.as_str().strip_prefix(PREFIX) {
            push_member(&mut event, name, &quoted(&percent_decode(value.as_bytes()).decode_utf8_lossy()));
        }
    }
    let media_type = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    if let Some(media_type) = &media_type {
        push_member(&mut event, "datacontenttype", &quoted(media_type));
    }
    push_data(&mut event, body, media_type.as_deref().is_none_or(is_json));
    Ok(Some(format!("{{{event}}}").into_bytes()))
}

fn push_data(event: &mut String, body: &[u8], is_json: bool) {
    let json = || serde_json::from_slice::<&RawValue>(body).ok().filter(|_| is_json);
    match (json(), std::str::from_utf8(body)) {
        _ if body.is_empty() => {}
        (Some(json), _) => push_member(event, "data", json.get()),
        (None, Ok(text)) => push_member(event, "data", &quoted(text)),
        (None, Err(_)) => push_member(event, "data_base64", &quoted(&BASE64.encode_to_string(body))),
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json")
}

fn quoted(text: &str) -> String {
    // A string always serialises.
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use lambda_http::http::HeaderName;
    use serde_json::{Value, json};

    use super::*;

    fn event(headers: &[(&'static str, &str)], body: &[u8]) -> Value {
        let required = [("ce-id", "1"), ("ce-specversion", "1.0")];
        let headers = required.iter().chain(headers);
        let headers = headers.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        let mut event: Value = serde_json::from_slice(&structured(body, &headers).unwrap().unwrap()).unwrap();
        assert_eq!((event["id"].take(), event["specversion"].take()), (json!("1"), json!("1.0")));
        event.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        event
    }

    #[test]
    fn data_is_json_text_or_base64() {
        let json = ("content-type", "application/json; charset=utf-8");
        assert_eq!(event(&[], br#"{"a":1}"#), json!({"data": {"a": 1}}));
        assert_eq!(event(&[json], b"3")["data"], 3);
        assert_eq!(event(&[json], b"{nonsense")["data"], "{nonsense");
        assert_eq!(event(&[("content-type", "text/plain")], b"3")["data"], "3");
        assert_eq!(event(&[], b"\xFF\x00"), json!({"data_base64": "/wA="}));
        assert_eq!(event(&[], b""), json!({}));
    }

    #[test]
    fn attributes_are_percent_decoded() {
        assert_eq!(event(&[("ce-subject", "a%20%22%C3%A9%22%25")], b""), json!({"subject": "a \"é\"%"}));
    }

    #[test]
    fn other_requests_are_not_in_binary_mode() {
        let with = |name| HeaderMap::from_iter([(HeaderName::from_static(name), "1".parse().unwrap())]);
        assert_eq!(structured(b"{}", &with("x-ce-id")), Ok(None));
        assert!(matches!(structured(b"{}", &with("ce-id")), Err(RequestError::Unreadable(_))), "half an event");
    }
}
