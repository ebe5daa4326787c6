//! The function that the tests invoke; `do` in the event or the header `x-do` selects its behaviour.

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use spillway_local::environment::exit_when_stdin_closes;
use spillway_shared::config::process_environment;
use tokio::sync::Barrier;

/// The number of concurrent invocations for which `meet` waits.
pub(crate) const MEETING: usize = 64;

#[test]
#[ignore = "is the function that the other tests invoke"]
fn be_the_function() {
    if process_environment("AWS_LAMBDA_RUNTIME_API").is_none() {
        return;
    }
    match process_environment("START").as_deref() {
        Some("exit") => std::process::exit(7),
        Some("hang") => std::thread::sleep(Duration::from_mins(1)),
        Some("ignores-stdin") => {}
        _ => exit_when_stdin_closes(),
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run()).unwrap();
}

async fn run() -> Result<(), Error> {
    let meeting = Arc::new(Barrier::new(MEETING));
    lambda_runtime::run_concurrent(service_fn(move |event| handle(event, Arc::clone(&meeting)))).await
}

/// Appends a byte to the file in the event, and never returns.
async fn hang(event: &Value) -> Result<Value, Error> {
    let mark = event["mark"].as_str().or(event["headers"]["x-mark"].as_str());
    if let Some(mark) = mark {
        OpenOptions::new().append(true).open(mark)?.write_all(b"x")?;
    }
    std::future::pending().await
}

async fn handle(event: LambdaEvent<Value>, meeting: Arc<Barrier>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    let order = event["do"].as_str().or(event["headers"]["x-do"].as_str()).unwrap_or("echo");
    match order {
        "fail" => Err("requested by the test".into()),
        "panic" => panic!("requested by the test"),
        "crash" => std::process::exit(3),
        "hang" => hang(&event).await,
        "meet" => {
            meeting.wait().await;
            Ok(event)
        }
        "large" => Ok("x".repeat(6_300_000).into()),
        "nonsense" => Ok(json!({"statusCode": 200, "headers": {"a b": "c"}})),
        "variables" => Ok(std::env::vars().collect()),
        "context" => Ok(json!({
            "id": context.request_id, "arn": context.invoked_function_arn, "deadline": context.deadline,
            "trace": context.xray_trace_id,
        })),
        _ => Ok(event),
    }
}
