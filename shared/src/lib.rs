//! What ingest, deliver and the local pipeline agree on: the contracts of the queue and of configuration.
//!
//! The way of the data: a payload becomes a record; records of one [`stream`] and one [`hour`] travel in a
//! [`message`]; every call to SQS or S3 that carries them runs inside a [`pool`].
//!
//! This crate knows no Lambda and no AWS SDK.

pub mod causes;
pub mod config;
pub mod consent;
pub mod deadline;
pub mod frame;
pub mod hour;
pub mod json;
pub mod keys;
pub mod log;
mod members;
pub mod message;
pub mod metrics;
pub mod pointer;
pub mod pool;
pub mod retry;
pub mod runtime;
pub mod stream;
