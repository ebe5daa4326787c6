//! Reads any body by any built-in preset: every payload and context is valid JSON without the key, and nothing panics.
#![no_main]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use spillway_ingest::preset::Preset;
use spillway_ingest::preset::items::{Limits, read};
use spillway_ingest::preset::mask::mask;
use spillway_ingest::preset::registry::Presets;

const KEY: &str = "key-1";
const LIMIT: usize = 1 << 16;
const LIMITS: Limits = Limits { payloads: 50, context_bytes: 2 * LIMIT };

static PRESETS: LazyLock<Presets> =
    LazyLock::new(|| Presets::load(Path::new("/missing"), &BTreeMap::new()).expect("the built-in presets"));

// The first byte chooses the preset, the second its suffix and the media type.
fuzz_target!(|input: &[u8]| {
    let [preset, variant, body @ ..] = input else { return };
    let names = PRESETS.names();
    let preset = PRESETS.named(names[usize::from(*preset) % names.len()]).expect("a known name");
    let suffix = &preset.suffixes[usize::from(variant >> 1) % preset.suffixes.len()];
    let mut headers = HeaderMap::new();
    if variant & 1 == 1 {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert("ce-id", HeaderValue::from_static("%"));
        headers.insert("ce-specversion", HeaderValue::from_static("1.0"));
    }
    let Ok(unframed) = preset.unframe(body.to_vec(), Some(suffix), &headers, LIMIT) else { return };
    assert!(unframed.text.len() <= LIMIT);
    check(preset, &mask(&unframed.text, KEY.as_bytes()).unwrap_or(unframed.text));
});

fn check(preset: &Preset, text: &str) {
    let Ok(items) = read(text, &preset.items, "", LIMITS) else { return };
    assert!(items.payloads.len() <= LIMITS.payloads);
    for (index, payload) in items.payloads.iter().enumerate() {
        let Ok(payload) = payload else { continue };
        let (shape, context) = (&preset.items[items.origins.of(index).shape], items.origins.context(index));
        for json in [Some(*payload), context].into_iter().flatten() {
            assert!(serde_json::from_str::<&RawValue>(json).is_ok(), "{json}");
            assert!(!json.contains(KEY), "{json}");
        }
        assert!(shape.id_of(payload, context, index).is_none_or(|parts| !parts.is_empty()));
        let _ = shape.time_of(payload);
    }
}
