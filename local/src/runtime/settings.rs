//! The settings of a function.

use std::path::PathBuf;
use std::time::Duration;

use crate::account::{ACCOUNT, REGION};
use crate::faults::{Faults, ProcessFaults};

/// The program, environment and limits of a function.
#[derive(Debug, Clone)]
pub struct FunctionSettings {
    /// The name, as in logs and in the ARN.
    pub name: String,
    /// The program that runs the function.
    pub program: PathBuf,
    /// The program's arguments.
    pub args: Vec<String>,
    /// The environment variables of the function. They replace those that Lambda sets.
    pub variables: Vec<(String, String)>,
    /// The constant number of environments (processes).
    pub environments: usize,
    /// The number of concurrent invocations of one environment; above 1 it is passed as `AWS_LAMBDA_MAX_CONCURRENCY`.
    pub concurrency: usize,
    /// The maximum duration of one invocation, after which its environment is killed.
    pub timeout: Duration,
    /// The memory of the function in MB, as `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`. It bounds the events that a process gets
    /// concurrently, and nothing else.
    pub memory_mb: u32,
    /// The maximum number of invocations that wait for an environment.
    pub max_waiting: usize,
    /// The maximum time that an invocation waits for an environment.
    pub max_wait: Duration,
    /// The maximum time from the start of a process to its first request for an event (10 s on Lambda).
    pub init_timeout: Duration,
    /// The maximum time that a process takes to exit after its standard input was closed; then it is killed.
    pub grace_period: Duration,
    /// Whether the lines of metrics that its processes print go to standard error, like everything else that they print.
    pub prints_metrics: bool,
    /// The faults that are injected into its processes.
    pub faults: ProcessFaults,
}

impl FunctionSettings {
    /// One environment that takes one invocation at a time, with Lambda's defaults: 3 s, 128 MB.
    #[must_use]
    pub fn new(name: impl Into<String>, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            program: program.into(),
            args: Vec::new(),
            variables: Vec::new(),
            environments: 1,
            concurrency: 1,
            timeout: Duration::from_secs(3),
            memory_mb: 128,
            max_waiting: 10_000,
            max_wait: Duration::from_secs(5),
            init_timeout: Duration::from_secs(10),
            grace_period: Duration::from_secs(2),
            prints_metrics: true,
            faults: ProcessFaults::of_ingest(Faults::default()),
        }
    }

    /// The maximum number of bytes of events in one process: an eighth of its memory, because a process that reads an event
    /// holds it as bytes, as text and as parsed data.
    pub(super) fn event_bytes(&self) -> usize {
        (self.memory_mb as usize) << 17
    }

    /// The ARN that invocations contain.
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", self.name)
    }
}
