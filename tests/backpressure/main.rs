//! What holds the pipeline up, and what it does then: it keeps what it has taken, takes no more than it can hold, and says so.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../end_to_end/harness.rs"]
mod harness;
mod memory;
mod refusal;
