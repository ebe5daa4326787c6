use std::collections::BTreeMap;
use std::path::Path;

use lambda_http::http::HeaderValue;
use lambda_http::http::header::CONTENT_TYPE;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::items::{Limits, read};
use super::registry::Presets;
use super::*;

#[test]
fn every_error_of_a_file_names_its_place() {
    for (text, error) in [
        (r#"{"suffixes":["/"]}"#, "presets/own.json: /suffixes: must be paths"),
        (r#"{"suffixes":["a"],"items":[]}"#, "presets/own.json: /items: must not be empty"),
        (r#"{"suffixes":["a"],"items":[{"path":"a"}]}"#, "presets/own.json: /items/0: the path must be members"),
        (
            r#"{"suffixes":["a"],"items":[{"path":"a[]","carry":{"b":{}}}]}"#,
            "presets/own.json: /items/0: `carry` names `b`",
        ),
        (r#"{"suffixes":["a"],"items":[{"id":["a"]}]}"#, "presets/own.json: /items/0/id/0: must be a JSON pointer"),
        (r#"{"suffixes":["a"],"key":["cookie:a"]}"#, "presets/own.json: /key/0: must be `query:name`"),
        (r#"{"suffixes":["a"],"framing":"xml"}"#, "presets/own.json: /framing: unknown variant"),
        (r#"{"suffixes":["a"],"answer":{"success":{"status":99}}}"#, "presets/own.json: /answer: 99 is no status"),
        (r#"{"suffixes":["a"],"answer":{"partial":{"b":{}}}}"#, "presets/own.json: /answer/partial: `b` is none of"),
        (
            r#"{"suffixes":["a"],"answer":{"refusals":{"200":{}}}}"#,
            "presets/own.json: /answer/refusals: `200` is neither",
        ),
        (r#"{"suffixes":["a"],"more":1}"#, "presets/own.json: /more: unknown field"),
        ("{}", "presets/own.json: missing field `suffixes`"),
    ] {
        let found = Preset::parse("own", text.as_bytes()).unwrap_err().to_string();
        assert!(found.starts_with(error), "{found}");
    }
}

const KEY: &str = "key-1";
const LIMIT: usize = 1 << 16;

fn built_in() -> Presets {
    Presets::load(Path::new("/missing"), &BTreeMap::new()).unwrap()
}

/// A seed of the fuzz target, with some of its bytes changed and its end cut.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/preset").read_dir().unwrap();
    let seeds: Vec<_> = seeds.map(|seed| std::fs::read(seed.unwrap().path()).unwrap()).collect();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (prop::sample::select(seeds), changes, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(mut seed, changes, end, is_cut)| {
            for (at, byte) in changes {
                *at.get_mut(&mut seed[2..]) = byte;
            }
            let end = if is_cut { 2 + end.index(seed.len() - 2) } else { seed.len() };
            seed[..end].to_vec()
        },
    )
}

/// As the fuzz target: the first byte chooses the preset, the second its suffix and the media type.
fn check(presets: &Presets, input: &[u8]) {
    let [preset, variant, body @ ..] = input else { return };
    let preset = presets.named(presets.names()[usize::from(*preset)]).unwrap();
    let suffix = &preset.suffixes[usize::from(variant >> 1) % preset.suffixes.len()];
    let media_type = if variant & 1 == 1 { "application/x-protobuf" } else { "application/json" };
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(media_type))].into_iter().collect();
    let Ok(frame::Unframed { text, .. }) = preset.unframe(body.to_vec(), Some(suffix), &headers, LIMIT) else { return };
    let text = mask::mask(&text, KEY.as_bytes()).unwrap_or(text);
    let limits = Limits { payloads: 50, context_bytes: LIMIT };
    let Ok(items) = read(&text, &preset.items, "", limits) else { return };
    for (index, payload) in items.payloads.iter().enumerate() {
        let json = payload.as_ref().ok().copied().into_iter().chain(items.origins.context(index));
        for json in json {
            assert!(serde_json::from_str::<&RawValue>(json).is_ok() && !json.contains(KEY), "{json}");
        }
    }
}

proptest! {
    #[test]
    fn payloads_and_contexts_are_valid_json_without_the_key(input in mutated()) {
        check(&built_in(), &input);
    }
}
