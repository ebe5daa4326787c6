//! Converts API Gateway's event to a request, and a response to API Gateway's form.
//!
//! `lambda_http::run_concurrent` converts any kind of event, but reads each one twice to find out its kind and copies
//! the body three times. With documents of 50 KB that was nearly a fifth of this function's CPU time.

use base64_simd::STANDARD as BASE64;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::http::Uri;
use lambda_http::request::RequestContext;
use lambda_http::{Body, LambdaEvent, Request, RequestExt, Response};

/// The request in an event of an HTTP API or of a Function URL.
#[must_use]
pub fn request(event: LambdaEvent<ApiGatewayV2httpRequest>) -> Request {
    let LambdaEvent { payload, context } = event;
    let mut request = Request::new(body(payload.body, payload.is_base64_encoded));
    *request.method_mut() = payload.request_context.http.method.clone();
    *request.uri_mut() = uri(payload.raw_query_string.as_deref().unwrap_or_default());
    *request.headers_mut() = payload.headers;
    request
        .with_raw_http_path(payload.raw_path.as_deref().unwrap_or_default())
        .with_request_context(RequestContext::ApiGatewayV2(payload.request_context))
        .with_lambda_context(context)
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

/// Only the query matters: the raw path is passed separately.
fn uri(query: &str) -> Uri {
    format!("/?{query}").parse().unwrap_or_default()
}

/// API Gateway passes binary bodies in base64. Broken base64 stays as it is and fails when the document is read.
fn body(body: Option<String>, is_base64: bool) -> Body {
    let text = body.unwrap_or_default();
    match is_base64.then(|| BASE64.decode_to_vec(&text)) {
        Some(Ok(bytes)) => Body::Binary(bytes),
        Some(Err(_)) | None => Body::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::lambda_runtime::Context;
    use serde_json::{Value, json};

    use super::*;

    fn of(changes: &[(&str, Value)]) -> Request {
        let mut event = json!({
            "version": "2.0",
            "routeKey": "ANY /v1/streams/{stream}",
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
        request(LambdaEvent::new(serde_json::from_value(event).unwrap(), Context::default()))
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
    fn an_invalid_query_is_ignored() {
        assert_eq!(of(&[("rawQueryString", json!("a=\u{e9} \n"))]).uri().query(), None);
        assert_eq!(of(&[("rawQueryString", Value::Null)]).uri().query(), Some(""));
    }

    #[test]
    fn a_response_has_status_headers_and_text() {
        let response = Response::builder().status(503).header("retry-after", "3").body("{}".into()).unwrap();
        let read = serde_json::to_value(super::response(response)).unwrap();
        assert_eq!((&read["statusCode"], &read["headers"]["retry-after"]), (&json!(503), &json!("3")));
        assert_eq!((&read["body"], &read["isBase64Encoded"]), (&json!("{}"), &json!(false)));
    }
}
