//! The path and the query of a request, as an HTTP API hands them to its function.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::{Method, Uri};
use percent_encoding::percent_decode_str;

const STREAMS: &str = "/v1/streams/";

/// The route that a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// `ANY /v1/streams/{stream}`, with the stream's name.
    Stream(&'a str),
    /// `GET /health`.
    Health,
    /// Everything else.
    Default,
}

impl<'a> Route<'a> {
    pub(super) fn of(method: &Method, path: &'a str) -> Self {
        match path.strip_prefix(STREAMS) {
            Some(stream) if !stream.is_empty() && !stream.contains('/') => Self::Stream(stream),
            _ if method == Method::GET && path == "/health" => Self::Health,
            _ => Self::Default,
        }
    }

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Stream(_) => "ANY /v1/streams/{stream}",
            Self::Health => "GET /health",
            Self::Default => "$default",
        }
    }

    /// What the names in the route stand for.
    pub(super) fn parameters(self) -> Option<BTreeMap<&'static str, &'a str>> {
        match self {
            Self::Stream(stream) => Some(BTreeMap::from([("stream", stream)])),
            Self::Health | Self::Default => None,
        }
    }
}

/// The path, decoded, up to a decoded `?`: that is what HTTP APIs do, though REST APIs and function URLs do not.
///
/// A path that is no UTF-8 once decoded stays as it was sent. It always begins with a slash: `lambda_http` puts it
/// behind the host, and panics where that is no URL.
pub(super) fn decoded(uri: &Uri) -> Cow<'_, str> {
    let sent = uri.path();
    let path = percent_decode_str(sent).decode_utf8().unwrap_or(Cow::Borrowed(sent));
    let path = match path.find('?') {
        Some(end) => Cow::Owned(path[..end].to_owned()),
        None => path,
    };
    if path.starts_with('/') { path } else { Cow::Owned(format!("/{path}")) }
}

/// The parameters of a query, decoded, repeated ones joined by commas; `None` if there are none.
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
    fn a_route_is_found_by_method_and_whole_path() {
        for (method, path, expected) in [
            (Method::PUT, "/v1/streams/clicks", Route::Stream("clicks")),
            (Method::POST, "/v1/streams/", Route::Default),
            (Method::POST, "/v1/streams/a/b", Route::Default),
            (Method::GET, "/health", Route::Health),
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
