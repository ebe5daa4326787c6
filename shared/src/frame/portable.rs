//! Recognises frames that every reader supports by their headers (RFC 8878, 3.1.1).

/// The first bytes of a frame.
const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// The most content of a block, in bytes; smaller if the whole frame is smaller.
const MAX_BLOCK_BYTES: usize = 128 << 10;

/// The facts in a block header.
struct Block {
    is_last: bool,
    /// Bytes of content. For a compressed block the length of the block itself.
    content: usize,
}

/// Whether `frame` is exactly one frame with `bytes` bytes of content that every reader supports: a single segment,
/// blocks within the allowed size, no dictionary, no checksum, and no bytes before or after it.
///
/// Decompressing a whole frame at once accepts more than streaming readers do: windows of gigabytes, skippable frames,
/// and blocks of any size. This check covers everything that compressors write. A handcrafted compressed block could
/// still exceed the allowed size once it is decompressed.
#[must_use]
pub fn is_portable(frame: &[u8], bytes: usize) -> bool {
    let Some(blocks) = blocks_of_one_segment(frame, bytes) else { return false };
    let most = bytes.min(MAX_BLOCK_BYTES);
    let mut rest = blocks;
    while let Some((block, after)) = next(rest) {
        if block.content > most {
            return false;
        }
        if block.is_last {
            return after.is_empty();
        }
        rest = after;
    }
    false
}

/// The blocks of a single-segment frame with `bytes` bytes of content.
fn blocks_of_one_segment(frame: &[u8], bytes: usize) -> Option<&[u8]> {
    let (descriptor, rest) = frame.strip_prefix(&MAGIC)?.split_first()?;
    // The single-segment bit is set; the bits for reserved use, checksum and dictionary are not.
    if descriptor & 0b0011_1111 != 0b0010_0000 {
        return None;
    }
    let (size, blocks) = rest.split_at_checked(1 << (descriptor >> 6))?;
    // A size of two bytes counts from 256, all others from 0.
    let from = if size.len() == 2 { 256 } else { 0 };
    let size = size.iter().rev().fold(0_u64, |size, byte| size << 8 | u64::from(*byte)).checked_add(from)?;
    (size == bytes as u64).then_some(blocks)
}

/// The next block and the bytes after it; `None` if it is truncated or of a reserved type.
fn next(blocks: &[u8]) -> Option<(Block, &[u8])> {
    let (&[low, middle, high], rest) = blocks.split_first_chunk()?;
    let header = u32::from_le_bytes([low, middle, high, 0]);
    let size = (header >> 3) as usize;
    let stored = match header >> 1 & 0b11 {
        0 | 2 => size,
        // One repeated byte.
        1 => 1,
        _ => return None,
    };
    let block = Block { is_last: header & 1 == 1, content: size };
    Some((block, rest.get(stored..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{compress_onto, decompress_onto};

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        compress_onto(&mut frame, bytes).unwrap();
        frame
    }

    /// `count` incompressible bytes.
    fn noise(count: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(1);
        (0..count).map(|_| random.u8(..)).collect()
    }

    #[test]
    fn our_frames_are_portable() {
        for count in [0, 1, 255, 256, 300, 65_791, 65_792, 200_000, 512 << 10] {
            for bytes in [vec![b'x'; count], noise(count), b"{\"a\":1}\n".repeat(count / 8)] {
                assert!(is_portable(&compressed(&bytes), bytes.len()), "{count}");
                assert!(!is_portable(&compressed(&bytes), bytes.len() + 1), "{count}");
            }
        }
    }

    #[test]
    fn frames_that_some_readers_refuse_are_not_portable() {
        let bytes = noise(200_000);
        let good = compressed(&bytes);
        let windowed = {
            let mut stream = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            stream.window_log(27).unwrap();
            std::io::Write::write_all(&mut stream, &bytes).unwrap();
            stream.finish().unwrap()
        };
        let skipped = [&[0x50, 0x2A, 0x4D, 0x18, 1, 0, 0, 0, b'x'], &good[..]].concat();
        // One block: a repeated byte, 1 MiB.
        let large = [&MAGIC[..], &[0b1010_0000, 0, 0, 16, 0], &[0b0000_0011, 0, 0b1000_0000, b'x']].concat();
        let content = |frames: &[u8]| {
            let mut onto = Vec::new();
            decompress_onto(&mut onto, frames, 2 << 20).map(|()| onto.len()).unwrap()
        };
        for (frames, length) in [
            (&windowed, 200_000),
            (&skipped, 200_000),
            (&large, 1 << 20),
            (&[compressed(b""), good.clone()].concat(), 200_000),
            (&[good.clone(), compressed(b"")].concat(), 200_000),
        ] {
            assert_eq!(content(frames), length, "decompressing at once succeeds");
            assert!(!is_portable(frames, length), "{:?}", &frames[..12]);
        }
    }

    proptest! {
        /// Checks with a streaming reader that supports windows of at most 8 MiB.
        #[test]
        fn a_portable_frame_that_decompresses_at_once_also_decompresses_as_a_stream(
            bytes in prop::collection::vec(0..4_u8, 1..3_000),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut frame = compressed(&bytes);
            for (at, byte) in changes {
                let at = at.index(frame.len());
                frame[at] = byte;
            }
            let mut onto = Vec::new();
            if is_portable(&frame, bytes.len()) && decompress_onto(&mut onto, &frame, bytes.len()).is_ok() {
                let mut stream = zstd::stream::read::Decoder::new(&frame[..]).unwrap();
                stream.window_log_max(23).unwrap();
                let mut read = Vec::new();
                std::io::Read::read_to_end(&mut stream, &mut read).unwrap();
                prop_assert_eq!(read, onto);
            }
        }
    }
}
