//! The S3 operations that the pipeline and its users need: [`super::put`] writes, `s3s-fs` does the rest.

use std::path::PathBuf;
use std::sync::Arc;

use s3s::dto::{
    Bucket, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, GetBucketLocationInput,
    GetBucketLocationOutput, GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput,
    HeadObjectOutput, ListBucketsInput, ListBucketsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, PutObjectInput, PutObjectOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use super::events::Events;
use super::keys;
use super::put::Writer;
use super::run::Run;

/// One bucket. Operations that are not listed here return `NotImplemented`.
#[derive(Debug, Clone)]
pub(super) struct Store(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    name: String,
    reader: FileSystem,
    writer: Writer,
}

type S3Output<T> = S3Result<S3Response<T>>;

impl Store {
    /// `reader` sees the folder `root` under the name of the bucket; `internal` holds everything but objects.
    pub(super) fn new(reader: FileSystem, name: &str, root: PathBuf, internal: PathBuf) -> Self {
        Self(Arc::new(Parts { name: name.to_owned(), reader, writer: Writer::new(root, internal) }))
    }

    /// The objects of this run.
    pub(super) fn run(&self) -> &Run {
        &self.0.writer.run
    }

    /// Who learns of new objects.
    pub(super) fn events(&self) -> &Events {
        &self.0.writer.events
    }

    fn in_bucket(&self, bucket: &str) -> S3Result<&FileSystem> {
        if bucket == self.0.name { Ok(&self.0.reader) } else { Err(s3_error!(NoSuchBucket)) }
    }

    fn at(&self, bucket: &str, key: &str) -> S3Result<&FileSystem> {
        keys::check(key)?;
        self.in_bucket(bucket)
    }
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Output<PutObjectOutput> {
        self.in_bucket(&request.input.bucket)?;
        self.0.writer.put(request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Output<GetObjectOutput> {
        self.at(&request.input.bucket, &request.input.key)?.get_object(request).await
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Output<HeadObjectOutput> {
        self.at(&request.input.bucket, &request.input.key)?.head_object(request).await
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Output<DeleteObjectOutput> {
        let key = request.input.key.clone();
        let output = self.at(&request.input.bucket, &key)?.delete_object(request).await?;
        self.run().forget(&key);
        Ok(output)
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> S3Output<DeleteObjectsOutput> {
        request.input.delete.objects.iter().try_for_each(|object| keys::check(&object.key))?;
        self.in_bucket(&request.input.bucket)?.delete_objects(request).await
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> S3Output<ListObjectsOutput> {
        self.in_bucket(&request.input.bucket)?.list_objects(request).await
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> S3Output<ListObjectsV2Output> {
        self.in_bucket(&request.input.bucket)?.list_objects_v2(request).await
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Output<HeadBucketOutput> {
        self.in_bucket(&request.input.bucket)?.head_bucket(request).await
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Output<GetBucketLocationOutput> {
        self.in_bucket(&request.input.bucket)?.get_bucket_location(request).await
    }

    async fn list_buckets(&self, _request: S3Request<ListBucketsInput>) -> S3Output<ListBucketsOutput> {
        let bucket = Bucket { name: Some(self.0.name.clone()), ..Bucket::default() };
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(vec![bucket]), ..ListBucketsOutput::default() }))
    }
}
