//! Reads a body to its end, within a size, an idle timeout and a memory budget.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use spillway_shared::pool::{Budget, Reservation};
use tokio::time::timeout;

/// The number of bytes above the limit after which reading stops.
const MAX_DRAINED_BYTES: u64 = 64 << 20;

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    /// The body is larger than the limit. Up to 64 MiB of the rest were read and discarded.
    #[error("the body is too large")]
    TooLarge,
    /// The sender paused for longer than the idle timeout.
    #[error("the sender of the body paused for too long")]
    Stalled,
    /// The connection closed, or the framing of the body is invalid.
    #[error("the body ended early or is framed incorrectly")]
    Broken,
    /// The body exceeds the memory budget.
    #[error("the body exceeds the memory budget")]
    OverBudget,
}

/// Bytes that count towards a budget until they are dropped.
#[derive(Debug)]
pub(crate) struct ReservedBytes {
    pub(crate) bytes: Bytes,
    #[expect(dead_code, reason = "releases its part of the budget when dropped")]
    reservation: Reservation,
}

impl ReservedBytes {
    /// Reserves budget for bytes that are already in memory.
    pub(crate) fn reserve(bytes: Bytes, budget: &Budget) -> Result<Self, ReadError> {
        let reservation = budget.try_reserve(bytes.len()).ok_or(ReadError::OverBudget)?;
        Ok(Self { bytes, reservation })
    }
}

/// The whole body.
pub(crate) async fn read_body(
    body: impl Body<Data = Bytes>,
    limit: usize,
    idle_timeout: Duration,
    budget: &Budget,
) -> Result<ReservedBytes, ReadError> {
    let mut body = pin!(body);
    let (mut bytes, mut reservation) = (BytesMut::new(), budget.try_reserve(0).ok_or(ReadError::OverBudget)?);
    while let Some(piece) = next_piece(&mut body, idle_timeout).await? {
        if bytes.len() + piece.len() > limit {
            drop((bytes, reservation));
            drain(&mut body, idle_timeout).await?;
            return Err(ReadError::TooLarge);
        }
        reservation.join(budget.try_reserve(piece.len()).ok_or(ReadError::OverBudget)?);
        bytes.extend_from_slice(&piece);
    }
    Ok(ReservedBytes { bytes: bytes.freeze(), reservation })
}

/// Discards the rest, because some clients read the response only after they have sent the whole body.
async fn drain(body: &mut (impl Body<Data = Bytes> + Unpin), idle_timeout: Duration) -> Result<(), ReadError> {
    let mut drained = 0;
    while drained < MAX_DRAINED_BYTES {
        let Some(piece) = next_piece(body, idle_timeout).await? else { break };
        drained += piece.len() as u64;
    }
    Ok(())
}

async fn next_piece(
    body: &mut (impl Body<Data = Bytes> + Unpin),
    idle_timeout: Duration,
) -> Result<Option<Bytes>, ReadError> {
    loop {
        let frame = timeout(idle_timeout, body.frame()).await.map_err(|_| ReadError::Stalled)?;
        let Some(frame) = frame else { return Ok(None) };
        // Trailers are ignored.
        if let Ok(piece) = frame.map_err(|_| ReadError::Broken)?.into_data() {
            return Ok(Some(piece));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    const IDLE: Duration = Duration::from_secs(1);

    fn body(pieces: &[&'static str]) -> impl Body<Data = Bytes> {
        let pieces: Vec<_> = pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
        StreamBody::new(stream::iter(pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)))))
    }

    async fn read(pieces: &[&'static str], budget: usize) -> Result<Bytes, ReadError> {
        read_body(body(pieces), 6, IDLE, &Budget::new(budget)).await.map(|body| body.bytes)
    }

    #[tokio::test]
    async fn pieces_are_joined_up_to_the_limit() {
        assert_eq!(read(&[], 100).await, Ok(Bytes::new()));
        assert_eq!(read(&["abc"], 100).await, Ok("abc".into()));
        assert_eq!(read(&["abc", "", "de", "f"], 100).await, Ok("abcdef".into()));
        assert_eq!(read(&["abc", "de", "fg"], 100).await, Err(ReadError::TooLarge));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_pauses_for_too_long_is_an_error() {
        let never = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        assert_eq!(read_body(never, 6, IDLE, &Budget::new(100)).await.unwrap_err(), ReadError::Stalled);
    }

    #[tokio::test]
    async fn a_body_uses_budget_until_it_is_dropped() {
        assert_eq!(read(&["abc", "de"], 4).await, Err(ReadError::OverBudget));
        let budget = Budget::new(6);
        let reserved = read_body(body(&["abc", "de"]), 6, IDLE, &budget).await.unwrap();
        assert!(budget.try_reserve(2).is_none());
        drop(reserved);
        assert!(budget.try_reserve(6).is_some());
    }
}
