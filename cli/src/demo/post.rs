//! Posts documents over several connections and counts the responses.

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::future::try_join_all;
use indicatif::ProgressBar;
use serde::Deserialize;
use spillway_local::client::{Client, Response};
use tokio::time::sleep;

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

/// Posts `count` documents, as fast as possible or with `pause`s between them, and counts the responses.
pub(super) async fn all(
    address: SocketAddr,
    count: usize,
    pause: Option<Duration>,
    progress: &ProgressBar,
) -> anyhow::Result<Posted> {
    let (connections, posted) = (CONNECTIONS.min(count.max(1)), RefCell::default());
    let connections = if pause.is_some() { 1 } else { connections };
    let posts =
        (0..connections).map(|first| some(address, (first..count).step_by(connections), pause, &posted, progress));
    try_join_all(posts).await?;
    Ok(posted.into_inner())
}

async fn some(
    address: SocketAddr,
    numbers: impl Iterator<Item = usize>,
    pause: Option<Duration>,
    posted: &RefCell<Posted>,
    progress: &ProgressBar,
) -> anyhow::Result<()> {
    let mut client = Client::connect(address).await.context("the pipeline does not respond")?;
    for number in numbers {
        if let Some(pause) = pause {
            sleep(pause).await;
        }
        let response = client.post(&document(number)).await.context("the pipeline closed the connection")?;
        posted.borrow_mut().count(&response)?;
        progress.inc(1);
    }
    Ok(())
}

impl Posted {
    fn count(&mut self, response: &Response) -> anyhow::Result<()> {
        #[derive(Deserialize)]
        struct Counts {
            accepted: u64,
            rejected: u64,
        }
        match response.status.as_u16() {
            200 => {
                let Counts { accepted, rejected } = serde_json::from_slice(&response.body)?;
                self.accepted += accepted;
                self.rejected += rejected;
                self.accepted_documents += 1;
            }
            400 => self.rejected_documents += 1,
            status => bail!("a document got the response {status}: {}", String::from_utf8_lossy(&response.body)),
        }
        Ok(())
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
