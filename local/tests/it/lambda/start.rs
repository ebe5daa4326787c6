//! Start and end of environments.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use spillway_local::invoke::InvokeError;
use spillway_local::runtime::{Function, FunctionSettings};

use super::support::{arguments, order, runs, settings, start, until};

async fn refusal(settings: FunctionSettings) -> String {
    match Function::start(settings).await {
        Ok(_) => panic!("the function started"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_process_has_the_variables_of_lambda_and_of_its_function_only() {
    let mut settings = settings();
    settings.variables = vec![("MAX_WORKERS".into(), "7".into()), ("AWS_REGION".into(), "eu-west-1".into())];
    let function = start(settings).await;
    let variables = order(&function, "variables").await.unwrap();
    for (name, value) in [
        ("MAX_WORKERS", "7"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_LAMBDA_FUNCTION_NAME", "echo"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/echo"),
        ("TZ", ":UTC"),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
    for name in ["HOME", "USER", "CARGO_MANIFEST_DIR", "AWS_LAMBDA_MAX_CONCURRENCY"] {
        assert!(variables.get(name).is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_process_that_ends_before_it_is_ready_is_reported_with_its_status() {
    let mut settings = settings();
    settings.variables = vec![("START".into(), "exit".into())];
    let error = refusal(settings).await;
    assert_eq!(error, "echo ended before it was ready: exit status: 7");
}

#[tokio::test]
async fn a_process_that_never_gets_ready_is_killed() {
    let mut settings = settings();
    settings.variables = vec![("START".into(), "hang".into())];
    settings.init_timeout = Duration::from_millis(100);
    assert!(refusal(settings).await.contains("did not request its first event in time"));
}

#[tokio::test]
async fn a_function_is_ready_only_while_a_process_takes_events() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    std::os::unix::fs::symlink(std::env::current_exe().unwrap(), &program).unwrap();
    let function = start(FunctionSettings { program: program.clone(), ..settings() }).await;
    assert!(function.is_ready());
    // The next process cannot start.
    std::fs::remove_file(program).unwrap();
    let line = format!("kill -9 {}", function.pids()[0]);
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    until("it is not ready", || !function.is_ready()).await;
}

#[tokio::test]
async fn a_missing_program_is_an_error() {
    let error = refusal(FunctionSettings::new("ghost", "/no/such/program")).await;
    assert!(error.starts_with("ghost could not be started: "), "{error}");
}

#[tokio::test]
async fn a_stopped_function_has_no_process_and_refuses_invocations() {
    let mut settings = settings();
    settings.environments = 2;
    let function = start(settings).await;
    let pids = function.pids();
    assert_eq!(pids.len(), 2);
    function.stop().await;
    assert!(!pids.into_iter().any(runs));
    assert_eq!(order(&function, "echo").await, Err(InvokeError::NoEnvironment));
}

#[tokio::test]
async fn a_process_that_ignores_the_end_of_its_input_is_killed_after_the_grace_period() {
    let mut settings = settings();
    settings.variables = vec![("START".into(), "ignores-stdin".into())];
    settings.grace_period = Duration::from_millis(100);
    let function = start(settings).await;
    let pid = function.pids()[0];
    function.stop().await;
    assert!(!runs(pid));
}

#[tokio::test]
async fn dropping_the_function_kills_its_processes() {
    let function = start(settings()).await;
    let pid = function.pids()[0];
    drop(function);
    until("the process is gone", || !runs(pid)).await;
}

#[tokio::test]
#[ignore = "is the server that the next test kills"]
async fn be_a_server() {
    let mut settings = settings();
    settings.concurrency = 4;
    let function = start(settings).await;
    println!("\npid {}", function.pids()[0]);
    tokio::time::sleep(Duration::from_secs(20)).await;
}

#[tokio::test]
async fn no_process_outlives_a_killed_server() {
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(arguments("lambda::start::be_a_server"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
    let pid = lines.into_iter().find_map(|line| line.strip_prefix("pid ")?.parse().ok()).unwrap();
    assert!(runs(pid));
    server.kill().unwrap();
    server.wait().unwrap();
    until("the function's process is gone", || !runs(pid)).await;
}
