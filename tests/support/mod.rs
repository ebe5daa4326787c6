//! What the tests of the whole pipeline share: documents, clients that retry, and an account of what became of every
//! payload, drawn up from the bucket's own files.

pub(crate) mod account;
pub(crate) mod clients;
pub(crate) mod documents;
pub(crate) mod harness;
pub(crate) mod places;
pub(crate) mod scenario;
