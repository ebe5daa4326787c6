//! Hostile clients against the local front and the real functions: every request gets one answer or none, other clients
//! are served, and only valid documents are stored.

mod costly;
mod files;
mod heads;
mod idle;
mod raw;
mod slow;
mod smuggling;
mod target;
