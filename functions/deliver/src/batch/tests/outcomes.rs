//! For any batch and any failures: each record is stored once, or its message failed.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::{deliver, records, run};
use crate::testing::{Act, Memory, sealed, sqs_message};

/// The stream and the number of records of each message.
fn batches() -> impl Strategy<Value = Vec<(String, usize)>> {
    prop::collection::vec(("[ab]", 1..6_usize), 1..12)
}

/// The records of a message, all different.
fn records_of(at: usize, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("[{at},{n}]")).collect()
}

/// A bucket that refuses some objects: each key selects one bit of `refused`.
fn refusing(refused: u8) -> Memory {
    let bit = |key: &str| key.bytes().map(u32::from).sum::<u32>() % u8::BITS;
    Memory::acting(move |object, _| if refused >> bit(&object.key) & 1 == 1 { Act::Refuse } else { Act::Take })
}

/// Delivers the batch to the bucket and returns the indices of the failed messages.
fn failed(store: &Memory, batch: &[(String, usize)], variables: &[(&str, &str)]) -> BTreeSet<usize> {
    let message = |(at, (stream, count)): (usize, &(String, usize))| {
        let records = records_of(at, *count);
        let records: Vec<_> = records.iter().map(String::as_str).collect();
        sqs_message(&at.to_string(), &sealed(at as u128, stream, &records))
    };
    let messages: Vec<_> = batch.iter().enumerate().map(message).collect();
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    match runtime.block_on(run(&deliver(store, variables), &messages)) {
        Ok(failed) => failed.iter().map(|id| id.parse().unwrap()).collect(),
        Err(_) => (0..batch.len()).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_is_stored_once_or_its_message_failed(
        batch in batches(),
        refused in any::<u8>(),
        max_records in 0..4_usize,
        max_messages in 0..3_usize,
    ) {
        let store = refusing(refused);
        let limits = (max_records.to_string(), max_messages.to_string());
        let variables = [("MAX_OBJECT_RECORDS", limits.0.as_str()), ("MAX_OBJECT_MESSAGES", limits.1.as_str())];
        let failed = failed(&store, &batch, &variables);
        let all = records(&store);
        let stored: BTreeSet<_> = all.iter().cloned().collect();
        prop_assert_eq!(stored.len(), all.len(), "nothing is stored twice");
        for (at, (_, count)) in batch.into_iter().enumerate() {
            let found = records_of(at, count).iter().filter(|record| stored.contains(*record)).count();
            if failed.contains(&at) {
                let in_parts = max_records > 0 && count > max_records;
                prop_assert!(found == 0 || (in_parts && found < count), "nothing fails that was stored");
            } else {
                prop_assert_eq!(found, count, "nothing is lost");
            }
        }
    }
}
