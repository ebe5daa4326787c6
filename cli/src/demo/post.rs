//! Posting documents over a few connections, and counting the answers.

use std::fmt;
use std::net::SocketAddr;

use anyhow::Context as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use indicatif::ProgressBar;
use serde::Deserialize;
use spillway_local::client::{Client, Response};

use super::documents::document;

const CONNECTIONS: usize = 32;

/// What clients were told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Posted {
    /// Records that are durable.
    pub(super) accepted: u64,
    /// Payloads that were refused, their neighbours taken.
    rejected: u64,
    /// Documents that were answered with 200.
    taken: u64,
    /// Documents that were refused whole, as the broken ones are.
    refused: u64,
}

/// Posts `count` documents and sums up what was answered.
pub(super) async fn all(address: SocketAddr, count: usize, progress: &ProgressBar) -> anyhow::Result<Posted> {
    let connections = CONNECTIONS.min(count.max(1));
    let posts = (0..connections).map(|first| some(address, (first..count).step_by(connections), progress));
    stream::iter(posts)
        .buffer_unordered(connections)
        .try_fold(Posted::default(), |sum, part| async move { Ok(sum.plus(part)) })
        .await
}

async fn some(
    address: SocketAddr,
    numbers: impl Iterator<Item = usize>,
    progress: &ProgressBar,
) -> anyhow::Result<Posted> {
    let mut client = Client::connect(address).await.context("the pipeline does not answer")?;
    let mut posted = Posted::default();
    for number in numbers {
        let answer = client.post(&document(number)).await.context("the pipeline broke the connection")?;
        posted = posted.plus(Posted::of(&answer)?);
        progress.inc(1);
    }
    Ok(posted)
}

impl Posted {
    fn of(answer: &Response) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Fates {
            accepted: u64,
            rejected: u64,
        }
        match answer.status.as_u16() {
            200 => {
                let Fates { accepted, rejected } = serde_json::from_slice(&answer.body)?;
                Ok(Self { accepted, rejected, taken: 1, refused: 0 })
            }
            400 => Ok(Self { refused: 1, ..Self::default() }),
            status => anyhow::bail!("a document was answered with {status}: {}", String::from_utf8_lossy(&answer.body)),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            rejected: self.rejected + other.rejected,
            taken: self.taken + other.taken,
            refused: self.refused + other.refused,
        }
    }

    /// How many documents were answered.
    pub(super) fn documents(&self) -> u64 {
        self.taken + self.refused
    }
}

impl fmt::Display for Posted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, rejected, taken, refused } = self;
        write!(
            f,
            "{taken} documents were taken ({accepted} payloads accepted, {rejected} rejected), {refused} broken ones refused"
        )
    }
}
