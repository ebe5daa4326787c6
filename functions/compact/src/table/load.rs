//! Reads lock files and checks what the files of a table rely on.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use spillway_shared::config::ConfigErrors;
use spillway_shared::json;
use spillway_shared::stream::StreamName;

use super::schema::is_name;
use super::{Field, MAX_COLUMNS, Table, Tables, Type};

/// The folder of the lock files inside the configuration folder.
pub const FOLDER: &str = "tables";

/// Reads the lock file of one stream; `None` if it has none.
///
/// # Errors
/// The first error in the file.
pub fn load(config_dir: &Path, stream: &StreamName) -> Result<Option<Table>, ConfigErrors> {
    let path = config_dir.join(FOLDER).join(format!("{stream}.json"));
    match std::fs::read(&path) {
        Ok(text) => parse(stream.as_str(), &text).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ConfigErrors::one(path.display(), format_args!("cannot be read: {error}"))),
    }
}

pub(super) fn load_all(config_dir: &Path) -> Result<Tables, ConfigErrors> {
    let folder = config_dir.join(FOLDER);
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Tables::new()),
        Err(error) => return Err(ConfigErrors::one(folder.display(), format_args!("cannot be read: {error}"))),
    };
    let (mut tables, mut errors) = (Tables::new(), ConfigErrors::default());
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let Some(stem) = name.strip_suffix(".json") else { continue };
        let Some(stream) = StreamName::parse(stem) else {
            errors.add(format_args!("{FOLDER}/{name}"), "a stream's name must be `[a-z][a-z0-9_-]{0,62}`");
            continue;
        };
        match load(config_dir, &stream) {
            Ok(table) => tables.extend(table.map(|table| (stream, table))),
            Err(others) => errors.extend(others),
        }
    }
    errors.or(tables)
}

/// Reads the text of a stream's lock file, `tables/<stem>.json`.
///
/// # Errors
/// The first error in the file.
pub fn parse(stem: &str, text: &[u8]) -> Result<Table, ConfigErrors> {
    let refuse = |what: String| {
        ConfigErrors::one(
            format_args!("{FOLDER}/{stem}.json"),
            what + "; `spillway check --update-tables` writes this file",
        )
    };
    // Strict, because of two equal members the second would count silently.
    let value = json::strict(text).map_err(|error| refuse(format!("not valid JSON: {error}")))?;
    if !value.is_object() {
        // Serde would also take a list of the members' values.
        return Err(refuse("must be an object".to_owned()));
    }
    let table: Table = serde_json::from_value(value).map_err(|error| refuse(error.to_string()))?;
    check(&table).map_err(refuse)?;
    Ok(table)
}

fn check(table: &Table) -> Result<(), String> {
    if table.version == 0 {
        return Err("/version: must be at least 1".to_owned());
    }
    if table.leaves() > MAX_COLUMNS {
        return Err(format!("has {} columns; at most {MAX_COLUMNS} are possible", table.leaves()));
    }
    if table.columns.iter().any(|field| field.member() != super::PAYLOAD) {
        return Err("/columns: each must be for the member `payload`".to_owned());
    }
    check_fields(&table.columns)
}

fn check_fields(fields: &[Field]) -> Result<(), String> {
    let (mut names, mut members) = (BTreeSet::new(), BTreeSet::new());
    if fields.is_empty() {
        return Err("a struct must have a member".to_owned());
    }
    for field in fields {
        if !is_name(&field.name) || !names.insert(field.name.to_ascii_lowercase()) {
            return Err(format!("`{}` is no column's name, or appears twice ignoring case", field.name));
        }
        if !field.retired && !members.insert(field.member()) {
            return Err(format!("two columns hold the member `{}`; all but one must be retired", field.member()));
        }
        check_type(&field.kind)?;
    }
    Ok(())
}

fn check_type(kind: &Type) -> Result<(), String> {
    match kind {
        Type::Struct(fields) => check_fields(fields),
        Type::Map(inner) | Type::List(inner) => check_type(inner),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let kind = Type::Struct(vec![
            Field::new("id", Type::Int64),
            Field { member: Some("id".to_owned()), retired: true, ..Field::new("id_2", Type::List(Type::Json.into())) },
            Field::new("attributes", Type::Map(Type::Struct(vec![Field::new("a", Type::Boolean)]).into())),
        ]);
        let table = Table::new(kind);
        assert_eq!(parse("clicks", table.to_text().as_bytes()), Ok(table));
    }

    #[test]
    fn bad_lock_files_are_refused_by_name() {
        let payload = |kind: &str| format!(r#"{{"version":1,"columns":[{{"name":"payload","type":{kind}}}]}}"#);
        for (text, error) in [
            ("{", "not valid JSON"),
            ("[]", "must be an object"),
            (r#"{"version":0,"columns":[{"name":"payload","type":"json"}]}"#, "/version"),
            (r#"{"version":1,"columns":[{"name":"other","type":"json"}]}"#, "`payload`"),
            (r#"{"version":1,"columns":[]}"#, "must have a member"),
            (&payload(r#""int32""#), "unknown variant"),
            (&payload(r#"{"struct":[]}"#), "must have a member"),
            (&payload(r#"{"struct":[{"name":"a","type":"json"},{"name":"A","type":"json"}]}"#), "`A`"),
            (&payload(r#"{"list":{"struct":[{"name":"a-b","type":"json"}]}}"#), "`a-b`"),
            (
                &payload(r#"{"struct":[{"name":"a","type":"json"},{"name":"b","member":"a","type":"json"}]}"#),
                "two columns",
            ),
        ] {
            let errors = parse("clicks", text.as_bytes()).unwrap_err().to_string();
            assert!(errors.starts_with("tables/clicks.json: ") && errors.contains(error), "{text}: {errors}");
        }
    }

    #[test]
    fn a_folder_without_tables_has_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load_all(folder.path()), Ok(Tables::new()));
        let tables = folder.path().join(FOLDER);
        std::fs::create_dir(&tables).unwrap();
        std::fs::write(tables.join("clicks.json"), Table::new(Type::Json).to_text()).unwrap();
        std::fs::write(tables.join("README"), "").unwrap();
        assert_eq!(load_all(folder.path()).unwrap().len(), 1);
        std::fs::write(tables.join("views.json"), "{}").unwrap();
        std::fs::write(tables.join("Bad.json"), "{}").unwrap();
        assert_eq!(load_all(folder.path()).unwrap_err().sentences().len(), 2);
    }
}
