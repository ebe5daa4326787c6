//! Converts API Gateway's event to a request, and a response to API Gateway's form.
//!
//! HTTP APIs, Function URLs and `cargo lambda watch` send events in payload format 2.0. An event is read in one pass
//! that borrows the few members that ingest needs and skips the others: their owned form took a sixth of this function's
//! CPU time.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use base64_simd::STANDARD as BASE64;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequestContext, ApiGatewayV2httpResponse};
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use lambda_http::request::RequestContext;
use lambda_http::{Body, LambdaEvent, Request, RequestExt, Response};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::error::RequestError;

/// Room for the headers of a usual request, to which API Gateway adds five.
const USUAL_HEADERS: usize = 24;

/// The request of an event.
///
/// An event in another form fails to deserialize, with an error that quotes no value of it.
#[derive(Debug)]
pub struct HttpEvent(Result<Request, RequestError>);

/// The request of an event, with the context of its invocation.
///
/// # Errors
/// Its method, or the name or value of a header, is not valid in HTTP (400).
pub fn request(event: LambdaEvent<HttpEvent>) -> Result<Request, RequestError> {
    let LambdaEvent { payload: HttpEvent(request), context } = event;
    request.map(|request| request.with_lambda_context(context))
}

/// A response in API Gateway's form.
#[must_use]
pub fn response(response: Response<Body>) -> ApiGatewayV2httpResponse {
    let (parts, body) = response.into_parts();
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(parts.status.as_u16());
    response.headers = parts.headers;
    response.is_base64_encoded = matches!(body, Body::Binary(_));
    response.body = Some(body);
    response
}

impl<'de> Deserialize<'de> for HttpEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Serde's own error may quote a value.
        let members = Members::deserialize(deserializer)
            .map_err(|_| D::Error::custom("the event is not an HTTP request in payload format 2.0"))?;
        Ok(Self(members.into_request()))
    }
}

/// The members that ingest needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(borrow)]
    raw_path: Option<Text<'a>>,
    #[serde(borrow)]
    raw_query_string: Option<Text<'a>>,
    #[serde(default)]
    headers: Headers,
    #[serde(borrow)]
    request_context: Context<'a>,
    #[serde(borrow)]
    body: Option<Text<'a>>,
    is_base64_encoded: Option<bool>,
}

#[derive(Deserialize)]
struct Context<'a> {
    #[serde(borrow)]
    http: Http<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    #[serde(borrow)]
    method: Text<'a>,
    #[serde(borrow)]
    source_ip: Option<Text<'a>>,
}

/// Text that is borrowed from the event unless it contains escapes.
#[derive(Default, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Members<'_> {
    fn into_request(self) -> Result<Request, RequestError> {
        let Self { raw_path, raw_query_string, headers, request_context: Context { http }, .. } = self;
        let Some(headers) = headers.0 else { return Err(invalid("a header")) };
        let mut request = Request::new(body(self.body.unwrap_or_default(), self.is_base64_encoded == Some(true)));
        *request.method_mut() = Method::from_bytes(http.method.0.as_bytes()).map_err(|_| invalid("the method"))?;
        *request.uri_mut() = uri(&raw_query_string.unwrap_or_default().0);
        *request.headers_mut() = headers;
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.http.source_ip = http.source_ip.map(|ip| ip.0.into_owned());
        Ok(request
            .with_raw_http_path(raw_path.unwrap_or_default().0)
            .with_request_context(RequestContext::ApiGatewayV2(context)))
    }
}

fn invalid(what: &str) -> RequestError {
    RequestError::Unreadable(format!("{what} is not valid in HTTP"))
}

/// The headers; `None` if a name or a value is not valid in HTTP.
struct Headers(Option<HeaderMap>);

impl Default for Headers {
    fn default() -> Self {
        Self(Some(HeaderMap::new()))
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of headers")
    }

