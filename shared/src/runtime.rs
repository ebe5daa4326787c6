//! The asynchronous runtime of a function: one thread for each processor that Lambda provides.

use std::io;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

use crate::config::{Lookup, Reader};

/// A function has one processor for this many MB of memory (AWS Lambda developer guide, "Configure Lambda function
/// memory").
const MB_PER_PROCESSOR: usize = 1_769;

/// A runtime for a function with `AWS_LAMBDA_FUNCTION_MEMORY_SIZE` MB of memory.
///
/// With less than two processors everything runs on one thread, because switching threads would cost more than it
/// gains.
///
/// # Errors
/// The process does not run on Lambda, or the operating system refuses resources.
pub fn of_function(lookup: Lookup<'_>) -> io::Result<Runtime> {
    if lookup("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err(io::Error::other(
            "AWS_LAMBDA_RUNTIME_API is not set: functions run on Lambda; use `cargo run` to start them locally",
        ));
    }
    match threads(lookup) {
        1 => Builder::new_current_thread().enable_all().build(),
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}

fn threads(lookup: Lookup<'_>) -> usize {
    let memory =
        Reader::new(lookup).text("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|text| text.parse::<usize>().ok());
    let processors = memory.unwrap_or_default() / MB_PER_PROCESSOR;
    processors.clamp(1, available_parallelism().map_or(1, usize::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_of_lambda_a_function_does_not_start() {
        let error = of_function(&|_| None).unwrap_err();
        assert!(error.to_string().starts_with("AWS_LAMBDA_RUNTIME_API is not set"), "{error}");
    }

    #[test]
    fn a_small_function_has_one_thread_and_a_large_one_at_most_one_per_processor() {
        let of = |text: &str| threads(&|name| (name == "AWS_LAMBDA_FUNCTION_MEMORY_SIZE").then(|| text.to_owned()));
        assert_eq!((of("256"), of("1769"), of("3000"), of("nonsense")), (1, 1, 1, 1));
        assert_eq!(of("10240000"), available_parallelism().map_or(1, usize::from));
    }
}
