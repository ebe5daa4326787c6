//! What is still to be done when Lambda ends an environment.
//!
//! Lambda sends SIGTERM only where an extension is registered, so ingest registers one inside of itself that asks for no
//! events: a call at the start (about a millisecond), and a connection that waits. It is worth that, since without it
//! whatever an environment counted after its last line would be lost, and under a short flood that is nearly everything.
//! `lambda_runtime`'s own handler does the same, but panics where it cannot register.

use lambda_extension::Extension;
use tokio::signal::unix::{SignalKind, signal};

/// Names the extension; it must be the only one of this name in the function.
const NAME: &str = "spillway-shutdown";

/// Runs `last` and ends the process when SIGTERM comes. To be called before the runtime asks for its first event.
///
/// Without the extension it does as little as without SIGTERM: counts are no reason not to start.
pub async fn before(last: impl FnOnce() + Send + 'static) {
    match Extension::new().with_events(&[]).with_extension_name(NAME).register().await {
        // It waits for events that never come; should the connection break, nothing is lost but the signal.
        Ok(extension) => drop(tokio::spawn(async move { drop(extension.run().await) })),
        Err(error) => tracing::warn!(%error, "no SIGTERM will come: the last counts of this environment will be lost"),
    }
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => drop(tokio::spawn(async move {
            signal.recv().await;
            last();
            std::process::exit(0);
        })),
        Err(error) => tracing::warn!(%error, "SIGTERM cannot be waited for"),
    }
}
