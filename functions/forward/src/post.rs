//! Sends batches to the partner: attempts, pauses, the breaker, and what each answer means.

use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, SystemTime};

use spillway_shared::breaker::{Breaker, Moment};
use spillway_shared::destination::Destination;
use spillway_shared::retry::pause_after;
use tokio::time::{Instant, sleep};

use crate::batch::{self, Batch};
use crate::credentials::Current;
use crate::pace::Pace;
use crate::partner::{Answer, Partner, Post};
use crate::secrets::Secrets;

/// The least time for an attempt.
const MIN_ATTEMPT: Duration = Duration::from_millis(50);

/// The least time for a message, which begins with reading its object.
const TO_BEGIN: Duration = Duration::from_millis(500);

/// Why a batch was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// The partner or the connection failed in every attempt; the partner may have named a time to wait.
    #[error("{0}")]
    Failed(String, Option<Duration>),
    /// The partner refuses everything with this status.
    #[error("the partner refuses everything with status {0}")]
    Blocked(u16),
    /// The partner refuses this batch.
    #[error("the partner refuses the batch with status {0}")]
    Refused(u16, String),
    /// The invocation's time ended before the batch could be sent.
    #[error("out of time")]
    OutOfTime,
    /// Its turn comes after the invocation's time: at the destination's rate, or when the partner wants it.
    #[error("its turn is in {0:?}")]
    NotYet(Duration),
    /// It was not attempted, because the partner is failing.
    #[error("not attempted: the partner is failing")]
    HeldBack,
}

/// The result of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Whether the partner has it.
    pub result: Result<(), PostError>,
    /// How many requests were made.
    pub requests: u64,
}

/// Sends the batches of a destination.
#[derive(Debug)]
pub struct Poster<S> {
    destination: Destination,
    partner: Partner,
    credentials: Current<S>,
    pace: Pace,
    breaker: Breaker,
}

/// What all batches of one invocation know about the partner.
#[derive(Debug)]
pub struct Gate {
    since: Moment,
    /// The status by which the partner refuses everything; 0 if it does not.
    blocked: AtomicU16,
    /// Whether nothing more is sent: the partner refuses everything, or is failing.
    is_shut: AtomicBool,
    deadline: Instant,
}

impl<S: Secrets> Poster<S> {
    /// Sends to `partner` with these credentials, and at this process's share of the destination's rate.
    #[must_use]
    pub fn new(destination: Destination, partner: Partner, credentials: Current<S>) -> Self {
        let rate = destination.rate.map(|rate| rate / f64::from(destination.concurrency));
        Self { destination, partner, credentials, pace: Pace::new(rate), breaker: Breaker::default() }
    }

    /// The destination.
    #[must_use]
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Begins an invocation whose requests end by `deadline`.
    #[must_use]
    pub fn begin(&self, deadline: Instant) -> Gate {
        Gate { since: self.breaker.now(), blocked: AtomicU16::new(0), is_shut: AtomicBool::new(false), deadline }
    }

    /// Sends one batch of the object at `key`.
    pub async fn post(&self, key: &str, batch: &Batch, gate: &Gate) -> Posted {
        let mut requests = 0;
        let call = self.attempts(key, batch, gate, &mut requests);
        let blames_partner = |error: &PostError| matches!(error, PostError::Failed(..));
        let result = self.breaker.pass(gate.since, call, blames_partner).await.unwrap_or_else(|| {
            gate.is_shut.store(true, Ordering::Relaxed);
            Err(PostError::HeldBack)
        });
        Posted { result, requests }
    }

    async fn attempts(&self, key: &str, batch: &Batch, gate: &Gate, requests: &mut u64) -> Result<(), PostError> {
        let id = batch::id(&self.destination.name, key, &batch.lines);
        let mut post = Post { id, body: batch.body.clone(), credentials: self.credentials.get() };
        let (mut failure, mut is_renewed) = (None, false);
        while *requests < u64::from(self.destination.tries) + u64::from(is_renewed) {
            if gate.blocked.load(Ordering::Relaxed) != 0 {
                return Err(PostError::HeldBack);
            }
            let limit = self.turn(gate).await.map_err(|late| failure.clone().unwrap_or(late))?;
            *requests += 1;
            let sent_at = Instant::now();
            match self.partner.post(&post, limit, SystemTime::now()).await {
                Answer::Accepted => return Ok(()),
                Answer::Refused(status, reason) => return Err(PostError::Refused(status, reason)),
                Answer::Blocked(401) if !is_renewed => {
                    is_renewed = true;
                    let new = self.credentials.renewed(&post.credentials, sent_at, &self.destination, gate.deadline);
                    let new = new.await;
                    post.credentials = new.ok_or_else(|| gate.block(401))?;
                }
                Answer::Blocked(status) => return Err(gate.block(status)),
                Answer::Again(why, wait) => {
                    failure = Some(PostError::Failed(why, wait));
                    self.pause(wait, *requests, gate).await;
                }
            }
        }
        Err(failure.unwrap_or(PostError::OutOfTime))
    }

    /// Waits for a turn, and returns the time that the attempt has.
    async fn turn(&self, gate: &Gate) -> Result<Duration, PostError> {
        self.pace.turn(gate.deadline).await.map_err(PostError::NotYet)?;
        let left = gate.deadline.saturating_duration_since(Instant::now());
        let limit = self.destination.timeout.min(left);
        if limit >= MIN_ATTEMPT { Ok(limit) } else { Err(PostError::OutOfTime) }
    }

    /// Pauses before the next attempt. What the partner asks for holds for all requests.
    async fn pause(&self, wait: Option<Duration>, requests: u64, gate: &Gate) {
        if let Some(wait) = wait {
            self.pace.hold(wait);
        }
        let pause = pause_after(u32::try_from(requests).unwrap_or(u32::MAX));
        if requests < u64::from(self.destination.tries) && Instant::now() + pause < gate.deadline {
            sleep(pause).await;
        }
    }
}

impl Gate {
    /// When requests must have ended.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether a message can be begun. A message that is not begun costs no receive unless the partner is failing.
    ///
    /// # Errors
    /// Why not; `None` if only time is missing.
    pub fn check(&self) -> Result<(), Option<String>> {
        if self.is_shut() {
            return Err(Some(PostError::HeldBack.to_string()));
        }
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left < TO_BEGIN { Err(None) } else { Ok(()) }
    }

    /// Whether nothing more is sent in this invocation.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.is_shut.load(Ordering::Relaxed)
    }

    fn block(&self, status: u16) -> PostError {
        self.blocked.store(status, Ordering::Relaxed);
        self.is_shut.store(true, Ordering::Relaxed);
        PostError::Blocked(status)
    }
}
