//! AWS on loopback: runs the real functions against an HTTP front, a Lambda Runtime API, SQS and S3 in one process.

pub mod bucket;
pub mod event_source;
pub mod invoke;
pub mod ledger;
pub mod loopback;
pub mod queue;
