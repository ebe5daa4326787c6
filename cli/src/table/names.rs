//! The names of tables, and streams whose tables would have the same name.

use std::collections::BTreeMap;

use spillway_compact::table::FOLDER;
use spillway_shared::config::ConfigErrors;
use spillway_shared::stream::StreamName;

/// Tables and views that the template has for all streams together.
const RESERVED: [&str; 4] = ["failures", "lines", "records", "rejected_lines"];

/// The name of a stream's table. Engines take no `-` without quotes, so it becomes `_`.
pub(super) fn name_of(stream: &StreamName) -> String {
    let name = stream.as_str().replace('-', "_");
    if RESERVED.contains(&name.as_str()) { name + "_table" } else { name }
}

/// The name of a table's resource in a template: `web_clicks` is `WebXclicksTable`. Since no table's name has capital
/// letters, different tables have different resources.
pub(super) fn resource_of(table: &str) -> String {
    let (first, rest) = table.split_at(1.min(table.len()));
    first.to_uppercase() + &rest.replace('_', "X") + "Table"
}

/// Checks that each stream's table has a different name.
///
/// # Errors
/// Every stream whose table has the name of an earlier stream's table.
pub(crate) fn check<'a>(streams: impl IntoIterator<Item = &'a StreamName>) -> Result<(), ConfigErrors> {
    let (mut names, mut errors) = (BTreeMap::new(), ConfigErrors::default());
    for stream in streams {
        let name = name_of(stream);
        match names.get(&name) {
            Some(other) => errors.add(
                format_args!("{FOLDER}/{stream}.json"),
                format_args!(
                    "the streams `{other}` and `{stream}` would share the table `{name}`; rename one, or set \
                     `\"table\": false` in its file"
                ),
            ),
            None => drop(names.insert(name, stream)),
        }
    }
    errors.or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams(names: &[&str]) -> Vec<StreamName> {
        names.iter().map(|name| StreamName::parse(name).unwrap()).collect()
    }

    #[test]
    fn tables_have_names_that_engines_take_and_that_are_free() {
        let streams = streams(&["web-clicks", "lines", "rejected-lines", "failures"]);
        let names: Vec<_> = streams.iter().map(name_of).collect();
        assert_eq!(names, ["web_clicks", "lines_table", "rejected_lines_table", "failures_table"]);
    }

    #[test]
    fn resources_differ_as_tables_do() {
        let tables = ["a_b", "ab", "a_1", "a1", "a__b", "axb", "lines_table", "rejected_lines_table"];
        let resources: Vec<_> = tables.iter().map(|table| resource_of(table)).collect();
        assert_eq!(resources[0], "AXbTable");
        for (at, resource) in resources.iter().enumerate() {
            assert!(!resources[..at].contains(resource), "{resource}");
            assert!(!["LinesTable", "RejectedLinesTable"].contains(&resource.as_str()), "{resource}");
        }
    }

    #[test]
    fn streams_that_would_share_a_table_are_refused() {
        assert_eq!(check(&streams(&["a-b", "a-b-c", "ab"])), Ok(()));
        for (names, table) in [(["a-b", "a_b"], "a_b"), (["lines", "lines-table"], "lines_table")] {
            let errors = check(&streams(&names)).unwrap_err().to_string();
            let said = format!("`{}` and `{}` would share the table `{table}`", names[0], names[1]);
            assert!(errors.contains(&said), "{errors}");
        }
    }
}
