//! `spillway key`: generates write keys.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::json;
use spillway_shared::keys::{KeyRing, digest, generate};

use crate::arguments::Key;
use crate::report::say;

/// Generates a key and prints it with the entries that configure it. The key is not saved.
pub(crate) fn run(arguments: &Key) -> anyhow::Result<ExitCode> {
    let Key::New { name, streams } = arguments;
    let mut random = [0; 32];
    getrandom::fill(&mut random).context("the system provides no random bits")?;
    let key = generate(random);
    let digest = digest(key.as_bytes());
    let variable = variable(name, &digest, streams);
    if let Err(errors) = KeyRing::parse_variable(&variable) {
        bail!("invalid key: {errors}");
    }
    say!("key (shown only now)   {key}");
    say!("entry of WRITE_KEYS    {variable}");
    say!("entry of keys.json     {}", entry(name, &digest, streams));
    Ok(ExitCode::SUCCESS)
}

fn variable(name: &str, digest: &str, streams: &[String]) -> String {
    let streams = if streams.is_empty() { String::new() } else { format!(":{}", streams.join("+")) };
    format!("{name}={digest}{streams}")
}

fn entry(name: &str, digest: &str, streams: &[String]) -> serde_json::Value {
    let mut entry = json!({"name": name, "sha256": digest});
    if !streams.is_empty() {
        entry["streams"] = json!(streams);
    }
    entry
}
