//! The machine and its processes, as Linux reports them in `/proc`.

use std::fs;
use std::thread::available_parallelism;
use std::time::Duration;

/// Clock ticks per second, in which `/proc` counts CPU time; Linux fixes this number for user space.
const TICKS: f64 = 100.0;

/// The processor's name, the number of cores and the kernel.
pub(crate) fn name() -> String {
    let (processors, kernel) = (read("/proc/cpuinfo"), read("/proc/sys/kernel/osrelease"));
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    let cores = available_parallelism().map_or(0, usize::from);
    format!("{cores} × {}, Linux {}", model.trim_start_matches([' ', '\t', ':']), kernel.trim())
}

/// The load average of the last minute.
pub(crate) fn load_average() -> f64 {
    read("/proc/loadavg").split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}

/// CPU seconds of all processes so far, including time that the hypervisor took away.
pub(crate) fn cpu_seconds() -> f64 {
    let text = read("/proc/stat");
    let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    // user nice system idle iowait irq softirq steal; user includes the fields after these.
    let busy = fields.take(8).enumerate().filter(|(at, _)| !matches!(at, 3 | 4));
    busy.filter_map(|(_, ticks)| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// CPU seconds (user and system) of some processes so far; an ended process counts as 0.
pub(crate) fn cpu_seconds_of(pids: &[u32]) -> f64 {
    pids.iter().filter_map(|pid| ticks(*pid)).sum::<f64>() / TICKS
}

/// The time that this thread has run on a processor; time that the scheduler gave to others does not count.
pub(crate) fn thread_cpu() -> Duration {
    let nanos = read("/proc/thread-self/schedstat").split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// The sum of the maximum resident memory of some processes, in bytes.
pub(crate) fn peak_bytes(pids: &[u32]) -> u64 {
    pids.iter().filter_map(|pid| peak(*pid)).sum()
}

fn ticks(pid: u32) -> Option<f64> {
    let stat = read(&format!("/proc/{pid}/stat"));
    // The name in parentheses may contain spaces; utime and stime are the 14th and 15th field.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?)
}

fn peak(pid: u32) -> Option<u64> {
    let status = read(&format!("/proc/{pid}/status"));
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1_024)
}

/// The text of a file; empty if the file cannot be read.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
