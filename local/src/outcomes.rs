//! What ingest answered: counted on the way back to the front.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde::Deserialize;

use crate::invoke::{Invoke, InvokeError};

/// Passes invocations on and counts what their answers say.
#[derive(Debug)]
pub struct Outcomes<I> {
    function: I,
    requests: AtomicU64,
    rejected: AtomicU64,
    withheld: AtomicU64,
}

/// What was answered so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Invocations.
    pub requests: u64,
    /// Payloads that were refused.
    pub rejected: u64,
    /// Payloads that were withheld.
    pub withheld: u64,
}

impl<I> Outcomes<I> {
    /// Counts the answers of `function`.
    pub fn of(function: I) -> Self {
        Self {
            function,
            requests: AtomicU64::default(),
            rejected: AtomicU64::default(),
            withheld: AtomicU64::default(),
        }
    }

    /// What was answered so far.
    pub fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts { requests: read(&self.requests), rejected: read(&self.rejected), withheld: read(&self.withheld) }
    }

    fn count(&self, answer: &[u8]) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let Fates { rejected, withheld } = fates(answer).unwrap_or_default();
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
        self.withheld.fetch_add(withheld, Ordering::Relaxed);
    }
}

impl<I: Invoke> Invoke for Outcomes<I> {
    async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        let answer = self.function.invoke(event).await;
        self.count(answer.as_deref().unwrap_or_default());
        answer
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fates {
    rejected: u64,
    withheld: u64,
}

fn fates(answer: &[u8]) -> Option<Fates> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        body: Option<Cow<'a, str>>,
    }
    let answer: Answer<'_> = serde_json::from_slice(answer).ok()?;
    serde_json::from_str(&answer.body?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Answers;

    impl Invoke for Answers {
        async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
            if event.is_empty() { Err(InvokeError::TimedOut) } else { Ok(event) }
        }
    }

    #[tokio::test]
    async fn answers_are_counted_and_passed_on() {
        let outcomes = Outcomes::of(Answers);
        let answer = r#"{"statusCode":200,"body":"{\"accepted\":4,\"withheld\":2,\"rejected\":3}"}"#;
        let empty = r#"{"statusCode":401,"body":"{\"status\":401}"}"#;
        for event in [answer, answer, empty, "null"] {
            assert_eq!(outcomes.invoke(Bytes::from(event)).await, Ok(Bytes::from(event)));
        }
        assert_eq!(outcomes.invoke(Bytes::new()).await, Err(InvokeError::TimedOut));
        assert_eq!(outcomes.counts(), Counts { requests: 5, rejected: 6, withheld: 4 });
    }
}
