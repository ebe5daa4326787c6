//! AWS on loopback: runs the real functions against an HTTP front, a Lambda Runtime API, SQS and S3 in one process.
//!
//! ```text
//! client ► front ► runtime(ingest) ► sqs ► event_source ► runtime(deliver) ► s3
//! ```
//!
//! [`pipeline`] starts them in reverse order. [`front`], [`runtime`], [`sqs`], [`event_source`] and [`s3`] emulate API
//! Gateway, Lambda, SQS, its event source mapping and S3, all on the HTTP server of [`loopback`]. [`invoke`] is the
//! interface of a function, whose process starts in [`environment`]. [`backends`] runs everything but the functions, for a
//! [`remote`] deliver. [`ledger`] and [`outcomes`] count, [`faults`] injects faults, [`client`] posts documents and
//! [`sample`] generates them. [`find`] tells where a record is, here and on AWS. All servers share one [`account`].
//! The [`data_folder`] holds everything that outlives a run: objects, and the journals of queue and ledger.

pub mod account;
pub mod backends;
mod body;
pub mod client;
pub mod data_folder;
pub mod environment;
pub mod event_source;
pub mod faults;
pub mod find;
pub mod front;
mod ids;
pub mod invoke;
mod journal;
pub mod ledger;
mod lock;
pub mod loopback;
pub mod outcomes;
pub mod pipeline;
pub mod remote;
pub mod runtime;
pub mod s3;
pub mod sample;
pub mod sqs;
