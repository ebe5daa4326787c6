//! What one document needs in each stage.

use crate::facts::{limit, measured, template};
use crate::load::{Ingest, Load};

/// What one document, message and batch need. Durations are in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// How long a request keeps an environment of ingest busy.
    pub ingest_seconds: f64,
    /// CPU of ingest for a document.
    pub ingest_cpu: f64,
    /// Documents in one message.
    pub documents_per_message: f64,
    /// Bytes of a message with its entry in the event.
    pub message_bytes: f64,
    /// Billed units of SQS to send a message.
    pub units_per_message: f64,
    /// Messages in a full batch.
    pub batch_messages: f64,
}

impl Demand {
    /// What the documents of a load need.
    #[must_use]
    pub fn of(load: &Load) -> Self {
        let bytes = load.document_bytes();
        let share = if bytes > measured::COMPRESSED_ABOVE { measured::MESSAGE_SHARE } else { 1.0 };
        let (request_cpu, documents_per_message) = match load.ingest {
            Ingest::Environments => (measured::INGEST_CPU, 1.0),
            Ingest::Instances => (measured::INGEST_CPU_SHARED, measured::SHARED_DOCUMENTS),
        };
        let body = bytes * share * documents_per_message;
        let message_bytes = body + measured::EVENT_ENTRY;
        let ingest_cpu = request_cpu + bytes * measured::INGEST_CPU_BYTE;
        let vcpus = template::INGEST_GB / template::GB_PER_VCPU;
        Self {
            ingest_seconds: measured::INGEST_WAIT + ingest_cpu / vcpus,
            ingest_cpu,
            documents_per_message,
            message_bytes,
            units_per_message: (body / limit::SQS_UNIT_BYTES).ceil(),
            batch_messages: (limit::BATCH_BYTES / message_bytes).floor().clamp(1.0, limit::BATCH_MESSAGES),
        }
    }

    /// Messages that one poller gathers in a batching window: the first limit that it meets ends the batch.
    #[must_use]
    pub fn gathered(&self, window: f64) -> f64 {
        (self.poller_messages() * window).clamp(1.0, self.batch_messages)
    }

    /// Messages a second that one poller receives.
    #[must_use]
    pub fn poller_messages(&self) -> f64 {
        limit::POLLER_MESSAGES.min(limit::POLLER_BYTES / self.message_bytes)
    }

    /// How long deliver works on a batch.
    #[must_use]
    pub fn deliver_seconds(&self, messages: f64) -> f64 {
        measured::DELIVER_BASE + measured::DELIVER_FULL * messages * self.message_bytes / limit::BATCH_BYTES
    }
}
