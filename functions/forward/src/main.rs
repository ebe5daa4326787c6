//! The Lambda function `forward`.

use std::process::ExitCode;

use spillway_shared::config::process_environment;

fn main() -> ExitCode {
    match spillway_forward::run(&process_environment) {
        Ok(()) => ExitCode::SUCCESS,
        // It is logged already.
        Err(_) => ExitCode::FAILURE,
    }
}
