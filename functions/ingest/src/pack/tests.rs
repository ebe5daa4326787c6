use proptest::prelude::*;
use spillway_shared::message::{Kind, open};

use super::*;

const MAX: usize = 4_096;

fn partition(number: usize) -> Partition {
    Partition {
        kind: Kind::Accepted,
        stream: StreamName::parse(&format!("s{}", number % 3)).unwrap(),
        hour: Hour::parse(&format!("2026-11-21T{:02}", number / 3)).unwrap(),
    }
}

fn piece(number: usize, lines: &str, waiter: usize) -> Piece<usize> {
    Piece { partition: partition(number), lines: lines.to_owned().into(), waiter }
}

fn pack_all(pieces: Vec<Piece<usize>>, max: usize) -> Vec<Vec<Packed<usize>>> {
    let mut id = 0;
    let pieces = pieces.into_iter().flat_map(|piece| piece.cut(max)).collect();
    pack(pieces, max, |_| {
        id += 1;
        MessageId::new(id)
    })
}

fn records(message: &Packed<usize>) -> String {
    String::from_utf8(open(&message.body).unwrap().records().unwrap().into_owned()).unwrap()
}

fn encoding(message: &Packed<usize>) -> Encoding {
    open(&message.body).unwrap().header.encoding
}

#[test]
fn requests_share_messages_and_messages_share_a_call() {
    let pieces = vec![piece(0, "{a}\n", 1), piece(1, "{b}\n", 2), piece(0, "{c}\n", 3)];
    let calls = pack_all(pieces, MAX);
    let contents: Vec<_> = calls.iter().flatten().map(|message| (records(message), message.waiters.clone())).collect();
    assert_eq!(calls.len(), 1);
    assert_eq!(contents, [("{a}\n{c}\n".to_owned(), vec![1, 3]), ("{b}\n".to_owned(), vec![2])]);
}

#[test]
fn only_large_calls_are_compressed() {
    let line = "{\"same\":\"words again and again\"}\n";
    assert_eq!(encoding(&pack_all(vec![piece(0, &line.repeat(100), 1)], 262_144)[0][0]), Encoding::None);
    assert_eq!(encoding(&pack_all(vec![piece(0, &line.repeat(3_000), 1)], 262_144)[0][0]), Encoding::ZstdBase64);
}

#[test]
fn characters_that_sqs_refuses_are_sent_compressed() {
    for text in ["{\"a\":\"\u{FFFE}\"}\n", "{\"a\":\"\u{FFFF}\"}\n"] {
        let calls = pack_all(vec![piece(0, text, 1)], MAX);
        assert_eq!(encoding(&calls[0][0]), Encoding::ZstdBase64);
        assert_eq!(records(&calls[0][0]), text);
    }
    assert_eq!(encoding(&pack_all(vec![piece(0, "{\"a\":\"\u{FFFD}\u{FF00}\"}\n", 1)], MAX)[0][0]), Encoding::None);
}

#[test]
fn a_record_fits_plain_or_compressed() {
    let noise: String = (0..2 * MAX).map(|_| fastrand::alphanumeric()).collect();
    assert!(fits(&noise[..MAX - MAX_HEADER_BYTES], MAX));
    assert!(!fits(&noise, MAX));
    assert!(fits(&"x".repeat(MAX_RECORD_BYTES), MAX));
    assert!(!fits(&"x".repeat(MAX_RECORD_BYTES + 1), MAX));
}

#[test]
fn the_eleventh_message_is_in_a_second_call() {
    let pieces = (0..11).map(|number| piece(number, "{}\n", number)).collect();
    let calls = pack_all(pieces, MAX);
    assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [10, 1]);
}

proptest! {
    #[test]
    fn every_record_is_packed_once_and_within_every_limit(
        documents in prop::collection::vec((0_usize..6, prop::collection::vec((0_usize..3_000, any::<bool>()), 1..12)), 1..20),
    ) {
        let mut number = 0;
        let mut sent: Vec<(Partition, usize, String)> = Vec::new();
        let mut pieces = Vec::new();
        for (waiter, (place, records)) in documents.into_iter().enumerate() {
            let mut lines = String::new();
            for (length, random) in records {
                number += 1;
                let filler: String = (0..length).map(|_| if random { fastrand::alphanumeric() } else { 'x' }).collect();
                let line = format!("{{{number}:{filler}}}\n");
                sent.push((partition(place), waiter, line.clone()));
                lines += &line;
            }
            pieces.push(piece(place, &lines, waiter));
        }
        let calls = pack_all(pieces, MAX);
        let mut packed: Vec<(Partition, String)> = Vec::new();
        for call in &calls {
            prop_assert!((1..=MAX_CALL_MESSAGES).contains(&call.len()));
            prop_assert!(call.iter().map(|message| message.body.len()).sum::<usize>() <= MAX_CALL_BYTES);
            for message in call {
                prop_assert!(message.body.len() <= MAX);
                let header = open(&message.body).unwrap().header;
                prop_assert_eq!(header.id, message.id);
                let place = Partition { kind: header.kind, stream: header.stream, hour: header.hour };
                for line in records(message).split_inclusive('\n') {
                    let waiter = sent.iter().find(|(_, _, sent)| sent == line).unwrap().1;
                    prop_assert!(message.waiters.contains(&waiter), "every record has its waiter");
                    packed.push((place.clone(), line.to_owned()));
                }
            }
        }
        let mut sent: Vec<_> = sent.into_iter().map(|(place, _, line)| (place, line)).collect();
        sent.sort();
        packed.sort();
        prop_assert_eq!(sent, packed);
    }
}
