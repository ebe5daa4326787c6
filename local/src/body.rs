//! Reads a body to its end: at most so many bytes kept, and never waiting long for the next ones.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use spillway_shared::pool::{Budget, Reservation};
use tokio::time::timeout;

/// Beyond this much more than the limit, a body is not read any further.
const MOST_DRAINED: u64 = 64 << 20;

/// Why a body could not be read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    /// It is longer than the limit; the rest was read and thrown away, up to 64 MiB of it.
    #[error("the body is too large")]
    TooLarge,
    /// No byte came for as long as one may wait.
    #[error("the body stopped coming")]
    Stalled,
    /// The connection ended, or the body's framing is wrong.
    #[error("the body broke off")]
    Broken,
    /// So many bytes are held already that there is no room for these.
    #[error("there is no room for the body")]
    NoRoom,
}

/// Bytes, and their part of a budget while they are held.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    #[expect(dead_code, reason = "held for its drop")]
    reservation: Option<Reservation>,
}

impl Held {
    /// Bytes that are held already, from now on within the budget.
    pub(crate) fn reserve(bytes: Bytes, budget: &Budget) -> Result<Self, Unread> {
        let reservation = budget.try_reserve(bytes.len()).ok_or(Unread::NoRoom)?;
        Ok(Self { bytes, reservation: Some(reservation) })
    }
}

/// The whole body, without a copy if it came in one piece.
pub(crate) async fn whole(
    body: impl Body<Data = Bytes>,
    limit: usize,
    longest_wait: Duration,
    budget: &Budget,
) -> Result<Held, Unread> {
    let mut body = pin!(body);
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX).min(limit);
    let mut pieces = Pieces::default();
    while let Some(piece) = next_piece(&mut body, longest_wait).await? {
        if pieces.len() + piece.len() > limit {
            drop(pieces);
            drain(&mut body, longest_wait).await?;
            return Err(Unread::TooLarge);
        }
        pieces.hold(budget.try_reserve(piece.len()).ok_or(Unread::NoRoom)?);
        pieces.push(piece, expected);
    }
    Ok(pieces.join())
}

/// Reads on, so that a client that only reads after it has written gets to see its answer.
async fn drain(body: &mut (impl Body<Data = Bytes> + Unpin), longest_wait: Duration) -> Result<(), Unread> {
    let mut drained = 0;
    while drained < MOST_DRAINED {
        let Some(piece) = next_piece(body, longest_wait).await? else { break };
        drained += piece.len() as u64;
    }
    Ok(())
}

async fn next_piece(
    body: &mut (impl Body<Data = Bytes> + Unpin),
    longest_wait: Duration,
) -> Result<Option<Bytes>, Unread> {
    loop {
        let frame = timeout(longest_wait, body.frame()).await.map_err(|_| Unread::Stalled)?;
        let Some(frame) = frame else { return Ok(None) };
        // Trailers have no use here and are skipped.
        if let Ok(piece) = frame.map_err(|_| Unread::Broken)?.into_data() {
            return Ok(Some(piece));
        }
    }
}

/// What has come so far: the first piece as it is, all of them in one buffer once there are more.
#[derive(Default)]
struct Pieces {
    first: Bytes,
    all: BytesMut,
    reservation: Option<Reservation>,
}

impl Pieces {
    fn len(&self) -> usize {
        self.first.len().max(self.all.len())
    }

    fn push(&mut self, piece: Bytes, expected: usize) {
        if self.len() == 0 {
            self.first = piece;
            return;
        }
        if self.all.is_empty() {
            self.all.reserve(expected.max(self.first.len() + piece.len()));
            self.all.extend_from_slice(&self.first);
        }
        self.all.extend_from_slice(&piece);
    }

    fn hold(&mut self, more: Reservation) {
        match &mut self.reservation {
            Some(reservation) => reservation.join(more),
            None => self.reservation = Some(more),
        }
    }

    fn join(self) -> Held {
        let bytes = if self.all.is_empty() { self.first } else { self.all.freeze() };
        Held { bytes, reservation: self.reservation }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    const WAIT: Duration = Duration::from_secs(1);

    fn body(pieces: &[&'static str]) -> impl Body<Data = Bytes> {
        let pieces: Vec<_> = pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
        StreamBody::new(stream::iter(pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)))))
    }

    async fn read(pieces: &[&'static str], budget: usize) -> Result<Bytes, Unread> {
        whole(body(pieces), 6, WAIT, &Budget::new(budget)).await.map(|held| held.bytes)
    }

    #[tokio::test]
    async fn pieces_are_joined_up_to_the_limit() {
        assert_eq!(read(&[], 100).await, Ok(Bytes::new()));
        assert_eq!(read(&["abc"], 100).await, Ok("abc".into()));
        assert_eq!(read(&["abc", "", "de", "f"], 100).await, Ok("abcdef".into()));
        assert_eq!(read(&["abc", "de", "fg"], 100).await, Err(Unread::TooLarge));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_coming_is_given_up() {
        let never = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        assert_eq!(whole(never, 6, WAIT, &Budget::new(100)).await.unwrap_err(), Unread::Stalled);
    }

    #[tokio::test]
    async fn a_body_needs_room_as_long_as_it_is_held() {
        assert_eq!(read(&["abc", "de"], 4).await, Err(Unread::NoRoom));
        let budget = Budget::new(6);
        let held = whole(body(&["abc", "de"]), 6, WAIT, &budget).await.unwrap();
        assert!(budget.try_reserve(2).is_none());
        drop(held);
        assert!(budget.try_reserve(6).is_some());
    }
}
