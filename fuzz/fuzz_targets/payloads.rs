//! Splits any document: every payload is valid JSON, an object, and a slice of the document.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use spillway_ingest::body::Form;
use spillway_ingest::payloads::split;

const MAX_PAYLOADS: usize = 50;

fuzz_target!(|body: &[u8]| {
    for form in [Form::Json, Form::Lines] {
        let Ok(document) = split(body, form, MAX_PAYLOADS) else { continue };
        assert!(document.payloads.len() <= MAX_PAYLOADS);
        for payload in document.payloads.into_iter().flatten() {
            assert!(payload.starts_with('{') && payload.ends_with('}'));
            assert!(serde_json::from_str::<&RawValue>(payload).is_ok());
        }
        if let Some(context) = document.context {
            assert!(serde_json::from_str::<&RawValue>(&context).is_ok());
        }
    }
});
