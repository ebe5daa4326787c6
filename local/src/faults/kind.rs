//! The kinds of faults.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::PlanError;

macro_rules! kinds {
    ($(#[doc = $description:literal] $kind:ident = $name:literal, max $max_rate:literal, $duration:literal ms;)*) => {
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

            /// The maximum rate: 1 for a probability per call or message, 100 for a number per second and process.
            pub(super) fn max_rate(self) -> u8 {
                match self { $(Self::$kind => $max_rate),* }
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
    S3Latency = "s3.latency", max 1, 200 ms;
    /// S3 waits for this duration before it handles a call: it may store the object after the client has given up.
    S3Stall = "s3.stall", max 1, 3000 ms;
    /// S3 closes the connection and stores nothing.
    S3Reset = "s3.reset", max 1, 0 ms;
    /// S3 responds with 500 and stores nothing.
    S3Error = "s3.error", max 1, 0 ms;
    /// S3 responds with 503 `SlowDown` and stores nothing.
    S3SlowDown = "s3.slow_down", max 1, 0 ms;
    /// S3 responds with 409 `ConditionalRequestConflict` and stores nothing.
    S3Conflict = "s3.conflict", max 1, 0 ms;
    /// S3 responds with 403 and stores nothing.
    S3Forbidden = "s3.forbidden", max 1, 0 ms;
    /// S3 stores the object, but responds with 500.
    S3LostAnswer = "s3.lost_answer", max 1, 0 ms;
    /// SQS responds later by this duration.
    SqsLatency = "sqs.latency", max 1, 200 ms;
    /// SQS waits for this duration before it handles a call: it may enqueue the message after the client has given up.
    SqsStall = "sqs.stall", max 1, 3000 ms;
    /// SQS closes the connection and does nothing.
    SqsReset = "sqs.reset", max 1, 0 ms;
    /// SQS responds with 500 and does nothing.
    SqsError = "sqs.error", max 1, 0 ms;
    /// SQS responds with `RequestThrottled` and does nothing.
    SqsThrottle = "sqs.throttle", max 1, 0 ms;
    /// SQS handles the call, but closes the connection without a response.
    SqsLostAnswer = "sqs.lost_answer", max 1, 0 ms;
    /// SQS fails single entries of a batch; the rate applies to each entry.
    SqsPartial = "sqs.partial", max 1, 0 ms;
    /// SQS delivers a message again after this duration, even if it was deleted; the rate applies to each message.
    SqsTwice = "sqs.twice", max 1, 500 ms;
    /// SQS delays a message by this duration (whole seconds), so that later ones overtake it; the rate applies to each message.
    SqsOutOfOrder = "sqs.out_of_order", max 1, 2000 ms;
    /// SQS makes a received message visible again after this duration, before its visibility timeout, unless it was deleted.
    SqsEarly = "sqs.early", max 1, 500 ms;
    /// Kills a process of ingest (SIGKILL).
    IngestKill = "ingest.kill", max 100, 0 ms;
    /// Stops a process of ingest for this duration (SIGSTOP), also beyond its timeout.
    IngestFreeze = "ingest.freeze", max 100, 15000 ms;
    /// Kills a process of deliver (SIGKILL).
    DeliverKill = "deliver.kill", max 100, 0 ms;
    /// Stops a process of deliver for this duration (SIGSTOP), also beyond its timeout.
    DeliverFreeze = "deliver.freeze", max 100, 10000 ms;
    /// Kills a process of compact (SIGKILL).
    CompactKill = "compact.kill", max 100, 0 ms;
    /// Stops a process of compact for this duration (SIGSTOP), also beyond its timeout.
    CompactFreeze = "compact.freeze", max 100, 10000 ms;
    /// Kills a process of forward (SIGKILL).
    ForwardKill = "forward.kill", max 100, 0 ms;
    /// Stops a process of forward for this duration (SIGSTOP), also beyond its timeout.
    ForwardFreeze = "forward.freeze", max 100, 10000 ms;
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
