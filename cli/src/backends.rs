//! `spillway backends`: SQS, S3 and the event source, for functions that run outside this server.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use spillway_local::backends;

use crate::arguments::Backends;
use crate::report::say;
use crate::signals::Signals;

/// Runs until a signal.
pub(crate) async fn run(arguments: Backends) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let running = backends::Backends::start(arguments.settings()?, arguments.lambda.clone()).await?;
    let variables = running.variables();
    if let Some(path) = &arguments.exports {
        std::fs::write(path, exports(&variables)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    say!("SQS      {}", running.queue().url);
    say!("S3       {}", running.bucket().endpoint);
    say!("objects  {}", running.bucket().root.display());
    say!("deliver  {}", arguments.lambda);
    say!("\n{}", exports(&variables));
    signals.next().await;
    say!("stopped; queued messages stay in {} until the next start", arguments.behind.data.display());
    Ok(ExitCode::SUCCESS)
}

/// One `export` line per variable. A shell reads them, because `cargo lambda watch --env-file` accepts no `=` in values.
fn exports(variables: &[(&str, String)]) -> String {
    variables.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "export {name}='{}'", value.replace('\'', "'\\''"));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_for_a_shell() {
        let exports = exports(&[("A", "it's here".to_owned()), ("B", "2".to_owned())]);
        assert_eq!(exports, "export A='it'\\''s here'\nexport B='2'\n");
    }
}
