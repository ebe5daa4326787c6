//! Opens a page in the browser of this machine.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// The program of the desktop that opens a URL.
const PROGRAM: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
/// The maximum time until it ends. Some wait for the browser, which then has the page.
const PATIENCE: Duration = Duration::from_secs(3);

/// Opens a page; returns whether a browser may have it.
pub(super) async fn open(url: &str) -> bool {
    with(PROGRAM, url).await
}

async fn with(program: &str, url: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match timeout(PATIENCE, command.status()).await {
        Ok(status) => status.is_ok_and(|status| status.success()),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_fails_or_does_not_exist_opens_nothing() {
        for (program, opens) in [("true", true), ("false", false), ("spillway-has-no-such-browser", false)] {
            assert_eq!(with(program, "http://127.0.0.1:1/").await, opens, "{program}");
        }
    }
}
