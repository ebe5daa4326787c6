//! The lock files of tables, compared with the schemas of their streams.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use spillway_compact::table::{FOLDER, MAX_COLUMNS, Table, evolve, load_all, of_schema, unnamed_members};
use spillway_shared::config::ConfigErrors;
use spillway_shared::stream::{Definition, StreamName};

use super::names;

/// All streams by name.
type Streams = BTreeMap<StreamName, Definition>;

/// A lock file to write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    stream: StreamName,
    table: Table,
    /// Declared members that have no column.
    unnamed: Vec<String>,
    is_new: bool,
}

/// The lock files that differ from the schemas, as they should be.
///
/// # Errors
/// A lock file cannot be read, two streams would share a table, or a schema has too many columns.
pub(crate) fn changes(config: &Path, streams: &Streams) -> Result<Vec<Change>, ConfigErrors> {
    let (tables, mut errors) = (load_all(config)?, ConfigErrors::default());
    let mut changes = Vec::new();
    let with_table = || streams.iter().filter(|(_, definition)| definition.has_table());
    names::check(with_table().map(|(stream, _)| stream)).unwrap_or_else(|found| errors.extend(found));
    for (stream, definition) in with_table() {
        let known = tables.get(stream);
        let payload = of_schema(definition.schema.as_ref());
        let table = known.map_or_else(|| Table::new(payload.clone()), |known| evolve(known, payload.clone()));
        if table.leaves() > MAX_COLUMNS {
            errors.add(
                place(stream),
                format_args!("{} columns are needed; at most {MAX_COLUMNS} are possible", table.leaves()),
            );
        } else if known != Some(&table) {
            let unnamed = definition.schema.as_ref().map(unnamed_members).unwrap_or_default();
            changes.push(Change { stream: stream.clone(), table, unnamed, is_new: known.is_none() });
        }
    }
    errors.or(changes)
}

/// Checks that the lock files say what the schemas declare. A configuration without `tables/` has no tables.
///
/// # Errors
/// Every lock file that is missing, differs, or belongs to no stream with a table.
pub(crate) fn check(config: &Path, streams: &Streams) -> Result<(), ConfigErrors> {
    if !config.join(FOLDER).is_dir() {
        return Ok(());
    }
    let mut errors = ConfigErrors::default();
    for change in changes(config, streams)? {
        let what = if change.is_new { "is missing" } else { "does not have the columns that the schema declares" };
        errors.add(place(&change.stream), format_args!("{what}; run `spillway check --update-tables`"));
    }
    for stream in load_all(config)?.into_keys() {
        if !streams.get(&stream).is_some_and(Definition::has_table) {
            errors.add(place(&stream), "no stream has this table; delete the file");
        }
    }
    errors.or(())
}

impl Change {
    /// Writes the lock file, in one step.
    pub(crate) fn write(&self, config: &Path) -> anyhow::Result<()> {
        let path = config.join(place(&self.stream));
        let unfinished = PathBuf::from(format!("{}.new", path.display()));
        std::fs::create_dir_all(config.join(FOLDER))
            .and_then(|()| std::fs::write(&unfinished, self.table.to_text()))
            .and_then(|()| std::fs::rename(&unfinished, &path))
            .with_context(|| format!("{} cannot be written", path.display()))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is written ({} columns)", place(&self.stream), self.table.leaves())?;
        if !self.unnamed.is_empty() {
            write!(f, "; these members have no column and are in `rest`: {}", self.unnamed.join(", "))?;
        }
        Ok(())
    }
}

fn place(stream: &StreamName) -> String {
    format!("{FOLDER}/{stream}.json")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use spillway_shared::stream::parse;

    use super::*;

    fn streams(schema: &Value) -> Streams {
        let definition = parse("clicks", schema.to_string().as_bytes()).unwrap();
        Streams::from([(StreamName::parse("clicks").unwrap(), definition)])
    }

    fn of_type(kind: &str) -> Streams {
        streams(&json!({"schema": {"properties": {"a": {"type": kind}, "x-y": {}}}}))
    }

    fn update(config: &Path, streams: &Streams) -> Vec<String> {
        let changes = changes(config, streams).unwrap();
        for change in &changes {
            change.write(config).unwrap();
        }
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_lock_file_is_written_once_and_refused_when_the_schema_contradicts_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path();
        assert_eq!(check(config, &of_type("integer")), Ok(()), "a configuration without tables");
        let said = "tables/clicks.json is written (1 columns); these members have no column and are in `rest`: x-y";
        assert_eq!(update(config, &of_type("integer")), [said]);
        assert_eq!(check(config, &of_type("integer")), Ok(()));
        assert!(update(config, &of_type("integer")).is_empty());
        let errors = check(config, &of_type("string")).unwrap_err().to_string();
        assert!(errors.starts_with("tables/clicks.json: does not have the columns"), "{errors}");
        assert_eq!(update(config, &of_type("string")).len(), 1);
        assert_eq!(check(config, &of_type("string")), Ok(()));
        let text = std::fs::read_to_string(config.join("tables/clicks.json")).unwrap();
        assert!(text.contains("\"a_2\"") && text.contains("\"retired\": true"), "{text}");
    }

    #[test]
    fn streams_that_would_share_a_table_get_no_lock_files() {
        let folder = tempfile::tempdir().unwrap();
        let definition = parse("x", b"{}").unwrap();
        let name = |name| StreamName::parse(name).unwrap();
        let streams = Streams::from([(name("a-b"), definition.clone()), (name("a_b"), definition)]);
        let errors = changes(folder.path(), &streams).unwrap_err().to_string();
        assert!(errors.starts_with("tables/a_b.json: the streams `a-b` and `a_b`"), "{errors}");
    }

    #[test]
    fn streams_without_a_table_have_no_lock_file() {
        let folder = tempfile::tempdir().unwrap();
        let without = streams(&json!({"table": false}));
        assert!(update(folder.path(), &without).is_empty());
        update(folder.path(), &of_type("integer"));
        let errors = check(folder.path(), &without).unwrap_err().to_string();
        assert_eq!(errors, "tables/clicks.json: no stream has this table; delete the file");
        std::fs::remove_file(folder.path().join("tables/clicks.json")).unwrap();
        let errors = check(folder.path(), &of_type("integer")).unwrap_err().to_string();
        assert!(errors.starts_with("tables/clicks.json: is missing"), "{errors}");
    }

    #[test]
    fn ten_thousand_columns_are_refused() {
        let properties: serde_json::Map<_, _> =
            (0..10_000).map(|n| (format!("m{n}"), json!({"type": "integer"}))).collect();
        let folder = tempfile::tempdir().unwrap();
        let many = streams(&json!({"schema": {"properties": properties}}));
        let error = changes(folder.path(), &many).unwrap_err().to_string();
        assert_eq!(error, "tables/clicks.json: 10000 columns are needed; at most 2000 are possible");
    }
}
