//! AWS on loopback: runs the real functions against an HTTP front, a Lambda Runtime API, SQS and S3 in one process.

mod body;
pub mod environment;
pub mod front;
mod ids;
pub mod invoke;
pub mod runtime;
