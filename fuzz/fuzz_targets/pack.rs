//! Packs any records: each record is in exactly one message, and no limit is exceeded.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use spillway_ingest::pack::{MAX_CALL_BYTES, MAX_CALL_MESSAGES, Partition, Piece, fits, pack};
use spillway_shared::hour::Hour;
use spillway_shared::message::{Header, Kind, MessageId, open};
use spillway_shared::stream::StreamName;

const MAX_MESSAGE_BYTES: usize = 4_096;

fuzz_target!(|documents: Vec<(u8, Vec<String>)>| {
    let (mut pieces, mut sent) = (Vec::new(), Vec::new());
    for (waiter, (place, records)) in documents.into_iter().enumerate() {
        let lines: Vec<_> = records.iter().map(|record| record.replace('\n', " ") + "\n").collect();
        let lines: Vec<_> = lines.into_iter().filter(|line| fits(line, MAX_MESSAGE_BYTES)).collect();
        if !lines.is_empty() {
            let partition = partition(place);
            sent.extend(lines.iter().map(|line| (partition.clone(), line.clone())));
            let piece = Piece { partition, lines: Bytes::from(lines.concat()), waiter };
            pieces.extend(piece.cut(MAX_MESSAGE_BYTES));
        }
    }
    let mut packed = Vec::new();
    let mut id = 0;
    let calls = pack(pieces, MAX_MESSAGE_BYTES, |_| {
        id += 1;
        MessageId::new(id)
    });
    for call in calls {
        assert!(call.len() <= MAX_CALL_MESSAGES);
        assert!(call.iter().map(|message| message.body.len()).sum::<usize>() <= MAX_CALL_BYTES);
        for message in call {
            assert!(message.body.len() <= MAX_MESSAGE_BYTES);
            let sealed = open(&message.body).expect("what is packed can be opened");
            let records = sealed.records().expect("and read").into_owned();
            let records = String::from_utf8(records).expect("as text");
            let Header { kind, stream, hour, .. } = sealed.header;
            let partition = Partition { kind, stream, hour };
            packed.extend(records.split_inclusive('\n').map(|line| (partition.clone(), line.to_owned())));
        }
    }
    sent.sort();
    packed.sort();
    assert_eq!(sent, packed);
});

fn partition(place: u8) -> Partition {
    Partition {
        kind: if place % 5 == 0 { Kind::Accepted } else { Kind::Rejected },
        stream: StreamName::parse(if place % 2 == 0 { "even" } else { "odd" }).expect("a good name"),
        hour: Hour::parse(if place % 3 == 0 { "2026-11-21T18" } else { "2026-11-21T19" }).expect("a good hour"),
    }
}
