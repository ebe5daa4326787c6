//! Where an operator's command works: the server on this machine, or a stack on AWS.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use spillway_aws::Calls;
use spillway_compact::s3::S3;
use spillway_local::client::Client;
use spillway_local::find::{self, Source};
use spillway_local::pipeline::Endpoints;
use spillway_shared::config::process_environment;
use spillway_shared::prefixes::RECORDS;

use crate::aws;
use crate::aws::bucket::Bucket;
use crate::aws::queue::Queue;

/// The arguments that name a place. Without any of them it is `spillway serve` on this machine.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The admin address of `spillway serve`, which knows its bucket and queue
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    admin: SocketAddr,
    /// Work on AWS; the environment variables `BUCKET` and `QUEUE_URL` name what the flags below do not
    #[arg(long)]
    aws: bool,
    /// Work on this bucket on AWS
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// Work on this queue on AWS: the one that deliver reads, or that of a destination
    #[arg(long, value_name = "URL")]
    queue_url: Option<String>,
    /// The endpoint of S3, if it is not AWS
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL_S3")]
    s3_endpoint: Option<String>,
    /// The endpoint of SQS, if it is not AWS
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL_SQS")]
    sqs_endpoint: Option<String>,
    /// Print machine-readable lines of JSON
    #[arg(long)]
    json: bool,
}

/// A place that was found.
#[derive(Debug)]
pub(crate) struct Target {
    bucket: Option<Named>,
    queue: Option<Named>,
    /// The URL of compact's queue.
    compact_queue: Option<String>,
    /// The given endpoint of SQS.
    sqs_endpoint: Option<String>,
    /// The server on this machine.
    server: Option<Server>,
    /// Whether to print lines of JSON.
    pub(crate) json: bool,
    description: String,
}

/// A server on this machine.
#[derive(Debug)]
struct Server {
    admin: SocketAddr,
    /// The folder with `streams/`.
    config: PathBuf,
    /// The folder of the objects, unless S3 is external.
    objects: Option<PathBuf>,
    /// The prefix of records.
    records: String,
}

/// A bucket's name or a queue's URL, and the endpoint if it is not AWS.
#[derive(Debug)]
struct Named {
    name: String,
    endpoint: Option<String>,
}

impl Place {
    /// Finds the place and prints it to standard error.
    ///
    /// # Errors
    /// No server answers at the admin address.
    pub(crate) async fn target(&self) -> anyhow::Result<Target> {
        self.target_of(None).await
    }

    /// As [`Place::target`], but with the queue of a destination.
    ///
    /// # Errors
    /// No server answers at the admin address, or there is no such queue.
    pub(crate) async fn target_of(&self, destination: Option<&str>) -> anyhow::Result<Target> {
        let is_aws = self.aws || self.bucket.is_some() || self.queue_url.is_some();
        let mut target = if is_aws { self.on_aws() } else { self.on_this_machine(destination).await? };
        if let Some(name) = destination.filter(|_| is_aws && self.queue_url.is_none()) {
            target.queue = Some(self.queue_of_stack(name).await?);
        }
        eprintln!("{target}");
        Ok(target)
    }

    /// The queue of a destination's stack, which has the name of the manual: `spillway-NAME`.
    async fn queue_of_stack(&self, destination: &str) -> anyhow::Result<Named> {
        let queue = format!("spillway-{destination}-objects");
        let url = Queue::find(&aws::config(self.sqs_endpoint.as_deref()).await, &queue).await;
        let name =
            url.with_context(|| format!("there is no queue {queue}; name the destination's with --queue-url"))?;
        Ok(Named { name, endpoint: self.sqs_endpoint.clone() })
    }

    fn on_aws(&self) -> Target {
        let environment = |name| process_environment(name).filter(|_| self.aws);
        let named =
            |name: Option<String>, endpoint: &Option<String>| Some(Named { name: name?, endpoint: endpoint.clone() });
        let bucket = named(self.bucket.clone().or_else(|| environment("BUCKET")), &self.s3_endpoint);
        let queue = named(self.queue_url.clone().or_else(|| environment("QUEUE_URL")), &self.sqs_endpoint);
        let (compact_queue, sqs_endpoint) = (environment("COMPACT_QUEUE_URL"), self.sqs_endpoint.clone());
        let description = "AWS".to_owned();
        Target { bucket, queue, compact_queue, sqs_endpoint, server: None, json: self.json, description }
    }

    async fn on_this_machine(&self, destination: Option<&str>) -> anyhow::Result<Target> {
        let endpoints = self.endpoints().await?;
        let Endpoints { bucket, s3_endpoint, objects, records, mut queue_url, .. } = endpoints;
        let Endpoints { mut destinations, compact_queue_url, config, .. } = endpoints;
        if let Some(name) = destination {
            let unknown = || format!("no destination `{name}` runs at {}", self.admin);
            queue_url = destinations.remove(name).with_context(unknown)?;
        }
        let queue_endpoint = aws::endpoint_of_queue(None, &queue_url).map(str::to_owned);
        Ok(Target {
            bucket: Some(Named { name: bucket, endpoint: Some(s3_endpoint) }),
            queue: Some(Named { name: queue_url, endpoint: queue_endpoint }),
            compact_queue: compact_queue_url,
            sqs_endpoint: None,
            server: Some(Server { admin: self.admin, config, objects, records }),
            json: self.json,
            description: format!("spillway serve at {}", self.admin),
        })
    }

