//! What the kernel says of a process.

use std::fs;

/// Clock ticks a second, as `/proc` counts CPU time; fixed by Linux's interface to user space.
const TICKS: f64 = 100.0;

/// CPU seconds (user and system) of processes so far; one that is gone counts nothing.
pub(crate) fn cpu_seconds(pids: &[u32]) -> f64 {
    pids.iter().filter_map(|pid| ticks(*pid)).sum::<f64>() / TICKS
}

/// The largest resident memory that processes had, added up, in bytes.
pub(crate) fn peak_bytes(pids: &[u32]) -> u64 {
    pids.iter().filter_map(|pid| memory(*pid, "VmHWM:")).sum()
}

fn ticks(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces; utime and stime are the 14th and 15th field.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?)
}

fn memory(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1_024)
}
