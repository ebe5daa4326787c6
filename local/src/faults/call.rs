//! Faults of calls to a service: before the emulator handles the call, and after.

use tokio::time::sleep;

use super::{Faults, Kind};

/// Injects faults into the calls to one service.
#[derive(Debug, Clone)]
pub(crate) struct CallFaults {
    faults: Faults,
    /// The call waits.
    delays: [Kind; 2],
    /// The call is not handled.
    failures: &'static [Kind],
    /// The call is handled and its response lost.
    lost_response: Kind,
}

/// The error that closes a connection for an injected fault.
#[derive(Debug, thiserror::Error)]
#[error("injected fault")]
pub(crate) struct Disconnected;

impl CallFaults {
    /// Faults of S3.
    pub(crate) fn of_s3(faults: Faults) -> Self {
        Self {
            faults,
            delays: [Kind::S3Latency, Kind::S3Stall],
            failures: &[Kind::S3Reset, Kind::S3Error, Kind::S3SlowDown, Kind::S3Conflict, Kind::S3Forbidden],
            lost_response: Kind::S3LostAnswer,
        }
    }

    /// Faults of SQS.
    pub(crate) fn of_sqs(faults: Faults) -> Self {
        Self {
            faults,
            delays: [Kind::SqsLatency, Kind::SqsStall],
            failures: &[Kind::SqsReset, Kind::SqsError, Kind::SqsThrottle],
            lost_response: Kind::SqsLostAnswer,
        }
    }

    /// Before the emulator: delays the call, or returns the fault that replaces the call.
    pub(crate) async fn before(&self) -> Result<(), Kind> {
        for delay in self.delays {
            if let Some(duration) = self.faults.inject(delay) {
                sleep(duration).await;
            }
        }
        self.first_of(self.failures)
    }

    /// After the emulator, which has handled the call: returns the fault that replaces its response.
    pub(crate) fn after(&self) -> Result<(), Kind> {
        self.first_of(&[self.lost_response])
    }

    fn first_of(&self, kinds: &[Kind]) -> Result<(), Kind> {
        kinds.iter().find(|kind| self.faults.inject(**kind).is_some()).map_or(Ok(()), |kind| Err(*kind))
    }
}
