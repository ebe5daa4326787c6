//! Reads any text as a message: a readable message agrees with its header.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_shared::message::{MAX_RECORD_BYTES, open};

fuzz_target!(|text: &str| {
    let Ok(sealed) = open(text) else { return };
    if let Ok(records) = sealed.records() {
        assert!(records.len() <= MAX_RECORD_BYTES);
        assert_eq!(records.len(), sealed.header.bytes as usize);
        assert_eq!(records.split(|byte| *byte == b'\n').count() - 1, sealed.header.records as usize);
    }
});
