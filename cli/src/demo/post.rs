//! Posts documents over several connections and counts the responses.

use std::fmt;
use std::net::SocketAddr;

use anyhow::Context as _;
use futures::future::try_join_all;
use indicatif::ProgressBar;
use serde::Deserialize;
use spillway_local::client::{Client, Response};

use super::documents::document;

const CONNECTIONS: usize = 32;

/// Counts from the responses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Posted {
    /// Records that are durable.
    pub(super) accepted: u64,
    /// Payloads that were rejected in accepted documents.
    rejected: u64,
    /// Documents with the response 200.
    accepted_documents: u64,
    /// Documents with the response 400, as the broken ones have.
    rejected_documents: u64,
}

/// Posts `count` documents and sums up the responses.
pub(super) async fn all(address: SocketAddr, count: usize, progress: &ProgressBar) -> anyhow::Result<Posted> {
    let connections = CONNECTIONS.min(count.max(1));
    let posts = (0..connections).map(|first| some(address, (first..count).step_by(connections), progress));
    Ok(try_join_all(posts).await?.into_iter().fold(Posted::default(), Posted::plus))
}

async fn some(
    address: SocketAddr,
    numbers: impl Iterator<Item = usize>,
    progress: &ProgressBar,
) -> anyhow::Result<Posted> {
    let mut client = Client::connect(address).await.context("the pipeline does not respond")?;
    let mut posted = Posted::default();
    for number in numbers {
        let response = client.post(&document(number)).await.context("the pipeline closed the connection")?;
        posted = posted.plus(Posted::of(&response)?);
        progress.inc(1);
    }
    Ok(posted)
}

impl Posted {
    fn of(response: &Response) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Counts {
            accepted: u64,
            rejected: u64,
        }
        match response.status.as_u16() {
            200 => {
                let Counts { accepted, rejected } = serde_json::from_slice(&response.body)?;
                Ok(Self { accepted, rejected, accepted_documents: 1, rejected_documents: 0 })
            }
            400 => Ok(Self { rejected_documents: 1, ..Self::default() }),
            status => {
                anyhow::bail!("a document got the response {status}: {}", String::from_utf8_lossy(&response.body))
            }
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            rejected: self.rejected + other.rejected,
            accepted_documents: self.accepted_documents + other.accepted_documents,
            rejected_documents: self.rejected_documents + other.rejected_documents,
        }
    }

    /// The number of documents with a response.
    pub(super) fn documents(&self) -> u64 {
        self.accepted_documents + self.rejected_documents
    }
}

impl fmt::Display for Posted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, rejected, accepted_documents, rejected_documents } = self;
        write!(
            f,
            "{accepted_documents} documents were accepted ({accepted} payloads accepted, {rejected} rejected), "
        )?;
        write!(f, "{rejected_documents} were rejected")
    }
}
