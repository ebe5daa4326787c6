//! Compares the bucket with the accepted documents: every record is there, unchanged, and no other.

use std::collections::BTreeSet;

use super::answer::{Judged, Record};
use super::documents::{AGAIN, FIRST};
use super::stored::Found;
use super::table::Table;

/// Compares the request ids of the document that was sent twice.
pub(super) fn repeated(judged: &[Judged], table: &mut Table) {
    const CHECK: &str = "ids of the repetition";
    let id = |name: &str| judged.iter().find(|each| each.name == name).and_then(|each| each.request_id.as_deref());
    match (id(FIRST), id(AGAIN)) {
        (Some(first), Some(again)) if first == again => table.ok(CHECK, "the same", "the same"),
        (Some(_), Some(_)) => table.failed(CHECK, "the same", "others"),
        _ => table.skipped(CHECK, "the same", "not accepted"),
    }
}

/// Compares every record, and looks for records that should not be there.
pub(super) fn all(judged: &[Judged], found: &Found, table: &mut Table) {
    for document in judged.iter().filter(|each| !each.records.is_empty()) {
        let check = format!("stored: {}", document.name);
        let expected = format!("{} unchanged", payloads(document.records.len()));
        match document.request_id {
            Some(_) => table.judge(&check, &expected, unchanged(document, found).map(|()| expected.clone())),
            None => table.skipped(&check, &expected, "not accepted"),
        }
    }
    nothing_else(judged, found, table);
    frames(found, table);
}

/// Adds a line about the whole bucket, which says nothing if the bucket could not be read.
fn of_bucket(check: &str, expected: &str, found: &Found, got: Result<String, String>, table: &mut Table) {
    match found.error {
        Some(_) => table.skipped(check, expected, "the bucket was not read to its end"),
        None => table.judge(check, expected, got),
    }
}

/// The first difference between a document's payloads and the stored ones.
fn unchanged(document: &Judged, found: &Found) -> Result<(), String> {
    let missing = document.ids().filter(|id| !found.records.contains_key(id)).count();
    if missing > 0 {
        let error = found.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(format!("{} missing{error}", payloads(missing)));
    }
    for (id, record) in document.ids().zip(&document.records) {
        for stored in &found.records[&id] {
            same(record, stored).map_err(|what| format!("{id}: {what}"))?;
        }
    }
    Ok(())
}

fn same(sent: &Record, stored: &Record) -> Result<(), String> {
    if sent.payload != stored.payload {
        return Err(format!("the payload differs from byte {} on", first_difference(&sent.payload, &stored.payload)));
    }
    if sent.context != stored.context {
        return Err(format!("the context is {}", stored.context.as_deref().unwrap_or("missing")));
    }
    Ok(())
}

fn first_difference(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

/// Refused documents must leave nothing, and accepted ones nothing but their records.
fn nothing_else(judged: &[Judged], found: &Found, table: &mut Table) {
    let known: BTreeSet<_> = judged.iter().flat_map(Judged::ids).collect();
    let others = found.records.keys().filter(|&id| !known.contains(id)).count();
    let got = if others == 0 { Ok("none".to_owned()) } else { Err(payloads(others)) };
    of_bucket("stored: payloads of refused requests", "none", found, got, table);
}

/// An object of several frames is what readers must cope with. Other compressions have none.
fn frames(found: &Found, table: &mut Table) {
    let got = match (found.most_frames, found.other_objects) {
        (2.., _) => Ok(format!("{} frames", found.most_frames)),
        (0, 1..) => Ok("not zstd".to_owned()),
        (most, _) => Err(format!("{most} at most")),
    };
    of_bucket("stored: an object of several zstd frames", "2 frames or more", found, got, table);
}

fn payloads(count: usize) -> String {
    format!("{count} payload{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
