//! Where objects are: the keys that deliver builds against the Glue table, deliver's rights and the lifecycle rules.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use spillway_deliver::config::DEFAULT_OBJECT_PREFIX;
use spillway_deliver::encode::Compression;
use spillway_deliver::{object, quarantine};
use spillway_shared::hour::Hour;
use spillway_shared::message::{Encoding, Header, Kind, MessageId};
use spillway_shared::prefixes;
use spillway_shared::stream::StreamName;

use crate::cloudformation::Template;

const COMPRESSIONS: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::None];

/// The first hour that Spillway can have stored, a usual one, and the last of a day.
const HOURS: [&str; 3] = ["2026-01-01T00", "2026-11-21T09", "2030-12-31T23"];

fn header(stream: &str, hour: &str) -> Header {
    Header {
        kind: Kind::Accepted,
        id: MessageId::new(1),
        stream: StreamName::parse(stream).unwrap(),
        hour: Hour::parse(hour).unwrap(),
        records: 2,
        bytes: 100,
        encoding: Encoding::None,
    }
}

/// The keys of an object of whole messages and of a part, in every compression.
fn keys(header: &Header) -> Vec<String> {
    let name = object::name(vec![(header.id, [0; 32])]);
    let names = [object::part_name(&name, &(0..1)), name];
    let key = |name: &String, compression| object::key(DEFAULT_OBJECT_PREFIX, header, name, compression);
    names.iter().flat_map(|name| COMPRESSIONS.map(|compression| key(name, compression))).collect()
}

fn table(template: &Template) -> &Value {
    &template.resources["LinesTable"]["Properties"]["TableInput"]
}

/// The location of a partition, with `{name}` in place of each partition key.
fn location(table: &Value) -> String {
    let location = table["Parameters"]["storage.location.template"]["Fn::Sub"].as_str().unwrap();
    location.replace("${Bucket}", "bucket").replace("${ObjectPrefix}", DEFAULT_OBJECT_PREFIX).replace("${!", "{")
}

/// The partition values in a key, by the location of the table, and the rest of the key: the name of the file.
fn split<'a>(location: &'a str, key: &'a str) -> (Vec<(&'a str, &'a str)>, &'a str) {
    let (location, mut values) = (location.strip_prefix("s3://bucket/").unwrap(), Vec::new());
    let (mut pattern, mut rest) = (location, key);
    while let Some((before, after)) = pattern.split_once('{') {
        let (name, after) = after.split_once('}').unwrap();
        let (value, behind) = rest.strip_prefix(before).unwrap().split_once('/').unwrap();
        values.push((name, value));
        (pattern, rest) = (after.strip_prefix('/').unwrap(), behind);
    }
    (values, rest.strip_prefix(pattern).unwrap())
}

#[test]
fn every_key_is_in_the_partition_of_its_stream_day_and_hour() {
    let template = Template::read();
    let table = table(&template);
    let location = location(table);
    for (stream, hour) in HOURS.iter().flat_map(|hour| ["clicks", "a-b_c9"].map(|stream| (stream, *hour))) {
        let (day, of_day) = hour.split_once('T').unwrap();
        for key in keys(&header(stream, hour)) {
            let (values, file) = split(&location, &key);
            assert_eq!(values, [("stream", stream), ("dt", day), ("hour", of_day)], "{key} in {location}");
            assert!(!file.contains('/'), "{key}: files are directly in the partition");
            // Hadoop's input formats skip these.
            assert!(!file.starts_with(['_', '.']), "{key}");
        }
    }
    let names: Vec<_> = table["PartitionKeys"].as_array().unwrap().iter().map(|key| &key["Name"]).collect();
    assert_eq!(names, ["stream", "dt", "hour"], "in the order of the key");
    assert_eq!(table["StorageDescriptor"]["Location"]["Fn::Sub"], "s3://${Bucket}/${ObjectPrefix}");
}

#[test]
fn the_projection_of_the_table_covers_every_day_and_hour_of_a_key() {
    let template = Template::read();
    let setting = |name: &str| table(&template)["Parameters"][format!("projection.{name}")].as_str().unwrap();
    assert_eq!((setting("enabled"), setting("stream.type")), ("true", "injected"));
    assert_eq!((setting("dt.type"), setting("dt.format")), ("date", "yyyy-MM-dd"));
    assert_eq!((setting("dt.interval"), setting("dt.interval.unit")), ("1", "DAYS"));
    let (first, last) = setting("dt.range").split_once(',').unwrap();
    assert!(first <= &HOURS[0][..10] && last == "NOW", "{first} to {last}");
    assert_eq!(setting("hour.type"), "integer");
    let (from, to) = setting("hour.range").split_once(',').unwrap();
    let (from, to): (u32, u32) = (from.parse().unwrap(), to.parse().unwrap());
    let digits = setting("hour.digits").parse().unwrap();
    let projected: Vec<_> = (from..=to).map(|hour| format!("{hour:0digits$}")).collect();
    let of_keys: Vec<_> = (0..24).map(|hour| Hour::parse(&format!("2026-11-21T{hour:02}")).unwrap().of_day()).collect();
    assert_eq!(projected, of_keys);
}

