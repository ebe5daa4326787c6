use std::io::{self, Write};
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The calls of a process and the lines that it wrote.
#[derive(Default)]
struct Process {
    written: Written,
    calls: Calls,
}

impl Process {
    fn metrics(&self) -> Metrics {
        Metrics::new(Sink::to("f", self.written.clone()))
    }

    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.written.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_286_340 + seconds)
}

fn stream(name: &str) -> StreamName {
    StreamName::parse(name).unwrap()
}

fn outcomes(accepted: usize, rejected: usize, withheld: usize) -> Outcomes {
    Outcomes { accepted, withheld, rejected, ..Outcomes::default() }
}

#[test]
fn the_first_request_is_written_immediately_and_later_ones_every_ten_seconds() {
    let process = Process::default();
    let metrics = process.metrics();
    for second in [0, 1, 9, 10, 11] {
        metrics.answered(200, false, &process.calls, at(second));
    }
    let requests: Vec<_> = process.lines().iter().map(|line| line["Requests"].clone()).collect();
    assert_eq!(requests, [json!(1.0), json!(3.0)]);
}

#[test]
fn a_thousand_requests_are_written_at_any_rate() {
    let process = Process::default();
    let metrics = process.metrics();
    (0..2_002).for_each(|_| metrics.answered(200, false, &process.calls, at(0)));
    let requests: Vec<_> = process.lines().iter().map(|line| line["Requests"].clone()).collect();
    assert_eq!(requests, [json!(1.0), json!(1000.0), json!(1000.0)]);
}

#[test]
fn the_remaining_counts_are_written_once() {
    let process = Process::default();
    let metrics = process.metrics();
    metrics.answered(200, false, &process.calls, at(0));
    metrics.flush(&process.calls, at(1));
    metrics.answered(401, false, &process.calls, at(2));
    metrics.flush(&process.calls, at(3));
    let statuses: Vec<_> = process.lines().iter().map(|line| json!([line["Status2xx"], line["Status4xx"]])).collect();
    assert_eq!(statuses, [json!([1.0, 0.0]), json!([0.0, 1.0])]);
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_the_lines() {
    let process = Process::default();
    let metrics = process.metrics();
    metrics.answered(200, false, &process.calls, at(10_000));
    metrics.answered(200, false, &process.calls, at(0));
    assert_eq!(process.lines().len(), 2);
}

#[test]
fn each_stream_beyond_the_first_has_a_separate_line() {
    let process = Process::default();
    let metrics = process.metrics();
    metrics.payloads(&stream("clicks"), &outcomes(1, 0, 0));
    metrics.answered(200, false, &process.calls, at(0));
    metrics.payloads(&stream("clicks"), &outcomes(2, 1, 0));
    metrics.payloads(&stream("clicks"), &outcomes(3, 0, 1));
    metrics.payloads(&stream("telemetry"), &outcomes(5, 0, 0));
    metrics.flush(&process.calls, at(1));
    metrics.answered(503, true, &process.calls, at(2));
    metrics.flush(&process.calls, at(3));

    let lines = process.lines();
    let outcomes = |line: &Value| json!([line["Stream"], line["Accepted"], line["Rejected"], line["Withheld"]]);
    assert_eq!(outcomes(&lines[0]), json!(["clicks", 1.0, 0.0, 0.0]));
    assert_eq!(outcomes(&lines[1]), json!(["clicks", 5.0, 1.0, 1.0]));
    assert_eq!((outcomes(&lines[2]), &lines[2]["Requests"]), (json!(["telemetry", 5.0, 0.0, 0.0]), &Value::Null));
    assert_eq!((outcomes(&lines[3]), lines.len()), (json!([null, null, null, null]), 4));
}

#[test]
fn calls_are_counted_once_with_their_billed_units() {
    let process = Process::default();
    let metrics = process.metrics();
    for (bytes, is_retry) in [(0, false), (65_536, true), (65_537, false)] {
        process.calls.count(bytes, is_retry);
    }
    metrics.answered(503, true, &process.calls, at(0));
    metrics.answered(200, false, &process.calls, at(20));
    let calls = |line: &Value| json!([line["QueueCalls"], line["QueueCallUnits"], line["QueueRetries"]]);
    let lines = process.lines();
    assert_eq!((calls(&lines[0]), &lines[0]["QueueFull"]), (json!([3.0, 4.0, 1.0]), &json!(1.0)));
    assert_eq!((calls(&lines[1]), &lines[1]["Status5xx"]), (json!([0.0, 0.0, 0.0]), &json!(0.0)));
}

#[test]
fn without_a_sink_nothing_is_counted() {
    let metrics = Metrics::new(Sink::none());
    metrics.payloads(&stream("clicks"), &outcomes(1, 0, 0));
    metrics.answered(200, false, &Calls::default(), at(0));
    let left = metrics.window().take(at(0));
    assert_eq!((left.taken.len(), left.ingested), (0, Ingested::default()));
}
