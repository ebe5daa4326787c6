//! The Lambda service for one function: its environments, and the Runtime API that feeds them.
//!
//! The way of an invocation: [`Function::invoke`] puts it into `dispatch`; a `GET …/next` of an environment's process takes
//! it from there (`api`); once its event is on the way it is `in_flight`, until the process posts an answer, dies, or runs
//! past the time-out and is killed. `keeper` keeps one environment alive, `process` starts its process.

mod api;
mod counts;
mod dispatch;
mod in_flight;
mod keeper;
mod process;
mod settings;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

pub use counts::FunctionCounts;
pub use settings::FunctionSettings;

use crate::invoke::{Invoke, InvokeError};
use counts::Counts;
use dispatch::Dispatch;
use keeper::{Keeper, stopped};

/// Why a function could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its program could not be run, or no listener could be opened for it.
    #[error("{function} could not be started: {cause}")]
    NotStarted {
        /// The function's name.
        function: String,
        /// What the operating system said.
        cause: std::io::Error,
    },
    /// A process of it ended before it asked for its first event.
    #[error("{function} ended before it was ready: {end}")]
    Ended {
        /// The function's name.
        function: String,
        /// Its exit status, and what it told the Runtime API if it did.
        end: String,
    },
}

/// A function: its environments and what waits for them. Clones share them.
///
/// Dropping the last clone kills the environments; [`Function::stop`] ends them in order.
#[derive(Clone)]
pub struct Function {
    shared: Arc<Shared>,
    tasks: Arc<Mutex<JoinSet<()>>>,
}

/// What the environments of a function share.
struct Shared {
    settings: FunctionSettings,
    dispatch: Arc<Dispatch>,
    counts: Arc<Counts>,
    /// The process of each environment, 0 while it has none.
    pids: Mutex<Vec<u32>>,
    stop: watch::Sender<bool>,
}

impl Function {
    /// Starts the environments and waits until each has asked for its first event.
    ///
    /// # Errors
    /// [`StartError`], for the first environment that did not get so far; the others are killed.
    pub async fn start(settings: FunctionSettings) -> Result<Self, StartError> {
        let function = Self::new(settings);
        let mut firsts = function.keep_environments();
        for _ in 0..function.shared.settings.environments {
            if let Some(first) = firsts.recv().await {
                first?;
            }
        }
        Ok(function)
    }

    /// The ids of the processes that run now.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        lock(&self.shared.pids).iter().copied().filter(|pid| *pid != 0).collect()
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> FunctionCounts {
        self.shared.counts.read()
    }

    /// How long invocations ran, added up: from handing out an event to its answer. What Lambda bills, but for rounding up.
    #[must_use]
    pub fn busy(&self) -> Duration {
        self.shared.counts.busy()
    }

    /// The time from starting a process to its first request for an event, of the last 1,000 starts, oldest first.
    #[must_use]
    pub fn cold_starts(&self) -> Vec<Duration> {
        self.shared.counts.cold_starts()
    }

    /// Ends all environments: closes their standard input, kills what is left after the grace, and waits for their end.
    ///
    /// What is still running then fails; what waits, and what comes later, finds no environment.
    pub async fn stop(&self) {
        self.shared.dispatch.close();
        self.shared.stop.send_replace(true);
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        while tasks.join_next().await.is_some() {}
    }

    fn new(settings: FunctionSettings) -> Self {
        let pids = Mutex::new(vec![0; settings.environments]);
        let dispatch = Arc::new(Dispatch::new(&settings));
        let shared =
            Arc::new(Shared { settings, dispatch, counts: Arc::default(), pids, stop: watch::Sender::new(false) });
        Self { shared, tasks: Arc::default() }
    }

    /// Sends one result for each environment: ready, or why not.
    fn keep_environments(&self) -> mpsc::Receiver<Result<(), StartError>> {
        let (sender, firsts) = mpsc::channel(self.shared.settings.environments.max(1));
        let mut tasks = lock(&self.tasks);
        for slot in 0..self.shared.settings.environments {
            tasks.spawn(Keeper::new(Arc::clone(&self.shared), slot, sender.clone()).keep());
        }
        tasks.spawn(give_up_late(Arc::clone(&self.shared)));
        firsts
    }
}

impl Invoke for Function {
    async fn invoke(&self, event: Bytes) -> Result<Bytes, InvokeError> {
        // A body of length nothing would never be written, and so never count as delivered.
        let event = if event.is_empty() { Bytes::from_static(b"{}") } else { event };
        let answer = self.shared.dispatch.submit(event);
        let result = answer.await.unwrap_or(Err(InvokeError::NoEnvironment));
        self.shared.counts.invocation(&result);
        result
    }
}

/// Ends the waiting of invocations that found no environment in time.
///
/// All wait equally long, so none that comes while this sleeps can be due before it wakes: one timer serves all.
async fn give_up_late(shared: Arc<Shared>) {
    let mut stop = shared.stop.subscribe();
    loop {
        let now = Instant::now();
        let next = shared.dispatch.give_up_late(now).unwrap_or(now + shared.settings.longest_wait);
        tokio::select! {
            () = sleep_until(next) => {}
            () = stopped(&mut stop) => return,
        }
    }
}

/// No lock here is held over anything that could leave its data half changed, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
