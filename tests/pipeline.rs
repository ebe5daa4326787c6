//! The whole pipeline from outside, in one test target: each module is one subject, and `support` is what they share.
//!
//! Every test starts real function processes behind the emulations of AWS on loopback.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod backpressure;
mod compaction;
mod destinations;
mod end_to_end;
mod faults;
mod hostile;
mod poison;
mod privacy;
mod smoke;
mod support;
