//! A query of DuckDB over a distant S3: a filter on one field, and the average of another.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::json;

use super::data::{Layout, Set};
use super::s3::S3;
use crate::messages;

/// DuckDB and its extension for S3, of the same version.
const PACKAGES: [&str; 2] = ["duckdb==1.5.5", "duckdb-extension-httpfs==1.5.5"];
const ENVIRONMENT: &str = "target/venv-lake";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lake/query.py");

/// The source of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Lines(Layout),
    Table,
}

/// A query's median, and what it read.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Answer {
    pub(crate) rows: u64,
    pub(crate) seconds: f64,
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
    /// The average, which all sources agree on.
    average: f64,
}

impl Source {
    pub(crate) const ALL: [Self; 4] =
        [Self::Lines(Layout::Small), Self::Lines(Layout::Zstd), Self::Lines(Layout::Gzip), Self::Table];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lines(Layout::Small) => "lines, zst, objects of 5 s",
            Self::Lines(Layout::Zstd) => "lines, zst, full load",
            Self::Lines(Layout::Gzip) => "lines, gz, full load",
            Self::Table => "table",
        }
    }

    /// What the query selects from. DuckDB parses only the declared members of lines.
    fn sql(self, set: Set) -> String {
        let place = |kind: &str, version: &str, bucket: String| {
            format!("'s3://{bucket}/{kind}/stream={}/{version}dt=2026-11-21/hour=18/*", messages::stream())
        };
        match self {
            Self::Table => format!("read_parquet({}.parquet')", place("lake", "v=1/", set.bucket(Layout::Zstd))),
            Self::Lines(layout) => format!(
                "read_json({}.ndjson.{}', format = 'newline_delimited', columns = \
                 {{payload: 'STRUCT(temperature_c DOUBLE, network STRUCT(\"type\" VARCHAR))'}})",
                place("records", "", set.bucket(layout)),
                layout.ending()
            ),
        }
    }
}

/// Installs DuckDB and its extension, unless they are there.
pub(crate) fn prepare() -> anyhow::Result<()> {
    let status = Command::new(".ci/environment").arg(ENVIRONMENT).args(PACKAGES).status();
    ensure!(status.context("run this in the root of the repository")?.success(), "DuckDB could not be installed");
    Ok(())
}

/// Runs the query on every source of a set.
pub(crate) fn run(s3: &S3, set: Set) -> anyhow::Result<Vec<Answer>> {
    let sources = Source::ALL.map(|source| source.sql(set));
    let python = Path::new(ENVIRONMENT).join("bin/python");
    let output = Command::new(python).arg(SCRIPT).arg(&s3.endpoint).arg(json!(sources).to_string()).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<Answer> = serde_json::from_slice(&output.stdout)?;
    let agree = |pair: &[Answer]| pair[0].rows == pair[1].rows && (pair[0].average - pair[1].average).abs() < 1e-6;
    ensure!(answers.windows(2).all(agree), "the sources do not agree: {answers:?}");
    Ok(answers)
}
