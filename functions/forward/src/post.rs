//! Sends batches to the partner: attempts, pauses, the breaker, and what each answer means.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use spillway_shared::breaker::{Breaker, Moment};
use spillway_shared::destination::Destination;
use spillway_shared::retry::{Attempts, Outcome};
use tokio::time::Instant;

use crate::batch::{self, Batch};
use crate::credentials::Current;
use crate::pace::Pace;
use crate::partner::{Answer, Failure, Partner, Post, TIME_FOR_ANSWER};
use crate::secrets::Secrets;

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
        Gate { since: self.breaker.now(), is_shut: AtomicBool::new(false), deadline }
    }

    /// Sends one batch of the object at `key`.
    pub async fn post(&self, key: &str, batch: &Batch, gate: &Gate) -> Posted {
        let mut requests = 0;
        let call = self.attempts(key, batch, gate, &mut requests);
        let blames_partner = |error: &PostError| matches!(error, PostError::Failed(..));
        let result = self.breaker.pass(gate.since, call, blames_partner).await.unwrap_or_else(|| {
            gate.shut();
            Err(PostError::HeldBack)
        });
        Posted { result, requests }
    }

    async fn attempts(&self, key: &str, batch: &Batch, gate: &Gate, requests: &mut u64) -> Result<(), PostError> {
        let id = batch::id(&self.destination.name, key, &batch.lines);
        let mut post = Post { id, body: batch.body.clone(), credentials: self.credentials.get() };
        let Destination { timeout, tries, .. } = self.destination;
        let attempts = Attempts { timeout: timeout + TIME_FOR_ANSWER, count: tries };
        let (mut remaining, mut failure, mut is_renewed) = (attempts.begin(), None, false);
        loop {
            if gate.is_shut() {
                return Err(failure.unwrap_or(PostError::HeldBack));
            }
            let turn = self.pace.turn(gate.deadline).await;
            turn.map_err(|late| failure.clone().unwrap_or(PostError::NotYet(late)))?;
            let sent_at = Instant::now();
            let attempt = self.attempt(&post, requests, &mut failure);
            match remaining.once(gate.deadline, attempt).await {
                None => {}
                Some(Ok(Answer::Accepted)) => return Ok(()),
                Some(Ok(Answer::Refused(status, reason))) => return Err(PostError::Refused(status, reason)),
                Some(Ok(Answer::Blocked(401))) if !is_renewed => {
                    (is_renewed, remaining) = (true, attempts.begin());
                    let new = self.credentials.renewed(&post.credentials, sent_at, &self.destination, gate.deadline);
                    post.credentials = new.await.ok_or_else(|| gate.block(401))?;
                }
                Some(Ok(Answer::Blocked(status))) => return Err(gate.block(status)),
                Some(Err(_)) => return Err(failure.unwrap_or(PostError::OutOfTime)),
            }
        }
    }

    /// Makes one attempt. `failure` is the reason if it fails or does not end in time.
    async fn attempt(
        &self,
        post: &Post,
        requests: &mut u64,
        failure: &mut Option<PostError>,
    ) -> Outcome<Answer, Failure> {
        *requests += 1;
        *failure = Some(PostError::Failed(format!("no answer in {:?}", self.destination.timeout), None));
        let outcome = self.partner.post(post, SystemTime::now()).await;
        if let Outcome::Again(Failure(why, wait)) = &outcome {
            *failure = Some(PostError::Failed(why.clone(), *wait));
            // What the partner asks for holds for all requests.
            if let Some(wait) = wait {
                self.pace.hold(*wait);
            }
        }
        outcome
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

    fn shut(&self) {
        self.is_shut.store(true, Ordering::Relaxed);
    }

    fn block(&self, status: u16) -> PostError {
        self.shut();
        PostError::Blocked(status)
    }
}
