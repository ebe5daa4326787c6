use std::collections::BTreeSet;

use proptest::prelude::*;
use spillway_shared::hour::Hour;
use spillway_shared::message::{Encoding, MessageId};
use spillway_shared::stream::StreamName;

use super::*;

const NO_LIMITS: Limits = Limits { bytes: u64::MAX, records: u64::MAX, messages: u64::MAX };

fn header(id: u128, stream: &str, hour: &str, records: u32, bytes: u32) -> Header {
    Header {
        kind: Kind::Accepted,
        id: MessageId::new(id),
        stream: StreamName::parse(stream).unwrap(),
        hour: Hour::parse(hour).unwrap(),
        records,
        bytes,
        encoding: Encoding::None,
    }
}

fn planned(headers: &[Header], limits: &Limits) -> Vec<Plan> {
    plan(&headers.iter().collect::<Vec<_>>(), limits)
}

/// A plan of these whole messages.
fn whole(indices: &[usize]) -> Plan {
    Plan::Whole(indices.iter().copied().map(MessageIndex).collect())
}

fn identity(header: &Header) -> Identity {
    (header.id, [0; 32])
}

/// The keys of all objects of a batch.
fn keys(headers: &[Header], limits: &Limits) -> BTreeSet<String> {
    let key_of = |index: MessageIndex, name: &str| key("records/", &headers[index.0], name, Compression::Gzip);
    let of_plan = |plan: Plan| match plan {
        Plan::Whole(inside) => {
            vec![key_of(inside[0], &name(inside.iter().map(|index| identity(&headers[index.0])).collect()))]
        }
        Plan::Split(split) => {
            let index = split.message;
            split
                .parts()
                .map(|part| key_of(index, &part_name(&name(vec![identity(&headers[index.0])]), &part)))
                .collect()
        }
    };
    planned(headers, limits).into_iter().flat_map(of_plan).collect()
}

#[test]
fn messages_of_one_stream_and_hour_share_an_object() {
    let headers = [
        header(3, "clicks", "2026-11-21T18", 1, 10),
        header(2, "clicks", "2026-11-21T19", 1, 10),
        header(1, "clicks", "2026-11-21T18", 1, 10),
        header(0, "views", "2026-11-21T18", 1, 10),
    ];
    let plans = planned(&headers, &NO_LIMITS);
    assert_eq!(plans, [whole(&[2, 0]), whole(&[1]), whole(&[3])]);
}

#[test]
fn kept_rejections_have_objects_and_a_prefix_of_their_own() {
    let accepted = header(1, "clicks", "2026-11-21T18", 1, 10);
    let rejected = Header { kind: Kind::Rejected, ..accepted.clone() };
    assert_eq!(planned(&[accepted, rejected.clone()], &NO_LIMITS), [whole(&[0]), whole(&[1])]);
    let expected = "rejected/stream=clicks/dt=2026-11-21/hour=18/n.ndjson.zst";
    assert_eq!(key("records/", &rejected, "n", Compression::Zstd), expected);
}

#[test]
fn an_object_closes_at_each_of_its_limits() {
    let headers: Vec<_> = (0..4).map(|id| header(id, "clicks", "2026-11-21T18", 10, 100)).collect();
    let pairs = [whole(&[0, 1]), whole(&[2, 3])];
    for limits in [
        Limits { bytes: 200, ..NO_LIMITS },
        Limits { records: 20, ..NO_LIMITS },
        Limits { messages: 2, ..NO_LIMITS },
        Limits { bytes: 299, records: 29, messages: 3 },
    ] {
        assert_eq!(planned(&headers, &limits), pairs, "{limits:?}");
    }
}

#[test]
fn a_message_beyond_the_record_limit_is_split_into_parts() {
    let headers = [header(7, "clicks", "2026-11-21T18", 5, 100)];
    let limits = Limits { records: 2, ..NO_LIMITS };
    let plans = planned(&headers, &limits);
    let [Plan::Split(split)] = &plans[..] else { panic!("{plans:?}") };
    assert_eq!((split.message, split.part_count()), (MessageIndex(0), 3));
    assert!(split.parts().eq([0..2, 2..4, 4..5]));
    assert_eq!(part_name("name", &(2..4)), "name-2-3");
}

