use futures::FutureExt;

use super::*;

fn dispatch(longest_queue: usize) -> Arc<Dispatch> {
    let mut settings = FunctionSettings::new("test", "");
    settings.longest_queue = longest_queue;
    Arc::new(Dispatch::new(&settings))
}

fn taken(handed: Option<Handed>) -> Bytes {
    handed.unwrap().take().unwrap().event
}

#[tokio::test]
async fn events_are_handed_out_in_the_order_in_which_they_came() {
    let dispatch = dispatch(10);
    let _outcomes = ["1", "2"].map(|event| dispatch.submit(event.into()));
    assert_eq!(taken(dispatch.next().await), "1");
    assert_eq!(taken(dispatch.next().await), "2");
    assert!(dispatch.next().now_or_never().is_none());
}

#[tokio::test]
async fn an_event_goes_past_requests_that_are_gone() {
    let dispatch = dispatch(10);
    drop(dispatch.take_or_ask());
    let Err(second) = dispatch.take_or_ask() else { panic!("nothing was submitted") };
    let _outcome = dispatch.submit("1".into());
    assert_eq!(taken(second.await.ok()), "1");
}

#[tokio::test]
async fn an_event_that_was_handed_out_and_not_taken_comes_first_again() {
    let dispatch = dispatch(10);
    let Err(request) = dispatch.take_or_ask() else { panic!("nothing was submitted") };
    let _outcomes = ["1", "2"].map(|event| dispatch.submit(event.into()));
    drop(request);
    assert_eq!(taken(dispatch.next().await), "1");
    drop(dispatch.next().await);
    assert_eq!(taken(dispatch.next().await), "2");
}

#[tokio::test]
async fn an_event_whose_answer_nobody_awaits_is_skipped() {
    let dispatch = dispatch(10);
    drop(dispatch.submit("1".into()));
    let _outcome = dispatch.submit("2".into());
    assert_eq!(taken(dispatch.next().await), "2");
}

#[tokio::test]
async fn no_more_wait_than_may() {
    let dispatch = dispatch(1);
    let _first = dispatch.submit("1".into());
    assert!(dispatch.submit("2".into()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_waits_too_long_is_let_go() {
    let dispatch = dispatch(10);
    let outcome = dispatch.submit("1".into());
    let due = dispatch.give_up_late(Instant::now()).unwrap();
    assert_eq!(dispatch.give_up_late(due), None);
    assert!(outcome.await.is_err());
}

#[tokio::test]
async fn nothing_waits_in_what_is_closed() {
    let dispatch = dispatch(10);
    let before = dispatch.submit("1".into());
    dispatch.close();
    assert!(before.await.is_err());
    assert!(dispatch.submit("2".into()).await.is_err());
}
