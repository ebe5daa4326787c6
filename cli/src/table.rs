//! `spillway table`: prints the definitions of tables for the programs that read them.

mod glue;
pub(crate) mod locks;
mod names;
mod sql;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use spillway_compact::table::{Table, Tables, load_all};
use spillway_shared::prefixes::LAKE;
use spillway_shared::stream::StreamName;

use crate::arguments::{self, Engine};
use crate::report::say;

/// Prints the definitions of one table or of all.
pub(crate) fn run(arguments: &arguments::Table) -> anyhow::Result<ExitCode> {
    let tables = load_all(&arguments.config)?;
    names::check(tables.keys())?;
    let tables = chosen(tables, arguments)?;
    if arguments.cloudformation {
        say!("{}", glue::resources(&tables));
        return Ok(ExitCode::SUCCESS);
    }
    let engines = arguments.engine.map_or(vec![Engine::Duckdb, Engine::Spark, Engine::Athena], |engine| vec![engine]);
    for (stream, table) in &tables {
        for engine in &engines {
            say!("{}\n", sql::definition(*engine, stream, table, &arguments.bucket));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn chosen(mut tables: Tables, arguments: &arguments::Table) -> anyhow::Result<Tables> {
    let folder = arguments.config.join("tables");
    let Some(name) = &arguments.stream else {
        if tables.is_empty() {
            bail!("{} has no table; `spillway check --update-tables` writes them", folder.display());
        }
        return Ok(tables);
    };
    let entry = tables.remove_entry(name.as_str());
    let entry = entry.with_context(|| {
        format!("{} has no table of a stream `{name}`; `spillway check --update-tables` writes it", folder.display())
    })?;
    Ok(Tables::from([entry]))
}

/// The folder of a table's files inside the bucket.
fn folder_of(stream: &StreamName, table: &Table) -> String {
    format!("{LAKE}stream={stream}/v={}/", table.version)
}
