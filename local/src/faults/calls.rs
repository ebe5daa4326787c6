//! What can happen to any call of a service: before the emulator sees it, and after.

use tokio::time::sleep;

use super::{Faults, Kind};

/// The faults of one service's calls.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    faults: Faults,
    kinds: &'static Kinds,
}

/// What comes of a call instead of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// The connection breaks.
    Broken,
    /// An error of this kind is answered.
    Refused(Kind),
}

/// A connection that is broken on purpose.
#[derive(Debug, thiserror::Error)]
#[error("broken on purpose")]
pub(crate) struct Broken;

#[derive(Debug)]
struct Kinds {
    latency: Kind,
    stall: Kind,
    reset: Kind,
    refusals: &'static [Kind],
    lost_answer: Kind,
}

static S3: Kinds = Kinds {
    latency: Kind::S3Latency,
    stall: Kind::S3Stall,
    reset: Kind::S3Reset,
    refusals: &[Kind::S3Error, Kind::S3SlowDown, Kind::S3Forbidden],
    lost_answer: Kind::S3LostAnswer,
};

static SQS: Kinds = Kinds {
    latency: Kind::SqsLatency,
    stall: Kind::SqsStall,
    reset: Kind::SqsReset,
    refusals: &[Kind::SqsError, Kind::SqsThrottle],
    lost_answer: Kind::SqsLostAnswer,
};

impl Calls {
    /// The calls of S3.
    pub(crate) fn of_s3(faults: Faults) -> Self {
        Self { faults, kinds: &S3 }
    }

    /// The calls of SQS.
    pub(crate) fn of_sqs(faults: Faults) -> Self {
        Self { faults, kinds: &SQS }
    }

    /// Before the emulator: delays the call, or says what comes of it instead.
    pub(crate) async fn before(&self) -> Result<(), Harm> {
        if self.faults.are_off() {
            return Ok(());
        }
        for delay in [self.kinds.latency, self.kinds.stall] {
            if let Some(lasts) = self.faults.strike(delay) {
                sleep(lasts).await;
            }
        }
        if self.faults.strike(self.kinds.reset).is_some() {
            return Err(Harm::Broken);
        }
        let refusal = self.kinds.refusals.iter().find(|kind| self.faults.strike(**kind).is_some());
        refusal.map_or(Ok(()), |kind| Err(Harm::Refused(*kind)))
    }

    /// After the emulator, which has done its work: says what comes of its answer instead.
    pub(crate) fn after(&self) -> Result<(), Harm> {
        let lost = self.kinds.lost_answer;
        self.faults.strike(lost).map_or(Ok(()), |_| Err(Harm::Refused(lost)))
    }
}
