//! Faults of calls to a service: before the emulator handles the call, and after.

use tokio::time::sleep;

use super::{Faults, Kind};

/// Injects faults into the calls to one service.
#[derive(Debug, Clone)]
pub(crate) struct CallFaults {
    faults: Faults,
    kinds: &'static Kinds,
}

/// The effect of a fault on a call, instead of the emulator's response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallFault {
    /// The connection closes without a response.
    Disconnect,
    /// The response is the error that belongs to this kind.
    Error(Kind),
}

/// The error that closes a connection for an injected fault.
#[derive(Debug, thiserror::Error)]
#[error("injected fault")]
pub(crate) struct Disconnected;

#[derive(Debug)]
struct Kinds {
    latency: Kind,
    stall: Kind,
    reset: Kind,
    errors: &'static [Kind],
    lost_response: Kind,
}

static S3: Kinds = Kinds {
    latency: Kind::S3Latency,
    stall: Kind::S3Stall,
    reset: Kind::S3Reset,
    errors: &[Kind::S3Error, Kind::S3SlowDown, Kind::S3Forbidden],
    lost_response: Kind::S3LostAnswer,
};

static SQS: Kinds = Kinds {
    latency: Kind::SqsLatency,
    stall: Kind::SqsStall,
    reset: Kind::SqsReset,
    errors: &[Kind::SqsError, Kind::SqsThrottle],
    lost_response: Kind::SqsLostAnswer,
};

impl CallFaults {
    /// Faults of S3.
    pub(crate) fn of_s3(faults: Faults) -> Self {
        Self { faults, kinds: &S3 }
    }

    /// Faults of SQS.
    pub(crate) fn of_sqs(faults: Faults) -> Self {
        Self { faults, kinds: &SQS }
    }

    /// Before the emulator: delays the call, or returns the fault that replaces it.
    pub(crate) async fn before(&self) -> Result<(), CallFault> {
        if self.faults.are_off() {
            return Ok(());
        }
        for delay in [self.kinds.latency, self.kinds.stall] {
            if let Some(duration) = self.faults.inject(delay) {
                sleep(duration).await;
            }
        }
        if self.faults.inject(self.kinds.reset).is_some() {
            return Err(CallFault::Disconnect);
        }
        let error = self.kinds.errors.iter().find(|kind| self.faults.inject(**kind).is_some());
        error.map_or(Ok(()), |kind| Err(CallFault::Error(*kind)))
    }

    /// After the emulator, which has handled the call: returns the fault that replaces its response.
    pub(crate) fn after(&self) -> Result<(), CallFault> {
        let lost = self.kinds.lost_response;
        self.faults.inject(lost).map_or(Ok(()), |_| Err(CallFault::Error(lost)))
    }
}
