//! AWS on loopback: runs the real functions against an HTTP front, a Lambda Runtime API, SQS and S3 in one process.
//!
//! ```text
//! client ► front ► runtime(ingest) ► queue ► event_source ► runtime(deliver) ► bucket
//! ```
//!
//! [`pipeline`] puts them together in this order. [`front`], [`runtime`], [`sqs`], [`event_source`] and [`s3`] do
//! what API Gateway, Lambda, SQS, its event source mapping and S3 do; [`invoke`] is what they know of a function.
//! [`backends`] is all but the functions, for who runs these elsewhere ([`remote`]). [`ledger`] and [`outcomes`] watch from
//! outside, [`faults`] strike at all of them; [`client`] is who posts and [`sample`] what. All of it is in one [`account`].
//! What outlives a run is in one [`data_folder`]: the objects, and the journals of queues and ledger.

pub mod account;
pub mod backends;
mod body;
pub mod client;
pub mod data_folder;
pub mod environment;
pub mod event_source;
pub mod faults;
pub mod front;
mod ids;
pub mod invoke;
mod journal;
pub mod ledger;
pub mod loopback;
pub mod outcomes;
pub mod pipeline;
pub mod remote;
pub mod runtime;
pub mod s3;
pub mod sample;
pub mod sqs;
