//! S3 on loopback: one bucket whose objects are files, `<data>/<bucket>/<key>`, spoken to by the real SDK over HTTP.
//!
//! The protocol is `s3s`, reading is `s3s-fs`; writing is [`put`], because there atomicity matters. What is not an
//! object (metadata, files half written) lies in `<data>/.s3`, out of the way of people who read the folder.

mod digests;
mod harm;
mod keys;
mod list;
mod place;
mod put;
mod run;
mod service;
mod side;
mod store;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use crate::data_folder::{DataFolder, DataFolderError};
use crate::faults::Faults;
use crate::loopback::Server;
pub use run::{Kind, Object, Stored};
use service::Service;
use store::Store;

/// Where everything lies that is not an object.
const ASIDE: &str = ".s3";

/// What a bucket is started with.
#[derive(Debug, Clone)]
pub struct BucketSettings {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The folder that holds the bucket's folder; it is made if there is none.
    pub data: DataFolder,
    /// The bucket's name, by the rules of S3.
    pub name: String,
    /// The key by which streamed bodies are signed: their signature is part of the body, so it cannot be ignored.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// What goes wrong on purpose.
    pub faults: Faults,
}

/// Why a bucket did not start.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The address cannot be listened on.
    #[error("S3 cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// The folder cannot be made or read.
    #[error("{0}: {1}")]
    Folder(PathBuf, io::Error),
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataFolderError),
    /// The name is not one that S3 takes.
    #[error("`{0}` is no bucket name: 3 to 63 of a-z, 0-9, `-` and `.`")]
    Name(String),
}

/// A running bucket; its objects stay when it is dropped.
#[derive(Debug)]
pub struct Bucket {
    /// Where the SDK finds it: `http://127.0.0.1:port`.
    pub endpoint: String,
    /// The folder whose files are the objects; empty for a bucket elsewhere.
    pub root: PathBuf,
    here: Option<Here>,
}

/// What a bucket has that is run here.
#[derive(Debug)]
struct Here {
    store: Store,
    server: Server,
    /// Keeps the folder locked.
    _data: DataFolder,
}

impl Bucket {
    /// Listens, and makes the bucket's folder if there is none.
    ///
    /// # Errors
    /// Why it cannot run.
    pub async fn start(settings: BucketSettings) -> Result<Self, BucketError> {
        if !s3s::path::check_bucket_name(&settings.name) {
            return Err(BucketError::Name(settings.name));
        }
        let (aside, root) = (settings.data.folder(ASIDE)?, settings.data.folder(&settings.name)?);
        put::remove_unfinished(&aside).and_then(|()| link(&aside, &settings.name)).map_err(folder(&aside))?;
        let failed = |error| BucketError::Listen(settings.listen, error);
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let reader = FileSystem::new(&aside).map_err(|error| folder(&aside)(io::Error::other(format!("{error:?}"))))?;
        let store = Store::new(reader, &settings.name, root.clone(), aside);
        let service = Service::new(&store, &settings);
        let server = Server::start(listener, service).map_err(failed)?;
        Ok(Self {
            endpoint: format!("http://{address}"),
            root,
            here: Some(Here { store, server, _data: settings.data }),
        })
    }

    /// A bucket on a server that somebody else runs; nothing is sent to it.
    #[must_use]
    pub fn elsewhere(endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), root: PathBuf::new(), here: None }
    }

    /// Whether somebody else runs it: what lies in it is not known here then.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.here.is_none()
    }

    /// What was stored in this run so far; nothing is known of a bucket elsewhere.
    #[must_use]
    pub fn stored(&self) -> Stored {
        self.here.as_ref().map(|here| here.store.run().stored()).unwrap_or_default()
    }

    /// How many PUTs there were in this run, those that stored nothing included; nothing is known of a bucket elsewhere.
    #[must_use]
    pub fn puts(&self) -> u64 {
        self.here.as_ref().map(|here| here.store.run().puts()).unwrap_or_default()
    }

    /// Every object that was stored in this run, or that a sender found stored already.
    #[must_use]
    pub fn objects_of_this_run(&self) -> Vec<Object> {
        self.here.as_ref().map(|here| here.store.run().objects(&self.root)).unwrap_or_default()
    }

    /// Every object of the bucket; nothing is known of a bucket elsewhere.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn objects(&self) -> io::Result<Vec<Object>> {
        if self.is_external() { Ok(Vec::new()) } else { list::objects(&self.root) }
    }

    /// Answers what is running, for at most a second, and stops listening.
    pub async fn close(self) {
        if let Some(here) = self.here {
            here.server.close(Duration::from_secs(1)).await;
        }
    }
}

/// `s3s-fs` keeps its own files beside the buckets: it sees the bucket through a link.
fn link(aside: &Path, name: &str) -> io::Result<()> {
    let target = Path::new("..").join(name);
    match std::os::unix::fs::symlink(target, aside.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn folder(path: &Path) -> impl FnOnce(io::Error) -> BucketError + use<'_> {
    |error| BucketError::Folder(path.to_owned(), error)
}
