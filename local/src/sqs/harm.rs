//! What SQS does when a fault strikes: to a call, to an entry of a call, to a message.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use rustack_sqs_model::input::ReceiveMessageInput;
use rustack_sqs_model::types::{BatchResultErrorEntry, Message};
use tokio::time::Instant;

use super::refusal::Refusal;
use crate::faults::{CallFault, Disconnected, Faults, Kind};

const RECEIVE_COUNT: &str = "ApproximateReceiveCount";
/// The most that SQS hands out at once.
const MOST_RECEIVED: i32 = 10;
/// The longest that SQS delays a message, in seconds.
const LONGEST_DELAY: i32 = 900;

/// What comes of a call instead of a good answer.
#[derive(Debug)]
pub(super) enum Instead {
    /// A refusal is answered.
    Refused(Refusal),
    /// The connection breaks.
    Broken,
}

/// Messages that are delivered once more, each with the time from which on it is due.
#[derive(Debug, Default)]
pub(super) struct Repeats(Mutex<VecDeque<(Instant, Message)>>);

impl Instead {
    pub(super) fn response(self) -> Result<Response<Full<Bytes>>, Disconnected> {
        match self {
            Self::Refused(refusal) => Ok(refusal.response()),
            Self::Broken => Err(Disconnected),
        }
    }
}

impl From<Refusal> for Instead {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<CallFault> for Instead {
    fn from(harm: CallFault) -> Self {
        match harm {
            CallFault::Error(Kind::SqsThrottle) => Self::Refused(Refusal::of_caller("RequestThrottled", "on purpose")),
            CallFault::Error(Kind::SqsError) => Self::Refused(internal()),
            CallFault::Error(_) | CallFault::Disconnect => Self::Broken,
        }
    }
}

impl Repeats {
    /// Keeps copies of the messages that are to be delivered again.
    pub(super) fn pick(&self, messages: &[Message], faults: &Faults) {
        for message in messages {
            if let Some(lasts) = faults.sample(Kind::SqsTwice) {
                self.lock().push_back((Instant::now() + lasts, again(message)));
            }
        }
    }

    /// Takes what is due, as many as are asked for, and asks for so many less; with some at hand nobody has to wait.
    pub(super) fn take_due(&self, input: &mut ReceiveMessageInput, faults: &Faults) -> Vec<Message> {
        let most = input.max_number_of_messages.unwrap_or(1).clamp(1, MOST_RECEIVED) - 1;
        let mut due = Vec::new();
        let mut waiting = self.lock();
        while due.len() < usize::try_from(most).unwrap_or(0)
            && let Some((_, message)) = waiting.pop_front_if(|(at, _)| *at <= Instant::now())
        {
            faults.count(Kind::SqsTwice);
            due.push(message);
        }
        if !due.is_empty() {
            input.wait_time_seconds = Some(0);
            input.max_number_of_messages = Some(most + 1 - i32::try_from(due.len()).unwrap_or(most));
        }
        due
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Instant, Message)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the entries out of a batch that fail.
pub(super) fn take_failing<T>(
    entries: &mut Vec<T>,
    id: impl Fn(&T) -> &str,
    faults: &Faults,
) -> Vec<BatchResultErrorEntry> {
    let failing = entries.extract_if(.., |_| faults.inject(Kind::SqsPartial).is_some());
    failing.map(|entry| internal().of_entry(id(&entry))).collect()
}

/// Hides a message for a while, so that later ones overtake it; what its sender delays is left alone.
pub(super) fn disorder(delay_seconds: &mut Option<i32>, faults: &Faults) {
    if delay_seconds.is_none()
        && let Some(lasts) = faults.inject(Kind::SqsOutOfOrder)
    {
        *delay_seconds = Some(i32::try_from(lasts.as_secs()).unwrap_or(LONGEST_DELAY).clamp(1, LONGEST_DELAY));
    }
}

fn again(message: &Message) -> Message {
    let mut message = message.clone();
    let received = message.attributes.get(RECEIVE_COUNT).and_then(|count| count.parse::<u32>().ok());
    message.attributes.insert(RECEIVE_COUNT.to_owned(), (received.unwrap_or(1) + 1).to_string());
    message
}

fn internal() -> Refusal {
    Refusal {
        code: "InternalError".to_owned(),
        message: "on purpose".to_owned(),
        sender_fault: false,
        status: StatusCode::INTERNAL_SERVER_ERROR,
    }
}
