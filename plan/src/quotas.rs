//! The quotas of an account that a load needs, by their names in the console "Service Quotas".

use crate::choice::{Choice, in_flight};
use crate::demand::Demand;
use crate::facts::{limit, quota};
use crate::load::{Front, Ingest, Load};

/// A quota.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// The service.
    pub service: &'static str,
    /// The name of the quota.
    pub name: &'static str,
    /// What the load needs.
    pub needed: f64,
    /// What an account has before it asks for more.
    pub default: f64,
}

impl Quota {
    /// Whether the account must ask for more.
    #[must_use]
    pub fn must_be_raised(&self) -> bool {
        self.needed > self.default
    }
}

/// The quotas for a load.
#[must_use]
pub fn of(load: &Load, demand: &Demand, choice: &Choice) -> Vec<Quota> {
    let mut quotas = Vec::new();
    if load.front == Front::HttpApi {
        let api = |name, needed, default| Quota { service: "Amazon API Gateway", name, needed, default };
        quotas.push(api("Throttle rate", choice.throttle_rate, quota::API_RATE));
        quotas.push(api("Throttle burst rate", choice.throttle_burst, quota::API_BURST));
    }
    let ingest = if load.ingest == Ingest::Environments { choice.ingest_concurrency } else { 0.0 };
    quotas.push(Quota {
        service: "AWS Lambda",
        name: "Concurrent executions",
        needed: ingest + choice.deliver_concurrency,
        default: quota::CONCURRENCY,
    });
    quotas.push(Quota {
        service: "Amazon SQS",
        name: "In-flight messages of a standard queue",
        needed: in_flight(load, demand, choice.window).ceil(),
        default: limit::SQS_IN_FLIGHT,
    });
    quotas
}
