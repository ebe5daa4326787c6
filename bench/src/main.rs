//! Measurements: `cargo run --release -p bench -- NAME`.

mod load;
mod process;
mod saturate;

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
}

fn main() -> anyhow::Result<()> {
    // The functions under measurement are this program, as they are the command elsewhere.
    become_function_if_asked();
    load::become_load_if_asked()?;
    let Arguments { measurement } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match measurement {
        Measurement::Saturate(arguments) => runtime.block_on(saturate::run(arguments)),
    }
}