#[test]
fn keys_are_hive_partitions() {
    let header = header(7, "clicks", "2026-11-21T08", 5, 100);
    for (compression, extension) in [(Compression::Gzip, ".gz"), (Compression::Zstd, ".zst"), (Compression::None, "")] {
        let expected = format!("p/stream=clicks/dt=2026-11-21/hour=08/n.ndjson{extension}");
        assert_eq!(key("p/", &header, "n", compression), expected);
    }
}

#[test]
fn a_name_never_changes() {
    // A new name for the same messages would store them twice across a deployment.
    let messages = vec![(MessageId::new(2), [0; 32]), (MessageId::new(1), [7; 32])];
    assert_eq!(name(messages.clone()), name(messages.iter().rev().copied().collect()));
    assert_eq!(name(messages), "584a431676dd27f9e18372aef27e00af");
}

#[test]
fn the_same_id_with_other_content_has_another_name() {
    assert_ne!(name(vec![(MessageId::new(1), [0; 32])]), name(vec![(MessageId::new(1), [1; 32])]));
}

fn headers() -> impl Strategy<Value = Vec<Header>> {
    let one = ("[ab]", 0..3_u32, 1..30_u32, 1..2_000_u32);
    prop::collection::vec(one, 1..40).prop_map(|all| {
        let make = |(at, (stream, hour, records, bytes)): (usize, (String, u32, u32, u32))| {
            // The order of ids differs from that of messages.
            let id = (at as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
            header(id, &stream, &format!("2026-11-21T{hour:02}"), records, bytes)
        };
        all.into_iter().enumerate().map(make).collect()
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    (2_000..9_000_u64, 1..60_u64, 1..8_u64).prop_map(|(bytes, records, messages)| Limits { bytes, records, messages })
}

proptest! {
    #[test]
    fn every_message_is_in_exactly_one_object_or_in_its_parts(headers in headers(), limits in limits()) {
        let mut records_seen = vec![0; headers.len()];
        for plan in planned(&headers, &limits) {
            match plan {
                Plan::Whole(inside) => {
                    for index in inside {
                        records_seen[index.0] += headers[index.0].records as usize;
                    }
                }
                Plan::Split(split) => {
                    for part in split.parts() {
                        prop_assert_eq!(part.start, records_seen[split.message.0], "parts are consecutive");
                        records_seen[split.message.0] = part.end;
                    }
                }
            }
        }
        let expected: Vec<_> = headers.iter().map(|header| header.records as usize).collect();
        prop_assert_eq!(records_seen, expected);
    }

    #[test]
    fn no_object_exceeds_a_limit_or_mixes_partitions(headers in headers(), limits in limits()) {
        for plan in planned(&headers, &limits) {
            match plan {
                Plan::Whole(inside) => {
                    let inside_headers = || inside.iter().map(|index| &headers[index.0]);
                    let sum = |of: fn(&Header) -> u32| inside_headers().map(|header| u64::from(of(header))).sum::<u64>();
                    prop_assert!(!inside.is_empty() && inside.len() as u64 <= limits.messages);
                    prop_assert!(sum(|header| header.bytes) <= limits.bytes);
                    prop_assert!(sum(|header| header.records) <= limits.records);
                    let partition = |index: MessageIndex| (&headers[index.0].stream, headers[index.0].hour);
                    prop_assert!(inside.iter().all(|index| partition(*index) == partition(inside[0])));
                }
                Plan::Split(split) => {
                    prop_assert!(split.part_count() > 1 && split.part_count() == split.parts().count());
                    prop_assert!(split.parts().all(|part| (1..=limits.records).contains(&(part.len() as u64))));
                }
            }
        }
    }

    #[test]
    fn names_do_not_depend_on_the_order_of_messages(
        (headers, shuffled) in headers().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        limits in limits(),
    ) {
        prop_assert_eq!(keys(&headers, &limits), keys(&shuffled, &limits));
    }

    #[test]
    fn no_two_objects_have_the_same_key(headers in headers(), limits in limits()) {
        let objects = planned(&headers, &limits).into_iter().map(|plan| match plan {
            Plan::Whole(_) => 1,
            Plan::Split(split) => split.part_count(),
        });
        prop_assert_eq!(keys(&headers, &limits).len(), objects.sum::<usize>());
    }
}
