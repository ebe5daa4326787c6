//! Keeps one environment alive: starts its process, kills it past a time-out, and starts it again when it ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::{Child, ChildStdin};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::api::{self, Api};
use super::{Shared, StartError, lock, process};
use crate::faults::{Blow, Blows};

/// The pause before the second start of a process that ends before it is ready; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// One environment, over all the processes that it has in its life.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    slot: usize,
    /// Told once whether the first process got ready.
    first: Option<mpsc::Sender<Result<(), StartError>>>,
    stop: watch::Receiver<bool>,
    /// How many processes in a row ended before they were ready.
    vain_starts: u32,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, slot: usize, first: mpsc::Sender<Result<(), StartError>>) -> Self {
        let stop = shared.stop.subscribe();
        Self { shared, slot, first: Some(first), stop, vain_starts: 0 }
    }

    /// Runs one process after the other until the function is stopped, or the very first one does not get ready.
    pub(super) async fn keep(mut self) {
        while !*self.stop.borrow() {
            match self.run_one().await {
                Ok(()) => self.vain_starts = 0,
                Err(error) => {
                    tracing::error!("{error}");
                    if let Some(first) = self.first.take() {
                        let _ = first.send(Err(error)).await;
                        return;
                    }
                    self.vain_starts += 1;
                    self.pause().await;
                }
            }
        }
    }

    /// Errs if the process ended before it was ready.
    async fn run_one(&mut self) -> Result<(), StartError> {
        let mut running = Running::start(&self.shared, self.slot).await.map_err(|cause| self.not_started(cause))?;
        if self.first.is_none() {
            self.shared.counts.restart();
        }
        lock(&self.shared.pids)[self.slot] = running.child.id().unwrap_or(0);
        let end = self.until_end(&mut running).await;
        lock(&self.shared.pids)[self.slot] = 0;
        running.fail_what_is_left(&end);
        if running.api.is_ready() || *self.stop.borrow() { Ok(()) } else { Err(self.ended(&running, end)) }
    }

    /// Waits for the end of the process, and brings it about when it is due. Returns how it ended.
    async fn until_end(&mut self, running: &mut Running) -> String {
        let mut is_ready = false;
        let mut killed_for = None;
        loop {
            let check_at = running.check_at(&self.shared, is_ready);
            tokio::select! {
                status = running.child.wait() => return killed_for.unwrap_or_else(|| exit(status)),
                at = running.api.ready(), if !is_ready => {
                    is_ready = true;
                    self.note_ready(at - running.started).await;
                }
                () = sleep_until(check_at), if killed_for.is_none() => {
                    killed_for = running.kill_if_late(is_ready);
                }
                // The very first process is spared until it is ready: without it there is no function.
                blow = running.blows.next(), if is_ready || self.first.is_none() => running.strike(blow),
                () = stopped(&mut self.stop) => return running.stop(self.shared.settings.stop_grace).await,
            }
        }
    }

    async fn note_ready(&mut self, took: Duration) {
        self.shared.counts.cold_start(took);
        if let Some(first) = self.first.take() {
            let _ = first.send(Ok(())).await;
        }
    }

    /// A process that worked is replaced at once; one that cannot start must not keep the machine busy.
    async fn pause(&mut self) {
        let pause = FIRST_PAUSE.saturating_mul(1 << (self.vain_starts - 1).min(10)).min(LONGEST_PAUSE);
        tokio::select! {
            () = sleep(pause) => {}
            () = stopped(&mut self.stop) => {}
        }
    }

    fn not_started(&self, cause: io::Error) -> StartError {
        StartError::NotStarted { function: self.shared.settings.name.clone(), cause }
    }

    fn ended(&self, running: &Running, mut end: String) -> StartError {
        if let Some(said) = running.api.init_error() {
            end = format!("{end}; it said {said}");
        }
        StartError::Ended { function: self.shared.settings.name.clone(), end }
    }
}

/// One process and its Runtime API. Dropping it kills the process and closes its connections.
struct Running {
    child: Child,
    /// Kept apart from the child, since waiting for a child closes the standard input that it still has.
    stdin: Option<ChildStdin>,
    api: Arc<Api>,
    started: Instant,
    blows: Blows,
    _server: JoinSet<()>,
}

impl Running {
    async fn start(shared: &Shared, slot: usize) -> io::Result<Self> {
        // A listener for each process: a request that a dead one left behind must not take the next one's events.
        let (listener, address) = api::listen().await?;
        let api = Arc::new(Api::new(shared));
        let mut server = JoinSet::new();
        server.spawn(api::serve(listener, Arc::clone(&api)));
        let started = Instant::now();
        let mut child = process::start(&shared.settings, address, slot)?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, api, started, blows: shared.settings.faults.begin(), _server: server })
    }

    /// When to look again for a time-out. All invocations have the same, so none that starts later is due earlier.
    fn check_at(&self, shared: &Shared, is_ready: bool) -> Instant {
        if !is_ready {
            return self.started + shared.settings.longest_start;
        }
        self.api.in_flight().first_deadline().unwrap_or_else(|| Instant::now() + shared.settings.timeout)
    }

    /// Kills the process if it is late, and says for what.
    fn kill_if_late(&mut self, is_ready: bool) -> Option<String> {
        let why = if is_ready {
            self.api.in_flight().first_deadline().filter(|deadline| *deadline <= Instant::now())?;
            "killed, since an invocation ran out of time"
        } else {
            "killed, since it did not ask for its first event in time"
        };
        // It fails only when the process has ended already.
        let _ = self.child.start_kill();
        Some(why.into())
    }

    /// Does to the process what a fault says; its end is seen like any other.
    fn strike(&mut self, blow: Blow) {
        // It fails only when the process has ended already.
        let _ = match blow {
            Blow::Kill => self.child.start_kill(),
            Blow::Freeze => process::signal(&self.child, Signal::STOP),
            Blow::Thaw => process::signal(&self.child, Signal::CONT),
        };
    }

    async fn stop(&mut self, grace: Duration) -> String {
        self.strike(Blow::Thaw);
        drop(self.stdin.take());
        if let Ok(status) = timeout(grace, self.child.wait()).await {
            return exit(status);
        }
        let _ = self.child.start_kill();
        exit(self.child.wait().await)
    }

    fn fail_what_is_left(&self, why: &str) {
        self.api.in_flight().end(Instant::now(), why);
    }
}

fn exit(status: io::Result<std::process::ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// Returns when the function is stopped.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // It errs when nobody can stop the function any more, and then nobody uses it either.
    let _ = stop.wait_for(|stop| *stop).await;
}
