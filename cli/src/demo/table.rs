//! The table that a demo ends with: its columns and the first rows.

use spillway_compact::rebuild::head;
use spillway_local::s3::Object;

/// Rows to show.
const ROWS: usize = 3;

/// Key, columns and first rows of a file of a table.
pub(super) fn show(file: &Object) -> anyhow::Result<String> {
    let (columns, rows) = head(std::fs::read(&file.path)?.into(), ROWS)?;
    let columns = columns.iter().map(|(name, kind)| format!("  {name:<12} {kind}\n"));
    let rows = rows.iter().map(|row| format!("  {row}\n"));
    Ok(format!("{}\n{}", file.path.display(), columns.chain(rows).collect::<String>()))
}
