//! Yields to other requests while a large document is worked on.

/// A large document yields to other requests after this many bytes, about a millisecond of work. With a smaller step,
/// many concurrent requests could delay the document for seconds.
const BYTES_BETWEEN_YIELDS: usize = 256 << 10;

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
}
