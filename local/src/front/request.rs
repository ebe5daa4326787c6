//! One request: checks its limits, encodes it as an event and invokes the function.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use spillway_shared::pool::Budget;
use time::OffsetDateTime;
use tokio::time::timeout;

use super::FrontSettings;
use super::event::{self, Received};
use super::refusal::Refusal;
use super::{headers, response};
use crate::body::{ReservedBytes, read_body};
use crate::ids::Ids;
use crate::invoke::Invoke;

/// API Gateway's quota for the request line and all headers, in bytes.
const MAX_HEAD_BYTES: usize = 10_240;
/// API Gateway's quota for a body, in bytes.
const MAX_BODY_BYTES: usize = 10 << 20;
/// Lambda's quota for an event, in bytes.
const MAX_EVENT_BYTES: usize = 6_291_456;

/// The state that all requests share.
pub(super) struct Requests<I> {
    settings: FrontSettings,
    address: SocketAddr,
    function: Arc<I>,
    budget: Budget,
    ids: Ids,
}

/// The client of a connection.
pub(super) struct Peer {
    ip: String,
    ambiguous: Arc<AtomicBool>,
}

impl Peer {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { ip: address.ip().to_canonical().to_string(), ambiguous: Arc::default() }
    }

    /// A flag that is set once the framing of the connection's requests is ambiguous.
    pub(super) fn ambiguous(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.ambiguous)
    }

    fn check_framing(&self) -> Result<(), Refusal> {
        if self.ambiguous.load(Ordering::Relaxed) { Err(Refusal::Ambiguous) } else { Ok(()) }
    }
}

impl<I: Invoke> Requests<I> {
    pub(super) fn new(settings: FrontSettings, address: SocketAddr, function: Arc<I>) -> Self {
        let budget = Budget::new(settings.max_inflight_bytes);
        Self { settings, address, function, budget, ids: Ids::new() }
    }

    pub(super) async fn respond(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (mut head, body) = request.into_parts();
        self.settings.kind.sign(&mut head.headers, &peer.ip);
        let mut response = self.process(&head, body, peer).await.unwrap_or_else(Refusal::response);
        self.settings.cors.apply(&head, response.headers_mut());
        Ok(response)
    }

    async fn process(&self, head: &Parts, body: Incoming, peer: &Peer) -> Result<Response<Full<Bytes>>, Refusal> {
        peer.check_framing()?;
        check(head)?;
        let body = self.body(body).await?;
        // The framing of chunks is known only after the body.
        peer.check_framing()?;
        let id = self.ids.uuid(self.ids.next()).simple().to_string();
        let event = self.event(head, &body.bytes, peer, &id)?;
        drop(body);
        let output = self.invoke(event).await?;
        response::from_output(&output, &id, self.settings.kind.request_id()).ok_or(Refusal::Failed)
    }

    /// The whole body, within its quota, its timeouts and the budget.
    async fn body(&self, body: Incoming) -> Result<ReservedBytes, Refusal> {
        let timeouts = self.settings.client_timeouts;
        let body = timeout(timeouts.body, read_body(body, MAX_BODY_BYTES, timeouts.idle, &self.budget));
        Ok(body.await.map_err(|_| Refusal::Slow)??)
    }

    /// The event, within Lambda's quota and the budget.
    fn event(&self, head: &Parts, body: &[u8], peer: &Peer, id: &str) -> Result<ReservedBytes, Refusal> {
        let (address, now) = (self.address, OffsetDateTime::now_utc());
        let kind = &self.settings.kind;
        let received = Received { head, body, source_ip: &peer.ip, address, id, now, kind };
        let event = event::json(&received).ok_or(Refusal::Failed)?;
        if event.len() > MAX_EVENT_BYTES {
            return Err(Refusal::TooLarge);
        }
        ReservedBytes::reserve(event.into(), &self.budget).map_err(Refusal::from)
    }

    async fn invoke(&self, event: ReservedBytes) -> Result<Bytes, Refusal> {
        let invocation = self.function.invoke(event.bytes.clone());
        let result = timeout(self.settings.function_timeout, invocation).await.map_err(|_| Refusal::Unavailable)?;
        result.map_err(|error| {
            tracing::debug!("{error}");
            error.into()
        })
    }
}

fn check(head: &Parts) -> Result<(), Refusal> {
    // With several hosts a proxy and the server behind it could choose different ones (RFC 9112, section 3.2).
    let hosts = head.headers.get_all(header::HOST).iter().count();
    if head.method == Method::CONNECT || hosts > 1 {
        return Err(Refusal::Bad);
    }
    let line = headers::line_size(head);
    if line > MAX_HEAD_BYTES {
        return Err(Refusal::UriTooLong);
    }
    if line + headers::size(head) > MAX_HEAD_BYTES { Err(Refusal::HeadTooLarge) } else { Ok(()) }
}
