//! The ingest function as Lambda starts it.

use std::process::ExitCode;

use spillway_shared::config::process_environment;

fn main() -> ExitCode {
    // `run` has logged the error.
    spillway_ingest::run(&process_environment).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}
