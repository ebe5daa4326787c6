//! The list price of a million documents, line by line.

use crate::choice::{Choice, Pollers};
use crate::demand::Demand;
use crate::facts::{limit, price, template};
use crate::load::{Front, Ingest, Load};

/// A line of the bill.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The service and what it bills.
    pub name: &'static str,
    /// The calculation, for people.
    pub calculation: String,
    /// Dollars for a million documents.
    pub dollars: f64,
}

/// Documents for which the bill is made.
const MILLION: f64 = 1e6;
/// Messages of a receive or delete call.
const CALL_MESSAGES: f64 = 10.0;

/// The lines of a load.
#[must_use]
pub fn of(load: &Load, demand: &Demand, choice: &Choice) -> Vec<Line> {
    let mut lines = front(load);
    lines.push(line("ingest, requests", "1 million requests", price::LAMBDA_REQUESTS));
    lines.push(match load.ingest {
        Ingest::Environments => {
            let gb_seconds = MILLION * demand.ingest_seconds * template::INGEST_GB;
            let calculation = format!("{:.1} ms × 256 MB: {gb_seconds:.0} GB-s", demand.ingest_seconds * 1e3);
            line("ingest, duration", calculation, gb_seconds * price::LAMBDA_GB_SECOND)
        }
        Ingest::Instances => instances(load, demand),
    });
    lines.extend(queue(demand));
    lines.extend(deliver(demand, choice));
    lines
}

fn line(name: &'static str, calculation: impl Into<String>, dollars: f64) -> Line {
    Line { name, calculation: calculation.into(), dollars }
}

fn front(load: &Load) -> Vec<Line> {
    match load.front {
        Front::HttpApi => vec![line("HTTP API", "1 million requests", price::HTTP_API)],
        Front::FunctionUrl => vec![line("Function URL", "free", 0.0)],
        Front::CloudFront => {
            let gb = MILLION * load.document_bytes() / 1e9;
            let calculation = format!("1 million HTTPS requests, {gb:.1} GB to the Function URL");
            vec![line("CloudFront", calculation, price::CLOUDFRONT + gb * price::CLOUDFRONT_TO_ORIGIN_GB)]
        }
    }
}

/// Instances are paid by the hour. The bill divides the hours of twice the needed vCPUs, at least six (three zones with
/// two each), by the documents of an hour.
fn instances(load: &Load, demand: &Demand) -> Line {
    let vcpus = vcpus(load, demand);
    let documents_per_hour = load.documents_per_second * 3600.0;
    let dollars = vcpus * price::VCPU_HOUR * price::MANAGED_FACTOR / documents_per_hour * MILLION;
    line("ingest, instances", format!("{vcpus:.0} vCPUs, half used"), dollars)
}

/// The vCPUs of Managed Instances for a load.
pub(crate) fn vcpus(load: &Load, demand: &Demand) -> f64 {
    (load.documents_per_second * demand.ingest_cpu * 2.0).ceil().max(6.0)
}

fn queue(demand: &Demand) -> [Line; 2] {
    let messages = MILLION / demand.documents_per_message;
    let sends = messages * demand.units_per_message;
    // A receive of ten messages is billed by their bytes, a delete of ten as one request.
    let receive_units = (demand.message_bytes * CALL_MESSAGES / limit::SQS_UNIT_BYTES).ceil();
    let receives = messages / CALL_MESSAGES * receive_units;
    let deletes = messages / CALL_MESSAGES;
    let dollars = |requests: f64| requests / 1e6 * price::SQS_REQUESTS;
    [
        line("SQS, sends", format!("{sends:.0} requests of 64 KiB"), dollars(sends)),
        line("SQS, receives and deletes", format!("{receives:.0} + {deletes:.0}"), dollars(receives + deletes)),
    ]
}

fn deliver(demand: &Demand, choice: &Choice) -> Vec<Line> {
    let batches = MILLION / demand.documents_per_message / choice.batch_messages;
    let gb_seconds = batches * demand.deliver_seconds(choice.batch_messages) * template::DELIVER_GB;
    let requests = batches / 1e6 * price::LAMBDA_REQUESTS;
    let duration = gb_seconds * price::LAMBDA_GB_SECOND;
    let mut lines = vec![
        line("deliver", format!("{batches:.0} batches, {gb_seconds:.0} GB-s"), requests + duration),
        line("S3, PUTs", format!("{batches:.0} objects of one stream"), batches / 1e6 * price::S3_PUTS),
    ];
    if choice.pollers == Pollers::Provisioned {
        lines.push(line("pollers", "not included: see the price of event poller units", 0.0));
    }
    lines
}

/// The sum of the lines.
#[must_use]
pub fn total(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.dollars).sum()
}
