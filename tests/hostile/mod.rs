//! Clients that mean no good, against the local front with the real functions behind it: whatever they send, it is answered
//! once or not at all, good clients are served, and nothing is stored that nobody validly sent.

mod heads;
mod idle;
mod raw;
mod slow;
mod smuggling;
mod target;
