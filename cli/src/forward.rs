//! `spillway forward`: the parameters of a destination's stack, and stored hours that are sent again.

mod again;
mod parameters;
pub(crate) mod sample;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use clap::Args;
use spillway_shared::destination::{self, Destination};
use spillway_shared::prefixes;

/// The arguments of `spillway forward`.
#[derive(Debug, Args)]
pub(crate) struct Forward {
    /// Prints the parameters of this destination's stack, for `sam deploy --parameter-overrides`
    #[arg(long, value_name = "NAME", conflicts_with = "again")]
    parameters: Option<String>,
    #[command(flatten)]
    again: Option<again::Again>,
    /// The folder with destinations/
    #[arg(long, default_value = "./config")]
    config: PathBuf,
    /// The prefix of the keys of records, as deliver has it
    #[arg(long, env = "OBJECT_PREFIX", default_value = prefixes::RECORDS)]
    object_prefix: String,
}

/// Runs what the arguments ask for.
pub(crate) async fn run(arguments: Forward) -> anyhow::Result<ExitCode> {
    let Forward { parameters, again, config, object_prefix } = arguments;
    let read = |name: &str| read(&config, name);
    match (parameters, again) {
        (Some(name), _) => println!("{}", parameters::of(&read(&name)?, &object_prefix)?),
        (None, Some(again)) => return again::run(&again, &read(&again.destination)?, &object_prefix).await,
        (None, None) => {
            return Err(anyhow!("use `--parameters NAME`, or `--destination NAME` with `--from` and `--to`"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read(config: &std::path::Path, name: &str) -> anyhow::Result<Destination> {
    destination::read(config, name).with_context(|| format!("the destination in {} is not valid", config.display()))
}
