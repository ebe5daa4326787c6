//! Decodes any bytes with any coding: no panic, and no output beyond the limit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_ingest::body::{Coding, decode};
use spillway_shared::pool::Budget;

const LIMIT: usize = 1 << 20;

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (coding, body) = input;
    let coding = [Coding::Identity, Coding::Gzip, Coding::Deflate, Coding::Zstd][usize::from(coding % 4)];
    let budget = Budget::new(64 << 20);
    if let Ok(decoded) = decode(body, coding, LIMIT, &budget) {
        assert!(decoded.bytes.len() <= LIMIT);
    }
    assert!(budget.try_reserve(64 << 20).is_some(), "everything was given back");
});
