//! The parameters of the template that implement a choice.

use crate::bill;
use crate::choice::{Choice, Pollers};
use crate::demand::Demand;
use crate::facts::template;
use crate::load::{Front, Ingest, Load};

/// A parameter of the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in `template.yaml`.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// The parameters for a load.
#[must_use]
pub fn of(load: &Load, demand: &Demand, choice: &Choice) -> Vec<Parameter> {
    let mut parameters = front(load, choice);
    parameters.extend(ingest(load, demand, choice));
    parameters.extend(event_source(choice));
    parameters
}

fn parameter(name: &'static str, value: impl std::fmt::Display) -> Parameter {
    Parameter { name, value: format!("{value}") }
}

fn front(load: &Load, choice: &Choice) -> Vec<Parameter> {
    match load.front {
        Front::HttpApi => vec![
            parameter("ThrottleRate", choice.throttle_rate),
            parameter("ThrottleBurst", choice.throttle_burst),
            parameter("AccessLogs", "off"),
        ],
        Front::FunctionUrl => vec![parameter("Front", "function-url")],
        Front::CloudFront => vec![parameter("Front", "cloudfront")],
    }
}

fn ingest(load: &Load, demand: &Demand, choice: &Choice) -> Vec<Parameter> {
    match load.ingest {
        Ingest::Environments => vec![parameter("IngestReservedConcurrency", choice.ingest_concurrency)],
        Ingest::Instances => {
            let at_the_peak = Load { documents_per_second: load.peak(), ..*load };
            vec![
                parameter("IngestRunsOn", "instances"),
                parameter("ManagedMaxVCpus", bill::vcpus(&at_the_peak, demand)),
            ]
        }
    }
}

fn event_source(choice: &Choice) -> Vec<Parameter> {
    let mut parameters = vec![
        parameter("BatchWindow", choice.window),
        parameter("VisibilityTimeout", template::VISIBILITY),
        parameter("DeliverReservedConcurrency", choice.deliver_concurrency),
    ];
    let [at_the_load, at_most] = choice.units;
    parameters.extend(match choice.pollers {
        Pollers::Standard => vec![parameter("Pollers", "standard"), parameter("MaxConcurrency", at_most)],
        Pollers::Provisioned => vec![
            parameter("Pollers", "provisioned"),
            parameter("MinPollers", at_the_load),
            parameter("MaxPollers", at_most),
        ],
    });
    parameters
}
