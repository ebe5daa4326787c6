//! Front and runtime with real processes: this test program starts itself again as the function.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod front;
mod function;
mod invoke;
mod limits;
mod start;
mod support;
