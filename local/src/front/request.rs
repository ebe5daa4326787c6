//! One request: within the limits, made an event, answered by the function.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use spillway_shared::pool::Budget;
use time::OffsetDateTime;
use tokio::time::timeout;

use super::FrontSettings;
use super::event::{self, Arrival};
use super::refusal::Refusal;
use super::{answer, headers};
use crate::body::{Held, whole};
use crate::ids::Ids;
use crate::invoke::Invoke;

/// API Gateway's quota for the request line and all headers, in bytes.
const LARGEST_HEAD: usize = 10_240;
/// API Gateway's quota for a body, in bytes.
const LARGEST_BODY: usize = 10 << 20;
/// Lambda's quota for an event, in bytes.
const LARGEST_EVENT: usize = 6_291_456;

/// What all requests share.
pub(super) struct Requests<I> {
    pub(super) settings: FrontSettings,
    pub(super) address: SocketAddr,
    pub(super) function: Arc<I>,
    pub(super) budget: Budget,
    pub(super) ids: Ids,
}

/// The other end of a connection.
pub(super) struct Peer {
    ip: String,
}

impl Peer {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { ip: address.ip().to_canonical().to_string() }
    }
}

impl<I: Invoke> Requests<I> {
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        Ok(self.process(&head, body, peer).await.unwrap_or_else(Refusal::response))
    }

    async fn process(&self, head: &Parts, body: Incoming, peer: &Peer) -> Result<Response<Full<Bytes>>, Refusal> {
        check(head)?;
        let body = whole(body, LARGEST_BODY, self.settings.body_timeout, &self.budget).await?;
        let id = self.ids.uuid(self.ids.next()).simple().to_string();
        let event = self.event(head, &body.bytes, peer, &id)?;
        drop(body);
        answer::response(&self.invoke(event).await?, &id).ok_or(Refusal::Failed)
    }

    /// The event, within Lambda's quota and the budget.
    fn event(&self, head: &Parts, body: &[u8], peer: &Peer, id: &str) -> Result<Held, Refusal> {
        let (address, now) = (self.address, OffsetDateTime::now_utc());
        let arrival = Arrival { head, body, source_ip: &peer.ip, address, id, now };
        let event = event::json(&arrival).ok_or(Refusal::Failed)?;
        if event.len() > LARGEST_EVENT {
            return Err(Refusal::TooLarge);
        }
        Held::reserve(event.into(), &self.budget).map_err(Refusal::from)
    }

    async fn invoke(&self, event: Held) -> Result<Bytes, Refusal> {
        let invocation = self.function.invoke(event.bytes.clone());
        let result = timeout(self.settings.answer_timeout, invocation).await.map_err(|_| Refusal::Unavailable)?;
        result.map_err(|error| {
            tracing::debug!("{error}");
            error.into()
        })
    }
}

fn check(head: &Parts) -> Result<(), Refusal> {
    if head.method == Method::CONNECT {
        return Err(Refusal::Bad);
    }
    if headers::size(head) > LARGEST_HEAD { Err(Refusal::HeadTooLarge) } else { Ok(()) }
}
