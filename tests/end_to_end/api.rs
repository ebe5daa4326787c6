//! `README.md`, `docs/api.md` and `docs/openapi.json` describe the answers of a real pipeline.

pub(crate) mod call;
mod codes;
mod example;
mod matching;
mod openapi;
mod page;
mod readme;
mod responses;

const PAGE: &str = include_str!("../../docs/api.md");
const OPENAPI: &str = include_str!("../../docs/openapi.json");
/// A write key that may write only one stream.
const NARROW_KEY: &str = "shop-key";

/// `WRITE_KEYS` with that key.
fn narrow_key_for(stream: &str) -> String {
    format!("shop={}:{stream}", spillway_shared::keys::digest(NARROW_KEY.as_bytes()))
}
