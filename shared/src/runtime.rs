//! The asynchronous runtime of a function: as many threads as Lambda gives it processors.

use std::io;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

use crate::config::{Lookup, Reader};

/// A function has one processor for so many MB of memory (AWS Lambda's documentation, "Configure memory").
const MB_A_PROCESSOR: usize = 1_769;

/// A runtime for a function with the memory that `AWS_LAMBDA_FUNCTION_MEMORY_SIZE` names.
///
/// With less than two processors everything runs on one thread: handing work to another would cost more than it wins.
///
/// # Errors
/// That this is not Lambda, where nobody would ever invoke the function; or what the operating system says.
pub fn of_function(lookup: Lookup<'_>) -> io::Result<Runtime> {
    if lookup("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err(io::Error::other(
            "AWS_LAMBDA_RUNTIME_API is not set: functions run on Lambda; at your desk `cargo run` starts them with all they need",
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
    let processors = memory.unwrap_or_default() / MB_A_PROCESSOR;
    processors.clamp(1, available_parallelism().map_or(1, usize::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_would_invoke_it_a_function_says_so() {
        let error = of_function(&|_| None).unwrap_err();
        assert!(error.to_string().starts_with("AWS_LAMBDA_RUNTIME_API is not set"), "{error}");
    }

    #[test]
    fn a_small_function_has_one_thread_and_none_has_more_than_there_are_processors() {
        let of = |text: &str| threads(&|name| (name == "AWS_LAMBDA_FUNCTION_MEMORY_SIZE").then(|| text.to_owned()));
        assert_eq!((of("256"), of("1769"), of("3000"), of("nonsense")), (1, 1, 1, 1));
        assert_eq!(of("10240000"), available_parallelism().map_or(1, usize::from));
    }
}
