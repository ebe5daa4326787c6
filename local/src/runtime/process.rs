//! Starts the process of an environment with the environment variables that Lambda sets, and no others.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::settings::FunctionSettings;
use crate::account::{CREDENTIAL, REGION};

/// Starts the function's program for the Runtime API at `api`.
///
/// The process has a separate process group, so that Ctrl-C in a terminal reaches only this server. Its standard input is
/// a pipe that closes when this server ends, even by SIGKILL. Its standard output is another pipe, and logs go to standard
/// error.
pub(super) fn start(settings: &FunctionSettings, api: SocketAddr, slot: usize) -> io::Result<Child> {
    Command::new(&settings.program)
        .args(&settings.args)
        .env_clear()
        .envs(lambda_variables(settings, api, slot))
        .envs(settings.variables.iter().map(|(name, value)| (name, value)))
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
}

/// Sends a signal to a process that has not been waited for: until then no other process has its id.
pub(super) fn signal(child: &Child, signal: Signal) -> io::Result<()> {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    id.map_or(Ok(()), |id| Ok(kill_process(id, signal)?))
}

/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>
fn lambda_variables(settings: &FunctionSettings, api: SocketAddr, slot: usize) -> Vec<(&'static str, String)> {
    let fixed = [
        ("AWS_ACCESS_KEY_ID", CREDENTIAL),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIAL),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_FORMAT", "Text"),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("_HANDLER", "bootstrap"),
        ("LANG", "en_US.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"),
        ("TZ", ":UTC"),
    ];
    let name = &settings.name;
    let mut variables: Vec<_> = fixed.map(|(name, value)| (name, value.to_owned())).into();
    variables.extend([
        ("AWS_LAMBDA_FUNCTION_NAME", name.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", settings.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/[$LATEST]{slot}")),
        ("AWS_LAMBDA_RUNTIME_API", api.to_string()),
    ]);
    if settings.concurrency > 1 {
        variables.push(("AWS_LAMBDA_MAX_CONCURRENCY", settings.concurrency.to_string()));
    }
    variables
}
