//! A function's answer as a response, by the rules of payload format 2.0.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::value::RawValue;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain;charset=UTF-8");
const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");
/// What concerns the connection alone, and what the server counts for itself.
const OURS: [HeaderName; 4] =
    [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, HeaderName::from_static("keep-alive")];

/// An answer that says what the response is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    status_code: u16,
    #[serde(borrow)]
    headers: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
    #[serde(borrow)]
    multi_value_headers: Option<BTreeMap<Cow<'a, str>, Vec<Cow<'a, str>>>>,
    #[serde(borrow)]
    cookies: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    body: Option<Cow<'a, str>>,
    is_base64_encoded: Option<bool>,
}

/// The response; `None` if the answer is no JSON, or has a status and breaks the format.
pub(super) fn response(answer: &Bytes, request_id: &str) -> Option<Response<Full<Bytes>>> {
    // Arrays would be read as structs, member by member.
    let parsed = answer.starts_with(b"{").then(|| serde_json::from_slice(answer).ok()).flatten();
    let mut response = parsed.map_or_else(|| inferred(answer), |parsed| explicit(&parsed, answer))?;
    response.headers_mut().insert(REQUEST_ID, HeaderValue::try_from(request_id).ok()?);
    Some(response)
}

fn explicit(parsed: &Answer<'_>, answer: &Bytes) -> Option<Response<Full<Bytes>>> {
    let mut response = Response::new(Full::new(body(parsed, answer)?));
    *response.status_mut() = status(parsed.status_code)?;
    *response.headers_mut() = headers(parsed)?;
    Some(response)
}

/// JSON without a status is the body itself.
fn inferred(answer: &Bytes) -> Option<Response<Full<Bytes>>> {
    let value: &RawValue = serde_json::from_slice(answer).ok()?;
    if has_status(value) {
        return None;
    }
    let mut response = Response::new(Full::new(answer.clone()));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    Some(response)
}

fn has_status(value: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Status<'a> {
        #[serde(borrow, rename = "statusCode")]
        _code: &'a RawValue,
    }
    value.get().starts_with('{') && serde_json::from_str::<Status<'_>>(value.get()).is_ok()
}

/// A status that ends a request: what comes before an answer (1xx) is none.
fn status(code: u16) -> Option<StatusCode> {
    StatusCode::from_u16(code).ok().filter(|status| !status.is_informational())
}

fn body(parsed: &Answer<'_>, answer: &Bytes) -> Option<Bytes> {
    match &parsed.body {
        None => Some(Bytes::new()),
        Some(text) if parsed.is_base64_encoded == Some(true) => {
            BASE64_STANDARD.decode(text.as_ref()).ok().map(Bytes::from)
        }
        Some(Cow::Borrowed(text)) => Some(answer.slice_ref(text.as_bytes())),
        Some(Cow::Owned(text)) => Some(Bytes::copy_from_slice(text.as_bytes())),
    }
}

fn headers(parsed: &Answer<'_>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in parsed.headers.iter().flatten() {
        headers.insert(HeaderName::try_from(name.as_ref()).ok()?, scalar(value)?);
    }
    for (name, values) in parsed.multi_value_headers.iter().flatten() {
        let joined = values.join(",");
        headers.insert(HeaderName::try_from(name.as_ref()).ok()?, HeaderValue::try_from(joined).ok()?);
    }
    for cookie in parsed.cookies.iter().flatten() {
        headers.append(header::SET_COOKIE, HeaderValue::try_from(cookie.as_ref()).ok()?);
    }
    for name in OURS {
        headers.remove(name);
    }
    headers.entry(header::CONTENT_TYPE).or_insert(TEXT);
    Some(headers)
}

/// A header's value: text, or a number or a truth value as it is written.
fn scalar(value: &RawValue) -> Option<HeaderValue> {
    let text: Cow<'_, str> = match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(value.get()).ok()?.into(),
        b'{' | b'[' | b'n' => return None,
        _ => value.get().into(),
    };
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn respond(answer: &str) -> Option<Response<Full<Bytes>>> {
        response(&Bytes::copy_from_slice(answer.as_bytes()), "id")
    }

    async fn text(response: Response<Full<Bytes>>) -> Bytes {
        response.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn an_answer_with_a_status_says_it_all() {
        let answer = r#"{"statusCode":201,"headers":{"X-A":"b","x-n":7,"content-length":"99"},"multiValueHeaders":{"x-m":["1","2"]},
            "cookies":["a=1","b=2"],"body":"aGk=","isBase64Encoded":true}"#;
        let response = respond(answer).unwrap();
        assert_eq!(response.status(), 201);
        let headers = response.headers();
        assert_eq!(
            (&headers["x-a"], &headers["x-n"], &headers["x-m"]),
            (&"b".parse().unwrap(), &7.into(), &"1,2".parse().unwrap())
        );
        assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(headers["content-type"], "text/plain;charset=UTF-8");
        assert_eq!(headers["apigw-requestid"], "id");
        assert!(!headers.contains_key("content-length"));
        assert_eq!(text(response).await, "hi");
    }

    #[tokio::test]
    async fn text_comes_out_as_it_went_in() {
        for (answer, expected) in [
            (r#"{"statusCode":200,"body":"plain"}"#, "plain"),
            (r#"{"statusCode":200,"body":"\"\u00fc\\n"}"#, "\"ü\\n"),
            (r#"{"statusCode":204,"body":null,"headers":null,"cookies":null,"isBase64Encoded":null}"#, ""),
        ] {
            assert_eq!(text(respond(answer).unwrap()).await, expected);
        }
    }

    #[tokio::test]
    async fn an_answer_without_a_status_is_the_body() {
        for answer in [r#"{"a":1}"#, "\"x\"", "null", "[200]"] {
            let response = respond(answer).unwrap();
            assert_eq!((response.status(), &response.headers()["content-type"]), (StatusCode::OK, &JSON));
            assert_eq!(text(response).await, answer);
        }
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for answer in [
            "",
            "nonsense",
            r#"{"statusCode":"x"}"#,
            r#" {"statusCode":null}"#,
            r#"{"statusCode":100}"#,
            r#"{"statusCode":99}"#,
            r#"{"statusCode":1000}"#,
            r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
            r#"{"statusCode":200,"headers":{"a":"\n"}}"#,
            r#"{"statusCode":200,"headers":{"a":{}}}"#,
            r#"{"statusCode":200,"cookies":["\r"]}"#,
            r#"{"statusCode":200,"body":"?","isBase64Encoded":true}"#,
        ] {
            assert!(respond(answer).is_none(), "{answer}");
        }
    }
}
