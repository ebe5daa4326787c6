//! The fields of `GET /status`, compared with the manual.

use std::collections::BTreeSet;

use spillway_local::pipeline::Status;

#[test]
fn the_manual_lists_exactly_the_fields_of_the_status() {
    let status = serde_json::to_value(Status::default()).unwrap();
    let fields: BTreeSet<_> = status.as_object().unwrap().keys().map(String::as_str).collect();
    let manual = include_str!("../../docs/develop.md");
    let (_, table) = manual.split_once("\n| field | meaning |\n| --- | --- |\n").expect("the table in docs/develop.md");
    let rows = table.lines().map_while(|line| line.strip_prefix("| `"));
    let listed: BTreeSet<_> = rows.map(|row| row.split_once("` | ").expect("a meaning").0).collect();
    assert_eq!(listed, fields);
}