    fn visit_unit<E>(self) -> Result<Headers, E> {
        Ok(Headers::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Headers, A::Error> {
        let mut headers = Some(HeaderMap::with_capacity(USUAL_HEADERS));
        while let Some((name, value)) = entries.next_entry::<Text<'de>, Text<'de>>()? {
            headers = headers.and_then(|headers| with(headers, &name.0, &value.0));
        }
        Ok(Headers(headers))
    }
}

fn with(mut headers: HeaderMap, name: &str, value: &str) -> Option<HeaderMap> {
    headers
        .try_append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value.as_bytes()).ok()?)
        .ok()?;
    Some(headers)
}

/// Only the query matters: the raw path is passed separately.
fn uri(query: &str) -> Uri {
    let mut uri = "/?".to_owned();
    for byte in query.bytes() {
        match byte {
            b'!' | b'$'..=b';' | b'=' | b'?'..=b'~' => uri.push(char::from(byte)),
            // A byte that a URI cannot have must not discard the rest of the query.
            _ => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri.parse().unwrap_or_default()
}

/// API Gateway passes binary bodies in base64. Broken base64 stays as it is and fails when the document is read.
fn body(Text(text): Text<'_>, is_base64: bool) -> Body {
    match is_base64.then(|| BASE64.decode_to_vec(text.as_bytes())) {
        Some(Ok(bytes)) => Body::Binary(bytes),
        Some(Err(_)) | None => Body::Text(text.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::lambda_runtime::Context;
    use serde_json::{Value, json};

    use super::*;

    fn event(changes: &[(&str, Value)]) -> Value {
        let mut event = json!({
            "version": "2.0",
            "routeKey": "ANY /v1/streams/{proxy+}",
            "rawPath": "/v1/streams/caf%C3%A9",
            "rawQueryString": "key=a%20b&x=1",
            "headers": {"content-type": "application/json", "x-write-key": "k"},
            "requestContext": {"http": {"method": "POST", "sourceIp": "192.0.2.7"}, "stage": "$default"},
            "body": "[{\"a\":\"\\u00e9\\n\"}]",
            "isBase64Encoded": false
        });
        for (member, value) in changes {
            event[member] = value.clone();
        }
        event
    }

    fn read(event: &Value) -> Result<Request, RequestError> {
        let event = serde_json::from_slice(event.to_string().as_bytes()).unwrap();
        request(LambdaEvent::new(event, Context::default()))
    }

    fn of(changes: &[(&str, Value)]) -> Request {
        read(&event(changes)).unwrap()
    }

    #[test]
    fn a_request_has_every_part_of_the_event() {
        let request = of(&[]);
        assert_eq!(request.method(), "POST");
        assert_eq!(request.raw_http_path(), "/v1/streams/caf%C3%A9");
        assert_eq!(request.uri().query(), Some("key=a%20b&x=1"));
        assert_eq!(request.headers()["x-write-key"], "k");
        assert!(matches!(request.body(), Body::Text(text) if text == "[{\"a\":\"\\u00e9\\n\"}]"));
        assert!(request.lambda_context_ref().is_some());
        let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { panic!() };
        assert_eq!(context.http.source_ip.as_deref(), Some("192.0.2.7"));
    }

    #[test]
    fn base64_bodies_are_decoded_strictly_and_broken_ones_left() {
        let body_of =
            |text: &str| of(&[("body", json!(text)), ("isBase64Encoded", json!(true))]).body().as_ref().to_vec();
        assert_eq!(body_of("AP8="), [0, 255]);
        for (broken, why) in
            [("not base64", "spaces"), ("AP8", "no padding"), ("AP9=", "trailing bits"), ("AP8=AP8=", "padding inside")]
        {
            assert_eq!(body_of(broken), broken.as_bytes(), "{why}");
        }
        assert_eq!(of(&[("body", Value::Null)]).body().as_ref(), b"");
    }

    #[test]
    fn odd_bytes_in_a_query_leave_the_rest_of_it() {
        let query = |query: Value| {
            let request = of(&[("rawQueryString", query)]);
            form_urlencoded::parse(request.uri().query().unwrap().as_bytes()).into_owned().collect::<Vec<_>>()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            query(json!("write_key=K&r=\u{e9} <\n#\"%zz")),
            [pair("write_key", "K"), pair("r", "\u{e9} <\n#\"%zz")]
        );
        assert_eq!(query(json!("a=%26+x&&b")), [pair("a", "& x"), pair("b", "")]);
        assert_eq!(query(Value::Null), []);
    }

    #[test]
    fn text_without_escapes_is_borrowed() {
        let event = event(&[("body", json!("e30=")), ("isBase64Encoded", json!(true))]).to_string();
        let members: Members<'_> = serde_json::from_str(&event).unwrap();
        let http = members.request_context.http;
        for text in [members.body.unwrap(), members.raw_path.unwrap(), http.method, http.source_ip.unwrap()] {
            assert!(matches!(text.0, Cow::Borrowed(_)), "{}", text.0);
        }
    }

    /// The same members as an HTTP API's, but the routes differ and some members are missing or null.
    #[test]
    fn events_of_function_urls_and_of_cargo_lambda_watch_are_read() {
        let of_url = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/v1/streams/clicks", "rawQueryString": "",
            "cookies": ["a=1"], "headers": {"x-forwarded-for": "192.0.2.7"}, "body": "e30=", "isBase64Encoded": true,
            "requestContext": {
                "accountId": "anonymous", "apiId": "id", "authentication": null, "authorizer": {"iam": {"userId": "u"}},
                "domainName": "id.lambda-url.us-east-1.on.aws", "routeKey": "$default", "stage": "$default",
                "http": {"method": "POST", "path": "/v1/streams/clicks", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7"}
            }
        });
        let of_watch = json!({
            "version": "2.0", "routeKey": null, "rawPath": "/v1/streams/clicks", "headers": null,
            "requestContext": {"http": {"method": "POST", "sourceIp": null}}, "body": "{}"
        });
        for event in [of_url, of_watch] {
            let request = read(&event).unwrap();
            assert_eq!((request.method().as_str(), request.raw_http_path()), ("POST", "/v1/streams/clicks"));
            assert_eq!(request.body().as_ref(), b"{}");
        }
    }

    #[test]
    fn headers_that_http_does_not_allow_are_400_and_are_not_quoted() {
        for headers in [json!({"zqx zqx": "1"}), json!({"": "zqx"}), json!({"x-a": "zqx\n"}), json!({"zqx\u{e9}": "1"})]
        {
            let error = read(&event(&[("headers", headers.clone())])).unwrap_err();
            assert_eq!((error.status().as_u16(), error.detail()), (400, "a header is not valid in HTTP"), "{headers}");
        }
        let odd_method = json!({"http": {"method": "zqx zqx"}});
        let error = read(&event(&[("requestContext", odd_method)])).unwrap_err();
        assert_eq!((error.status().as_u16(), error.detail()), (400, "the method is not valid in HTTP"));
        assert_eq!(of(&[("headers", json!({"x-a": "\u{e9}"}))]).headers()["x-a"].as_bytes(), "\u{e9}".as_bytes());
    }

    #[test]
    fn other_events_fail_without_quoting_a_value() {
        for event in [
            json!({}),
            json!(["zqx"]),
            json!("zqx"),
            event(&[("body", json!({"zqx": 1}))]),
            event(&[("headers", json!("zqx"))]),
        ] {
            let error = serde_json::from_str::<HttpEvent>(&event.to_string()).unwrap_err().to_string();
            assert!(error.contains("payload format 2.0") && !error.contains("zqx"), "{error}");
        }
    }

    #[test]
    fn a_response_has_status_headers_and_text() {
        let response = Response::builder().status(503).header("retry-after", "3").body("{}".into()).unwrap();
        let read = serde_json::to_value(super::response(response)).unwrap();
        assert_eq!((&read["statusCode"], &read["headers"]["retry-after"]), (&json!(503), &json!("3")));
        assert_eq!((&read["body"], &read["isBase64Encoded"]), (&json!("{}"), &json!(false)));
    }
}
