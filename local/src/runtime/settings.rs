//! What a function is made of.

use std::path::PathBuf;
use std::time::Duration;

use crate::account::{ACCOUNT, REGION};
use crate::faults::ProcessFaults;

/// What runs a function, with how much of everything.
#[derive(Debug, Clone)]
pub struct FunctionSettings {
    /// The function's name, as it appears in logs and in its ARN.
    pub name: String,
    /// The program that is the function.
    pub program: PathBuf,
    /// The program's arguments.
    pub args: Vec<String>,
    /// The function's own environment variables; they win over those that Lambda sets.
    pub variables: Vec<(String, String)>,
    /// How many environments (processes) there are, always.
    pub environments: usize,
    /// How many invocations one environment takes at once; above 1 it is told so by `AWS_LAMBDA_MAX_CONCURRENCY`.
    pub concurrency: usize,
    /// How long one invocation may run before its environment is killed.
    pub timeout: Duration,
    /// The memory that the function is told to have, in MB. It is not handed more events at once than fit into it; nothing
    /// else enforces it.
    pub memory_mb: u32,
    /// How many invocations may wait for an environment.
    pub longest_queue: usize,
    /// How long an invocation may wait for an environment.
    pub longest_wait: Duration,
    /// How long a process may take to ask for its first event (10 s on Lambda).
    pub longest_start: Duration,
    /// How long a process may take to end after its standard input was closed.
    pub stop_grace: Duration,
    /// What happens to its processes on purpose.
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
            longest_queue: 10_000,
            longest_wait: Duration::from_secs(5),
            longest_start: Duration::from_secs(10),
            stop_grace: Duration::from_secs(2),
            faults: ProcessFaults::default(),
        }
    }

    /// How many bytes of events one process may have at once. Each event is there several times while it is read, as
    /// bytes, as text and as what is made of it, and so an eighth of the memory is all that can be held of them.
    pub(super) fn event_bytes(&self) -> usize {
        (self.memory_mb as usize) << 17
    }

    /// The name by which an invocation knows the function.
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", self.name)
    }
}
