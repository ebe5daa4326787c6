//! The HTTP/1.1 server behind every emulator: it keeps connections alive, sends small responses immediately and closes
//! gracefully.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// The pause after `accept` fails, which happens when the process has no free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

type BoxError = Box<dyn Error + Send + Sync>;

/// A running server. Dropping it closes every connection immediately; [`Server::close`] closes them gracefully.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    close: Option<oneshot::Sender<Duration>>,
    task: JoinHandle<()>,
}

/// How a server treats its connections.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Timeouts and buffer sizes of each connection.
    pub(crate) http: http1::Builder,
    /// The maximum number of open connections, at least 1. Further clients wait to be accepted.
    pub(crate) max_connections: usize,
}

impl Default for Options {
    /// Idle connections close after 30 seconds (hyper's default); their number is unlimited.
    fn default() -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new());
        Self { http, max_connections: Semaphore::MAX_PERMITS }
    }
}

impl Server {
    /// Serves every connection to `listener` with a clone of `service`. An error of the service closes its connection.
    ///
    /// # Errors
    /// The operating system does not report the listener's address.
    pub fn start<S, B>(listener: TcpListener, service: S) -> io::Result<Self>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + 'static,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        Self::start_with(listener, Options::default(), move |stream, _| (stream, service.clone()))
    }

    /// The same, where `connect` wraps each accepted stream and makes its service from the peer's address.
    pub(crate) fn start_with<C, T, S, B>(listener: TcpListener, options: Options, connect: C) -> io::Result<Self>
    where
        C: Fn(TcpStream, SocketAddr) -> (T, S) + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: Send> + Send + 'static,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let address = listener.local_addr()?;
        let (close, closing) = oneshot::channel();
        let task = tokio::spawn(serve(listener, options, connect, closing));
        Ok(Self { address, close: Some(close), task })
    }

    /// The address on which the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no new connection, lets running requests finish for at most `grace_period`, then drops the others.
    pub async fn close(mut self, grace_period: Duration) {
        if let Some(close) = self.close.take() {
            let _ = close.send(grace_period);
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Raises the limit of open files to the maximum for this process and for those that it starts. Every connection needs
/// a file, and shells often allow 1,024.
pub fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Without the permission to raise it, the current limit stays.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// The number of files that this process may open.
#[must_use]
pub fn file_limit() -> usize {
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

/// The accept loop.
async fn serve<C, T, S, B>(
    listener: TcpListener,
    options: Options,
    connect: C,
    mut closing: oneshot::Receiver<Duration>,
) where
    C: Fn(TcpStream, SocketAddr) -> (T, S),
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error: Into<BoxError>, Future: Send> + Send + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let free = Arc::new(Semaphore::new(options.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let (graceful, mut connections) = (GracefulShutdown::new(), JoinSet::new());
    let grace_period = loop {
        tokio::select! {
            (stream, peer, permit) = accept(&listener, &free) => {
                let (stream, service) = connect(stream, peer);
                let connection = graceful.watch(options.http.serve_connection(TokioIo::new(stream), service));
                connections.spawn(async move {
                    // An error means that the client or an injected fault broke the connection.
                    let _ = connection.await;
                    drop(permit);
                });
            }
            Some(_) = connections.join_next() => {}
            grace_period = &mut closing => break grace_period.unwrap_or_default(),
        }
    };
    drop(listener);
    let _ = timeout(grace_period, graceful.shutdown()).await;
    connections.shutdown().await;
}

/// The next connection, once the number of open ones permits it.
async fn accept(
    listener: &TcpListener,
    free: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // It fails only if the semaphore is closed, which never happens.
    let permit = Arc::clone(free).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Otherwise a response in two writes waits for an acknowledgement.
                let _ = stream.set_nodelay(true);
                return (stream, peer, permit);
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
