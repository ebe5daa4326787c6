//! An HTTP/1.1 server on one address: connections are kept alive, small answers leave at once, closing is graceful.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long to wait after `accept` failed, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A server that runs until it is closed or dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    close: Option<oneshot::Sender<Duration>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves every connection to `listener` with a clone of `service`, whose error breaks the connection.
    ///
    /// # Errors
    /// What the operating system says of the listener's address.
    pub fn start<S, B>(listener: TcpListener, service: S) -> io::Result<Self>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        S::Future: Send,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let address = listener.local_addr()?;
        let (close, closing) = oneshot::channel();
        let task = tokio::spawn(serve(listener, service, closing));
        Ok(Self { address, close: Some(close), task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connection, lets running requests end for at most `patience`, then drops what is left.
    pub async fn close(mut self, patience: Duration) {
        if let Some(close) = self.close.take() {
            let _ = close.send(patience);
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Lets this process, and those that it starts from now on, open as many files as it may: each connection is one, and what
/// a shell allows by itself is often 1,024.
pub fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Who may not is left with what there is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// How many files this process may open now.
#[must_use]
pub fn file_limit() -> usize {
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

async fn serve<S, B>(listener: TcpListener, service: S, mut closing: oneshot::Receiver<Duration>)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let open = GracefulShutdown::new();
    let mut connections = tokio::task::JoinSet::new();
    let patience = loop {
        tokio::select! {
            stream = accept(&listener) => {
                let connection = open.watch(http().serve_connection(TokioIo::new(stream), service.clone()));
                connections.spawn(connection);
            }
            Some(_) = connections.join_next() => {}
            patience = &mut closing => break patience.unwrap_or_default(),
        }
    };
    drop(listener);
    let _ = tokio::time::timeout(patience, open.shutdown()).await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // A connection that ended already is found out when it is read.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn http() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new());
    builder
}
