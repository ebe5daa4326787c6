//! Reads any text as a stream file: an accepted file judges payloads within their budget, a refused one has an error,
//! nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_ingest::judge::{Budget, Facts, Judge};
use spillway_shared::stream::{StreamName, parse};

const PAYLOADS: [&str; 3] = ["{}", r#"{"event":"a","n":1.0,"list":[1,"x",null],"o":{"a":true}}"#, r#"{"a":1,"a":2}"#];

/// The steps of a small payload (docs/streams.md, "Limits of the work").
const MOST_STEPS: usize = 131_072;

fuzz_target!(|text: &[u8]| {
    let name = StreamName::parse("fuzzed").expect("a good name");
    match parse("fuzzed", text).and_then(|definition| Judge::compile(&name, &definition)) {
        Ok(judge) => {
            for (payload, opted_out) in PAYLOADS.into_iter().zip([false, true, false]) {
                let mut budget = Budget::of(payload.len());
                let _ = judge.judge_within(&Facts { opted_out }, payload.as_bytes(), &mut budget, true);
                assert!(budget.taken() <= MOST_STEPS);
            }
        }
        Err(faults) => assert!(!faults.sentences().is_empty()),
    }
});
