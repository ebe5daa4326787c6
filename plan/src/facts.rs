//! Every constant of the model, with its source. Prices are list prices of us-east-1 in dollars, read in November 2026,
//! without free tiers and discounts.

/// Prices.
pub mod price {
    /// A million requests to an HTTP API: <https://aws.amazon.com/api-gateway/pricing/>, the first 300 million a month.
    pub const HTTP_API: f64 = 1.00;
    /// A million HTTPS requests to CloudFront in the United States: <https://aws.amazon.com/cloudfront/pricing/>.
    pub const CLOUDFRONT: f64 = 1.00;
    /// A GB that CloudFront sends to its origin, United States: <https://aws.amazon.com/cloudfront/pricing/>.
    pub const CLOUDFRONT_TO_ORIGIN_GB: f64 = 0.020;
    /// A million requests to Lambda, also on Managed Instances: <https://aws.amazon.com/lambda/pricing/>.
    pub const LAMBDA_REQUESTS: f64 = 0.20;
    /// A GB-second of Lambda on arm64: <https://aws.amazon.com/lambda/pricing/>.
    pub const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;
    /// A vCPU-hour of a general instance with arm64, rounded up: <https://aws.amazon.com/ec2/pricing/on-demand/>.
    pub const VCPU_HOUR: f64 = 0.04;
    /// The factor of Managed Instances on the price of EC2: <https://aws.amazon.com/lambda/pricing/>.
    pub const MANAGED_FACTOR: f64 = 1.15;
    /// A million requests to SQS of up to 64 KiB each: <https://aws.amazon.com/sqs/pricing/>.
    pub const SQS_REQUESTS: f64 = 0.40;
    /// A million PUTs to S3: <https://aws.amazon.com/s3/pricing/>.
    pub const S3_PUTS: f64 = 5.00;
    /// A million GETs from S3: <https://aws.amazon.com/s3/pricing/>.
    pub const S3_GETS: f64 = 0.40;
}

/// Limits of the services.
pub mod limit {
    /// Bytes for which SQS bills one request: <https://aws.amazon.com/sqs/pricing/>.
    pub const SQS_UNIT_BYTES: f64 = 65_536.0;
    /// Messages that a queue keeps in flight: the manual of SQS, "Quotas".
    pub const SQS_IN_FLIGHT: f64 = 120_000.0;
    /// Messages of a batch: the manual of Lambda, "Using Lambda with Amazon SQS".
    pub const BATCH_MESSAGES: f64 = 10_000.0;
    /// Bytes of the event with a batch: the manual of Lambda, "Quotas".
    pub const BATCH_BYTES: f64 = 6_291_456.0;
    /// Environments that a function adds at once and then each period: the manual of Lambda, "Scaling behavior".
    pub const NEW_ENVIRONMENTS: f64 = 1_000.0;
    /// That period in seconds.
    pub const NEW_ENVIRONMENTS_SECONDS: u32 = 10;
    /// Requests a second for each unit of concurrency: the manual of Lambda, "Quotas".
    pub const REQUESTS_PER_CONCURRENCY: f64 = 10.0;
    /// Invocations that the standard event source starts with: the manual of Lambda, "Scaling behavior for SQS".
    pub const STANDARD_START: f64 = 5.0;
    /// Invocations that it adds in a second: 300 a minute.
    pub const STANDARD_STEP: f64 = 5.0;
    /// The largest `MaximumConcurrency`: the manual of Lambda, "Scaling behavior for SQS".
    pub const MAX_CONCURRENCY: f64 = 1_000.0;
    /// Bytes a second of one poller: the manual of Lambda, "Parameters for Amazon SQS". The standard event source states
    /// no figure; the model assumes the same for each of its invocations.
    pub const POLLER_BYTES: f64 = 1_000_000.0;
    /// Messages a second of one poller: 10 calls of 10 messages, from the announcement of the provisioned mode.
    pub const POLLER_MESSAGES: f64 = 100.0;
    /// Concurrent invocations of one poller, from the same announcement.
    pub const POLLER_INVOCATIONS: f64 = 10.0;
    /// Pollers that the provisioned event source adds in a second: 1,000 concurrent invocations a minute.
    pub const POLLER_STEP: f64 = 1_000.0 / 10.0 / 60.0;
    /// The maximum of `MinimumPollers`, and of `MaximumPollers`: the reference of CloudFormation.
    pub const MIN_POLLERS: f64 = 200.0;
    /// See [`MIN_POLLERS`].
    pub const MAX_POLLERS: f64 = 2_000.0;
}

/// Quotas of an account before they are raised, from the console "Service Quotas".
pub mod quota {
    /// Requests a second of all APIs.
    pub const API_RATE: f64 = 10_000.0;
    /// Requests in a burst of all APIs.
    pub const API_BURST: f64 = 5_000.0;
    /// Concurrent executions of all functions.
    pub const CONCURRENCY: f64 = 1_000.0;
}

/// What Spillway needs: measured on one machine (docs/performance.md) unless it says otherwise.
pub mod measured {
    /// CPU seconds of ingest for a request with its own call to SQS, from `bench group-commit`.
    pub const INGEST_CPU: f64 = 0.000_300;
    /// CPU seconds of ingest for a request that shares its calls, from `bench group-commit`.
    pub const INGEST_CPU_SHARED: f64 = 0.000_070;
    /// CPU seconds of ingest for a byte of a document, from `bench saturate` with documents of 10 and of 100 payloads.
    pub const INGEST_CPU_BYTE: f64 = 0.000_000_007_5;
    /// Seconds of a request apart from CPU: the call to SQS (5 ms) and TLS. Assumed; to be replaced by a figure from AWS.
    pub const INGEST_WAIT: f64 = 0.007_5;
    /// The bytes of a document above which ingest compresses its message.
    pub const COMPRESSED_ABOVE: f64 = 4_096.0;
    /// The share of a compressed document that its message keeps, from the counted batches of `bench cost`.
    pub const MESSAGE_SHARE: f64 = 0.31;
    /// Bytes of an event's entry around a message: ids, receipt handle, attributes. The size of an event of deliver.
    pub const EVENT_ENTRY: f64 = 850.0;
    /// Documents that share one call to SQS in a process with 64 concurrent requests, from `bench cost`.
    pub const SHARED_DOCUMENTS: f64 = 31.0;
    /// Seconds of deliver for a batch, without its bytes: parse, one PUT of 30 ms. From `bench cost`.
    pub const DELIVER_BASE: f64 = 0.10;
    /// Seconds of deliver for the bytes of a full batch, with 1 GB of memory. From `bench cost` at saturation, so high.
    pub const DELIVER_FULL: f64 = 0.19;
}

/// What the template sets.
pub mod template {
    /// The memory of ingest in GB.
    pub const INGEST_GB: f64 = 0.25;
    /// The memory of deliver in GB.
    pub const DELIVER_GB: f64 = 1.0;
    /// GB of memory with one vCPU: 1,769 MB, from the manual of Lambda.
    pub const GB_PER_VCPU: f64 = 1.769;
    /// The visibility timeout in seconds: six times deliver's timeout of 20 s, and a batching window of at most 5 s.
    pub const VISIBILITY: f64 = 125.0;
}
