//! The Lambda service for one function: its environments, and the Runtime API that feeds them.
//!
//! [`Function::invoke`] submits an invocation to `dispatch`. A process takes it with `GET …/next` (`api`). Once its event is
//! written, the invocation is `in_flight` until the process posts a result, dies, or is killed at the timeout. `keeper`
//! keeps one environment running; `process` starts its process, and `metrics` reads what it prints.

mod api;
mod counts;
mod dispatch;
mod in_flight;
mod keeper;
mod metrics;
mod process;
mod settings;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

pub use counts::FunctionCounts;
pub use metrics::Metrics;
pub use settings::FunctionSettings;

use crate::invoke::{Invoke, InvokeError};
use crate::lock::lock;
use counts::Counts;
use dispatch::Dispatch;
use keeper::{Keeper, stopped};

/// Why a function did not start: its program could not be run, its Runtime API could not listen, or its process ended
/// before it requested its first event.
#[derive(Debug, thiserror::Error)]
#[error("{function} {why}")]
pub struct StartError {
    function: String,
    why: String,
}

/// A function: its environments and the invocations that wait for them. Clones share both.
///
/// Dropping the last clone kills the environments; [`Function::stop`] stops them gracefully.
#[derive(Clone)]
pub struct Function {
    shared: Arc<Shared>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

/// The state that the environments of a function share.
struct Shared {
    settings: FunctionSettings,
    dispatch: Arc<Dispatch>,
    counts: Arc<Mutex<Counts>>,
    metrics: Arc<Metrics>,
    /// The process id of each environment, 0 while it has no process.
    pids: Mutex<Vec<u32>>,
    /// Whether the process of each environment has requested its first event.
    ready: Mutex<Vec<bool>>,
    stop: watch::Sender<bool>,
}

impl Function {
    /// Starts the environments and waits until each has requested its first event.
    ///
    /// # Errors
    /// [`StartError`] of the first environment that failed; the others are killed.
    pub async fn start(settings: FunctionSettings) -> Result<Self, StartError> {
        let function = Self::new(settings);
        let mut results = function.keep_environments();
        for _ in 0..function.shared.settings.environments {
            if let Some(result) = results.recv().await {
                result?;
            }
        }
        Ok(function)
    }

    /// The ids of the running processes.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        lock(&self.shared.pids).iter().copied().filter(|pid| *pid != 0).collect()
    }

    /// Whether some environment has a process that takes events.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        lock(&self.shared.ready).contains(&true)
    }

    /// The metrics of all processes so far.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> FunctionCounts {
        lock(&self.shared.counts).total
    }

    /// The total time from writing an event to its result: the duration that Lambda bills, without rounding up.
    #[must_use]
    pub fn busy(&self) -> Duration {
        lock(&self.shared.counts).busy
    }

    /// The times from the start of a process to its first request for an event, for the last 1,000 starts, oldest first.
    #[must_use]
    pub fn cold_starts(&self) -> Vec<Duration> {
        lock(&self.shared.counts).cold_starts.iter().copied().collect()
    }

    /// Stops all environments: closes their standard input, kills them after the grace period, and waits for their end.
    ///
    /// Running invocations fail; waiting and later ones get [`InvokeError::NoEnvironment`].
    pub async fn stop(&self) {
        self.shared.dispatch.close();
        self.shared.stop.send_replace(true);
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        while tasks.join_next().await.is_some() {}
    }

    fn new(settings: FunctionSettings) -> Self {
        let pids = Mutex::new(vec![0; settings.environments]);
        let ready = Mutex::new(vec![false; settings.environments]);
        let dispatch = Arc::new(Dispatch::new(&settings));
        let metrics = Arc::new(Metrics::new(settings.prints_metrics));
        let shared = Arc::new(Shared {
            settings,
            dispatch,
            counts: Arc::default(),
            metrics,
            pids,
            ready,
            stop: watch::Sender::new(false),
        });
        Self { shared, tasks: Arc::default() }
    }

    /// Starts a keeper for each environment, which sends one result: ready, or why it failed.
    fn keep_environments(&self) -> mpsc::Receiver<Result<(), StartError>> {
        let (sender, results) = mpsc::channel(self.shared.settings.environments.max(1));
        let mut tasks = lock(&self.tasks);
        for slot in 0..self.shared.settings.environments {
            tasks.spawn(Keeper::new(Arc::clone(&self.shared), slot, sender.clone()).keep());
        }
        tasks.spawn(expire(Arc::clone(&self.shared)));
        results
    }
}

impl Invoke for Function {
    async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        // An empty body is never written and so would never count as delivered.
        let event = if event.is_empty() { Bytes::from_static(b"{}") } else { event };
        let result = self.shared.dispatch.submit(event);
        let result = result.await.unwrap_or(Err(InvokeError::NoEnvironment));
        lock(&self.shared.counts).invocation(&result);
        result
    }
}

/// Fails the invocations that found no environment in time.
///
/// All wait for the same time, so no later one is due before the next deadline, and one timer is enough.
async fn expire(shared: Arc<Shared>) {
    let mut stop = shared.stop.subscribe();
    loop {
        let now = Instant::now();
        let next = shared.dispatch.expire(now).unwrap_or(now + shared.settings.max_wait);
        tokio::select! {
            () = sleep_until(next) => {}
            () = stopped(&mut stop) => return,
        }
    }
}
