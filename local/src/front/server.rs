//! Accepts connections, at most so many at once, and lets them end in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use spillway_shared::pool::Budget;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::FrontSettings;
use super::request::{Peer, Requests};
use super::wire::Wire;
use crate::ids::Ids;
use crate::invoke::Invoke;

/// The pause after a connection could not be accepted, which happens when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// Heads beyond the limit and up to this are still answered in JSON.
const LARGEST_BUFFER: usize = 64 << 10;

pub(super) struct Server<I> {
    requests: Arc<Requests<I>>,
    connections: Arc<Semaphore>,
    http: http1::Builder,
}

impl<I: Invoke> Server<I> {
    pub(super) fn new(settings: FrontSettings, address: SocketAddr, function: Arc<I>) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(settings.patience.head).max_buf_size(LARGEST_BUFFER);
        let connections = Arc::new(Semaphore::new(settings.connections.clamp(1, Semaphore::MAX_PERMITS)));
        let budget = Budget::new(settings.held_bytes);
        let requests = Arc::new(Requests { settings, address, function, budget, ids: Ids::new() });
        Self { requests, connections, http }
    }

    /// Serves until `closed` comes or its sender is gone, then lets the requests end that are under way.
    pub(super) async fn serve(self, listener: TcpListener, mut closed: oneshot::Receiver<()>) {
        let (graceful, mut tasks) = (GracefulShutdown::new(), JoinSet::new());
        loop {
            tokio::select! {
                _ = &mut closed => break,
                (connection, peer, permit) = self.accept(&listener) => {
                    tasks.spawn(self.converse(connection, peer, permit, graceful.watcher()));
                }
                Some(_) = tasks.join_next() => {}
            }
        }
        drop(listener);
        // What is left then is aborted with `tasks`.
        let _ = timeout(self.requests.settings.close_timeout, graceful.shutdown()).await;
    }

    async fn accept(&self, listener: &TcpListener) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
        // The semaphore is never closed; a refusal could only mean that, and then nothing bounds us either.
        let permit = Arc::clone(&self.connections).acquire_owned().await.ok();
        loop {
            match listener.accept().await {
                Ok((connection, peer)) => return (connection, peer, permit),
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn converse(
        &self,
        connection: TcpStream,
        peer: SocketAddr,
        permit: Option<OwnedSemaphorePermit>,
        watcher: Watcher,
    ) -> impl Future<Output = ()> + use<I> {
        // Without it, an answer in two writes would wait for an acknowledgement.
        let _ = connection.set_nodelay(true);
        let unclear = Arc::new(AtomicBool::new(false));
        let wire = TokioIo::new(Wire::new(connection, Arc::clone(&unclear)));
        let (requests, peer, http) =
            (Arc::clone(&self.requests), Arc::new(Peer::new(peer, unclear)), self.http.clone());
        async move {
            let service = service_fn(move |request| {
                let (requests, peer) = (Arc::clone(&requests), Arc::clone(&peer));
                async move { requests.answer(request, &peer).await }
            });
            // A connection that breaks is the client's affair.
            let _ = watcher.watch(http.serve_connection(wire, service)).await;
            drop(permit);
        }
    }
}
