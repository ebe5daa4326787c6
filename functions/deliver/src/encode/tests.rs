use std::io::{Cursor, Read};

use proptest::prelude::*;

use super::*;

fn encode(compression: Compression, pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut encoder = Encoder::new(compression, pieces.iter().map(Vec::len).sum());
    for piece in pieces {
        encoder.push(piece).unwrap();
    }
    encoder.finish().unwrap()
}

fn decode(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    match compression {
        Compression::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut records).unwrap(),
        Compression::Zstd => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut records).unwrap(),
        Compression::None => records.write(bytes).unwrap(),
    };
    records
}

const ALL: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::None];

proptest! {
    #[test]
    fn encoded_records_decode_to_the_same_bytes(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5_000), 0..10),
    ) {
        for compression in ALL {
            let bytes = encode(compression, &pieces);
            prop_assert!(bytes.len() <= compression.max_bytes(pieces.iter().map(Vec::len).sum()));
            prop_assert_eq!(decode(compression, &bytes), pieces.concat());
        }
    }
}

/// Appends records as a message with zstd frames, and returns the frames.
fn push_in_frames(encoder: &mut Encoder, records: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    frame::compress_onto(&mut frames, records).unwrap();
    let unpack = |onto: &mut Vec<u8>| {
        onto.extend_from_slice(records);
        Ok::<_, ()>(Some(frames.clone()))
    };
    encoder.append(unpack).unwrap();
    encoder.compress_pending().unwrap();
    frames
}

#[test]
fn large_frames_are_joined_and_no_other_records_are_lost() {
    let (small, large) = (b"{\"a\":1}\n".repeat(10), b"{\"a\":2}\n".repeat(JOINED_BYTES / 8));
    for compression in ALL {
        let mut encoder = Encoder::new(compression, 2 * (small.len() + large.len()));
        push_in_frames(&mut encoder, &small);
        let frames = push_in_frames(&mut encoder, &large);
        encoder.push(&small).unwrap();
        let bytes = encoder.finish().unwrap();
        assert_eq!(compression == Compression::Zstd, bytes.starts_with(&frames));
        let mut lines: Vec<_> = decode(compression, &bytes).split(|byte| *byte == b'\n').map(Vec::from).collect();
        lines.sort_unstable();
        assert_eq!(lines.len(), 20 + JOINED_BYTES / 8 + 1, "including the empty text after the last line");
        assert_eq!(lines.iter().filter(|line| *line == b"{\"a\":1}").count(), 20);
    }
}

#[test]
fn frames_larger_than_their_records_are_not_joined() {
    let records = b"{}\n".repeat(JOINED_BYTES);
    let mut frames = Vec::new();
    // An empty frame adds bytes without records.
    while frames.len() <= records.len() {
        frame::compress_onto(&mut frames, b"").unwrap();
    }
    let mut encoder = Encoder::new(Compression::Zstd, records.len());
    let unpack = |onto: &mut Vec<u8>| {
        onto.extend_from_slice(&records);
        Ok::<_, ()>(Some(frames))
    };
    encoder.append(unpack).unwrap();
    encoder.compress_pending().unwrap();
    let bytes = encoder.finish().unwrap();
    assert!(bytes.len() <= Compression::Zstd.max_bytes(records.len()));
    assert_eq!(decode(Compression::Zstd, &bytes), records);
}

#[test]
fn frames_that_some_readers_refuse_are_compressed_again() {
    let records = b"{\"a\":1}\n".repeat(JOINED_BYTES / 8);
    let mut stream = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    stream.window_log(27).unwrap();
    stream.write_all(&records).unwrap();
    let wide = stream.finish().unwrap();
    let mut encoder = Encoder::new(Compression::Zstd, records.len());
    let unpack = |onto: &mut Vec<u8>| {
        onto.extend_from_slice(&records);
        Ok::<_, ()>(Some(wide.clone()))
    };
    encoder.append(unpack).unwrap();
    encoder.compress_pending().unwrap();
    let mut careful = zstd::stream::read::Decoder::new(Cursor::new(encoder.finish().unwrap())).unwrap();
    careful.window_log_max(23).unwrap();
    let mut read = Vec::new();
    careful.read_to_end(&mut read).unwrap();
    assert_eq!(read, records);
}

#[test]
fn a_message_that_fails_to_unpack_leaves_no_records() {
    for compression in ALL {
        let mut encoder = Encoder::new(compression, 100);
        encoder.push(b"{}\n").unwrap();
        let broken = encoder.append(|onto| {
            onto.extend_from_slice(b"half a rec");
            Err("broken")
        });
        assert_eq!(broken, Err("broken"));
        encoder.push(b"[]\n").unwrap();
        assert_eq!(decode(compression, &encoder.finish().unwrap()), b"{}\n[]\n");
    }
}

#[test]
fn the_same_records_make_the_same_bytes() {
    let pieces = [b"{\"a\":1}\n".repeat(500), b"{\"a\":2}\n".repeat(100_000)];
    for compression in ALL {
        assert_eq!(encode(compression, &pieces), encode(compression, &pieces));
    }
}
