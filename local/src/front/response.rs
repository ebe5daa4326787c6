//! Decodes the output of a function into an HTTP response, by the rules of payload format 2.0.
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
/// Headers that concern the connection alone; hyper sets them itself.
const CONNECTION_HEADERS: [HeaderName; 4] =
    [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, HeaderName::from_static("keep-alive")];

/// Output in the form that sets status and headers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output<'a> {
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

/// The response; `None` if the output is not JSON, or has a status but is otherwise invalid.
pub(super) fn from_output(output: &Bytes, request_id: &str, header: HeaderName) -> Option<Response<Full<Bytes>>> {
    // Serde would read an array as a struct, member by member.
    let parsed = output.starts_with(b"{").then(|| serde_json::from_slice(output).ok()).flatten();
    let mut response = parsed.map_or_else(|| inferred(output), |parsed| explicit(&parsed, output))?;
    response.headers_mut().insert(header, HeaderValue::try_from(request_id).ok()?);
    Some(response)
}

fn explicit(parsed: &Output<'_>, output: &Bytes) -> Option<Response<Full<Bytes>>> {
    let mut response = Response::new(Full::new(body(parsed, output)?));
    *response.status_mut() = status(parsed.status_code)?;
    *response.headers_mut() = headers(parsed)?;
    Some(response)
}

/// JSON without a status is the body.
fn inferred(output: &Bytes) -> Option<Response<Full<Bytes>>> {
    let value: &RawValue = serde_json::from_slice(output).ok()?;
    if has_status(value) {
        return None;
    }
    let mut response = Response::new(Full::new(output.clone()));
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

/// A final status; interim ones (1xx) are invalid.
fn status(code: u16) -> Option<StatusCode> {
    StatusCode::from_u16(code).ok().filter(|status| !status.is_informational())
}

fn body(parsed: &Output<'_>, output: &Bytes) -> Option<Bytes> {
    match &parsed.body {
        None => Some(Bytes::new()),
        Some(text) if parsed.is_base64_encoded == Some(true) => {
            BASE64_STANDARD.decode(text.as_ref()).ok().map(Bytes::from)
        }
        Some(Cow::Borrowed(text)) => Some(output.slice_ref(text.as_bytes())),
        Some(Cow::Owned(text)) => Some(Bytes::copy_from_slice(text.as_bytes())),
    }
}

fn headers(parsed: &Output<'_>) -> Option<HeaderMap> {
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
    for name in CONNECTION_HEADERS {
        headers.remove(name);
    }
    headers.entry(header::CONTENT_TYPE).or_insert(TEXT);
    Some(headers)
}

/// A header's value: a string, or a number or boolean in its JSON form.
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

    fn respond(output: &str) -> Option<Response<Full<Bytes>>> {
        from_output(&Bytes::copy_from_slice(output.as_bytes()), "id", HeaderName::from_static("apigw-requestid"))
    }

    async fn text(response: Response<Full<Bytes>>) -> Bytes {
        response.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn output_with_a_status_sets_status_headers_and_body() {
        let output = r#"{"statusCode":201,"headers":{"X-A":"b","x-n":7,"content-length":"99"},"multiValueHeaders":{"x-m":["1","2"]},
            "cookies":["a=1","b=2"],"body":"aGk=","isBase64Encoded":true}"#;
        let response = respond(output).unwrap();
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
    async fn text_bodies_are_unescaped() {
        for (output, expected) in [
            (r#"{"statusCode":200,"body":"plain"}"#, "plain"),
            (r#"{"statusCode":200,"body":"\"\u00fc\\n"}"#, "\"ü\\n"),
            (r#"{"statusCode":204,"body":null,"headers":null,"cookies":null,"isBase64Encoded":null}"#, ""),
        ] {
            assert_eq!(text(respond(output).unwrap()).await, expected);
        }
    }

    #[tokio::test]
    async fn output_without_a_status_is_the_body() {
        for output in [r#"{"a":1}"#, "\"x\"", "null", "[200]"] {
            let response = respond(output).unwrap();
            assert_eq!((response.status(), &response.headers()["content-type"]), (StatusCode::OK, &JSON));
            assert_eq!(text(response).await, output);
        }
    }

    #[test]
    fn invalid_output_gives_no_response() {
        for output in [
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
            assert!(respond(output).is_none(), "{output}");
        }
    }
}
