//! The default of the other pipeline: the worker pool of the 2015 article, with the same S3 and the same SDK.
//!
//! The pool answers a request as soon as its payloads are in a bounded queue in memory. Each worker takes a payload and
//! PUTs it as one object, with one attempt. Payloads in memory are lost with the process, and payloads that S3 refuses
//! are lost too. (M. Castilho, "Handling 1 Million Requests per Minute with Go", 2015; this is an implementation in Rust.)

pub(crate) mod pool;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use spillway_local::account::CREDENTIAL;
use spillway_local::data_folder::DataFolder;
use spillway_local::faults::Faults;
use spillway_local::s3::{Bucket, BucketSettings};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::Side;
use crate::load::Target;

/// The first argument that makes this program a worker pool; the endpoint of its S3 follows.
pub(crate) const ARTICLE: &str = "article";
const BUCKET: &str = "article";

/// A pool in a separate process, and its S3.
pub(super) struct Article {
    child: Child,
    address: SocketAddr,
    bucket: Bucket,
    data: PathBuf,
}

impl Article {
    /// Starts both. [`Self::stop`] removes the folder `data` of the objects.
    pub(super) async fn start(data: &Path) -> anyhow::Result<Self> {
        let bucket = Bucket::start(BucketSettings {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            data: DataFolder::new(data),
            name: BUCKET.to_owned(),
            access_key: CREDENTIAL.to_owned(),
            secret_key: CREDENTIAL.to_owned(),
            faults: Faults::default(),
        })
        .await?;
        let mut child = Command::new(std::env::current_exe()?)
            .args([ARTICLE, &bucket.endpoint])
            .env("AWS_ACCESS_KEY_ID", CREDENTIAL)
            .env("AWS_SECRET_ACCESS_KEY", CREDENTIAL)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the pool has no standard output")?;
        BufReader::new(stdout).read_line(&mut line).await?;
        let address = line.trim().parse().context("the pool printed no address")?;
        Ok(Self { child, address, bucket, data: data.to_owned() })
    }

    pub(super) fn side(&self) -> Side {
        Side {
            name: "the article's pool",
            target: Target { address: self.address, path: "/".to_owned(), status: None },
            objects: self.bucket.root.clone(),
            pids: self.child.id().into_iter().collect(),
        }
    }

    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        drop(self.bucket);
        Ok(fs::remove_dir_all(self.data)?)
    }
}
