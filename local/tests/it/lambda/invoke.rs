//! Invocations through the runtime, without the front.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::future::join_all;
use spillway_local::invoke::{Invoke, InvokeError};
use spillway_local::runtime::FunctionCounts;

use super::function::MEETING;
use super::support::{Marks, hang, kill, order, runs, settings, start, until};

#[tokio::test]
async fn the_output_of_an_invocation_is_returned() {
    let function = start(settings()).await;
    let event = Bytes::from(format!(r#"{{"a":"{}"}}"#, "ü".repeat(100_000)));
    assert_eq!(function.invoke(event.clone()).await, Ok(event));
    assert_eq!(function.invoke(Bytes::new()).await, Ok("{}".into()));
    assert_eq!(function.counts(), FunctionCounts { invocations: 2, ..FunctionCounts::default() });
}

#[tokio::test]
async fn an_invocation_has_an_id_a_deadline_an_arn_and_a_trace() {
    let function = start(settings()).await;
    let context = order(&function, "context").await.unwrap();
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let left = context["deadline"].as_u64().unwrap() - now;
    assert!((15_000..=20_000).contains(&left), "{left}");
    assert_eq!(context["arn"], "arn:aws:lambda:us-east-1:000000000000:function:echo");
    assert_eq!(context["id"].as_str().unwrap().len(), 36);
    assert!(context["trace"].as_str().unwrap().starts_with("Root=1-"));
    assert_ne!(order(&function, "context").await.unwrap()["id"], context["id"]);
}

#[tokio::test]
async fn an_error_or_a_panic_fails_one_invocation_and_the_process_continues() {
    let function = start(settings()).await;
    let pids = function.pids();
    for what in ["fail", "panic"] {
        let Err(InvokeError::Failed(why)) = order(&function, what).await else { panic!("{what} succeeded") };
        assert!(why.contains("requested by the test"), "{why}");
    }
    assert!(order(&function, "echo").await.is_ok());
    assert_eq!((function.pids(), function.counts().failed), (pids, 2));
}

#[tokio::test]
async fn output_over_the_limit_fails() {
    let function = start(settings()).await;
    let pids = function.pids();
    let Err(InvokeError::Failed(why)) = order(&function, "large").await else { panic!("it did not fail") };
    assert!(why.contains("6291556"), "{why}");
    assert!(order(&function, "echo").await.is_ok());
    assert_eq!(function.pids(), pids);
    function.stop().await;
}

#[tokio::test]
async fn a_crash_fails_running_invocations_and_the_process_is_replaced() {
    let function = start(settings()).await;
    let before = function.pids();
    let Err(InvokeError::Failed(why)) = order(&function, "crash").await else { panic!("it did not fail") };
    assert!(why.contains('3'), "{why}");
    assert!(order(&function, "echo").await.is_ok());
    assert_ne!(function.pids(), before);
    assert_eq!((function.counts().restarts, function.cold_starts().len()), (1, 2));
}

#[tokio::test]
async fn all_invocations_of_a_killed_process_fail_immediately() {
    let mut settings = settings();
    settings.concurrency = 8;
    let function = start(settings).await;
    let marks = Marks::new();
    let running = (0..8).map(|_| hang(&function, &marks));
    let killing = async {
        marks.reach(8).await;
        kill(function.pids()[0]);
    };
    let (results, ()) = tokio::join!(join_all(running), killing);
    let failed = results.iter().filter(|result| matches!(result, Err(InvokeError::Failed(_)))).count();
    assert_eq!(failed, 8, "{results:?}");
}

#[tokio::test]
async fn a_process_is_killed_and_replaced_at_the_timeout() {
    let mut settings = settings();
    settings.timeout = Duration::from_millis(300);
    let function = start(settings).await;
    let before = function.pids()[0];
    assert_eq!(order(&function, "hang").await, Err(InvokeError::TimedOut));
    assert!(!runs(before));
    assert!(order(&function, "echo").await.is_ok());
    assert_eq!((function.counts().timed_out, function.counts().restarts), (1, 1));
}

#[tokio::test]
async fn an_invocation_without_a_free_environment_never_runs() {
    let mut settings = settings();
    settings.max_wait = Duration::from_millis(100);
    let function = start(settings).await;
    let marks = Marks::new();
    let waiting = async {
        marks.reach(1).await;
        assert_eq!(order(&function, "echo").await, Err(InvokeError::NoEnvironment));
        kill(function.pids()[0]);
    };
    let (hanging, ()) = tokio::join!(hang(&function, &marks), waiting);
    assert!(matches!(hanging, Err(InvokeError::Failed(_))), "{hanging:?}");
}

#[tokio::test]
async fn one_environment_runs_concurrent_invocations() {
    let mut settings = settings();
    settings.concurrency = MEETING;
    let function = start(settings).await;
    let results = join_all((0..MEETING).map(|_| order(&function, "meet"))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(function.pids().len(), 1);
}

#[tokio::test]
async fn during_kills_every_invocation_gets_a_result_and_most_succeed() {
    let mut settings = settings();
    (settings.concurrency, settings.environments) = (8, 2);
    let function = start(settings).await;
    let load = (0..16).map(|_| async {
        let (mut succeeded, mut failed) = (0, 0);
        for _ in 0..100 {
            match order(&function, "echo").await {
                Ok(_) => succeeded += 1,
                Err(InvokeError::Failed(_)) => failed += 1,
                Err(error) => panic!("{error}"),
            }
        }
        (succeeded, failed)
    });
    let kills = async {
        for round in 1..=4 {
            until("load runs", || function.counts().invocations >= round * 200).await;
            function.pids().first().into_iter().for_each(|pid| kill(*pid));
        }
    };
    let (outcomes, ()) = tokio::join!(join_all(load), kills);
    let (succeeded, failed) = outcomes.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert_eq!((succeeded + failed, function.counts().invocations), (1_600, 1_600));
    assert!(failed <= 4 * 8, "{failed} failed");
    until("all are restarted", || function.counts().restarts >= 3 && function.pids().len() == 2).await;
}
