//! What front and event source know of a function: an event in, an answer out.

use std::future::Future;

use bytes::Bytes;

/// Something that runs one invocation of a function.
pub trait Invoke: Send + Sync + 'static {
    /// Runs one invocation: `event` is its event as JSON, the result its answer as JSON.
    ///
    /// Dropping the future gives the answer up; the function may still run to its end.
    ///
    /// # Errors
    /// [`InvokeError`]: the function failed, ran out of time, or never ran.
    fn invoke(&self, event: Bytes) -> impl Future<Output = Result<Bytes, InvokeError>> + Send;
}

/// Why an invocation has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The function answered with an error, or its process died; what is known about it.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The function ran past its time-out and was killed.
    #[error("the function ran out of time")]
    TimedOut,
    /// No environment was free in time; the function has not seen the event.
    #[error("no environment was free in time")]
    NoEnvironment,
}
