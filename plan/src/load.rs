//! The input: how much arrives, through which front, and how late it may be stored.

/// The load and the objective.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Documents a second outside of the burst.
    pub documents_per_second: f64,
    /// Payloads of a document.
    pub payloads: f64,
    /// Bytes of a payload.
    pub bytes: f64,
    /// A burst on top of it.
    pub burst: Burst,
    /// The service that accepts the requests.
    pub front: Front,
    /// Where ingest runs.
    pub ingest: Ingest,
    /// The longest lag that the objective allows, in seconds.
    pub objective_seconds: f64,
}

/// A burst: the load times a factor, for some seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// The factor; 1 means no burst.
    pub factor: f64,
    /// Its duration in seconds.
    pub seconds: u32,
}

/// The service that accepts the requests: the template's `Front`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// An HTTP API.
    HttpApi,
    /// A Function URL.
    FunctionUrl,
    /// CloudFront before a Function URL.
    CloudFront,
}

/// Where ingest runs: the template's `IngestRunsOn`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ingest {
    /// Environments with one request at a time.
    Environments,
    /// Managed Instances, whose processes serve many requests at a time.
    Instances,
}

impl Load {
    /// Documents a second during the burst.
    #[must_use]
    pub fn peak(&self) -> f64 {
        self.documents_per_second * self.burst.factor
    }

    /// Bytes of a document: its payloads with a comma or bracket each.
    #[must_use]
    pub fn document_bytes(&self) -> f64 {
        self.payloads * (self.bytes + 1.0) + 1.0
    }
}
