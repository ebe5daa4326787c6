//! The bucket as operator commands use it.

use anyhow::Context as _;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use bytes::Bytes;
use clap::Args;
use spillway_aws::{SdkConfig, is_s3_endpoint_overridden};

use super::config;

/// The arguments that name a bucket.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The name of the bucket
    #[arg(long, env = "BUCKET")]
    pub(crate) bucket: String,
    /// The endpoint of S3, if it is not AWS; a server on this machine needs no credentials
    #[arg(long, env = "AWS_ENDPOINT_URL_S3")]
    pub(crate) s3_endpoint: Option<String>,
}

/// One bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    client: Client,
    name: String,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The key.
    pub(crate) key: String,
    /// The size in bytes.
    pub(crate) bytes: u64,
}

impl Place {
    /// The bucket.
    pub(crate) async fn bucket(&self) -> Bucket {
        Bucket::new(&config(self.s3_endpoint.as_deref()).await, &self.bucket)
    }
}

impl Bucket {
    /// The bucket of this name. A server that is not AWS is addressed by path.
    pub(crate) fn new(config: &SdkConfig, name: impl Into<String>) -> Self {
        let config = Builder::from(config).force_path_style(is_s3_endpoint_overridden(config)).build();
        Self { client: Client::from_conf(config), name: name.into() }
    }

    /// All objects whose keys begin with `prefix`, ordered by key.
    pub(crate) async fn list(&self, prefix: &str) -> anyhow::Result<Vec<Listed>> {
        let mut pages = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).into_paginator().send();
        let mut listed = Vec::new();
        while let Some(page) = pages.next().await {
            let objects = page.context("the bucket cannot be listed")?.contents.unwrap_or_default();
            listed.extend(objects.into_iter().map(|object| Listed {
                key: object.key.unwrap_or_default(),
                bytes: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            }));
        }
        Ok(listed)
    }

    /// The bytes of an object.
    pub(crate) async fn get(&self, key: &str) -> anyhow::Result<Bytes> {
        let output = self.client.get_object().bucket(&self.name).key(key).send().await;
        let body = output.with_context(|| format!("{key} cannot be read"))?.body;
        Ok(body.collect().await.with_context(|| format!("{key} cannot be read to its end"))?.into_bytes())
    }

    /// Deletes an object.
    pub(crate) async fn delete(&self, key: &str) -> anyhow::Result<()> {
        let output = self.client.delete_object().bucket(&self.name).key(key).send().await;
        output.with_context(|| format!("{key} cannot be deleted"))?;
        Ok(())
    }
}
