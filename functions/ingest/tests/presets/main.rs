//! Client libraries post unchanged: recorded requests, and requests by hand, through the whole of ingest.

mod files;
mod http;
mod protobuf;
mod recorded;
mod requests;
mod server;
