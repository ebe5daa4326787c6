//! The results of a measurement: tables on standard output, and SVG, Markdown and JSON under `target/bench/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde_json::json;
use spillway_shared::config::process_environment;
use spillway_shared::hour::timestamp;

use crate::machine;
use crate::plot::Plot;
use crate::table::Table;

/// The folder of all results.
pub(crate) const FOLDER: &str = "target/bench";

/// The notes, tables and plots of one measurement.
#[derive(Debug)]
pub(crate) struct Report {
    name: String,
    pub(crate) notes: Vec<String>,
    pub(crate) tables: Vec<Table>,
    /// Each plot with the end of its file's name, after the name of the measurement.
    pub(crate) plots: Vec<(&'static str, Plot)>,
}

impl Report {
    /// A report that notes the time, the machine and its load average before the measurement.
    pub(crate) fn new(name: &str) -> Self {
        let build = if cfg!(debug_assertions) { "debug build: the figures are meaningless" } else { "release build" };
        let (machine, now, load) = (machine::name(), timestamp(SystemTime::now()), machine::load_average());
        let note = format!("{name}: {machine}, {now}, load average before {load:.2}, {build}");
        let notes = [note].into_iter().chain(variables()).collect();
        Self { name: name.to_owned(), notes, tables: Vec::new(), plots: Vec::new() }
    }

    /// Prints and writes everything.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let path = |end: &str| Path::new(FOLDER).join(format!("{}{end}", self.name));
        let parts = self.notes.iter().cloned().chain(self.tables.iter().map(ToString::to_string));
        let text: String = parts.map(|part| part.trim_end().to_owned() + "\n\n").collect();
        println!("{text}");
        fs::create_dir_all(FOLDER)?;
        fs::write(path(".md"), text)?;
        let tables: Vec<_> = self.tables.iter().map(Table::json).collect();
        let json = json!({"name": self.name, "notes": self.notes, "tables": tables});
        fs::write(path(".json"), serde_json::to_vec_pretty(&json)?)?;
        for (end, plot) in &self.plots {
            let path = path(&format!("{end}.svg"));
            plot.draw(&path)?;
            println!("{}", path.display());
        }
        Ok(())
    }
}

/// The functions' variables in the environment of this process, which passes them on.
fn variables() -> Option<String> {
    let numbers = spillway_ingest::config::NUMBERS.iter().chain(&spillway_deliver::config::NUMBERS);
    let names: BTreeSet<_> = numbers.map(|number| number.name).chain(["COMPRESSION"]).collect();
    let set = names.into_iter().filter_map(|name| Some(format!("{name}={}", process_environment(name)?)));
    let set: Vec<_> = set.collect();
    (!set.is_empty()).then(|| format!("Variables of the functions: {}.", set.join(", ")))
}
