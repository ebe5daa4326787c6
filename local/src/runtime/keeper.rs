//! Keeps one environment running: starts its process, kills it at the timeout, and replaces it when it ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::{Child, ChildStdin};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::api::{self, Api};
use super::{Shared, StartError, process};
use crate::faults::{ProcessFault, ProcessFaultSchedule};
use crate::lock::lock;
use crate::loopback::Server;

/// The pause after a process ended before it was ready; it doubles with every further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The maximum pause.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// One environment, which has one process after the other.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    slot: usize,
    /// Receives the result of the first start.
    first_start: Option<mpsc::Sender<Result<(), StartError>>>,
    stop: watch::Receiver<bool>,
    /// The number of consecutive processes that ended before they were ready.
    failed_starts: u32,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, slot: usize, first_start: mpsc::Sender<Result<(), StartError>>) -> Self {
        let stop = shared.stop.subscribe();
        Self { shared, slot, first_start: Some(first_start), stop, failed_starts: 0 }
    }

    /// Runs one process after the other until the function is stopped, or the first process does not get ready.
    pub(super) async fn keep(mut self) {
        while !*self.stop.borrow() {
            match self.run_one().await {
                Ok(()) => self.failed_starts = 0,
                Err(error) => {
                    tracing::error!("{error}");
                    if let Some(first_start) = self.first_start.take() {
                        let _ = first_start.send(Err(error)).await;
                        return;
                    }
                    self.failed_starts += 1;
                    self.pause().await;
                }
            }
        }
    }

    /// Runs one process until it ends; an error means that it ended before it was ready.
    async fn run_one(&mut self) -> Result<(), StartError> {
        let running = Running::start(&self.shared, self.slot).await;
        let mut running = running.map_err(|cause| self.error(format!("could not be started: {cause}")))?;
        if self.first_start.is_none() {
            lock(&self.shared.counts).total.restarts += 1;
        }
        lock(&self.shared.pids)[self.slot] = running.child.id().unwrap_or(0);
        let end = self.until_end(&mut running).await;
        lock(&self.shared.pids)[self.slot] = 0;
        lock(&self.shared.ready)[self.slot] = false;
        running.fail_invocations(&end);
        running.read_output(self.shared.settings.grace_period).await;
        if running.api.is_ready() || *self.stop.borrow() { Ok(()) } else { Err(self.ended(&running, &end)) }
    }

    /// Waits for the end of the process and kills it when it is late. Returns the reason of the end.
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
                // No fault before the first process is ready, because without it the function does not start.
                fault = running.faults.next(), if is_ready || self.first_start.is_none() => running.inject(fault),
                () = stopped(&mut self.stop) => return running.stop(self.shared.settings.grace_period).await,
            }
        }
    }

    async fn note_ready(&mut self, took: Duration) {
        lock(&self.shared.counts).cold_start(took);
        lock(&self.shared.ready)[self.slot] = true;
        if let Some(first_start) = self.first_start.take() {
            let _ = first_start.send(Ok(())).await;
        }
    }

    /// Pauses after a failed start, so that a program that cannot start does not keep the machine busy.
    async fn pause(&mut self) {
        let pause = FIRST_PAUSE.saturating_mul(1 << (self.failed_starts - 1).min(10)).min(MAX_PAUSE);
        tokio::select! {
            () = sleep(pause) => {}
            () = stopped(&mut self.stop) => {}
        }
    }

    fn ended(&self, running: &Running, end: &str) -> StartError {
        let reported = running.api.init_error.get().map(|error| format!("; it reported {error}"));
        self.error(format!("ended before it was ready: {end}{}", reported.unwrap_or_default()))
    }

    fn error(&self, why: String) -> StartError {
        StartError { function: self.shared.settings.name.clone(), why }
    }
}

/// One process and its Runtime API. Dropping both kills the process and closes its connections.
struct Running {
    child: Child,
    /// Separate from the child, because waiting for a child closes its standard input.
    stdin: Option<ChildStdin>,
    api: Arc<Api>,
    started: Instant,
    faults: ProcessFaultSchedule,
    /// Reads what the process prints.
    output: JoinSet<()>,
    _server: Server,
}

impl Running {
    async fn start(shared: &Shared, slot: usize) -> io::Result<Self> {
        // Every process has its own server, so that a request of a dead process cannot take an event from the next one.
        let api = Arc::new(Api::new(shared));
        let server = api::serve(Arc::clone(&api)).await?;
        let started = Instant::now();
        let mut child = process::start(&shared.settings, server.address(), slot)?;
        let stdin = child.stdin.take();
        let mut output = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            output.spawn(Arc::clone(&shared.metrics).read(stdout));
        }
        Ok(Self { child, stdin, api, started, faults: shared.settings.faults.schedule(), output, _server: server })
    }

    /// The time of the next timeout check. All invocations have the same timeout, so none that starts later is due earlier.
    fn check_at(&self, shared: &Shared, is_ready: bool) -> Instant {
        if !is_ready {
            return self.started + shared.settings.init_timeout;
        }
        self.api.in_flight.first_deadline().unwrap_or_else(|| Instant::now() + shared.settings.timeout)
    }

    /// Kills the process if it is late, and returns the reason.
    fn kill_if_late(&mut self, is_ready: bool) -> Option<String> {
        let why = if is_ready {
            self.api.in_flight.first_deadline().filter(|deadline| *deadline <= Instant::now())?;
            "killed because an invocation exceeded its timeout"
        } else {
            "killed because it did not request its first event in time"
        };
        // This fails only if the process has already ended.
        let _ = self.child.start_kill();
        Some(why.into())
    }

    /// Injects a fault into the process; the keeper notices its end as any other.
    fn inject(&mut self, fault: ProcessFault) {
        // This fails only if the process has already ended.
        let _ = match fault {
            ProcessFault::Kill => self.child.start_kill(),
            ProcessFault::Freeze => process::signal(&self.child, Signal::STOP),
            ProcessFault::Thaw => process::signal(&self.child, Signal::CONT),
        };
    }

    async fn stop(&mut self, grace_period: Duration) -> String {
        self.inject(ProcessFault::Thaw);
        drop(self.stdin.take());
        if let Ok(status) = timeout(grace_period, self.child.wait()).await {
            return exit(status);
        }
        let _ = self.child.start_kill();
        exit(self.child.wait().await)
    }

    /// Reads the rest of what the process printed, after its end.
    async fn read_output(&mut self, limit: Duration) {
        let _ = timeout(limit, self.output.join_next()).await;
    }

    fn fail_invocations(&self, why: &str) {
        self.api.in_flight.end(Instant::now(), why);
    }
}

fn exit(status: io::Result<std::process::ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// Waits until the function is stopped.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the function was dropped.
    let _ = stop.wait_for(|stop| *stop).await;
}
