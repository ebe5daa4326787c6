//! Front and runtime with real processes: this test program starts itself as the function.

mod front;
pub(crate) mod function;
mod invoke;
mod limits;
mod start;
pub(crate) mod support;
