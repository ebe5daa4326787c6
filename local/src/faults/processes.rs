//! What can happen to the processes of a function.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Faults, Kind, Plan};

/// The faults of one function's processes.
#[derive(Debug, Clone, Default)]
pub struct ProcessFaults(Option<(Faults, [Kind; 2])>);

/// What happens to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    /// It is killed.
    Kill,
    /// It is stopped.
    Freeze,
    /// It goes on.
    Thaw,
}

/// The blows that one process meets.
pub(crate) struct Blows {
    of: ProcessFaults,
    plan: Option<watch::Receiver<Plan>>,
    due: Option<Due>,
}

/// The next blow.
struct Due {
    at: Instant,
    blow: Blow,
    lasts: Duration,
}

impl ProcessFaults {
    /// Those of ingest.
    #[must_use]
    pub fn of_ingest(faults: Faults) -> Self {
        Self(Some((faults, [Kind::IngestKill, Kind::IngestFreeze])))
    }

    /// Those of deliver.
    #[must_use]
    pub fn of_deliver(faults: Faults) -> Self {
        Self(Some((faults, [Kind::DeliverKill, Kind::DeliverFreeze])))
    }

    /// The blows of a process that has just started.
    pub(crate) fn begin(&self) -> Blows {
        let plan = self.0.as_ref().map(|(faults, _)| faults.0.plan.subscribe());
        let mut blows = Blows { of: self.clone(), plan, due: None };
        blows.draw();
        blows
    }
}

impl Blows {
    /// Returns with the next blow, when it falls; may be dropped and asked again.
    pub(crate) async fn next(&mut self) -> Blow {
        let Some(mut plan) = self.plan.clone() else { return std::future::pending().await };
        loop {
            tokio::select! {
                () = until(self.due.as_ref()) => return self.fall(),
                changed = plan.changed() => match changed {
                    Ok(()) => self.replan(plan.clone()),
                    // Nobody can change the plan any more.
                    Err(_) => plan = watch::Sender::new(Plan::default()).subscribe(),
                },
            }
        }
    }

    /// The blow falls, and the next one is drawn.
    fn fall(&mut self) -> Blow {
        let Some(Due { at, blow, lasts }) = self.due.take() else { return Blow::Thaw };
        match (blow, &self.of.0) {
            (Blow::Freeze, Some((faults, [_, freeze]))) => {
                faults.count(*freeze);
                self.due = Some(Due { at: at + lasts, blow: Blow::Thaw, lasts });
            }
            (Blow::Kill, Some((faults, [kill, _]))) => {
                faults.count(*kill);
                self.draw();
            }
            _ => self.draw(),
        }
        blow
    }

    /// Another plan holds; who is frozen by the one before thaws all the same.
    fn replan(&mut self, plan: watch::Receiver<Plan>) {
        self.plan = Some(plan);
        if self.due.as_ref().is_none_or(|due| due.blow != Blow::Thaw) {
            self.draw();
        }
    }

    /// Draws when the next blow falls, and which.
    fn draw(&mut self) {
        let Some((faults, [kill, freeze])) = &self.of.0 else { return };
        let plan = faults.plan();
        let due = |kind, blow| {
            let fault = plan.get(kind)?;
            let at = Instant::now() + waiting(fault.rate, faults.next(&plan, kind));
            Some(Due { at, blow, lasts: fault.lasts })
        };
        let both = [due(*kill, Blow::Kill), due(*freeze, Blow::Freeze)];
        self.due = both.into_iter().flatten().min_by_key(|due| due.at);
    }
}

async fn until(due: Option<&Due>) {
    match due {
        Some(due) => sleep_until(due.at).await,
        None => std::future::pending().await,
    }
}

/// The time to the next of events that happen `rate` times a second and know nothing of each other.
fn waiting(rate: f64, drawn: f64) -> Duration {
    const LONGEST: f64 = 86_400.0;
    Duration::from_secs_f64((-(1.0 - drawn).ln() / rate).clamp(0.0, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::parse;

    fn faults(texts: &[&str]) -> Faults {
        Faults::new(Plan::new(3, texts.iter().map(|text| parse(text).unwrap())))
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_is_struck_at_its_rate() {
        let faults = faults(&["deliver.kill=2"]);
        let mut blows = ProcessFaults::of_deliver(faults.clone()).begin();
        let started = Instant::now();
        for _ in 0..400 {
            assert_eq!(blows.next().await, Blow::Kill);
        }
        let seconds = started.elapsed().as_secs();
        assert!((150..250).contains(&seconds), "400 blows in {seconds} s");
        assert_eq!(faults.injected()[&Kind::DeliverKill], 400);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_frozen_thaws_in_time_whatever_is_planned_then() {
        let faults = faults(&["ingest.freeze=1:7s"]);
        let mut blows = ProcessFaults::of_ingest(faults.clone()).begin();
        assert_eq!(blows.next().await, Blow::Freeze);
        let frozen = Instant::now();
        faults.set(Plan::default());
        assert_eq!(blows.next().await, Blow::Thaw);
        assert_eq!(frozen.elapsed().as_secs(), 7);
        assert!(tokio::time::timeout(Duration::from_hours(30), blows.next()).await.is_err());
        faults.set(Plan::new(1, [parse("ingest.kill=1").unwrap()]));
        assert_eq!(blows.next().await, Blow::Kill);
    }

    #[tokio::test(start_paused = true)]
    async fn without_faults_nothing_ever_falls() {
        let mut blows = ProcessFaults::default().begin();
        assert!(tokio::time::timeout(Duration::from_hours(30), blows.next()).await.is_err());
    }
}
