//! What holds the pipeline up, and what it does then: it keeps what it has taken, takes no more than it can hold, and says so.

mod memory;
mod refusal;
