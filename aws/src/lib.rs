//! How every part of Spillway reaches AWS.
//!
//! [`Calls`] loads the SDK's configuration: timeouts, retries, region, endpoint. [`is_transient`] is the one table of
//! errors after which another attempt may succeed. SDK clients stay in the adapter files (`sqs.rs`, `s3.rs`), which
//! build them from the configuration that this crate returns.

mod connection;
mod http;
mod transient;

pub use aws_credential_types::Credentials;
pub use aws_types::SdkConfig;
pub use connection::{Calls, is_s3_endpoint_overridden};
pub use transient::{explain, is_transient, is_transient_entry, is_transient_error};
