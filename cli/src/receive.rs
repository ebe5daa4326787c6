//! `spillway receive`: a partner to experiment with. It prints requests, verifies signatures, fails and slows down.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use clap::Args;
use hyper_util::service::TowerToHyperService;
use spillway_forward::sign::Keys;
use spillway_local::loopback::Server;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::report::say;
use crate::signals::Signals;

/// The largest body; the most that a destination's file can ask for, and one record.
const MAX_BODY_BYTES: usize = 12 << 20;
/// The greatest age of a signature that receivers accept, by the standard's libraries.
const TOLERANCE: Duration = Duration::from_mins(5);

/// The arguments of `spillway receive`.
#[derive(Debug, Args)]
pub(crate) struct Receive {
    /// The port on this machine; 0 picks a free one
    #[arg(long, default_value_t = 9100)]
    port: u16,
    /// The status of failures
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(100..=599))]
    status: u16,
    /// The fraction of requests that fail, from 0 to 1
    #[arg(long, default_value_t = 0.0)]
    fail: f64,
    /// Seconds in the header `Retry-After` of failures
    #[arg(long)]
    retry_after: Option<u64>,
    /// The time that every answer takes
    #[arg(long, default_value = "0ms", value_parser = humantime::parse_duration)]
    delay: Duration,
    /// Verifies signatures with this secret, `whsec_…`; a wrong signature is answered with 401
    #[arg(long, value_parser = secret)]
    secret: Option<Keys>,
    /// Prints only a line for each request, not its headers and body
    #[arg(long)]
    quiet: bool,
}

/// The partner, shared by its requests.
struct Partner {
    arguments: Receive,
    requests: AtomicU64,
}

/// Receives requests until a signal.
pub(crate) async fn run(arguments: Receive) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let partner = Arc::new(Partner { arguments, requests: AtomicU64::new(0) });
    let routes = Router::new().fallback(receive).layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).with_state(partner);
    let server = Server::start(listener, TowerToHyperService::new(routes))?;
    say!("receiving at http://{}/ (Ctrl-C stops)", server.address());
    signals.next().await;
    server.close(Duration::from_secs(1)).await;
    Ok(ExitCode::SUCCESS)
}

async fn receive(State(partner): State<Arc<Partner>>, headers: HeaderMap, body: Bytes) -> Response {
    let Receive { status, fail, retry_after, delay, quiet, .. } = &partner.arguments;
    let number = partner.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let verified = partner.verify(&headers, &body, SystemTime::now());
    let answer = match verified {
        Err(_) => StatusCode::UNAUTHORIZED,
        Ok(_) if fastrand::f64() < *fail => StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        Ok(_) => StatusCode::OK,
    };
    let why = verified.unwrap_or_else(|why| why);
    say!("request {number}: {} bytes, {why}, answered with {}", body.len(), answer.as_u16());
    if !quiet {
        print(&headers, &body);
    }
    sleep(*delay).await;
    let mut response = answer.into_response();
    if let Some(seconds) = retry_after.filter(|_| !answer.is_success()) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn print(headers: &HeaderMap, body: &[u8]) {
    let text = |value: &HeaderValue| value.to_str().unwrap_or("(not ASCII)").to_owned();
    let line = |(name, value): (&HeaderName, &HeaderValue)| format!("  {name}: {}", text(value));
    say!("{}\n", headers.iter().map(line).collect::<Vec<_>>().join("\n"));
    say!("{}\n", String::from_utf8_lossy(body).trim_end());
}

impl Partner {
    /// The state of the signature, or an error if it is wrong.
    fn verify(&self, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Result<&'static str, &'static str> {
        let Some(keys) = &self.arguments.secret else { return Ok("signature not verified") };
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (Some(id), Some(timestamp), Some(signature)) =
            (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
        else {
            return Err("not signed");
        };
        let timestamp: u64 = timestamp.parse().map_err(|_| "the timestamp is not a number")?;
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        if seconds.abs_diff(timestamp) > TOLERANCE.as_secs() {
            return Err("the timestamp is more than five minutes away");
        }
        let expected = keys.sign(id, timestamp, body);
        let is_signed = signature.split(' ').any(|one| expected.split(' ').any(|expected| expected == one));
        if is_signed { Ok("signature verified") } else { Err("the signature is wrong") }
    }
}

fn secret(text: &str) -> Result<Keys, &'static str> {
    Keys::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        receive: Receive,
    }

    fn verify(id: &str, age: u64) -> Result<&'static str, &'static str> {
        let arguments = Command::parse_from(["receive", "--secret", SECRET]).receive;
        let partner = Partner { arguments, requests: AtomicU64::new(0) };
        let signature = Keys::parse(SECRET).unwrap().sign("a", 1_000, b"body");
        let headers = [("webhook-id", id), ("webhook-timestamp", "1000"), ("webhook-signature", &signature)];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        partner.verify(
            &headers.into_iter().collect(),
            b"body",
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 + age),
        )
    }

    #[test]
    fn signatures_are_verified() {
        assert_eq!(verify("a", 299), Ok("signature verified"));
        assert_eq!(verify("b", 0), Err("the signature is wrong"));
        assert_eq!(verify("a", 301), Err("the timestamp is more than five minutes away"));
    }
}
