//! The interface of a function for front and event source: an event in, output out.

use std::future::Future;

use bytes::Bytes;

/// A function that can be invoked.
pub trait Invoke: Send + Sync + 'static {
    /// Invokes the function with an event in JSON and returns its output in JSON.
    ///
    /// Dropping the future discards the output; the function may still run to its end.
    ///
    /// # Errors
    /// The function failed, exceeded its timeout, or did not run.
    fn invoke(&self, event: Bytes) -> impl Future<Output = Result<Bytes, InvokeError>> + Send;
}

/// Why an invocation has no output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The function returned an error, or its process died, with a description.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The function exceeded its timeout and was killed.
    #[error("the function exceeded its timeout")]
    TimedOut,
    /// No environment was free in time. The function did not get the event.
    #[error("no environment was free in time")]
    NoEnvironment,
}
