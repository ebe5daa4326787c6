//! Lets other requests go on while a large document is worked on.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::judge::LEAST_PAYLOAD_BYTES;

/// A large document yields to other requests after this many bytes, about a millisecond of work. With a smaller step,
/// many concurrent requests could delay the document for seconds.
const BYTES_BETWEEN_YIELDS: usize = 256 << 10;
/// A step of judging takes about as long as splitting and copying this many bytes.
const BYTES_PER_STEP: usize = 4;
/// Judging one payload cannot yield, and a large one may take some hundred milliseconds. Large payloads of concurrent
/// requests are therefore judged one at a time: other requests wait for one of them, and not for all.
static LARGE: Semaphore = Semaphore::const_new(1);
/// After a costly judgement the thread is idle for a moment. A thread that only yields would seldom look for new
/// requests while other judgements are waiting.
const PAUSE: Duration = Duration::from_millis(1);

/// Yields to other requests from time to time.
#[derive(Default)]
pub(super) struct Pace {
    bytes: usize,
}

impl Pace {
    /// Notes that this many bytes are about to be worked on.
    pub(super) async fn work(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes > BYTES_BETWEEN_YIELDS {
            tokio::task::yield_now().await;
            self.bytes = 0;
        }
    }

    /// Notes that judging a payload took this many steps.
    pub(super) async fn judged(&mut self, steps: usize) {
        let bytes = steps.saturating_mul(BYTES_PER_STEP);
        if bytes > BYTES_BETWEEN_YIELDS {
            tokio::time::sleep(PAUSE).await;
        } else {
            self.work(bytes).await;
        }
    }
}

/// Waits until no other large payload is judged; a small one need not wait.
pub(super) async fn turn(payload: &str) -> Option<SemaphorePermit<'static>> {
    if payload.len() > LEAST_PAYLOAD_BYTES { LARGE.acquire().await.ok() } else { None }
}
