//! What a destination would get of a sample: method, headers with masked secrets, and bodies.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

use anyhow::Context as _;
use spillway_forward::batch::{Batch, Batcher, id};
use spillway_forward::credentials::Credentials;
use spillway_forward::partner::{Post, headers};
use spillway_forward::select::{Select, Selected};
use spillway_shared::destination::{Destination, HeaderValue, MASK};
use spillway_shared::hour::{Hour, timestamp};
use spillway_shared::prefixes;

/// The placeholder for a batch's signature, which needs the secret.
const SIGNATURE: &str = "v1,***";

/// The requests with these accepted payloads of a stream, as text.
pub(crate) fn requests(
    destination: &Destination,
    stream: &str,
    payloads: &[String],
    now: SystemTime,
) -> anyhow::Result<String> {
    let (select, mut batcher) = (Select::new(destination), Batcher::new(destination));
    let (mut made, mut left_out) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for (number, payload) in payloads.iter().enumerate() {
        let line = record(stream, number, payload, now);
        match select.judge(line.as_bytes()) {
            Selected::Send(item) => made.extend(batcher.push(number as u64, &item)),
            other => *left_out.entry(why(&other)).or_default() += 1,
        }
    }
    made.extend(batcher.take());
    let key = format!("{}stream={stream}/dt={}/hour=00/sample.ndjson", prefixes::RECORDS, Hour::of(now).date());
    let mut text = format!("{}: {} requests", destination.name, made.len());
    for (why, count) in left_out {
        write!(text, ", {count} payloads {why}")?;
    }
    for batch in &made {
        write!(text, "\n\n{}", request(destination, &key, batch, now)?)?;
    }
    Ok(text)
}

/// A record as ingest would make it.
fn record(stream: &str, number: usize, payload: &str, now: SystemTime) -> String {
    let received_at = timestamp(now);
    format!(
        "{{\"id\":\"00000000-0000-7000-8000-000000000000-{number}\",\"stream\":\"{stream}\",\
         \"received_at\":\"{received_at}\",\"payload\":{payload}}}"
    )
}

fn why(selected: &Selected<'_>) -> &'static str {
    match selected {
        Selected::Send(_) => "are sent",
        Selected::OptedOut => "of requests that opted out",
        Selected::Withheld => "without this partner's consent",
        Selected::Skipped => "not in `where`",
        Selected::Unreadable => "not readable",
    }
}

fn request(destination: &Destination, key: &str, batch: &Batch, now: SystemTime) -> anyhow::Result<String> {
    let credentials = Credentials { headers: hyper::HeaderMap::new(), keys: None }.into();
    let post = Post { id: id(&destination.name, key, &batch.lines), body: batch.body.clone(), credentials };
    let mut text = format!("POST {}\n", destination.target.url());
    for (name, value) in headers(&post, destination.format.content_type(), now) {
        writeln!(text, "{name}: {value}")?;
    }
    if destination.sign.is_some() {
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        writeln!(text, "webhook-id: {}\nwebhook-timestamp: {seconds}\nwebhook-signature: {SIGNATURE}", post.id)?;
    }
    for header in &destination.headers.0 {
        let value = match &header.value {
            HeaderValue::Text(text) => text,
            HeaderValue::Secret(_) => MASK,
        };
        writeln!(text, "{}: {value}", header.name)?;
    }
    write!(text, "\n{}", std::str::from_utf8(&batch.body).context("a body is not UTF-8")?)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_everything_else_is_exact() {
        let file = br#"{"url":"https://partner.example/in","streams":["clicks"],"format":"payloads","omit":["/email"],
                        "consent":{"pointer":"/ads","granted":[true]},"sign":{"secret":"acme/key"},
                        "headers":{"authorization":{"secret":"acme/token"},"x-source":"shop"}}"#;
        let destination = spillway_shared::destination::parse("acme", file).unwrap();
        let payloads = [r#"{"ads":true,"email":"a@b","n":1.0}"#, r#"{"ads":false}"#].map(str::to_owned);
        let text = requests(&destination, "clicks", &payloads, SystemTime::UNIX_EPOCH).unwrap();
        for expected in [
            "acme: 1 requests, 1 payloads without this partner's consent",
            "POST https://partner.example/in\ncontent-type: application/json\n",
            "webhook-timestamp: 0\nwebhook-signature: v1,***\nauthorization: ***\nx-source: shop\n",
            "\n\n[{\"ads\":true,\"n\":1.0}]",
        ] {
            assert!(text.contains(expected), "{expected} is not in {text}");
        }
    }
}
