//! The inside of an environment: this program, started again as one of the functions.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Read};
use std::process;
use std::thread;

use spillway_shared::config::{Lookup, process_environment};

/// The first argument that makes this program a function; the second one says which.
pub const FUNCTION: &str = "function";

type Run = fn(Lookup<'_>) -> Result<(), Box<dyn Error + Send + Sync>>;

/// Runs a function and never returns, if this process was started as one (`spillway function ingest|deliver`).
///
/// The first thing that `main` calls: a function starts without anything that the command line needs.
pub fn become_function_if_asked() {
    let Some(name) = asked_for(std::env::args_os().skip(1)) else { return };
    exit_when_stdin_closes();
    process::exit(run(&name));
}

/// Ends this process as soon as its standard input does: whoever holds the other end is gone, or wants it gone.
///
/// A plain thread, since it must work whatever the function is doing.
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

fn asked_for(mut arguments: impl Iterator<Item = OsString>) -> Option<String> {
    arguments.next().filter(|argument| argument == FUNCTION)?;
    Some(arguments.next().unwrap_or_default().to_string_lossy().into_owned())
}

fn run(name: &str) -> i32 {
    let Some(run) = function(name) else {
        eprintln!("there is no function `{name}`, only `ingest` and `deliver`");
        return 2;
    };
    // What went wrong was logged where it was found.
    i32::from(run(&process_environment).is_err())
}

fn function(name: &str) -> Option<Run> {
    match name {
        "ingest" => Some(spillway_ingest::run),
        "deliver" => Some(spillway_deliver::run),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str]) -> Option<String> {
        asked_for(arguments.iter().map(OsString::from))
    }

    #[test]
    fn only_the_word_function_makes_one() {
        assert_eq!(asked(&["function", "ingest"]).as_deref(), Some("ingest"));
        assert_eq!(asked(&["function"]).as_deref(), Some(""));
        assert_eq!(asked(&["serve", "function"]), None);
        assert_eq!(asked(&[]), None);
    }

    #[test]
    fn both_functions_are_known_and_no_other() {
        assert!(function("ingest").is_some() && function("deliver").is_some());
        assert!(function("").is_none() && function("digest").is_none());
    }
}
