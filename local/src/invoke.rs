//! One invocation of a function, whoever runs it.

use std::future::Future;

use bytes::Bytes;

/// Something that runs one invocation of a function: event JSON in, answer JSON out.
pub trait Invoke: Send + Sync + 'static {
    /// Runs one invocation to its end; it ends by the function's time-out at the latest.
    ///
    /// # Errors
    /// Why there is no answer.
    fn invoke(&self, event: Bytes) -> impl Future<Output = Result<Bytes, InvokeError>> + Send;
}

/// Why an invocation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The function reported an error or ended.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The function did not answer before its time-out.
    #[error("the function timed out")]
    TimedOut,
    /// No environment was free in time.
    #[error("no environment is free")]
    NoEnvironment,
}