#[test]
fn the_table_reads_the_files_as_one_line_per_record() {
    let template = Template::read();
    let storage = &table(&template)["StorageDescriptor"];
    let columns: Vec<_> = storage["Columns"].as_array().unwrap().iter().map(|column| &column["Name"]).collect();
    assert_eq!(columns, ["line"]);
    assert_eq!(storage["InputFormat"], "org.apache.hadoop.mapred.TextInputFormat");
    // This format chooses the decompression by the end of the name.
    let endings = COMPRESSIONS.map(|compression| compression.extension().rsplit('.').next().unwrap());
    assert_eq!(endings, ["gz", "zst", "ndjson"]);
}

#[test]
fn rights_and_lifecycle_rules_use_the_prefixes_of_the_code() {
    let template = Template::read();
    assert_eq!(template.parameters["ObjectPrefix"]["Default"], DEFAULT_OBJECT_PREFIX);
    assert_eq!(template.variables("DeliverFunction")["OBJECT_PREFIX"], json!({"Ref": "ObjectPrefix"}));
    let put = template.statements("DeliverRole").into_iter().find(|right| right["Action"] == "s3:PutObject").unwrap();
    let quarantine = format!("${{Bucket.Arn}}/{}*", quarantine::PREFIX);
    let rejected = format!("${{Bucket.Arn}}/{}*", object::REJECTED_PREFIX);
    let expected =
        json!([{"Fn::Sub": "${Bucket.Arn}/${ObjectPrefix}*"}, {"Fn::Sub": rejected}, {"Fn::Sub": quarantine}]);
    assert_eq!(put["Resource"], expected);
    for (rule, prefix) in [
        ("move-records", json!({"Ref": "ObjectPrefix"})),
        ("delete-records", json!({"Ref": "ObjectPrefix"})),
        ("delete-rejected", json!(object::REJECTED_PREFIX)),
        ("delete-quarantine", json!(quarantine::PREFIX)),
        ("delete-tables", json!(prefixes::LAKE)),
    ] {
        assert_eq!(lifecycle(&template).iter().find(|known| known["Id"] == rule).unwrap()["Prefix"], prefix, "{rule}");
    }
}

/// The lifecycle rules, those under a condition included.
fn lifecycle(template: &Template) -> Vec<&Value> {
    let rules = &template.resources["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"];
    rules.as_array().unwrap().iter().map(|rule| rule.get("Fn::If").map_or(rule, |choice| &choice[1])).collect()
}

/// `Suspended` would leave a marker for each deleted object, and S3 deletes only an empty bucket.
#[test]
fn a_bucket_without_versions_has_no_versioning_at_all() {
    let template = Template::read();
    let versioning = &template.resources["Bucket"]["Properties"]["VersioningConfiguration"];
    assert_eq!(*versioning, json!({"Fn::If": ["HasVersions", {"Status": "Enabled"}, {"Ref": "AWS::NoValue"}]}));
}

#[test]
fn every_lifecycle_rule_has_a_name_of_its_own() {
    let template = Template::read();
    let ids: Vec<_> = lifecycle(&template).into_iter().map(|rule| rule["Id"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
}

#[test]
fn old_versions_expire_whatever_the_parameters_say() {
    let template = Template::read();
    let rules = template.resources["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"].as_array().unwrap();
    // A conditional rule is an `Fn::If` here and has no such members.
    let of_all =
        rules.iter().find(|rule| rule["NoncurrentVersionExpiration"].is_object() && rule.get("Prefix").is_none());
    let of_all = of_all.expect("an unconditional rule for all old versions");
    assert_eq!(of_all["Status"], "Enabled");
    assert_eq!(of_all["NoncurrentVersionExpiration"]["NoncurrentDays"], 30);
}

/// The columns that the view `records` has in a page, by its SQL.
fn documented_columns(page: &str) -> Vec<&str> {
    let (_, view) = page.split_once("VIEW records AS\nSELECT ").unwrap();
    view.split_once("\nFROM ").unwrap().0.split(", ").collect()
}

#[test]
fn the_documented_view_has_the_columns_of_the_view_in_athena() {
    let template = Template::read();
    let columns = &template.resources["RecordsView"]["Properties"]["TableInput"]["StorageDescriptor"]["Columns"];
    let columns = columns.as_array().unwrap().iter().map(|column| column["Name"].as_str().unwrap());
    // The exact line has no column in the documented view: its reader reads members.
    let columns: Vec<_> = columns.filter(|name| *name != "line").collect();
    for page in [include_str!("../../README.md"), include_str!("../../docs/operate.md")] {
        assert_eq!(documented_columns(page), columns);
    }
    let (_, spark) = include_str!("../../docs/operate.md").split_once("\ncolumns = (").unwrap();
    // The parts of a text in Python, without their quotation marks.
    let spark: String = spark.split_once("\")").unwrap().0.split('"').filter(|part| !part.trim().is_empty()).collect();
    let spark = spark.split(", ").map(|column| column.split_once(' ').unwrap().0);
    assert_eq!(spark.collect::<BTreeSet<_>>(), columns.into_iter().collect());
}
