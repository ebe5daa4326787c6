//! Shared by all tests of the pipeline: documents, clients that retry, and an account of every payload's outcome, which
//! is read from the bucket's files.

pub(crate) mod account;
pub(crate) mod clients;
pub(crate) mod documents;
pub(crate) mod harness;
pub(crate) mod places;
pub(crate) mod scenario;
