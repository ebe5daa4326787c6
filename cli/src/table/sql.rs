//! Statements that define a table.

use spillway_compact::table::{Field, Table, Type};
use spillway_shared::stream::StreamName;

use super::folder_of;
use super::names::name_of;
use crate::arguments::Engine;

/// The columns around the payload's, with their types in Hive.
const BEFORE: [(&str, &str); 7] = [
    ("id", "string"),
    ("received_at", "timestamp"),
    ("event_time", "timestamp"),
    ("schema", "string"),
    ("violation", "string"),
    ("source", "string"),
    ("context", "string"),
];
const AFTER: (&str, &str) = ("rest", "string");

/// The statements for one engine.
pub(super) fn definition(engine: Engine, stream: &StreamName, table: &Table, bucket: &str) -> String {
    let folder = folder_of(stream, table);
    let name = name_of(stream);
    match engine {
        Engine::Duckdb => duckdb(&name, &format!("s3://{bucket}/{folder}")),
        Engine::Spark => spark(&name, table, &format!("s3a://{bucket}/{folder}")),
        Engine::Athena => athena(&name, table, &format!("s3://{bucket}/{folder}")),
    }
}

/// Without `union_by_name`, the columns of the first file would be those of all.
fn duckdb(name: &str, place: &str) -> String {
    format!(
        "-- DuckDB\nCREATE OR REPLACE VIEW {name} AS\nSELECT * FROM read_parquet('{place}*/*/*.parquet',\n  \
         hive_partitioning = true, hive_types = {{'dt': VARCHAR, 'hour': INTEGER}}, union_by_name = true);"
    )
}

fn spark(name: &str, table: &Table, place: &str) -> String {
    format!(
        "-- Spark; repeat the second statement when hours are new\nCREATE TABLE {name} (\n{},\n  `dt` string,\n  `hour` int\n)\n\
         USING parquet\nPARTITIONED BY (dt, hour)\nLOCATION '{place}';\nMSCK REPAIR TABLE {name};",
        columns_of_statement(table)
    )
}

fn athena(name: &str, table: &Table, place: &str) -> String {
    let properties = properties(place).map(|(name, value)| format!("  '{name}' = '{value}'")).join(",\n");
    format!(
        "-- Athena\nCREATE EXTERNAL TABLE {name} (\n{}\n)\nPARTITIONED BY (`dt` string, `hour` int)\nSTORED AS PARQUET\n\
         LOCATION '{place}'\nTBLPROPERTIES (\n{properties}\n);",
        columns_of_statement(table)
    )
}

/// Partition projection: the partitions of every hour exist without being added.
pub(super) fn properties(place: &str) -> [(&'static str, String); 10] {
    let text = str::to_owned;
    [
        ("projection.enabled", text("true")),
        ("projection.dt.type", text("date")),
        ("projection.dt.format", text("yyyy-MM-dd")),
        ("projection.dt.range", text("2026-01-01,NOW")),
        ("projection.dt.interval", text("1")),
        ("projection.dt.interval.unit", text("DAYS")),
        ("projection.hour.type", text("integer")),
        ("projection.hour.range", text("0,23")),
        ("projection.hour.digits", text("2")),
        ("storage.location.template", format!("{place}dt=${{dt}}/hour=${{hour}}/")),
    ]
}

fn columns_of_statement(table: &Table) -> String {
    let column = |(name, kind): (String, String)| format!("  `{name}` {kind}");
    columns(table, true).map(column).collect::<Vec<_>>().join(",\n")
}

/// All columns with their types in Hive. Names inside structs are quoted in statements, but not in Glue.
pub(super) fn columns(table: &Table, quoted: bool) -> impl Iterator<Item = (String, String)> {
    let fixed = |(name, kind): (&str, &str)| (name.to_owned(), kind.to_owned());
    let payload = move |field: &Field| (field.name.clone(), hive(&field.kind, quoted));
    BEFORE.into_iter().map(fixed).chain(table.columns.iter().map(payload)).chain([fixed(AFTER)])
}

fn hive(kind: &Type, quoted: bool) -> String {
    let quote = if quoted { "`" } else { "" };
    match kind {
        Type::String | Type::Json => "string".to_owned(),
        Type::Timestamp => "timestamp".to_owned(),
        Type::Int64 => "bigint".to_owned(),
        Type::Float64 => "double".to_owned(),
        Type::Boolean => "boolean".to_owned(),
        Type::List(element) => format!("array<{}>", hive(element, quoted)),
        Type::Map(value) => format!("map<string,{}>", hive(value, quoted)),
        Type::Struct(fields) => {
            let member = |field: &Field| format!("{quote}{}{quote}:{}", field.name, hive(&field.kind, quoted));
            format!("struct<{}>", fields.iter().map(member).collect::<Vec<_>>().join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let inner = Type::Struct(vec![Field::new("order", Type::Timestamp), Field::new("n", Type::Float64)]);
        let kinds = [Type::Int64, Type::Map(Type::Json.into()), Type::List(inner.into())];
        let fields = ["a", "b", "c"].into_iter().zip(kinds).map(|(name, kind)| Field::new(name, kind));
        Table { version: 2, ..Table::new(Type::Struct(fields.collect())) }
    }

    fn of(engine: Engine) -> String {
        definition(engine, &StreamName::parse("web-clicks").unwrap(), &table(), "lake-1")
    }

    #[test]
    fn each_engine_is_told_types_and_place() {
        let kind =
            "`payload` struct<`a`:bigint,`b`:map<string,string>,`c`:array<struct<`order`:timestamp,`n`:double>>>";
        for (engine, start, scheme) in [
            (Engine::Spark, "CREATE TABLE web_clicks (", "s3a"),
            (Engine::Athena, "CREATE EXTERNAL TABLE web_clicks (", "s3"),
        ] {
            let text = of(engine);
            let place = format!("LOCATION '{scheme}://lake-1/lake/stream=web-clicks/v=2/'");
            for part in [start, kind, &place, "`received_at` timestamp", "`rest` string"] {
                assert!(text.contains(part), "{part} is not in {text}");
            }
        }
        assert!(of(Engine::Duckdb).contains("read_parquet('s3://lake-1/lake/stream=web-clicks/v=2/*/*/*.parquet'"));
        for part in ["/v=2/dt=${dt}/hour=${hour}/'", "'projection.hour.digits' = '2'"] {
            assert!(of(Engine::Athena).contains(part), "{part}");
        }
    }
}
