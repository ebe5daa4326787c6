//! The pipeline under attack, and the checks afterwards.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use spillway_local::client::Document;
use spillway_local::front::ClientTimeouts;
use tokio::time::timeout;

use super::raw::{PATIENCE, Reply};
use crate::support::harness::{KEY, Run, accepted_ids};

/// A pipeline with shortened timeouts, and the ids of all records from valid documents.
pub(crate) struct Target {
    run: Run,
    sent: BTreeSet<String>,
}

impl Target {
    pub(crate) async fn start(timeouts: ClientTimeouts) -> Self {
        Self { run: Run::start(|settings| settings.client_timeouts = timeouts).await, sent: BTreeSet::new() }
    }

    /// Closes a connection one second after its last answer.
    pub(crate) async fn impatient() -> Self {
        let (head, idle, body) = (Duration::from_secs(1), Duration::from_secs(1), Duration::from_secs(5));
        Self::start(ClientTimeouts { head, idle, body }).await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.run.pipeline.address()
    }

    /// Posts a document with a good client, which must get 200.
    pub(crate) async fn assert_good_client_is_served(&mut self) {
        let document = Document::new("clicks", KEY, r#"[{"good":1},{"good":2}]"#);
        let answer = timeout(PATIENCE, self.run.post(&document)).await.expect("a good client is answered");
        assert_eq!(answer.status, 200, "{answer:?}");
        self.sent.extend(accepted_ids(&answer));
    }

    /// Adds the records of a 200 for a valid document.
    pub(crate) fn note(&mut self, reply: &Reply) {
        let answer: Value = serde_json::from_str(&reply.body).unwrap();
        let (id, accepted) = (answer["request_id"].as_str().unwrap(), answer["accepted"].as_u64().unwrap());
        self.sent.extend((0..accepted).map(|index| format!("{id}-{index}")));
    }

    /// Ends the pipeline: good clients are still served, and exactly the valid documents are stored.
    pub(crate) async fn end(mut self) {
        self.assert_good_client_is_served().await;
        let ended = self.run.end().await;
        let (stored, ledger): (BTreeSet<_>, _) = (ended.records().into_keys().collect(), &ended.drained.ledger);
        assert_eq!(stored, self.sent);
        assert_eq!(ledger.accepted, self.sent.len() as u64, "{ledger}");
    }
}
