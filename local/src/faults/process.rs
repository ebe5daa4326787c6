//! Faults of the processes of a function: kills and freezes at random intervals.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Faults, Kind, Plan};

/// The faults that are injected into the processes of one function.
#[derive(Debug, Clone)]
pub struct ProcessFaults {
    faults: Faults,
    kill: Kind,
    freeze: Kind,
}

/// The effect of a fault on a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProcessFault {
    /// SIGKILL.
    Kill,
    /// SIGSTOP.
    Freeze,
    /// SIGCONT, at the end of a freeze.
    Thaw,
}

/// The faults of one process in the order of time.
pub(crate) struct ProcessFaultSchedule {
    faults: ProcessFaults,
    plan: watch::Receiver<Plan>,
    due: Option<Due>,
}

/// The next fault.
struct Due {
    at: Instant,
    fault: ProcessFault,
    duration: Duration,
}

impl ProcessFaults {
    /// Faults of ingest.
    #[must_use]
    pub fn of_ingest(faults: Faults) -> Self {
        Self { faults, kill: Kind::IngestKill, freeze: Kind::IngestFreeze }
    }

    /// Faults of deliver.
    #[must_use]
    pub fn of_deliver(faults: Faults) -> Self {
        Self { faults, kill: Kind::DeliverKill, freeze: Kind::DeliverFreeze }
    }

    /// Faults of compact.
    #[must_use]
    pub fn of_compact(faults: Faults) -> Self {
        Self { faults, kill: Kind::CompactKill, freeze: Kind::CompactFreeze }
    }

    /// Faults of forward.
    #[must_use]
    pub fn of_forward(faults: Faults) -> Self {
        Self { faults, kill: Kind::ForwardKill, freeze: Kind::ForwardFreeze }
    }

    /// The schedule of a process that has just started.
    pub(crate) fn schedule(&self) -> ProcessFaultSchedule {
        let plan = self.faults.0.plan.subscribe();
        let mut schedule = ProcessFaultSchedule { faults: self.clone(), plan, due: None };
        schedule.plan_next();
        schedule
    }
}

impl ProcessFaultSchedule {
    /// Waits for the next fault and returns it. Cancel-safe.
    pub(crate) async fn next(&mut self) -> ProcessFault {
        loop {
            tokio::select! {
                () = until(self.due.as_ref()) => return self.take_due(),
                // It never fails, because this schedule holds the sender.
                Ok(()) = self.plan.changed() => self.replan(),
            }
        }
    }

    /// Takes the fault that is due and plans the next one.
    fn take_due(&mut self) -> ProcessFault {
        let Some(Due { at, fault, duration }) = self.due.take() else { return ProcessFault::Thaw };
        let ProcessFaults { faults, kill, freeze } = &self.faults;
        match fault {
            ProcessFault::Freeze => faults.count(*freeze),
            ProcessFault::Kill => faults.count(*kill),
            ProcessFault::Thaw => {}
        }
        if fault == ProcessFault::Freeze {
            self.due = Some(Due { at: at + duration, fault: ProcessFault::Thaw, duration });
        } else {
            self.plan_next();
        }
        fault
    }

    /// Follows a new plan. A frozen process still thaws in time.
    fn replan(&mut self) {
        if self.due.as_ref().is_none_or(|due| due.fault != ProcessFault::Thaw) {
            self.plan_next();
        }
    }

    /// Samples the time and the kind of the next fault.
    fn plan_next(&mut self) {
        let ProcessFaults { faults, kill, freeze } = &self.faults;
        let plan = faults.plan();
        let due = |kind, fault| {
            let planned = plan.get(kind)?;
            let at = Instant::now() + interval(planned.rate, faults.next(&plan, kind));
            Some(Due { at, fault, duration: planned.duration })
        };
        let both = [due(*kill, ProcessFault::Kill), due(*freeze, ProcessFault::Freeze)];
        self.due = both.into_iter().flatten().min_by_key(|due| due.at);
    }
}

async fn until(due: Option<&Due>) {
    match due {
        Some(due) => sleep_until(due.at).await,
        None => std::future::pending().await,
    }
}

/// The interval to the next of independent events with `rate` per second: exponentially distributed.
fn interval(rate: f64, random: f64) -> Duration {
    const MAX_SECONDS: f64 = 86_400.0;
    Duration::from_secs_f64((-(1.0 - random).ln() / rate).clamp(0.0, MAX_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::parse;

    fn faults(texts: &[&str]) -> Faults {
        Faults::new(Plan::new(3, texts.iter().map(|text| parse(text).unwrap())))
    }

    #[tokio::test(start_paused = true)]
    async fn faults_are_injected_at_their_rate() {
        let faults = faults(&["deliver.kill=2"]);
        let mut schedule = ProcessFaults::of_deliver(faults.clone()).schedule();
        let started = Instant::now();
        for _ in 0..400 {
            assert_eq!(schedule.next().await, ProcessFault::Kill);
        }
        let seconds = started.elapsed().as_secs();
        assert!((150..250).contains(&seconds), "400 faults in {seconds} s");
        assert_eq!(faults.injected()[&Kind::DeliverKill], 400);
    }

    #[tokio::test(start_paused = true)]
    async fn a_frozen_process_thaws_in_time_also_after_a_new_plan() {
        let faults = faults(&["ingest.freeze=1:7s"]);
        let mut schedule = ProcessFaults::of_ingest(faults.clone()).schedule();
        assert_eq!(schedule.next().await, ProcessFault::Freeze);
        let frozen = Instant::now();
        faults.set(Plan::default());
        assert_eq!(schedule.next().await, ProcessFault::Thaw);
        assert_eq!(frozen.elapsed().as_secs(), 7);
        assert!(tokio::time::timeout(Duration::from_hours(30), schedule.next()).await.is_err());
        faults.set(Plan::new(1, [parse("ingest.kill=1").unwrap()]));
        assert_eq!(schedule.next().await, ProcessFault::Kill);
    }

    #[tokio::test(start_paused = true)]
    async fn without_faults_the_schedule_is_empty() {
        let mut schedule = ProcessFaults::of_ingest(Faults::default()).schedule();
        assert!(tokio::time::timeout(Duration::from_hours(30), schedule.next()).await.is_err());
    }
}
