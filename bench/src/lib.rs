//! Measurements of the pipeline: `cargo run --profile measure -p bench -- NAME`.
//!
//! A measurement is one file with its arguments, its steps and its tables. Most start a pipeline and load it
//! ([`mod@run`], [`load`]); `workers`, `cold`, `stages` and a part of `destinations` start
//! functions alone. All print a [`report`].

mod burst;
mod cold;
mod compare;
mod cost;
mod destinations;
pub mod doubles;
mod group_commit;
mod lag;
mod lake;
mod load;
mod machine;
pub mod messages;
mod noop;
mod pipeline;
mod plot;
mod report;
mod run;
mod saturate;
mod slow_s3;
mod stages;
mod table;
mod workers;

use clap::Parser;
use compare::article;
use spillway_local::environment::become_function_if_asked;

/// Measures the pipeline on this machine.
#[derive(Debug, Parser)]
#[command(name = "bench")]
enum Measurement {
    /// Closed-loop load: each connection posts the next document when it receives a response
    Saturate(saturate::Arguments),
    /// Open-loop load at rising rates, up to the knee
    Pipeline(pipeline::Arguments),
    /// Savings of group commit by number of concurrent requests
    GroupCommit(group_commit::Arguments),
    /// Throughput of deliver alone by number of workers
    Workers(workers::Arguments),
    /// Throughput of forward by number of workers, and a slow partner next to a fast one
    Destinations(destinations::Arguments),
    /// The price of a million payloads on AWS
    Cost(cost::Arguments),
    /// A burst at a hundredth of a load, next to the model of `spillway plan`
    Burst(burst::Arguments),
    /// Tables against lines: sizes, a query, and what compact needs
    Lake(lake::Arguments),
    /// Cold starts: the time from process start to the first request for an event
    Cold(cold::Arguments),
    /// CPU time of each stage, compared with its limit
    Stages(stages::Arguments),
    /// The same load on Spillway and on another pipeline, in turns
    Compare(compare::Arguments),
}

/// Runs the measurement that the command line names.
pub fn run() -> anyhow::Result<()> {
    become_function_if_asked();
    if let Some(result) = run_as_part() {
        return result;
    }
    let measurement = Measurement::parse();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        match measurement {
            Measurement::Saturate(arguments) => Box::pin(saturate::run(arguments)).await,
            Measurement::Pipeline(arguments) => Box::pin(pipeline::run(arguments)).await,
            Measurement::GroupCommit(arguments) => group_commit::run(arguments).await,
            Measurement::Workers(arguments) => workers::run(arguments).await,
            Measurement::Destinations(arguments) => Box::pin(destinations::run(arguments)).await,
            Measurement::Cost(arguments) => Box::pin(cost::run(arguments)).await,
            Measurement::Burst(arguments) => Box::pin(burst::run(arguments)).await,
            Measurement::Lake(arguments) => Box::pin(lake::run(arguments)).await,
            Measurement::Cold(arguments) => cold::run(arguments).await,
            Measurement::Stages(arguments) => stages::run(arguments).await,
            Measurement::Compare(arguments) => compare::run(arguments).await,
        }
    })
}

/// Runs a part of a measurement, if this process was started as one; a setting may follow its name.
fn run_as_part() -> Option<anyhow::Result<()>> {
    let mut arguments = std::env::args().skip(1);
    let (part, setting) = (arguments.next()?, arguments.next().unwrap_or_default());
    match part.as_str() {
        load::LOAD => Some(load::generate(&setting)),
        workers::function::MEASURED => Some(workers::function::run()),
        article::ARTICLE => Some(article::pool::run(setting)),
        _ => None,
    }
}
