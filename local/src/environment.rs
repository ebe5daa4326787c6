//! Runs this program as one of the functions, which is how environments start their processes.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Read};
use std::process;
use std::thread;

use spillway_shared::config::{Lookup, process_environment};

/// The first argument of a function process; the second one is the name of the function.
pub const FUNCTION: &str = "function";

type Run = fn(Lookup<'_>) -> Result<(), Box<dyn Error + Send + Sync>>;

/// If this process was started as a function (`spillway function ingest|deliver|compact|forward`), runs it and never returns.
///
/// `main` calls this first, so that a function starts without the code of the command line.
pub fn become_function_if_asked() {
    let Some(name) = requested_function(std::env::args_os().skip(1)) else { return };
    exit_when_stdin_closes();
    process::exit(run(&name));
}

/// Exits this process when its standard input closes: its server has ended, or wants it to stop.
///
/// It uses a thread, so that it works also while the function blocks the runtime.
pub fn exit_when_stdin_closes() {
    thread::spawn(|| {
        let mut buffer = [0; 64];
        loop {
            match io::stdin().lock().read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => process::exit(0),
                Ok(_) => {}
            }
        }
    });
}

fn requested_function(mut arguments: impl Iterator<Item = OsString>) -> Option<String> {
    arguments.next().filter(|argument| argument == FUNCTION)?;
    Some(arguments.next().unwrap_or_default().to_string_lossy().into_owned())
}

fn run(name: &str) -> i32 {
    let Some(run) = function(name) else {
        eprintln!("unknown function `{name}`; the functions are `ingest`, `deliver`, `compact` and `forward`");
        return 2;
    };
    // The function has already logged its error.
    i32::from(run(&process_environment).is_err())
}

fn function(name: &str) -> Option<Run> {
    match name {
        "ingest" => Some(spillway_ingest::run),
        "deliver" => Some(spillway_deliver::run),
        "compact" => Some(spillway_compact::run),
        "forward" => Some(spillway_forward::run),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requested(arguments: &[&str]) -> Option<String> {
        requested_function(arguments.iter().map(OsString::from))
    }

    #[test]
    fn only_the_first_argument_function_starts_one() {
        assert_eq!(requested(&["function", "ingest"]).as_deref(), Some("ingest"));
        assert_eq!(requested(&["function"]).as_deref(), Some(""));
        assert_eq!(requested(&["serve", "function"]), None);
        assert_eq!(requested(&[]), None);
    }

    #[test]
    fn the_functions_are_ingest_deliver_compact_and_forward() {
        assert!(["ingest", "deliver", "compact", "forward"].iter().all(|name| function(name).is_some()));
        assert!(function("").is_none() && function("digest").is_none());
    }
}
