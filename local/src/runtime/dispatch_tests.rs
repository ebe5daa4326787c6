use futures::FutureExt;

use super::*;

fn dispatch(max_waiting: usize) -> Arc<Dispatch> {
    let mut settings = FunctionSettings::new("test", "");
    settings.max_waiting = max_waiting;
    Arc::new(Dispatch::new(&settings))
}

fn taken(assignment: Option<Assignment>) -> Bytes {
    assignment.unwrap().take().unwrap().event
}

#[tokio::test]
async fn events_are_assigned_in_order() {
    let dispatch = dispatch(10);
    let _results = ["1", "2"].map(|event| dispatch.submit(event.into()));
    assert_eq!(taken(dispatch.next().await), "1");
    assert_eq!(taken(dispatch.next().await), "2");
    assert!(dispatch.next().now_or_never().is_none());
}

#[tokio::test]
async fn an_event_skips_closed_requests() {
    let dispatch = dispatch(10);
    drop(dispatch.take_or_ask());
    let Err(second) = dispatch.take_or_ask() else { panic!("nothing was submitted") };
    let _result = dispatch.submit("1".into());
    assert_eq!(taken(second.await.ok()), "1");
}

#[tokio::test]
async fn an_event_that_was_assigned_but_not_taken_returns_to_the_front() {
    let dispatch = dispatch(10);
    let Err(request) = dispatch.take_or_ask() else { panic!("nothing was submitted") };
    let _results = ["1", "2"].map(|event| dispatch.submit(event.into()));
    drop(request);
    assert_eq!(taken(dispatch.next().await), "1");
    drop(dispatch.next().await);
    assert_eq!(taken(dispatch.next().await), "2");
}

#[tokio::test]
async fn an_event_whose_caller_gave_up_is_skipped() {
    let dispatch = dispatch(10);
    drop(dispatch.submit("1".into()));
    let _result = dispatch.submit("2".into());
    assert_eq!(taken(dispatch.next().await), "2");
}

#[tokio::test]
async fn invocations_over_the_limit_are_dropped() {
    let dispatch = dispatch(1);
    let _first = dispatch.submit("1".into());
    assert!(dispatch.submit("2".into()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_invocation_expires_at_its_deadline() {
    let dispatch = dispatch(10);
    let result = dispatch.submit("1".into());
    let due = dispatch.expire(Instant::now()).unwrap();
    assert_eq!(dispatch.expire(due), None);
    assert!(result.await.is_err());
}

#[tokio::test]
async fn closing_drops_waiting_and_later_invocations() {
    let dispatch = dispatch(10);
    let before = dispatch.submit("1".into());
    dispatch.close();
    assert!(before.await.is_err());
    assert!(dispatch.submit("2".into()).await.is_err());
}
