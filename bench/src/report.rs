//! What a measurement hands on: tables on standard output, and SVG, Markdown and JSON under `target/bench/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::json;
use spillway_shared::config::process_environment;
use spillway_shared::hour::timestamp;

use crate::machine;
use crate::plot::Plot;
use crate::table::Table;

/// Where everything goes.
const FOLDER: &str = "target/bench";

/// The tables and plots of one measurement.
#[derive(Debug)]
pub(crate) struct Report {
    name: String,
    notes: Vec<String>,
    tables: Vec<Table>,
    plots: Vec<(String, Plot)>,
}

impl Report {
    /// An empty report that notes when and on what machine it began, and how busy that was.
    pub(crate) fn new(name: &str) -> Self {
        let build = if cfg!(debug_assertions) { "debug build: the figures say nothing" } else { "release build" };
        let (machine, load) = (machine::name(), machine::load_average());
        let note =
            format!("{name}: {machine}, {}, load average before {load:.2}, {build}", timestamp(SystemTime::now()));
        let notes = [note].into_iter().chain(variables()).collect();
        Self { name: name.to_owned(), notes, tables: Vec::new(), plots: Vec::new() }
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// Adds a plot; the first one gets the measurement's name, further ones need one of their own after it.
    pub(crate) fn plot(&mut self, suffix: &str, plot: Plot) {
        self.plots.push((format!("{}{suffix}", self.name), plot));
    }

    /// Prints and writes everything.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let folder = PathBuf::from(FOLDER);
        fs::create_dir_all(&folder)?;
        let text = self.text();
        println!("{text}");
        fs::write(folder.join(format!("{}.md", self.name)), text)?;
        let tables: Vec<_> = self.tables.iter().map(Table::json).collect();
        let json = json!({"name": self.name, "notes": self.notes, "tables": tables});
        fs::write(folder.join(format!("{}.json", self.name)), serde_json::to_vec_pretty(&json)?)?;
        self.draw(&folder)
    }

    fn text(&self) -> String {
        let parts = self.notes.iter().cloned().chain(self.tables.iter().map(ToString::to_string));
        parts.map(|part| part.trim_end().to_owned() + "\n\n").collect()
    }

    fn draw(&self, folder: &Path) -> anyhow::Result<()> {
        for (name, plot) in &self.plots {
            let path = folder.join(format!("{name}.svg"));
            plot.draw(&path)?;
            println!("{}", path.display());
        }
        Ok(())
    }
}

/// What the environment sets of the functions' own variables: it is passed on to them.
fn variables() -> Option<String> {
    let numbers = spillway_ingest::config::NUMBERS.iter().chain(&spillway_deliver::config::NUMBERS);
    let names: BTreeSet<_> = numbers.map(|number| number.name).chain(["COMPRESSION"]).collect();
    let set = names.into_iter().filter_map(|name| Some(format!("{name}={}", process_environment(name)?)));
    let set: Vec<_> = set.collect();
    (!set.is_empty()).then(|| format!("Variables of the functions: {}.", set.join(", ")))
}
