//! What ingest, deliver and the local pipeline share: the contracts of the queue and of the configuration.
//!
//! The data flow: a payload becomes a record, records of one [`stream`] and one [`hour`] share a [`message`], and every
//! call to SQS or S3 runs on a worker of a [`pool`], with the attempts of [`retry`].
//!
//! This crate contains no types of Lambda or the AWS SDK.

pub mod breaker;
pub mod causes;
pub mod config;
pub mod consent;
pub mod deadline;
pub mod definition;
pub mod delay;
pub mod destination;
pub mod event_time;
pub mod frame;
pub mod hour;
pub mod json;
pub mod keys;
pub mod log;
pub mod message;
pub mod metrics;
pub mod pointer;
pub mod pool;
pub mod prefixes;
pub mod retry;
pub mod runtime;
pub mod stream;
