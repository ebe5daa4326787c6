//! Writes the last metrics when Lambda ends an environment.
//!
//! Lambda sends SIGTERM only to functions with an extension, so ingest registers an internal one that subscribes to no
//! events. That costs one call at start (about a millisecond) and one idle connection. Without it the counts after an
//! environment's last line would be lost: nearly all of them under a short burst of requests. `lambda_runtime` has such
//! a handler, but it panics if it cannot register.

use lambda_extension::Extension;
use tokio::signal::unix::{SignalKind, signal};

/// The name of the extension, unique in the function.
const NAME: &str = "spillway-shutdown";

/// Runs `last` and ends the process on SIGTERM, or on SIGHUP from a terminal that closes. Call this before the runtime
/// asks for its first event.
///
/// If the extension cannot be registered, the function starts all the same: lost counts are no reason to refuse
/// requests.
pub async fn before(last: impl FnOnce() + Send + 'static) {
    match Extension::new().with_events(&[]).with_extension_name(NAME).register().await {
        // It waits for events that never come. If the connection breaks, only the signal is lost.
        Ok(extension) => drop(tokio::spawn(async move { drop(extension.run().await) })),
        Err(error) => {
            tracing::warn!(%error, "cannot register for SIGTERM: the last counts of this environment will be lost");
        }
    }
    match signal(SignalKind::terminate()).and_then(|terminate| Ok((terminate, signal(SignalKind::hangup())?))) {
        Ok((mut terminate, mut hang_up)) => drop(tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            last();
            std::process::exit(0);
        })),
        Err(error) => {
            tracing::warn!(%error, "cannot listen for SIGTERM: the last counts of this environment will be lost");
        }
    }
}
