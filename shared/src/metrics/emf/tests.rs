use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::metrics::{Delivered, Ingested, Taken};

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

fn written(fill: impl FnOnce(Line) -> Line) -> Value {
    let written = Written::default();
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_286_340_123);
    Sink::to("spillway-ingest", written.clone()).write(at, fill);
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert_eq!((text.lines().count(), text.ends_with('\n')), (1, true), "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_unit_of_work_is_one_line_of_the_embedded_metric_format() {
    let taken = Taken { accepted: 7, rejected: 5, kept: 4, violations: 6, withheld: 2, repaired: 3 };
    let line = written(|line| line.with_stream("clicks", &taken));
    let expected = json!({
        "_aws": {
            "Timestamp": 1_795_286_340_123_u64,
            "CloudWatchMetrics": [{
                "Namespace": "Spillway",
                "Dimensions": [["Function"], ["Function", "Stream"]],
                "Metrics": [
                    {"Name": "Accepted", "Unit": "Count"},
                    {"Name": "Rejected", "Unit": "Count"},
                    {"Name": "Kept", "Unit": "Count"},
                    {"Name": "Violations", "Unit": "Count"},
                    {"Name": "Withheld", "Unit": "Count"},
                    {"Name": "Repaired", "Unit": "Count"},
                ],
            }],
        },
        "Function": "spillway-ingest", "Stream": "clicks", "Accepted": 7.0, "Rejected": 5.0, "Kept": 4.0,
        "Violations": 6.0, "Withheld": 2.0, "Repaired": 3.0,
    });
    assert_eq!(line, expected);
}

#[test]
fn every_metric_and_dimension_that_a_line_defines_has_a_value() {
    let line = written(|line| line.with(&Ingested::default()).with_stream("clicks", &Taken::default()));
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        for definition in directive["Metrics"].as_array().unwrap() {
            assert!(line[definition["Name"].as_str().unwrap()].is_number(), "{definition}");
        }
        for dimension in directive["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap()) {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{dimension}");
        }
    }
}

#[test]
fn a_missing_value_is_not_written() {
    let without = written(|line| line.with(&Delivered::default()));
    assert_eq!((&without["LagSeconds"], &without["Messages"]), (&Value::Null, &json!(0.0)));
    assert!(!without["_aws"].to_string().contains("LagSeconds"));
    let lag = Some(Duration::from_millis(1_500));
    assert_eq!(written(|line| line.with(&Delivered { lag, ..Delivered::default() }))["LagSeconds"], 1.5);
}

#[test]
fn a_sink_to_nowhere_builds_no_line() {
    Sink::none().write(SystemTime::now(), |_| panic!("must not be called"));
    assert!(!Sink::none().is_on());
}

#[test]
fn metrics_are_written_unless_the_variable_is_none() {
    let read = |value: Option<&'static str>| {
        let lookup = move |name: &str| match name {
            "METRICS" => value.map(str::to_owned),
            "AWS_LAMBDA_FUNCTION_NAME" => Some("f".to_owned()),
            _ => None,
        };
        let mut reader = Reader::new(&lookup);
        let settings = Settings::read(&mut reader);
        reader.finish(settings).map_err(|errors| errors.to_string())
    };
    assert_eq!(read(None), Ok(Settings(Some("f".to_owned()))));
    assert_eq!(read(Some("none")), Ok(Settings(None)));
    assert!(read(Some("statsd")).unwrap_err().starts_with("METRICS: "));
}
