//! Measurements: `cargo run --profile measure -p bench -- NAME`.

mod cold;
mod compare;
mod cost;
mod distance;
mod group_commit;
mod lag;
mod load;
mod machine;
mod messages;
mod nothing;
mod pipeline;
mod plot;
mod process;
mod report;
mod run;
mod saturate;
mod slow_s3;
mod stages;
mod table;
mod workers;

use clap::{Parser, Subcommand};
use spillway_local::environment::become_function_if_asked;

/// Measures the pipeline on this machine.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(Debug, Subcommand)]
enum Measurement {
    /// Closed-loop load: every connection posts as soon as it is answered
    Saturate(saturate::Arguments),
    /// Open-loop load at rising rates, up to the knee
    Pipeline(pipeline::Arguments),
    /// What shared messages and calls save
    GroupCommit(group_commit::Arguments),
    /// Deliver alone by number of workers
    Workers(workers::Arguments),
    /// What AWS would bill
    Cost(cost::Arguments),
    /// From process start to the first request for an event
    Cold(cold::Arguments),
    /// Every stage beside its limit
    Stages(stages::Arguments),
    /// The same load against another URL, in turns
    Compare(compare::Arguments),
}

fn main() -> anyhow::Result<()> {
    // The functions under measurement are this program, as they are the command elsewhere.
    become_function_if_asked();
    load::become_load_if_asked()?;
    workers::become_deliver_if_asked()?;
    compare::become_article_if_asked()?;
    let Arguments { measurement } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match measurement {
            Measurement::Saturate(arguments) => saturate::run(arguments).await,
            Measurement::Pipeline(arguments) => pipeline::run(arguments).await,
            Measurement::GroupCommit(arguments) => group_commit::run(arguments).await,
            Measurement::Workers(arguments) => workers::run(arguments).await,
            Measurement::Cost(arguments) => cost::run(arguments).await,
            Measurement::Cold(arguments) => cold::run(arguments).await,
            Measurement::Stages(arguments) => stages::run(arguments).await,
            Measurement::Compare(arguments) => compare::run(arguments).await,
        }
    })
}
