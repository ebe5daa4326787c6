//! Waits until a queue is empty.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use super::Shared;
use crate::sqs::counts_at;

const PAUSE: Duration = Duration::from_millis(100);
/// The number of consecutive counts of zero that mean empty, because the counts of SQS are approximate.
const ZERO_COUNTS: u32 = 2;

/// Returns when the queue is empty and the event source holds no message.
pub(super) async fn until_empty(shared: &Shared) {
    let mut empty = 0;
    while empty < ZERO_COUNTS {
        let now = is_empty(shared).await && shared.held.load(Ordering::Relaxed) == 0;
        empty = if now { empty + 1 } else { 0 };
        if empty < ZERO_COUNTS {
            sleep(PAUSE).await;
        }
    }
}

/// Whether the queue is empty, received messages included; `false` if SQS does not respond.
async fn is_empty(shared: &Shared) -> bool {
    let counts = counts_at(&shared.settings.client, &shared.settings.queue_url).await;
    counts.is_ok_and(|counts| counts.queued + counts.in_flight == 0)
}
