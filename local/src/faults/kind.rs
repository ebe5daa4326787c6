//! The faults that there are.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::PlanError;

/// What a rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Per {
    /// Of so many calls, or of so many messages: 0 to 1.
    Chance,
    /// So often in a second, for each process.
    Second,
}

macro_rules! kinds {
    ($(#[doc = $what:literal] $kind:ident = $name:literal, $per:ident, $lasts:literal ms;)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = $what] $kind,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$kind),*];
            /// How many there are.
            pub(super) const COUNT: usize = [$($name),*].len();

            /// Its name, as a user writes it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }

            /// What it does, in a sentence.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self { $(Self::$kind => $what.trim_ascii()),* }
            }

            /// What its rate counts.
            pub(super) fn per(self) -> Per {
                match self { $(Self::$kind => Per::$per),* }
            }

            /// How long it lasts where nobody says; nothing for what has no length.
            pub(super) fn usually_lasts(self) -> Duration {
                Duration::from_millis(match self { $(Self::$kind => $lasts),* })
            }
        }
    };
}

kinds! {
    /// S3 takes so much longer to answer.
    S3Latency = "s3.latency", Chance, 200 ms;
    /// S3 does nothing for so long, and then goes on: the object may be stored after the client has given up.
    S3Stall = "s3.stall", Chance, 3000 ms;
    /// S3 breaks the connection and stores nothing.
    S3Reset = "s3.reset", Chance, 0 ms;
    /// S3 answers 500 and stores nothing.
    S3Error = "s3.error", Chance, 0 ms;
    /// S3 answers 503 `SlowDown` and stores nothing.
    S3SlowDown = "s3.slow_down", Chance, 0 ms;
    /// S3 answers 403 and stores nothing.
    S3Forbidden = "s3.forbidden", Chance, 0 ms;
    /// S3 stores, and answers 500 all the same.
    S3LostAnswer = "s3.lost_answer", Chance, 0 ms;
    /// SQS takes so much longer to answer.
    SqsLatency = "sqs.latency", Chance, 200 ms;
    /// SQS does nothing for so long, and then goes on: the message may be enqueued after the client has given up.
    SqsStall = "sqs.stall", Chance, 3000 ms;
    /// SQS breaks the connection and does nothing.
    SqsReset = "sqs.reset", Chance, 0 ms;
    /// SQS answers 500 and does nothing.
    SqsError = "sqs.error", Chance, 0 ms;
    /// SQS answers that there are too many calls and does nothing.
    SqsThrottle = "sqs.throttle", Chance, 0 ms;
    /// SQS does what it is asked to, and breaks the connection instead of answering.
    SqsLostAnswer = "sqs.lost_answer", Chance, 0 ms;
    /// SQS fails an entry of a call; the chance is each entry's.
    SqsPartial = "sqs.partial", Chance, 0 ms;
    /// SQS delivers a message once more so long after the first time, deleted or not; the chance is each message's.
    SqsTwice = "sqs.twice", Chance, 500 ms;
    /// SQS hides a message for so many whole seconds when it is sent, and later ones overtake it; the chance is each message's.
    SqsOutOfOrder = "sqs.out_of_order", Chance, 2000 ms;
    /// SQS shows a message again so long after it was received, before its visibility timeout; unless it is deleted by then.
    SqsEarly = "sqs.early", Chance, 500 ms;
    /// A process of ingest is killed (SIGKILL).
    IngestKill = "ingest.kill", Second, 0 ms;
    /// A process of ingest is stopped for so long (SIGSTOP), past its time-out if that is shorter.
    IngestFreeze = "ingest.freeze", Second, 15000 ms;
    /// A process of deliver is killed (SIGKILL).
    DeliverKill = "deliver.kill", Second, 0 ms;
    /// A process of deliver is stopped for so long (SIGSTOP), past its time-out if that is shorter.
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
