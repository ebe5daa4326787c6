//! `GET /events`: server-sent events for pages, one snapshot a second, computed once for all pages.
//!
//! A task takes the snapshots. A watch channel keeps the last one only, so a page that reads slowly skips snapshots.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use serde::Serialize;
use serde_json::json;
use spillway_local::faults::Kind;
use spillway_local::pipeline::{Pipeline, Snapshot, Status};
use spillway_local::records::{Head, Newest};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::Error;
use super::page::NOT_A_PAGE;

const INTERVAL: Duration = Duration::from_secs(1);
/// The number of points of the history: ten minutes.
const POINTS: usize = 600;
/// The number of pages that are served at the same time.
const MAX_PAGES: usize = 32;

/// The events of a running server.
pub(super) struct Events {
    /// The last event. `None` ends the streams of all pages.
    last: watch::Sender<Option<Bytes>>,
    history: Arc<Mutex<VecDeque<Point>>>,
    /// What every page learns first, without the history.
    about: serde_json::Value,
}

/// Counts at one moment: time, requests, accepted, rejected, withheld, stored, kept, and messages on the queue.
type Point = [u64; 8];

/// What a page shows.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    snapshot: Snapshot,
    records: Vec<Head>,
}

impl Events {
    /// Starts to take snapshots of `pipeline` in a task, which runs until `tasks` ends it.
    pub(super) fn start(pipeline: Arc<Pipeline>, tasks: &mut JoinSet<()>) -> Self {
        let (last, history) = (watch::Sender::new(Some(Bytes::new())), Arc::default());
        let about = about(&pipeline);
        tasks.spawn(take_snapshots(pipeline, last.clone(), Arc::clone(&history)));
        Self { last, history, about }
    }

    /// Ends the streams of all pages.
    pub(super) fn end(&self) {
        self.last.send_replace(None);
    }

    fn first(&self) -> Bytes {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        event("start", &json!({"about": self.about, "history": *history}))
    }
}

/// `GET /events`.
pub(super) async fn events(State(events): State<Arc<Events>>) -> Result<Response, Error> {
    let last = events.last.subscribe();
    if events.last.receiver_count() > MAX_PAGES {
        let why = format!("{MAX_PAGES} pages are open already; close one");
        return Err(Error(StatusCode::SERVICE_UNAVAILABLE, why));
    }
    let body = Body::from_stream(all(events.first(), last).map(Ok::<_, Infallible>));
    Ok((NOT_A_PAGE, [(CONTENT_TYPE, "text/event-stream")], body).into_response())
}

/// The first event, then the last one whenever the page is ready for it.
fn all(first: Bytes, last: watch::Receiver<Option<Bytes>>) -> impl Stream<Item = Bytes> {
    let rest = stream::unfold(last, async |mut last| {
        last.changed().await.ok()?;
        let event = last.borrow_and_update().clone()?;
        Some((event, last))
    });
    stream::once(std::future::ready(first)).chain(rest)
}

/// Takes a point of the history every second, and a snapshot if a page is open.
async fn take_snapshots(
    pipeline: Arc<Pipeline>,
    last: watch::Sender<Option<Bytes>>,
    history: Arc<Mutex<VecDeque<Point>>>,
) {
    let (mut ticks, mut newest) = (interval(INTERVAL), Newest::default());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let is_watched = last.receiver_count() > 0;
        // Each look at an external queue is a call that AWS bills.
        if !is_watched && pipeline.is_external() {
            continue;
        }
        match pipeline.snapshot().await {
            Ok(snapshot) => {
                remember(&history, point(snapshot.time, &snapshot.status));
                if is_watched {
                    let records = newest.update(pipeline.bucket());
                    last.send_replace(Some(event("snapshot", &Shown { snapshot, records })));
                }
            }
            Err(error) => drop(last.send_replace(Some(event("problem", &json!({"message": error.to_string()}))))),
        }
    }
}

fn point(time: u64, status: &Status) -> Point {
    let Status { requests, accepted, rejected, withheld, stored, kept, queued, in_flight, .. } = *status;
    [time, requests, accepted, rejected, withheld, stored, kept, queued + in_flight]
}

fn remember(history: &Mutex<VecDeque<Point>>, point: Point) {
    let mut history = history.lock().unwrap_or_else(PoisonError::into_inner);
    if history.len() == POINTS {
        history.pop_front();
    }
    history.push_back(point);
}

/// What does not change while the server runs.
fn about(pipeline: &Pipeline) -> serde_json::Value {
    let kinds = Kind::ALL.map(|kind| json!({"name": kind.name(), "description": kind.description()}));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "listen": pipeline.address(),
        "is_external": pipeline.is_external(),
        "kinds": kinds.as_slice(),
    })
}

/// One server-sent event; JSON of serde has no line breaks.
fn event(name: &str, data: &impl Serialize) -> Bytes {
    // The structures have string keys only, so they always serialise.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_bounded() {
        let history = Mutex::default();
        (0..86_400).for_each(|time| remember(&history, point(time, &Status::default())));
        let history = history.into_inner().unwrap();
        assert_eq!((history.len(), history[0][0], history[POINTS - 1][0]), (POINTS, 85_800, 86_399));
    }

    #[tokio::test]
    async fn a_page_that_reads_slowly_skips_events() {
        let (sender, receiver) = watch::channel(Some(Bytes::new()));
        let mut page = std::pin::pin!(all("start".into(), receiver));
        let send = |number: u32| drop(sender.send_replace(Some(number.to_string().into())));
        (1..=100).for_each(send);
        assert_eq!(page.next().await.unwrap(), "start");
        assert_eq!(page.next().await.unwrap(), "100");
        send(101);
        assert_eq!(page.next().await.unwrap(), "101");
        sender.send_replace(None);
        assert_eq!(page.next().await, None);
    }

    #[test]
    fn an_event_is_one_line_of_data() {
        let event = event("snapshot", &json!({"text": "a\nb\r\u{2028}"}));
        let text = str::from_utf8(&event).unwrap();
        assert_eq!(text, "event: snapshot\ndata: {\"text\":\"a\\nb\\r\u{2028}\"}\n\n");
    }
}
