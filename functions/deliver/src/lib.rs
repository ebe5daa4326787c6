//! Deliver: drains SQS into S3.
