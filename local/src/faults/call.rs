//! Faults of calls to a service: before the emulator handles the call, and after.

use tokio::time::sleep;

use super::{Faults, Kind};

/// Injects faults into the calls to one service.
#[derive(Debug, Clone)]
pub(crate) struct CallFaults {
    faults: Faults,
    /// The call waits.
    delays: [Kind; 2],
    /// The connection closes.
    reset: Kind,
    /// The response is an error.
    errors: &'static [Kind],
    /// The call is handled and its response lost.
    lost_response: Kind,
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

impl CallFaults {
    /// Faults of S3.
    pub(crate) fn of_s3(faults: Faults) -> Self {
        Self {
            faults,
            delays: [Kind::S3Latency, Kind::S3Stall],
            reset: Kind::S3Reset,
            errors: &[Kind::S3Error, Kind::S3SlowDown, Kind::S3Forbidden],
            lost_response: Kind::S3LostAnswer,
        }
    }

    /// Faults of SQS.
    pub(crate) fn of_sqs(faults: Faults) -> Self {
        Self {
            faults,
            delays: [Kind::SqsLatency, Kind::SqsStall],
            reset: Kind::SqsReset,
            errors: &[Kind::SqsError, Kind::SqsThrottle],
            lost_response: Kind::SqsLostAnswer,
        }
    }

    /// Before the emulator: delays the call, or returns the fault that replaces it.
    pub(crate) async fn before(&self) -> Result<(), CallFault> {
        for delay in self.delays {
            if let Some(duration) = self.faults.inject(delay) {
                sleep(duration).await;
            }
        }
        if self.faults.inject(self.reset).is_some() {
            return Err(CallFault::Disconnect);
        }
        let error = self.errors.iter().find(|kind| self.faults.inject(**kind).is_some());
        error.map_or(Ok(()), |kind| Err(CallFault::Error(*kind)))
    }

    /// After the emulator, which has handled the call: returns the fault that replaces its response.
    pub(crate) fn after(&self) -> Result<(), CallFault> {
        self.faults.inject(self.lost_response).map_or(Ok(()), |_| Err(CallFault::Error(self.lost_response)))
    }
}
