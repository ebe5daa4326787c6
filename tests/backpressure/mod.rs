//! The pipeline under backpressure: it keeps accepted records, stays within its memory and answers 503 beyond it.

mod memory;
mod refusal;
