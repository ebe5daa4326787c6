//! CORS as API Gateway applies it for the template's parameter `CorsOrigins`.
//!
//! The function answers preflight requests (`OPTIONS`) with 204, and the front adds these headers to every answer to an
//! allowed origin.

use std::str::FromStr;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Headers that a page may send.
pub const ALLOW_HEADERS: &str =
    "content-type,content-encoding,authorization,x-write-key,idempotency-key,anonymousid,sentat,x-retry-count";
/// Methods that a page may use.
pub const ALLOW_METHODS: &str = "POST";
/// Headers of an answer that a page may read.
pub const EXPOSE_HEADERS: &str = "retry-after";
/// Seconds for which a browser may keep the answer to a preflight request.
pub const MAX_AGE: &str = "3600";

/// The origins whose pages may send documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors(pub Vec<Origin>);

/// An origin (`https://shop.example`), all origins of a scheme (`https://*`), or all origins (`*`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if text == "*" || host.is_some_and(|host| host == "*" || is_host(host)) {
            return Ok(Self(text.to_owned()));
        }
        Err("expected *, or http:// or https:// with a host and an optional port, without a path".to_owned())
    }
}

impl Origin {
    fn matches(&self, origin: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(scheme) => origin.starts_with(scheme),
            None => origin == self.0,
        }
    }
}

impl Cors {
    /// Adds the headers of an answer to this request, if its origin is allowed.
    pub(super) fn apply(&self, request: &Parts, headers: &mut HeaderMap) {
        let Some(origin) = request.headers.get(header::ORIGIN).filter(|origin| self.allows(origin)) else { return };
        let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
        set(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
        // Browsers refuse credentials with `*`, and API Gateway refuses a configuration with both.
        if self.0.iter().all(|origin| !origin.0.contains('*')) {
            set(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        if request.method == Method::OPTIONS {
            set(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
            set(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS);
            set(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        let any = self.0.iter().any(|origin| origin.0 == "*");
        let allowed = if any { HeaderValue::from_static("*") } else { origin.clone() };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if !any {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.0.iter().any(|allowed| allowed.matches(origin)))
    }
}

/// A host with an optional port.
fn is_host(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        Cors(origins.iter().map(|origin| origin.parse().unwrap()).collect())
    }

    fn headers(origins: &[&str], method: &str, origin: Option<&str>) -> Vec<(String, String)> {
        let mut request = Request::builder().method(method);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let mut headers = HeaderMap::new();
        cors(origins).apply(&request.body(()).unwrap().into_parts().0, &mut headers);
        let pair = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().replace("access-control-", ""), value.to_str().unwrap().to_owned())
        };
        let mut headers: Vec<_> = headers.iter().map(pair).collect();
        headers.sort();
        headers
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const SHOP: &str = "https://shop.example";

    #[test]
    fn an_answer_to_a_listed_origin_names_it_and_allows_credentials() {
        let listed = [SHOP, "http://127.0.0.1:3000"];
        let expected = pairs(&[
            ("allow-credentials", "true"),
            ("allow-origin", SHOP),
            ("expose-headers", EXPOSE_HEADERS),
            ("vary", "origin"),
        ]);
        assert_eq!(headers(&listed, "POST", Some(SHOP)), expected);
    }

    #[test]
    fn an_answer_to_a_preflight_request_also_says_what_is_allowed() {
        let expected = pairs(&[
            ("allow-headers", ALLOW_HEADERS),
            ("allow-methods", "POST"),
            ("allow-origin", "*"),
            ("expose-headers", EXPOSE_HEADERS),
            ("max-age", "3600"),
        ]);
        assert_eq!(headers(&["*"], "OPTIONS", Some(SHOP)), expected);
    }

    #[test]
    fn with_an_asterisk_there_are_no_credentials() {
        for origins in [&["*"][..], &["https://*"], &[SHOP, "http://*"]] {
            let headers = headers(origins, "POST", Some(SHOP));
            assert!(!headers.is_empty() && headers.iter().all(|(name, _)| name != "allow-credentials"), "{origins:?}");
        }
    }

    #[test]
    fn other_requests_get_no_headers() {
        for (origins, origin) in [
            (&[][..], Some(SHOP)),
            (&[SHOP], None),
            (&[SHOP], Some("https://shop.example.evil")),
            (&[SHOP], Some("http://shop.example")),
            (&["https://*"], Some("http://shop.example")),
        ] {
            assert_eq!(headers(origins, "POST", origin), [], "{origins:?} {origin:?}");
        }
    }

    #[test]
    fn an_origin_has_a_scheme_a_host_and_perhaps_a_port() {
        for good in ["*", "https://*", "http://*", SHOP, "http://127.0.0.1:3000"] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in
            ["", "shop.example", "https://", "https://shop.example/", "https://a:b", "ftp://a", "https://a:123456"]
        {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
