//! Ingest: takes documents over HTTP and puts their records on SQS.

pub mod judge;
pub mod rejection;
