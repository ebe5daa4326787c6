//! Metrics: the one place where their names, units and dimensions stand.
//!
//! A unit of work is one struct: what deliver did with a batch ([`Delivered`]), what ingest did since it wrote last
//! ([`Ingested`], and [`Taken`] by stream). [`emf`] writes it as one line in CloudWatch's embedded metric format.

pub mod emf;

use std::time::Duration;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "Spillway";
/// The dimension of all metrics: the name of the Lambda function, so that stacks do not mix.
pub const FUNCTION: &str = "Function";
/// The second dimension of [`Taken`], which is written without it too.
pub const STREAM: &str = "Stream";

/// One metric: its name and its unit, as CloudWatch writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// `Count`, `Bytes` or `Seconds`.
    pub unit: &'static str,
}

/// The metrics of a unit of work.
pub trait Measured {
    /// What it may hold, in this order.
    const METRICS: &'static [Metric];

    /// What it holds, in the order of [`Measured::METRICS`]; `None` is not written.
    fn values(&self) -> Vec<Option<f64>>;
}

/// A field of a unit of work as CloudWatch takes it.
trait Reading {
    fn reading(&self) -> Option<f64>;
}

impl Reading for u64 {
    fn reading(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "CloudWatch keeps floats; counts are exact up to 2^53")]
        Some(*self as f64)
    }
}

impl Reading for Option<Duration> {
    fn reading(&self) -> Option<f64> {
        self.map(|duration| duration.as_secs_f64())
    }
}

/// Declares a unit of work, so that a field and its metric cannot be told apart.
macro_rules! measured {
    ($(#[$doc:meta])* $unit_of_work:ident { $($(#[$about:meta])* $field:ident: $type:ty => $name:literal $unit:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct $unit_of_work {
            $($(#[$about])* pub $field: $type,)*
        }

        impl Measured for $unit_of_work {
            const METRICS: &'static [Metric] = &[$(Metric { name: $name, unit: stringify!($unit) },)*];

            fn values(&self) -> Vec<Option<f64>> {
                vec![$(self.$field.reading(),)*]
            }
        }
    };
}

measured! {
    /// What ingest did since it wrote last.
    Ingested {
        /// Documents that were answered.
        requests: u64 => "Requests" Count,
        /// Of these, answered with 200.
        status_2xx: u64 => "Status2xx" Count,
        /// Of these, refused for the client's fault.
        status_4xx: u64 => "Status4xx" Count,
        /// Of these, refused though the client did nothing wrong.
        status_5xx: u64 => "Status5xx" Count,
        /// Calls to SQS, retries included.
        queue_calls: u64 => "QueueCalls" Count,
        /// 64 KiB that SQS bills for these calls, at least one each.
        queue_call_units: u64 => "QueueCallUnits" Count,
        /// Calls that were tries after the first.
        queue_retries: u64 => "QueueRetries" Count,
        /// Documents answered 503 because too much waited inside.
        queue_full: u64 => "QueueFull" Count,
    }
}

measured! {
    /// What became of the payloads of one stream that ingest answered for. The client of a 503 is told nothing of its
    /// payloads and sends them again, so they do not count.
    Taken {
        /// Payloads on the queue.
        accepted: u64 => "Accepted" Count,
        /// Payloads refused with a reason.
        rejected: u64 => "Rejected" Count,
        /// Payloads dropped for lack of consent.
        withheld: u64 => "Withheld" Count,
    }
}

measured! {
    /// What deliver did with one batch.
    Delivered {
        /// Messages of the batch, as SQS counts them.
        messages: u64 => "Messages" Count,
        /// Records stored.
        records: u64 => "Records" Count,
        /// Objects stored.
        objects: u64 => "Objects" Count,
        /// Their size after compression.
        object_bytes: u64 => "ObjectBytes" Bytes,
        /// Objects that were there already.
        duplicates: u64 => "Duplicates" Count,
        /// Messages given back to the queue.
        failed: u64 => "Failed" Count,
        /// Messages kept under `quarantine/`.
        quarantined: u64 => "Quarantined" Count,
        /// Uploads that were tries after the first.
        put_retries: u64 => "PutRetries" Count,
        /// From the `received_at` of the oldest record stored until it was stored; nothing where nothing was.
        lag: Option<Duration> => "LagSeconds" Seconds,
    }
}

impl Ingested {
    /// Counts an answer by its status.
    pub fn answered(&mut self, status: u16) {
        self.requests += 1;
        match status {
            ..400 => self.status_2xx += 1,
            400..500 => self.status_4xx += 1,
            500.. => self.status_5xx += 1,
        }
    }
}

impl Taken {
    /// Adds what became of further payloads.
    pub fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.withheld += other.withheld;
    }
}
