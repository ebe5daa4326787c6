//! The way of a client library's request: decode ► unframe ► authenticate ► mask the key ► read the items.

use std::time::SystemTime;

use lambda_http::http::HeaderMap;
use lambda_http::http::request::Parts as RequestParts;
use lambda_http::{Body, Response};
use spillway_shared::pool::Reservation;

use super::document::ReceivedDocument;
use super::route::{self, StreamPath};
use super::{Ingest, bytes, deadline};
use crate::auth::{Admitted, Credentials, Sender};
use crate::body::{Form, coding, decode};
use crate::error::RequestError;
use crate::group_commit::SendMessages;
use crate::preset::Preset;
use crate::preset::answer::Facts;
use crate::preset::frame::Unframed;
use crate::preset::items::{Items, Limits, read};
use crate::preset::mask::mask;
use crate::preset::place::Place;

/// Where the key of a request may be, in the places of a preset too.
pub(super) fn credentials<'a>(path: StreamPath<'a>, parts: &'a RequestParts, places: &'a [Place]) -> Credentials<'a> {
    let query = parts.uri.query().unwrap_or_default();
    Credentials { headers: &parts.headers, query, in_path: path.key, places }
}

/// A body as JSON texts, and its sender.
struct Opened<'a> {
    sender: Sender<'a>,
    key: Vec<u8>,
    unframed: Unframed,
    /// Memory for the texts, and for a copy without the key.
    held: Reservation,
}

impl<S: SendMessages> Ingest<S> {
    /// Takes a request in the form of a preset.
    pub(super) async fn ingest_by(
        &self,
        preset: &Preset,
        path: StreamPath<'_>,
        parts: &RequestParts,
        body: Body,
    ) -> Result<Response<Body>, RequestError> {
        let deadline = deadline(parts);
        let Opened { sender, key, unframed: Unframed { text, repaired }, held } =
            self.open(preset, path, parts, body)?;
        let (name, stream) = route::find(path.stream, sender, &self.intake.streams)?;
        let text = mask(&text, &key).unwrap_or(text);
        let items = self.items(preset, &text, &parts.headers, &key)?;

        let (form, received_at) = (Form::Json, SystemTime::now());
        let document =
            ReceivedDocument { name, stream, sender, parts, form, preset: Some(preset), repaired, received_at };
        let stamped = document.stamp(items, &self.intake, &self.budget).await?;
        // The records are copies, so the document is released while they wait.
        drop((text, held));
        let (_, outcomes) = self.store(name, stamped, deadline).await?;
        let (suffix, headers, outcomes) = (path.suffix, &parts.headers, Some(&outcomes));
        Ok(preset.success(&Facts { suffix, headers, outcomes, error: None, now: SystemTime::now() }))
    }

    /// Decodes a body and authenticates its sender: by a key in the body only if no other place holds one.
    fn open(
        &self,
        preset: &Preset,
        path: StreamPath<'_>,
        parts: &RequestParts,
        body: Body,
    ) -> Result<Opened<'_>, RequestError> {
        let early = self.intake.access.admit_by(&credentials(path, parts, &preset.key));
        if !preset.key.iter().any(|place| matches!(place, Place::Body(_))) {
            early.as_ref().map_err(Clone::clone)?;
        }
        let unframed = self.unframe(preset, path, parts, body).map_err(|error| hidden(error, &early));
        let (unframed, held) = unframed?;
        let by_body = || self.intake.access.admit_by_body(&unframed.text, &preset.key);
        let Admitted { sender, key } = early.or_else(|error| by_body().ok_or(error))?;
        Ok(Opened { sender, key, unframed, held })
    }

    fn unframe(
        &self,
        preset: &Preset,
        path: StreamPath<'_>,
        parts: &RequestParts,
        body: Body,
    ) -> Result<(Unframed, Reservation), RequestError> {
        let mut body = decode(bytes(body), coding(&parts.headers)?, self.intake.body_bytes, &self.budget)?;
        body.held.shrink(body.bytes.capacity());
        let unframed = preset.unframe(body.bytes, path.suffix, &parts.headers, self.intake.body_bytes)?;
        body.held.join(self.budget.try_reserve(unframed.text.len()).ok_or(RequestError::Busy)?);
        Ok((unframed, body.held))
    }

    fn items<'t>(
        &self,
        preset: &Preset,
        text: &'t str,
        headers: &HeaderMap,
        key: &[u8],
    ) -> Result<Items<'t>, RequestError> {
        let from_header = preset.context_of(headers);
        let from_header = mask(&from_header, key).unwrap_or(from_header);
        let limits = Limits { payloads: self.intake.payloads, context_bytes: 2 * self.intake.body_bytes };
        read(text, &preset.items, &from_header, limits)
    }
}

/// Without a known key a client learns only that.
fn hidden(error: RequestError, early: &Result<Admitted<'_>, RequestError>) -> RequestError {
    match early {
        Err(unauthorized) if error != RequestError::Busy => unauthorized.clone(),
        _ => error,
    }
}
