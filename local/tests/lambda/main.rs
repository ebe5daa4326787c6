//! Front and runtime with real processes: this test program starts itself again as the function.

mod front;
mod function;
mod invoke;
mod limits;
mod start;
mod support;
