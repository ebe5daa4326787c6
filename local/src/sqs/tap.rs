//! Where the queue hands on what it acknowledged.

use tokio::sync::mpsc;

/// Takes the bodies of acknowledged messages.
#[derive(Debug, Clone)]
pub struct Tap(mpsc::Sender<String>);

impl Tap {
    /// A tap, and where its bodies come out; while `waiting` are unread the queue's senders wait.
    #[must_use]
    pub fn new(waiting: usize) -> (Self, mpsc::Receiver<String>) {
        let (sender, bodies) = mpsc::channel(waiting);
        (Self(sender), bodies)
    }

    /// Hands on the bodies of acknowledged messages; waits while too many are unread.
    pub(super) async fn accept(&self, bodies: Vec<String>) {
        for body in bodies {
            // Where nobody reads any more, nobody asks.
            let _ = self.0.send(body).await;
        }
    }
}
