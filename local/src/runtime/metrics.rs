//! The metrics of a function: the sums of what its processes print, as CloudWatch reads them from logs.

use std::collections::BTreeMap;
use std::io::{Write as _, stderr};
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::ChildStdout;

use crate::lock::lock;

/// The member that only lines of metrics have.
const MARK: &str = "_aws";

/// The sums of a function's metrics since this server started. An invocation that was killed printed none.
#[derive(Debug, Default)]
pub struct Metrics {
    sums: Mutex<BTreeMap<String, f64>>,
    is_printed: bool,
}

impl Metrics {
    /// No metrics yet. If `is_printed`, their lines are passed on to standard error, like everything else that a process
    /// prints.
    #[must_use]
    pub fn new(is_printed: bool) -> Self {
        Self { sums: Mutex::default(), is_printed }
    }

    /// The sum of a metric that counts; 0 if it was never printed.
    #[must_use]
    pub fn sum(&self, name: &str) -> u64 {
        let sum = lock(&self.sums).get(name).copied().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count is whole and positive")]
        let count = sum as u64;
        count
    }

    /// Reads what a process prints until it ends.
    pub(super) async fn read(self: Arc<Self>, output: ChildStdout) {
        let mut lines = BufReader::new(output).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let is_metrics = self.add(&line);
            if !is_metrics || self.is_printed {
                // Logs are lost when nobody reads them.
                let _ = stderr().write_all(&[&line, &b"\n"[..]].concat());
            }
        }
    }

    /// Adds a line of metrics; `false` if it is another line.
    fn add(&self, line: &[u8]) -> bool {
        let Ok(members) = serde_json::from_slice::<Map<String, Value>>(line) else { return false };
        if !members.contains_key(MARK) {
            return false;
        }
        let mut sums = lock(&self.sums);
        for (name, value) in &members {
            if let Some(value) = value.as_f64() {
                *sums.entry(name.clone()).or_default() += value;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use spillway_shared::metrics::Forwarded;
    use spillway_shared::metrics::emf::Sink;

    use super::*;

    /// What a function prints for these counts.
    fn printed(counts: &Forwarded) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let sink = Sink::to("forward", file.reopen().unwrap());
        sink.write(SystemTime::UNIX_EPOCH, |line| line.with(counts));
        std::fs::read(file.path()).unwrap()
    }

    #[test]
    fn counts_of_all_lines_are_summed() {
        let metrics = Metrics::default();
        for sent in [2, 3] {
            assert!(metrics.add(&printed(&Forwarded { sent, withheld: 1, ..Forwarded::default() })));
        }
        assert_eq!(["Sent", "Withheld", "Skipped", "Unknown"].map(|name| metrics.sum(name)), [5, 2, 0, 0]);
    }

    #[test]
    fn other_lines_are_not_metrics() {
        let metrics = Metrics::default();
        for line in ["", "a log", "{\"Sent\":1}", "[1]", "{\"_aws\""] {
            assert!(!metrics.add(line.as_bytes()), "{line}");
        }
        assert_eq!(metrics.sum("Sent"), 0);
    }
}
