//! Kills two compactors at random points of their work on one hour.

use std::fmt;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use spillway_local::invoke::InvokeError;
use tokio::time::{Instant, sleep};

use super::objects::Hour;
use super::run::Run;

/// The kills that are left, and what has happened.
pub(super) struct Attack {
    kills: usize,
    /// Invocations that a kill ended.
    killed: AtomicUsize,
    /// Invocations that failed because S3 did.
    failed: AtomicUsize,
    /// Invocations that completed the hour.
    completed: AtomicUsize,
    /// How long the last invocation of each compactor took that ended by itself.
    longest: Duration,
    random: Mutex<fastrand::Rng>,
}

impl Attack {
    pub(super) fn new(kills: usize, random: fastrand::Rng) -> Self {
        let zero = || AtomicUsize::new(0);
        Self {
            kills,
            killed: zero(),
            failed: zero(),
            completed: zero(),
            longest: Duration::ZERO,
            random: Mutex::new(random),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.killed.load(Ordering::Relaxed) >= self.kills
    }

    /// Invocations that were killed, and that completed an hour.
    pub(super) fn counts(&self) -> [usize; 2] {
        [&self.killed, &self.completed].map(|count| count.load(Ordering::Relaxed))
    }

    /// Attacks both compactors until each finds the hour complete: first with half of the objects, which the other half
    /// joins while they work.
    pub(super) async fn on(&mut self, run: &Run, hour: &Hour) {
        let half = hour.objects.len() / 2;
        run.store(hour, 0..half);
        if self.longest.is_zero() {
            let start = Instant::now();
            run.compact_quietly(hour).await;
            self.longest = start.elapsed() * 2;
        }
        run.disturb();
        let late = async {
            for number in half..hour.objects.len() {
                sleep(self.moment() / 8).await;
                run.store(hour, number..number + 1);
            }
        };
        tokio::join!(self.work(run, 0, hour), self.work(run, 1, hour), late);
        tokio::join!(self.work(run, 0, hour), self.work(run, 1, hour));
    }

    /// One compactor works on the hour, and is killed, until it completes it. Each time it lives longer: also on a loaded
    /// machine it completes.
    async fn work(&self, run: &Run, compactor: usize, hour: &Hour) {
        for life in 1.. {
            while !run.compactors[compactor].is_ready() {
                sleep(Duration::from_millis(2)).await;
            }
            let mut invocation = Box::pin(run.compact(compactor, hour));
            let end = tokio::select! {
                end = &mut invocation => end,
                () = sleep(self.moment() * life) => {
                    kill(run, compactor);
                    invocation.await
                }
            };
            let is_complete = end == Ok(true);
            let count = match end {
                Ok(true) => &self.completed,
                Ok(false) => &self.failed,
                Err(InvokeError::Failed(why)) if why.contains("signal: 9") => &self.killed,
                Err(error) => panic!("{error}"),
            };
            count.fetch_add(1, Ordering::Relaxed);
            if is_complete {
                return;
            }
        }
    }

    fn moment(&self) -> Duration {
        self.longest.mul_f64(self.random.lock().unwrap().f64())
    }
}

/// An idle process survives; its next invocation is attacked.
fn kill(run: &Run, compactor: usize) {
    for pid in run.compactors[compactor].pids() {
        Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { killed, failed, completed, .. } = self;
        write!(f, "{killed:?} kills, {failed:?} failures by S3, {completed:?} completions")
    }
}
