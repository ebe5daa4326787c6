//! The command `spillway`: the pipeline on one machine, and commands for operators.

mod admin;
mod arguments;
mod aws;
mod backends;
mod check;
mod compact;
mod demo;
mod find;
mod forward;
mod key;
mod place;
mod plan;
mod quarantine;
mod receive;
mod redrive;
mod rejected;
mod report;
mod serve;
mod signals;
mod smoke;
mod table;

use std::process::ExitCode;

use clap::Parser as _;
use spillway_local::environment::become_function_if_asked;
use spillway_shared::{config, log};

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    // This program also runs the functions, which need none of the following.
    become_function_if_asked();
    run(Arguments::parse()).unwrap_or_else(|error| {
        eprintln!("spillway: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command.unwrap_or_else(|| Command::Serve(arguments.serve.into())) {
        Command::Serve(serve) => on_runtime(serve::run(*serve)),
        Command::Demo(demo) => on_runtime(demo::run(demo)),
        Command::Backends(backends) => on_runtime(backends::run(backends)),
        Command::Check(check) => check::run(&check),
        Command::Table(table) => table::run(&table),
        Command::Compact(compact) => on_runtime(compact::run(compact)),
        Command::Plan(plan) => plan::run(&plan),
        Command::Key(key) => key::run(&key),
        Command::Find(find) => on_runtime(find::run(find)),
        Command::Forward(forward) => on_runtime(forward::run(forward)),
        Command::Receive(receive) => on_runtime(receive::run(receive)),
        Command::Redrive(redrive) => on_runtime(redrive::run(redrive)),
        Command::Quarantine(quarantine) => on_runtime(quarantine::run(quarantine)),
        Command::Rejected(rejected) => on_runtime(rejected::run(rejected)),
        Command::Smoke(smoke) => on_runtime(smoke::run(smoke)),
    }
}

fn on_runtime(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    log::start(&log_setting);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// The default level is WARN, because the emulators log every step at INFO.
fn log_setting(name: &str) -> Option<String> {
    let quiet = || (name == "AWS_LAMBDA_LOG_LEVEL").then(|| "WARN".to_owned());
    config::process_environment(name).or_else(quiet)
}
