//! The Lambda function `compact`.

use std::process::ExitCode;

use spillway_shared::config::process_environment;

fn main() -> ExitCode {
    match spillway_compact::run(&process_environment) {
        Ok(()) => ExitCode::SUCCESS,
        // It is logged already.
        Err(_) => ExitCode::FAILURE,
    }
}
