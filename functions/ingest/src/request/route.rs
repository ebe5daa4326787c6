//! Routes a request by its method and path.

use std::collections::BTreeMap;

use spillway_shared::stream::StreamName;

use crate::auth::Sender;
use crate::error::RequestError;
use crate::judge::Stream;

const STREAMS: &str = "/v1/streams/";
const HEALTH: &str = "/health";

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// The health check.
    Health,
    /// A preflight request of a browser, before a document from a page of another origin.
    Preflight,
    /// A document for a stream.
    Stream(StreamPath<'a>),
}

/// The path of a stream, `{stream}[/~{key}][/{suffix}]`; none of its parts is checked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamPath<'a> {
    /// The name of the stream.
    pub(super) stream: &'a str,
    /// The write key.
    pub(super) key: Option<&'a str>,
    /// The path of a preset.
    pub(super) suffix: Option<&'a str>,
}

impl<'a> StreamPath<'a> {
    fn parse(path: &'a str) -> Self {
        let (stream, rest) = split(path);
        let (key, suffix) = match rest.and_then(|rest| rest.strip_prefix('~')) {
            Some(rest) => {
                let (key, suffix) = split(rest);
                (Some(key), suffix)
            }
            None => (None, rest),
        };
        Self { stream, key, suffix }
    }
}

fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)))
}

/// The target that a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target<'a> {
    Health,
    Stream(&'a str),
}

/// The route of a method and path.
pub(super) fn of<'a>(method: &str, path: &'a str) -> Result<Route<'a>, RequestError> {
    match (target(path)?, method) {
        (Target::Stream(path), "POST") => Ok(Route::Stream(StreamPath::parse(path))),
        (Target::Stream(_), "OPTIONS") => Ok(Route::Preflight),
        (Target::Stream(_), _) => Err(RequestError::MethodNotAllowed("OPTIONS, POST")),
        (Target::Health, "GET" | "HEAD") => Ok(Route::Health),
        (Target::Health, _) => Err(RequestError::MethodNotAllowed("GET, HEAD")),
    }
}

/// A stage or a domain mapping may precede the path, and one slash may follow it.
fn target(path: &str) -> Result<Target<'_>, RequestError> {
    let path = path.strip_suffix('/').unwrap_or(path);
    match path.split_once(STREAMS) {
        Some((_, stream)) => Ok(Target::Stream(stream)),
        None if path.ends_with(HEALTH) => Ok(Target::Health),
        None => Err(RequestError::NotFound),
    }
}

/// The stream of that name, if the sender may write to it.
///
/// 403 comes before 404, so that a key for some streams does not disclose the names of others.
pub(super) fn find<'a>(
    name: &str,
    sender: Sender<'_>,
    streams: &'a BTreeMap<StreamName, Stream>,
) -> Result<(&'a StreamName, &'a Stream), RequestError> {
    let name = StreamName::parse(name).ok_or(RequestError::NotFound)?;
    if !sender.may_write(&name) {
        return Err(RequestError::Forbidden);
    }
    streams.get_key_value(&name).ok_or(RequestError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_and_domain_mappings_precede_the_path() {
        for prefix in ["", "/prod", "/ingest", "/a/b", "/health"] {
            for end in ["", "/"] {
                let path = format!("{prefix}/v1/streams/clicks{end}");
                assert_eq!(target(&path), Ok(Target::Stream("clicks")), "{path}");
                let path = format!("{prefix}/health{end}");
                assert_eq!(target(&path), Ok(Target::Health), "{path}");
            }
        }
    }

    #[test]
    fn the_stream_begins_after_the_first_occurrence_of_the_route() {
        for (path, stream) in [
            ("/v1/streams/a/v1/streams/b", "a/v1/streams/b"),
            ("/v1/streams/health", "health"),
            ("/v1/streams/a/health", "a/health"),
            ("/v1/streams/a//", "a/"),
        ] {
            assert_eq!(target(path), Ok(Target::Stream(stream)), "{path}");
        }
    }

    #[test]
    fn a_stream_may_have_a_key_and_a_suffix_behind_it() {
        for (path, stream, key, suffix) in [
            ("clicks", "clicks", None, None),
            ("clicks/", "clicks", None, Some("")),
            ("clicks/v1/batch", "clicks", None, Some("v1/batch")),
            ("clicks/~k", "clicks", Some("k"), None),
            ("clicks/~k/v1/batch", "clicks", Some("k"), Some("v1/batch")),
            ("clicks/~/~k", "clicks", Some(""), Some("~k")),
            ("~k/clicks", "~k", None, Some("clicks")),
        ] {
            assert_eq!(StreamPath::parse(path), StreamPath { stream, key, suffix }, "{path}");
        }
    }

    #[test]
    fn other_paths_are_not_found() {
        for path in ["", "/", "/v1/streams", "/v1/streams/", "/v2/streams/a", "/v1//streams/a", "/unhealth", "health"] {
            assert_eq!(target(path), Err(RequestError::NotFound), "{path}");
        }
    }
}
