//! The kinds of faults.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::PlanError;

/// The unit of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Per {
    /// The probability for each call or message, from 0 to 1.
    Chance,
    /// The number per second for each process.
    Second,
}

macro_rules! kinds {
    ($(#[doc = $description:literal] $kind:ident = $name:literal, $per:ident, $duration:literal ms;)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = $description] $kind,)*
        }

        impl Kind {
            /// All kinds.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$kind),*];
            /// The number of kinds.
            pub(super) const COUNT: usize = [$($name),*].len();

            /// The name in plans, such as `s3.error`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }

            /// The effect, in a sentence.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self { $(Self::$kind => $description.trim_ascii()),* }
            }

            /// The unit of the rate.
            pub(super) fn per(self) -> Per {
                match self { $(Self::$kind => Per::$per),* }
            }

            /// The duration if the plan sets none; zero for kinds without a duration.
            pub(super) fn default_duration(self) -> Duration {
                Duration::from_millis(match self { $(Self::$kind => $duration),* })
            }
        }
    };
}

kinds! {
    /// S3 responds later by this duration.
    S3Latency = "s3.latency", Chance, 200 ms;
    /// S3 waits for this duration before it handles a call: it may store the object after the client has given up.
    S3Stall = "s3.stall", Chance, 3000 ms;
    /// S3 closes the connection and stores nothing.
    S3Reset = "s3.reset", Chance, 0 ms;
    /// S3 responds with 500 and stores nothing.
    S3Error = "s3.error", Chance, 0 ms;
    /// S3 responds with 503 `SlowDown` and stores nothing.
    S3SlowDown = "s3.slow_down", Chance, 0 ms;
    /// S3 responds with 403 and stores nothing.
    S3Forbidden = "s3.forbidden", Chance, 0 ms;
    /// S3 stores the object, but responds with 500.
    S3LostAnswer = "s3.lost_answer", Chance, 0 ms;
    /// SQS responds later by this duration.
    SqsLatency = "sqs.latency", Chance, 200 ms;
    /// SQS waits for this duration before it handles a call: it may enqueue the message after the client has given up.
    SqsStall = "sqs.stall", Chance, 3000 ms;
    /// SQS closes the connection and does nothing.
    SqsReset = "sqs.reset", Chance, 0 ms;
    /// SQS responds with 500 and does nothing.
    SqsError = "sqs.error", Chance, 0 ms;
    /// SQS responds with `RequestThrottled` and does nothing.
    SqsThrottle = "sqs.throttle", Chance, 0 ms;
    /// SQS handles the call, but closes the connection without a response.
    SqsLostAnswer = "sqs.lost_answer", Chance, 0 ms;
    /// SQS fails single entries of a batch; the rate applies to each entry.
    SqsPartial = "sqs.partial", Chance, 0 ms;
    /// SQS delivers a message again after this duration, even if it was deleted; the rate applies to each message.
    SqsTwice = "sqs.twice", Chance, 500 ms;
    /// SQS delays a message by this duration (whole seconds), so that later ones overtake it; the rate applies to each message.
    SqsOutOfOrder = "sqs.out_of_order", Chance, 2000 ms;
    /// SQS makes a received message visible again after this duration, before its visibility timeout, unless it was deleted.
    SqsEarly = "sqs.early", Chance, 500 ms;
    /// Kills a process of ingest (SIGKILL).
    IngestKill = "ingest.kill", Second, 0 ms;
    /// Stops a process of ingest for this duration (SIGSTOP), also beyond its timeout.
    IngestFreeze = "ingest.freeze", Second, 15000 ms;
    /// Kills a process of deliver (SIGKILL).
    DeliverKill = "deliver.kill", Second, 0 ms;
    /// Stops a process of deliver for this duration (SIGSTOP), also beyond its timeout.
    DeliverFreeze = "deliver.freeze", Second, 10000 ms;
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = PlanError;

    fn from_str(name: &str) -> Result<Self, PlanError> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| PlanError::Kind(name.to_owned()))
    }
}
