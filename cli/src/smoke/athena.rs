//! One query through Athena, with the command `aws`: the crate of the SDK would add 24 s to a first build.

use std::process::{Command, Output};
use std::str::FromStr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::STREAM;
use super::answer::Judged;
use super::payload::Run;
use super::stored::Hours;
use super::table::Table;

const PAUSE: Duration = Duration::from_secs(1);
const CHECK: &str = "count through Athena";

/// A table and its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableName {
    database: String,
    table: String,
}

/// How to query.
#[derive(Debug)]
pub(super) struct Athena<'a> {
    pub(super) name: &'a TableName,
    pub(super) work_group: &'a str,
    /// How long the query may take.
    pub(super) wait: Duration,
}

impl FromStr for TableName {
    type Err = String;

    /// Names of letters, digits and underscores need no quotes in a query.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match text.split_once('.') {
            Some((database, table)) if is_name(database) && is_name(table) => {
                Ok(Self { database: database.to_owned(), table: table.to_owned() })
            }
            _ => Err("must be DATABASE.TABLE, such as spillway.lines".to_owned()),
        }
    }
}

impl Athena<'_> {
    /// Adds a line: whether Athena finds every record id.
    pub(super) fn count(&self, run: &Run, hours: &Hours, judged: &[Judged], table: &mut Table) {
        let ids: std::collections::BTreeSet<_> = judged.iter().flat_map(Judged::ids).collect();
        let expected = format!("{} record ids", ids.len());
        let got = self.query(&query(&self.name.table, &run.marker(), &hours.days()));
        let got = got.map(|count| format!("{count} record ids")).map_err(|error| format!("{error:#}"));
        let same = got.and_then(|got| if got == expected { Ok(got) } else { Err(got) });
        table.judge(CHECK, &expected, same);
    }

    /// Runs a query of one number.
    fn query(&self, sql: &str) -> anyhow::Result<u64> {
        let database = format!("Database={}", self.name.database);
        let start = ["start-query-execution", "--work-group", self.work_group, "--query-execution-context", &database];
        let started = aws(&[&start[..], &["--query-string", sql]].concat())?;
        let id = started["QueryExecutionId"].as_str().context("Athena names no query")?;
        self.wait_for(id)?;
        number(&aws(&["get-query-results", "--query-execution-id", id])?)
    }

    fn wait_for(&self, id: &str) -> anyhow::Result<()> {
        let end = Instant::now() + self.wait;
        loop {
            let status = &aws(&["get-query-execution", "--query-execution-id", id])?["QueryExecution"]["Status"];
            match status["State"].as_str() {
                Some("SUCCEEDED") => return Ok(()),
                Some("QUEUED" | "RUNNING") => {}
                _ => bail!("the query failed: {}", status["StateChangeReason"].as_str().unwrap_or("no reason")),
            }
            ensure!(Instant::now() < end, "the query still runs");
            sleep(PAUSE);
        }
    }
}

/// Counts the record ids of a run. It reads no JSON, because payloads have numbers that some readers refuse.
fn query(table: &str, marker: &str, [first, last]: &[String; 2]) -> String {
    format!(
        "SELECT count(DISTINCT substr(line, 1, strpos(line, ','))) FROM {table} WHERE stream = '{STREAM}' \
         AND dt BETWEEN '{first}' AND '{last}' AND strpos(line, '{marker}') > 0"
    )
}

/// The number in the second row; the first row has the names of the columns.
fn number(results: &Value) -> anyhow::Result<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Datum {
        var_char_value: String,
    }
    let datum = &results["ResultSet"]["Rows"][1]["Data"][0];
    let datum = Datum::deserialize(datum).context("Athena gave no result")?;
    datum.var_char_value.parse().context("Athena gave no number")
}

/// The output of `aws athena`. It blocks, because nothing else runs meanwhile.
fn aws(arguments: &[&str]) -> anyhow::Result<Value> {
    let mut command = Command::new("aws");
    command.arg("athena").args(arguments).args(["--output", "json"]);
    let Output { status, stdout, stderr } = command.output().context("the command aws cannot be run; install it")?;
    ensure!(status.success(), "aws athena {}: {}", arguments[0], String::from_utf8_lossy(&stderr).trim());
    serde_json::from_slice(&stdout).with_context(|| format!("aws athena {} prints no JSON", arguments[0]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_a_database() {
        let name = TableName { database: "spillway".to_owned(), table: "lines".to_owned() };
        assert_eq!("spillway.lines".parse(), Ok(name));
        for text in ["lines", ".lines", "a.b.c", "a.b;", "a.", "a b.c"] {
            assert!(text.parse::<TableName>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_result_is_in_the_second_row() {
        let row = |value: &str| json!({"Data": [{"VarCharValue": value}]});
        assert_eq!(number(&json!({"ResultSet": {"Rows": [row("_col0"), row("40")]}})).unwrap(), 40);
        assert!(number(&json!({"ResultSet": {"Rows": [row("_col0")]}})).is_err());
        assert!(number(&json!({"ResultSet": {"Rows": [row("_col0"), row("many")]}})).is_err());
    }
}
