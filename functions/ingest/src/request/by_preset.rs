//! The way of a client library's request: decode ► unframe ► authenticate ► mask the key ► read the items.

use std::time::SystemTime;

use lambda_http::http::HeaderMap;
use lambda_http::http::request::Parts as RequestParts;
use lambda_http::{Body, Response};
use spillway_shared::pool::Reservation;

use super::document::ReceivedDocument;
use super::route::{self, StreamPath};
use super::{Ingest, bytes, deadline};
use crate::auth::{Admitted, Credentials};
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
        let early = self.intake.access.admit_by(&credentials(path, parts, &preset.key));
        if !preset.key.iter().any(|place| matches!(place, Place::Body(_))) {
            early.as_ref().map_err(Clone::clone)?;
        }
        let (Unframed { text, repaired }, held) =
            self.unframe(preset, path, parts, body).map_err(|error| hidden(error, &early))?;
        let Admitted { sender, key } =
            early.or_else(|error| self.intake.access.admit_by_body(&text, &preset.key).ok_or(error))?;
        let (name, stream) = route::find(path.stream, sender, &self.intake.streams)?;

        let text = mask(&text, &key).unwrap_or(text);
        let items = self.items(preset, &text, &parts.headers, &key)?;
        let (form, received_at) = (Form::Json, SystemTime::now());
        let document =
            ReceivedDocument { name, stream, sender, parts, form, preset: Some(preset), repaired, received_at };
        let stamped = document.stamp(items, &self.intake, &self.budget).await?;
        drop((text, held));
        let (_, outcomes) = self.store(name, stamped, deadline).await?;
        let headers = &parts.headers;
        let facts =
            Facts { suffix: path.suffix, headers, outcomes: Some(&outcomes), error: None, now: SystemTime::now() };
        Ok(preset.success(&facts))
    }

    /// The JSON texts of a body, and the memory reserved for them and for a copy without the key.
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
