//! One request: within the limits, made an event, answered by the function.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    unclear: Arc<AtomicBool>,
}

impl Peer {
    /// `unclear` says whether its requests can be told apart no more.
    pub(super) fn new(address: SocketAddr, unclear: Arc<AtomicBool>) -> Self {
        Self { ip: address.ip().to_canonical().to_string(), unclear }
    }

    fn is_clear(&self) -> Result<(), Refusal> {
        if self.unclear.load(Ordering::Relaxed) { Err(Refusal::Unclear) } else { Ok(()) }
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
        peer.is_clear()?;
        check(head)?;
        let body = self.body(body).await?;
        // Only now are all its chunks known.
        peer.is_clear()?;
        let id = self.ids.uuid(self.ids.next()).simple().to_string();
        let event = self.event(head, &body.bytes, peer, &id)?;
        drop(body);
        answer::response(&self.invoke(event).await?, &id).ok_or(Refusal::Failed)
    }

    /// The whole body, within its quota, its time and the budget.
    async fn body(&self, body: Incoming) -> Result<Held, Refusal> {
        let patience = self.settings.patience;
        let body = timeout(patience.body, whole(body, LARGEST_BODY, patience.pause, &self.budget));
        Ok(body.await.map_err(|_| Refusal::Slow)??)
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
    let line = headers::line_size(head);
    if line > LARGEST_HEAD {
        return Err(Refusal::UriTooLong);
    }
    if line + headers::size(head) > LARGEST_HEAD { Err(Refusal::HeadTooLarge) } else { Ok(()) }
}
