//! S3 on loopback: one bucket whose objects are the files `<data>/<bucket>/<key>`.
//!
//! `s3s` implements the protocol and `s3s-fs` reads; [`put`] writes, because writes must be atomic. Everything else
//! (metadata, unfinished files) is in `<data>/.s3`, so that the folder of the bucket holds objects only.

mod digests;
mod events;
mod fault;
mod keys;
mod objects;
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

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use s3s::Body;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use crate::data_folder::{DataFolder, DataFolderError};
use crate::faults::Faults;
use crate::loopback::Server;
use crate::recent::ByStream;
pub use events::{Events, Rule};
pub use objects::{Kind, Object};
pub(crate) use run::OfStream;
pub use run::{Put, Stored};
use service::Service;
use store::Store;

/// The folder of everything that is not an object.
const INTERNAL_FOLDER: &str = ".s3";

/// Settings of a bucket.
#[derive(Debug, Clone)]
pub struct BucketSettings {
    /// The address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The data folder, which contains the folder of the bucket; created if missing.
    pub data: DataFolder,
    /// The name of the bucket, by the rules of S3.
    pub name: String,
    /// The access key of clients. It is checked only for streamed bodies, which contain their signature.
    pub access_key: String,
    /// The secret of the access key.
    pub secret_key: String,
    /// The faults that are injected into calls.
    pub faults: Faults,
}

/// Why a bucket did not start.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The server cannot listen on the address.
    #[error("S3 cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataFolderError),
    /// The name breaks the rules of S3.
    #[error("`{0}` is not a bucket name: it must have 3 to 63 characters from a-z, 0-9, `-` and `.`")]
    Name(String),
}

/// A built-in bucket that is running, or an external one. The objects stay when it is dropped.
#[derive(Debug)]
pub struct Bucket {
    /// The endpoint for SDKs, such as `http://127.0.0.1:9002`.
    pub endpoint: String,
    /// The folder whose files are the objects; empty for an external bucket.
    pub root: PathBuf,
    built_in: Option<BuiltIn>,
}

/// The server of a built-in bucket.
#[derive(Debug)]
struct BuiltIn {
    store: Store,
    server: Server,
    /// Keeps the folder locked.
    _data: DataFolder,
}

impl Bucket {
    /// Starts a built-in bucket, and creates its folder if missing.
    ///
    /// # Errors
    /// The bucket cannot start.
    pub async fn start(settings: BucketSettings) -> Result<Self, BucketError> {
        if !s3s::path::check_bucket_name(&settings.name) {
            return Err(BucketError::Name(settings.name));
        }
        let (internal, root) = (settings.data.folder(INTERNAL_FOLDER)?, settings.data.folder(&settings.name)?);
        put::remove_unfinished(&internal).and_then(|()| link(&internal, &settings.name)).map_err(folder(&internal))?;
        let failed = |error| BucketError::Listen(settings.listen, error);
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let reader =
            FileSystem::new(&internal).map_err(|error| folder(&internal)(io::Error::other(format!("{error:?}"))))?;
        let store = Store::new(reader, &settings.name, root.clone(), internal);
        let service = Service::new(&store, &settings);
        let respond = service_fn(move |request: Request<Incoming>| service.clone().respond(request.map(Body::from)));
        let server = Server::start(listener, respond).map_err(failed)?;
        let built_in = Some(BuiltIn { store, server, _data: settings.data });
        Ok(Self { endpoint: format!("http://{address}"), root, built_in })
    }

    /// A bucket on an external S3. This sends nothing.
    #[must_use]
    pub fn external(endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), root: PathBuf::new(), built_in: None }
    }

    /// From now on the objects under the rule's prefixes are announced on its queue; an external bucket announces none.
    pub fn announce(&self, rule: Rule) {
        if let Some(built_in) = &self.built_in {
            built_in.store.events().add(rule);
        }
    }

    /// Whether the bucket is external: its objects are then unknown.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.built_in.is_none()
    }

    /// Counts of this run; zero for an external bucket.
    #[must_use]
    pub fn stored(&self) -> Stored {
        self.built_in.as_ref().map(|bucket| bucket.store.run().stored()).unwrap_or_default()
    }

    /// Counts of this run by stream; none for an external bucket.
    pub(crate) fn by_stream(&self) -> ByStream<OfStream> {
        self.built_in.as_ref().map(|bucket| bucket.store.run().by_stream()).unwrap_or_default()
    }

    /// The last objects of records or kept rejections of this run, the newest first; none of an external bucket.
    #[must_use]
    pub fn newest(&self) -> Vec<Put> {
        self.built_in.as_ref().map(|bucket| bucket.store.run().newest()).unwrap_or_default()
    }

    /// The file of an object; `None` if the bucket is external, or if the key cannot be a file.
    #[must_use]
    pub fn file(&self, key: &str) -> Option<PathBuf> {
        (!self.is_external() && keys::check(key).is_ok()).then(|| self.root.join(key))
    }

    /// Every object of the bucket; none if the bucket is external.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn objects(&self) -> io::Result<Vec<Object>> {
        let Some(bucket) = &self.built_in else { return Ok(Vec::new()) };
        objects::list(&self.root, |key| bucket.store.run().has(key))
    }

    /// Finishes running requests, for at most a second, and stops listening.
    pub async fn close(self) {
        if let Some(bucket) = self.built_in {
            bucket.server.close(Duration::from_secs(1)).await;
        }
    }
}

/// Links the bucket into the internal folder, where `s3s-fs` keeps its files next to the buckets.
fn link(internal: &Path, name: &str) -> io::Result<()> {
    let target = Path::new("..").join(name);
    match std::os::unix::fs::symlink(target, internal.join(name)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn folder(path: &Path) -> impl FnOnce(io::Error) -> BucketError + use<'_> {
    |error| BucketError::Data(DataFolderError::Folder(path.to_owned(), error))
}
