//! Where an operator's command works: on the server of this machine, or on AWS.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::Args;
use spillway_local::client::Client;
use spillway_local::pipeline::Endpoints;

use crate::aws;
use crate::aws::bucket::Bucket;
use crate::aws::queue::Queue;

/// The arguments that name a place.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The name of the bucket on AWS (default: the bucket of `spillway serve` on this machine)
    #[arg(long, env = "BUCKET")]
    bucket: Option<String>,
    /// The endpoint of S3, if it is not AWS; a server on this machine needs no credentials
    #[arg(long, value_name = "URL", requires = "bucket")]
    s3_endpoint: Option<String>,
    /// The URL of the queue that deliver reads
    #[arg(long, value_name = "URL", env = "QUEUE_URL")]
    queue_url: Option<String>,
    /// The endpoint of SQS, if it is neither AWS nor on this machine
    #[arg(long, value_name = "URL", requires = "queue_url")]
    sqs_endpoint: Option<String>,
    /// The admin address of `spillway serve`, which knows bucket, queue and configuration
    #[arg(long, default_value = "127.0.0.1:9001")]
    admin: SocketAddr,
}

impl Place {
    /// The bucket: the named one, or that of the server.
    pub(crate) async fn bucket(&self) -> anyhow::Result<Bucket> {
        if let Some(bucket) = &self.bucket {
            return Ok(Bucket::new(&aws::config(self.s3_endpoint.as_deref()).await, bucket));
        }
        let Endpoints { s3_endpoint, bucket, .. } = self.endpoints().await?;
        Ok(Bucket::new(&aws::config(Some(&s3_endpoint)).await, bucket))
    }

    /// The queue: the named one, or that of the server.
    pub(crate) async fn queue(&self) -> anyhow::Result<Queue> {
        let url = match (&self.queue_url, &self.bucket) {
            (Some(url), _) => url.clone(),
            (None, Some(_)) => anyhow::bail!("name the queue of the bucket's stack: --queue-url URL"),
            (None, None) => self.endpoints().await?.queue_url,
        };
        let endpoint = aws::endpoint_of_queue(self.sqs_endpoint.as_deref(), &url);
        Ok(Queue::new(&aws::config(endpoint).await, &url))
    }

    /// The folder with `streams/`: the given one, or that of the server.
    pub(crate) async fn config(&self, given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
        match given {
            Some(config) => Ok(config),
            None if self.bucket.is_some() => Ok("./config".into()),
            None => Ok(self.endpoints().await?.config),
        }
    }

    async fn endpoints(&self) -> anyhow::Result<Endpoints> {
        let no_server = || {
            format!(
                "no `spillway serve` answers at {}; start it, name its admin address with --admin, or name a bucket on \
                 AWS with --bucket",
                self.admin
            )
        };
        let mut client = Client::connect(self.admin).await.with_context(no_server)?;
        let response = client.get("/endpoints").await.with_context(no_server)?;
        ensure!(response.status.is_success(), "{} is not the admin address of this version of Spillway", self.admin);
        serde_json::from_slice(&response.body).context("the server's endpoints cannot be read")
    }
}
