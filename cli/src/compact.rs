//! `spillway compact`: enqueues hours with work left, and waits until they are compacted.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use spillway_shared::hour::Hour;
use tokio::time::sleep;

use crate::arguments::Compact;
use crate::report::{self, say};

const A_DAY: Duration = Duration::from_hours(24);
/// The pause between two questions to the server.
const PAUSE: Duration = Duration::from_millis(200);

/// Enqueues the hours of a range, and watches until none is left. Exits with 1 if one cannot be compacted.
pub(crate) async fn run(arguments: Compact) -> anyhow::Result<ExitCode> {
    let answer = call(&arguments, Method::POST, range(&arguments).to_string()).await?;
    let enqueued = answer["enqueued"].as_u64().context("the server did not say how many hours are enqueued")?;
    let progress = report::progress(enqueued, "hours");
    let dead = loop {
        let answer = call(&arguments, Method::GET, String::new()).await?;
        let waiting = answer["waiting"].as_u64().unwrap_or(0);
        progress.set_position(enqueued.saturating_sub(waiting));
        if waiting == 0 {
            break answer["dead_lettered"].as_u64().unwrap_or(0);
        }
        sleep(PAUSE).await;
    };
    progress.finish_and_clear();
    say!(
        "{enqueued} hours had work left; {dead} hours could not be compacted since the server started (its log says why)"
    );
    Ok(if dead == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn range(arguments: &Compact) -> Value {
    let now = SystemTime::now();
    let to = arguments.to.unwrap_or_else(|| Hour::of(now - Duration::from_hours(1)));
    let from = arguments.from.unwrap_or_else(|| Hour::of(now - A_DAY));
    let mut range = json!({"from": from.to_string(), "to": to.to_string()});
    if let Some(stream) = &arguments.stream {
        range["stream"] = stream.as_str().into();
    }
    range
}

/// Asks the admin server about compaction.
async fn call(arguments: &Compact, method: Method, body: String) -> anyhow::Result<Value> {
    let url = format!("http://{}/compact", arguments.admin);
    let request = Request::builder().method(method).uri(url).body(Full::new(Bytes::from(body)))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await.map_err(|_| {
        anyhow!("no server answers on {}; start it with `spillway serve`, or name its --admin address", arguments.admin)
    })?;
    let status = answer.status();
    let answer: Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
    if !status.is_success() {
        bail!("{}", answer["message"].as_str().unwrap_or("the server gave no reason"));
    }
    Ok(answer)
}
