//! From a POST to an object, without faults: real function processes, the real SDKs, HTTP on loopback.

mod admin_page;
mod api;
mod bad_input;
mod browsers;
pub(crate) mod command;
mod documents;
mod find;
mod fronts;
mod kills;
mod limits;
mod redrive;
mod refused;
mod rejected;
mod restarts;
mod status;
mod tables;
mod tail;
