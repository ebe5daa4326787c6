//! The examples of `README.md`, run in their order against one pipeline.

use super::example::{call, examples};
use super::matching::Ids;
use super::page::assert_stored;
use crate::support::harness::Run;

const README: &str = include_str!("../../../README.md");
/// Headers whose values have letters that change.
const CHANGING: [&str; 2] = ["apigw-requestid: ", "date: "];

#[tokio::test]
async fn every_example_of_the_readme_gets_the_answer_and_the_records_that_it_shows() {
    let run = Run::start(|_| {}).await;
    let (stored, answered): (Vec<_>, Vec<_>) =
        examples(README).into_iter().partition(|example| example.pipe[0][0] == "zstd");
    assert!(!answered.is_empty() && !stored.is_empty());
    let mut ids = Ids::default();
    for example in &answered {
        let (_, call) = call(&example.pipe);
        ids.assert_answer(&without_changing_headers(&example.output), &call.send(run.pipeline.address()).await);
    }
    assert_stored(&run.end().await, &mut ids, &stored);
}

fn without_changing_headers(shown: &str) -> String {
    let lines = shown.lines().filter(|line| !CHANGING.iter().any(|header| line.starts_with(header)));
    lines.collect::<Vec<_>>().join("\n")
}
