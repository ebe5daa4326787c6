//! CloudWatch's embedded metric format: a JSON log line from which CloudWatch extracts metrics.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
//!
//! awslabs' `metrique` is not used: it would add 30 crates (histograms, queues, sinks, a clock, macros) to write one
//! JSON object in ten seconds, and the template's test could not list the names of the metrics.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::{FUNCTION, Measured, Metric, NAMESPACE, STREAM};
use crate::config::Reader;

/// The variable that selects the format: `emf` (the default) or `none`.
pub const METRICS: &str = "METRICS";
/// The variable with the function's name, which Lambda sets.
pub const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// Whether metrics are written, and for which function.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings(Option<String>);

/// The destination of metrics.
pub struct Sink(Option<Open>);

struct Open {
    function: String,
    writer: Mutex<Box<dyn Write + Send>>,
}

/// One line of metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    members: Map<String, Value>,
    directives: Vec<Value>,
    at: SystemTime,
}

impl Settings {
    /// Reads [`METRICS`] and [`FUNCTION_NAME`].
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let is_on = reader.choice(METRICS, &[("emf", true), ("none", false)]);
        Self(is_on.then(|| reader.text(FUNCTION_NAME).unwrap_or_else(|| "unknown".to_owned())))
    }
}

impl Sink {
    /// Standard output, which Lambda sends to CloudWatch, or nowhere, depending on `settings`.
    #[must_use]
    pub fn stdout(settings: &Settings) -> Self {
        match &settings.0 {
            Some(function) => Self::to(function, io::stdout()),
            None => Self::none(),
        }
    }

    /// Any writer, for the function of this name.
    pub fn to(function: &str, writer: impl Write + Send + 'static) -> Self {
        Self(Some(Open { function: function.to_owned(), writer: Mutex::new(Box::new(writer)) }))
    }

    /// Nowhere.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Whether lines are written. If not, counting is unnecessary.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Writes a line that `fill` completes, with the time `at`.
    ///
    /// A line that cannot be written is dropped without an error, because a lost metric must not fail a request.
    pub fn write(&self, at: SystemTime, fill: impl FnOnce(Line) -> Line) {
        let Some(open) = &self.0 else { return };
        let mut text = fill(Line::new(&open.function, at)).to_string();
        text.push('\n');
        let mut writer = open.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writer.write_all(text.as_bytes()).and_then(|()| writer.flush());
    }
}

impl Line {
    fn new(function: &str, at: SystemTime) -> Self {
        let members = Map::from_iter([(FUNCTION.to_owned(), function.into())]);
        Self { members, directives: Vec::new(), at }
    }

    /// Adds metrics by function.
    #[must_use]
    pub fn with<M: Measured>(mut self, measured: &M) -> Self {
        self.add(measured, &json!([[FUNCTION]]));
        self
    }

    /// Adds metrics of one stream: by function, and by function and stream. A line can have only one stream.
    #[must_use]
    pub fn with_stream<M: Measured>(mut self, stream: &str, measured: &M) -> Self {
        self.members.insert(STREAM.to_owned(), stream.into());
        self.add(measured, &json!([[FUNCTION], [FUNCTION, STREAM]]));
        self
    }

    fn add<M: Measured>(&mut self, measured: &M, dimensions: &Value) {
        let mut definitions = Vec::new();
        for (Metric { name, unit }, value) in M::METRICS.iter().zip(measured.values()) {
            if let Some(value) = value {
                definitions.push(json!({"Name": name, "Unit": unit}));
                self.members.insert((*name).to_owned(), value.into());
            }
        }
        self.directives.push(json!({"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": definitions}));
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut line = Map::new();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        line.insert("_aws".to_owned(), json!({"Timestamp": millis, "CloudWatchMetrics": self.directives}));
        line.extend(self.members.clone());
        write!(f, "{}", Value::Object(line))
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sink").field(&self.0.as_ref().map(|open| &open.function)).finish()
    }
}

#[cfg(test)]
mod tests;
