//! `spillway rejected replay` as a process that is killed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use spillway_local::faults::{Plan, parse};
use spillway_local::pipeline::Pipeline;
use tokio::time::{Instant, sleep};

use crate::support::documents::SECRET;
use crate::support::places;

/// Replays that end by themselves before they can be killed: a fault may end one early.
const MAX_STARTS: usize = 30;
/// The longest time until a replay reaches a point.
const LONGEST: Duration = Duration::from_mins(2);
/// Each call to S3 takes so long that the process is killed before the call has an effect.
const STALL: &str = "s3.stall=1:3s";
const TICK: Duration = Duration::from_millis(1);

/// When a replay is killed, counted from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// SQS has acknowledged a message.
    Sent,
    /// This many markers are written.
    Marked(usize),
    /// SQS has acknowledged a message, and the PUT of its marker has had no effect yet.
    SentUnmarked,
}

/// Replays of one pipeline.
pub(super) struct Replay<'a> {
    pipeline: &'a Pipeline,
    markers: PathBuf,
    arguments: Vec<String>,
}

/// How far replays have come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached {
    /// Records that SQS has acknowledged; those of clients are included.
    sent: u64,
    markers: usize,
    /// The lines that the markers name.
    marked: u64,
}

/// What a replay printed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Printed {
    pub(super) replayed: u64,
    #[serde(rename = "replayed_before")]
    pub(super) before: u64,
    withheld: u64,
    rejected: serde_json::Map<String, serde_json::Value>,
    failed: Vec<String>,
    #[serde(rename = "dry_run")]
    _dry_run: bool,
}

#[derive(Deserialize)]
struct Marker {
    lines: Vec<u64>,
}

impl<'a> Replay<'a> {
    pub(super) fn of(pipeline: &'a Pipeline, data: &Path, config: &Path) -> Self {
        let endpoints = pipeline.endpoints();
        let arguments = [
            ("--bucket", endpoints.bucket.clone()),
            ("--s3-endpoint", endpoints.s3_endpoint),
            ("--queue-url", endpoints.queue_url),
            ("--config", config.to_str().unwrap().to_owned()),
        ];
        let arguments = arguments.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
        Self { pipeline, markers: data.join(endpoints.bucket).join("replayed"), arguments }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
        command.args(["rejected", "replay", "--json"]).args(&self.arguments);
        command
    }

    /// Starts a replay and kills it at a point. Returns how far it came.
    pub(super) async fn killed_at(&self, point: Point) -> Reached {
        for _ in 0..MAX_STARTS {
            let mut child = self.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            if self.watch(&mut child, point).await {
                return self.reached().await;
            }
        }
        panic!("no replay comes to the point {point:?}");
    }

    /// Kills the process when it reaches a point; false if it ends before, which must be an error.
    async fn watch(&self, child: &mut Child, point: Point) -> bool {
        let (start, deadline) = (self.reached().await, Instant::now() + LONGEST);
        let plan = self.pipeline.faults().plan();
        let mut stalled_at = None;
        let is_killed = loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(!status.success(), "a replay ended before it was killed at {point:?}");
                println!("a replay ended: {}", std::io::read_to_string(child.stderr.take().unwrap()).unwrap());
                break false;
            }
            let now = self.reached().await;
            let markers = now.markers - start.markers;
            let is_there = match (point, stalled_at) {
                (Point::Sent, _) => now.sent > start.sent,
                (Point::Marked(count), _) => markers >= count,
                (Point::SentUnmarked, Some(sent)) => now.sent > sent,
                (Point::SentUnmarked, None) => {
                    if markers > 0 {
                        self.pipeline.faults().set(Plan::new(1, [parse(STALL).unwrap()]));
                        stalled_at = Some(self.reached().await.sent);
                    }
                    false
                }
            };
            if is_there {
                child.kill().unwrap();
                child.wait().unwrap();
                break true;
            }
            assert!(Instant::now() < deadline, "a replay does not come to {point:?}: {now}");
            sleep(TICK).await;
        };
        if stalled_at.is_some() {
            // Not the same sequence of faults as before: it would end the next replay as it ended this one.
            self.pipeline.faults().set(Plan::new(fastrand::u64(..), plan.faults()));
        }
        is_killed
    }

    async fn reached(&self) -> Reached {
        let sent = self.pipeline.status().await.unwrap().accepted;
        let markers = places::objects(&self.markers);
        let lines = |marker: &places::Object| {
            serde_json::from_slice::<Marker>(&std::fs::read(&marker.path).unwrap()).unwrap().lines.len() as u64
        };
        Reached { sent, markers: markers.len(), marked: markers.iter().map(lines).sum() }
    }

    /// Runs a replay to its end, which must be good.
    pub(super) fn whole(&self) -> Printed {
        let output = self.command().output().unwrap();
        let [printed, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(output.status.success(), "{printed}{error}");
        assert!(!printed.contains(SECRET) && !error.contains(SECRET), "{printed}{error}");
        let printed: Printed = serde_json::from_str(&printed).unwrap();
        assert!(printed.failed.is_empty() && printed.rejected.is_empty() && printed.withheld == 0, "{printed}");
        printed
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} markers for {} lines", self.markers, self.marked)
    }
}

impl fmt::Display for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} replayed, {} replayed before, {} withheld", self.replayed, self.before, self.withheld)
    }
}
