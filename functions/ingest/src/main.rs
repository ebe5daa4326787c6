//! The ingest function as Lambda starts it.

use std::process::ExitCode;

use spillway_shared::config::process_environment;

fn main() -> ExitCode {
    // What went wrong was logged where it was found.
    spillway_ingest::run(&process_environment).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}
