//! Routes a request by its method and path.

use std::collections::BTreeMap;

use spillway_shared::stream::StreamName;

use crate::auth::Sender;
use crate::error::RequestError;
use crate::judge::Stream;

const STREAMS: &str = "/v1/streams/";
const HEALTH: &str = "/health";

/// The target of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// The health check.
    Health,
    /// A document for a stream, whose name is not checked yet.
    Stream(&'a str),
}

/// The route of a method and path.
pub(super) fn of<'a>(method: &str, path: &'a str) -> Result<Route<'a>, RequestError> {
    let (route, allowed) = match path.strip_prefix(STREAMS) {
        Some(stream) => (Route::Stream(stream), "POST"),
        None if path == HEALTH => (Route::Health, "GET"),
        None => return Err(RequestError::NotFound),
    };
    if method == allowed { Ok(route) } else { Err(RequestError::MethodNotAllowed(allowed)) }
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