    async fn endpoints(&self) -> anyhow::Result<Endpoints> {
        let no_server = || {
            format!(
                "no `spillway serve` answers at {}; start it, name its admin address with --admin, or select AWS with \
                 --aws, --bucket or --queue-url",
                self.admin
            )
        };
        let mut client = Client::connect(self.admin).await.with_context(no_server)?;
        let response = client.get("/endpoints").await.with_context(no_server)?;
        ensure!(response.status.is_success(), "{} is not the admin address of this version of Spillway", self.admin);
        serde_json::from_slice(&response.body).context("the server's endpoints cannot be read")
    }
}

impl Target {
    /// The bucket.
    ///
    /// # Errors
    /// No flag names the bucket of a stack on AWS.
    pub(crate) async fn bucket(&self) -> anyhow::Result<Bucket> {
        let Named { name, endpoint } = self.named_bucket()?;
        Ok(Bucket::new(&aws::config(endpoint.as_deref()).await, name))
    }

    /// The bucket, as compact reads it: a call is one attempt of this duration.
    ///
    /// # Errors
    /// As for [`Target::bucket`].
    pub(crate) async fn store(&self, attempt: Duration) -> anyhow::Result<S3> {
        let Named { name, endpoint } = self.named_bucket()?;
        Ok(S3::new(&aws::config_of(Calls::once(attempt), endpoint.as_deref()).await, name))
    }

    /// The queue that deliver reads.
    ///
    /// # Errors
    /// No flag names the queue of a stack on AWS.
    pub(crate) async fn queue(&self) -> anyhow::Result<Queue> {
        let Named { name, endpoint } =
            self.queue.as_ref().context("name the queue: --queue-url URL, or --aws with QUEUE_URL")?;
        let endpoint = aws::endpoint_of_queue(endpoint.as_deref(), name);
        Ok(Queue::new(&aws::config(endpoint).await, name))
    }

    /// Compact's queue: the one at the given URL, or the one that the place has.
    ///
    /// # Errors
    /// No flag names the queue of a stack on AWS, or the server on this machine does not compact.
    pub(crate) async fn compact_queue(&self, given: Option<&str>) -> anyhow::Result<Queue> {
        let url = given.or(self.compact_queue.as_deref()).with_context(|| match self.server {
            None => "name compact's queue: --compact-queue-url URL, or --aws with COMPACT_QUEUE_URL",
            Some(_) => {
                "the server compacts nothing: no stream had a table when it started; `spillway check --update-tables` \
                 writes the lock files, and a restart reads them"
            }
        })?;
        let endpoint = aws::endpoint_of_queue(self.sqs_endpoint.as_deref(), url);
        Ok(Queue::new(&aws::config(endpoint).await, url))
    }

    /// The bucket for searches: as files if it is a built-in one of this machine.
    ///
    /// # Errors
    /// No flag names the bucket of a stack on AWS.
    pub(crate) async fn source(&self) -> anyhow::Result<Source> {
        if let Some(objects) = self.server.as_ref().and_then(|server| server.objects.clone()) {
            return Ok(Source::Folder(objects));
        }
        Ok(Source::S3(self.store(find::ATTEMPTS.timeout).await?))
    }

    /// The folder with `streams/`: the given one, that of the server, or `./config`.
    pub(crate) fn config(&self, given: Option<PathBuf>) -> PathBuf {
        let of_server = || self.server.as_ref().map(|server| server.config.clone());
        given.or_else(of_server).unwrap_or_else(|| Path::new("config").to_owned())
    }

    /// The prefix of records: the given one, that of the server, or the default.
    pub(crate) fn records(&self, given: Option<String>) -> String {
        let of_server = || self.server.as_ref().map(|server| server.records.clone());
        given.or_else(of_server).unwrap_or_else(|| RECORDS.to_owned())
    }

    /// The admin address of a server on this machine.
    pub(crate) fn admin(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|server| server.admin)
    }

    fn named_bucket(&self) -> anyhow::Result<&Named> {
        self.bucket.as_ref().context("name the bucket: --bucket NAME, or --aws with BUCKET")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "on {}", self.description)?;
        for (what, named) in [("bucket", &self.bucket), ("queue", &self.queue)] {
            if let Some(Named { name, endpoint }) = named {
                write!(f, ", {what} {name}")?;
                endpoint.iter().try_for_each(|endpoint| write!(f, " at {endpoint}"))?;
            }
        }
        Ok(())
    }
}
