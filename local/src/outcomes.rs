//! Counts the outcomes of payloads in the responses of ingest.

use std::borrow::Cow;
use std::sync::Mutex;

use bytes::Bytes;
use serde::Deserialize;

use crate::invoke::{Invoke, InvokeError};
use crate::lock::lock;

/// Invokes ingest and counts the outcomes in its output.
#[derive(Debug)]
pub struct Outcomes<I> {
    function: I,
    counts: Mutex<Counts>,
}

/// The counts so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Invocations.
    pub requests: u64,
    /// Payloads that were rejected.
    pub rejected: u64,
    /// Payloads that were withheld.
    pub withheld: u64,
}

impl<I> Outcomes<I> {
    /// Counts the outcomes of `function`.
    pub fn of(function: I) -> Self {
        Self { function, counts: Mutex::default() }
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        *lock(&self.counts)
    }

    fn count(&self, output: &[u8]) {
        let Counts { rejected, withheld, .. } = outcome(output).unwrap_or_default();
        let mut counts = lock(&self.counts);
        counts.requests += 1;
        counts.rejected += rejected;
        counts.withheld += withheld;
    }
}

impl<I: Invoke> Invoke for Outcomes<I> {
    async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let output = self.function.invoke(event).await;
        self.count(output.as_deref().unwrap_or_default());
        output
    }
}

fn outcome(output: &[u8]) -> Option<Counts> {
    #[derive(Deserialize)]
    struct Response<'a> {
        #[serde(borrow)]
        body: Option<Cow<'a, str>>,
    }
    let output: Response<'_> = serde_json::from_slice(output).ok()?;
    serde_json::from_str(&output.body?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns every event as output.
    struct Echo;

    impl Invoke for Echo {
        async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
            if event.is_empty() { Err(InvokeError::TimedOut) } else { Ok(event) }
        }
    }

    #[tokio::test]
    async fn outcomes_are_counted_and_output_is_passed_on() {
        let outcomes = Outcomes::of(Echo);
        let output = r#"{"statusCode":200,"body":"{\"accepted\":4,\"withheld\":2,\"rejected\":3}"}"#;
        let empty = r#"{"statusCode":401,"body":"{\"status\":401}"}"#;
        for event in [output, output, empty, "null"] {
            assert_eq!(outcomes.invoke(Bytes::from(event)).await, Ok(Bytes::from(event)));
        }
        assert_eq!(outcomes.invoke(Bytes::new()).await, Err(InvokeError::TimedOut));
        assert_eq!(outcomes.counts(), Counts { requests: 5, rejected: 6, withheld: 4 });
    }
}
