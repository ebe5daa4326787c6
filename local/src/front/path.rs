//! The path and the query of a request, as an HTTP API passes them to its function.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::{Method, Uri};
use percent_encoding::percent_decode_str;

const STREAMS: &str = "/v1/streams/";

/// The route that matches a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// `ANY /v1/streams/{proxy+}`, with the name of the stream and what follows it.
    Stream(&'a str),
    /// `GET /health` or `HEAD /health`, with the key of the route.
    Health(&'static str),
    /// `$default`: every other request.
    Default,
}

impl<'a> Route<'a> {
    pub(super) fn of(method: &Method, path: &'a str) -> Self {
        match path.strip_prefix(STREAMS) {
            Some(rest) if !rest.is_empty() => Self::Stream(rest),
            _ if path == "/health" && method == Method::GET => Self::Health("GET /health"),
            _ if path == "/health" && method == Method::HEAD => Self::Health("HEAD /health"),
            _ => Self::Default,
        }
    }

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Stream(_) => "ANY /v1/streams/{proxy+}",
            Self::Health(key) => key,
            Self::Default => "$default",
        }
    }

    /// The values of the route's path parameters.
    pub(super) fn parameters(self) -> Option<BTreeMap<&'static str, &'a str>> {
        match self {
            Self::Stream(rest) => Some(BTreeMap::from([("proxy", rest)])),
            Self::Health(_) | Self::Default => None,
        }
    }
}

/// The decoded path up to a decoded `?`, as HTTP APIs pass it on (REST APIs and function URLs do not).
///
/// A path that is not UTF-8 after decoding stays as it was sent. The path always begins with a slash: `lambda_http`
/// appends it to the host and panics if the result is not a URL.
pub(super) fn decoded(uri: &Uri) -> Cow<'_, str> {
    let sent = uri.path();
    let path = percent_decode_str(sent).decode_utf8().unwrap_or(Cow::Borrowed(sent));
    let path = match path.find('?') {
        Some(end) => Cow::Owned(path[..end].to_owned()),
        None => path,
    };
    if path.starts_with('/') { path } else { Cow::Owned(format!("/{path}")) }
}

/// The decoded parameters of a query, repeated ones joined by commas; `None` without parameters.
pub(super) fn parameters(query: &str) -> Option<BTreeMap<Cow<'_, str>, String>> {
    let mut parameters: BTreeMap<_, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        parameters
            .entry(name)
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.clone().into_owned());
    }
    Some(parameters).filter(|parameters| !parameters.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_up_to_a_question_mark_and_begin_with_a_slash() {
        for (sent, expected) in [
            ("/v1/streams/clicks", "/v1/streams/clicks"),
            ("/v1/streams/%2e%2E", "/v1/streams/.."),
            ("/a%20b/%c3%bc", "/a b/ü"),
            ("/a%3Fb=c/d?e", "/a"),
            ("/%ff%2f", "/%ff%2f"),
            ("/100%", "/100%"),
            ("*", "/*"),
            ("http://evil:99/x", "/x"),
        ] {
            assert_eq!(decoded(&sent.parse().unwrap()), expected, "{sent}");
        }
    }

    #[test]
    fn routes_match_by_method_and_whole_path() {
        for (method, path, expected) in [
            (Method::PUT, "/v1/streams/clicks", Route::Stream("clicks")),
            (Method::POST, "/v1/streams/", Route::Default),
            (Method::POST, "/v1/streams/a/~k/v1/batch", Route::Stream("a/~k/v1/batch")),
            (Method::GET, "/health", Route::Health("GET /health")),
            (Method::HEAD, "/health", Route::Health("HEAD /health")),
            (Method::POST, "/health", Route::Default),
        ] {
            assert_eq!(Route::of(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn repeated_parameters_are_joined() {
        let parameters = parameters("a=1&b=%26+x&a=2&c").unwrap();
        assert_eq!(parameters["a"], "1,2");
        assert_eq!(parameters["b"], "& x");
        assert_eq!(parameters["c"], "");
        assert!(super::parameters("&").is_none());
    }
}
