//! Every example of `docs/api.md`, run in its order against one pipeline.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::call::Call;
use super::example::{Example, blocks, call, examples};
use super::matching::Ids;
use super::{PAGE, narrow_key_for};
use crate::support::harness::{Ended, Run};

/// The streams of the repository's own configuration.
const STREAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/streams");
/// The stream whose file the page shows.
const SHOWN: &str = "orders";
/// The port of the admin address.
const ADMIN: u16 = 9001;

#[tokio::test]
async fn every_example_of_the_page_gets_the_answer_that_it_shows() {
    let config = tempfile::tempdir().unwrap();
    write_streams(&config.path().join("streams"));
    let run = Run::start(|settings| {
        settings.config = config.path().to_owned();
        settings.variables.insert("WRITE_KEYS".to_owned(), narrow_key_for(SHOWN));
    })
    .await;
    let (stored, answered): (Vec<_>, Vec<_>) =
        examples(PAGE).into_iter().partition(|example| example.pipe[0][0] == "zstd");
    let mut ids = Ids::default();
    for example in &answered {
        assert_answered(&run, &mut ids, example).await;
    }
    assert_stored(&run.end().await, &mut ids, &stored);
    println!("{} commands and {} stored records of docs/api.md compared", answered.len(), stored.len());
    assert!(answered.len() > 20 && !stored.is_empty(), "{} examples", answered.len());
}

fn write_streams(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for entry in fs::read_dir(STREAMS).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    let shown = blocks(PAGE, &format!("json config/streams/{SHOWN}.json")).next().unwrap();
    fs::write(folder.join(SHOWN).with_extension("json"), shown).unwrap();
}

async fn assert_answered(run: &Run, ids: &mut Ids, example: &Example) {
    println!("{:?}", example.pipe);
    match call(&example.pipe) {
        (ADMIN, call) => set_faults(run, &call),
        (_, call) => ids.assert_answer(&example.output, &call.send(run.pipeline.address()).await),
    }
}

/// As the admin address does it.
fn set_faults(run: &Run, call: &Call) {
    assert_eq!((call.method.as_str(), call.path.as_str()), ("PUT", "/faults"));
    run.pipeline.faults().set_json(&call.body).unwrap();
}

pub(super) fn assert_stored(ended: &Ended, ids: &mut Ids, examples: &[Example]) {
    let records: Vec<Value> =
        ended.lines().into_values().flatten().map(|line| serde_json::from_str(&line).unwrap()).collect();
    for shown in examples.iter().flat_map(|example| example.output.lines()) {
        let shown = serde_json::from_str(shown).unwrap();
        assert!(records.iter().any(|record| ids.same(&shown, record)), "{shown} is not stored: {records:?}");
    }
}
