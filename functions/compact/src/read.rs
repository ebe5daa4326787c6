//! Objects into lines.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

/// The endings of objects of records, with how they are compressed.
const ENDINGS: [(&str, Compression); 3] =
    [(".ndjson.zst", Compression::Zstd), (".ndjson.gz", Compression::Gzip), (".ndjson", Compression::None)];
/// The most bytes of one line. A record has at most 1 MiB; longer lines are damage, and memory is limited.
const MAX_LINE_BYTES: usize = 16 << 20;
/// The size of the buffer between decompression and lines.
const BUFFER_BYTES: usize = 256 << 10;

#[derive(Debug, Clone, Copy)]
enum Compression {
    Zstd,
    Gzip,
    None,
}

/// Whether a key names an object of records.
#[must_use]
pub fn is_object(key: &str) -> bool {
    compression(key).is_some()
}

fn compression(key: &str) -> Option<Compression> {
    ENDINGS.iter().find(|(ending, _)| key.ends_with(ending)).map(|(_, compression)| *compression)
}

/// Calls `take` with each line of an object that is not blank, without its line break.
///
/// # Errors
/// The object cannot be decompressed to its end. The lines before are taken, and what there is of the last one.
pub fn lines(key: &str, object: &[u8], mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, decoder(key, object)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        let end = next(&mut reader, &mut line);
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if !text.trim_ascii().is_empty() {
            take(text);
        }
        if !end? {
            return Ok(());
        }
    }
}

/// The content of an object, decompressed as its key says.
///
/// # Errors
/// zstd has no memory.
pub fn decoder<'a>(key: &str, object: &'a [u8]) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression(key) {
        Some(Compression::Zstd) => Box::new(zstd::stream::read::Decoder::with_buffer(object)?),
        Some(Compression::Gzip) => Box::new(MultiGzDecoder::new(object)),
        Some(Compression::None) | None => Box::new(object),
    })
}

/// Reads one line with its line break; returns whether there may be another.
fn next(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    let limit = MAX_LINE_BYTES as u64;
    let mut limited = reader.take(limit);
    let count = limited.read_until(b'\n', line)?;
    if count as u64 == limit && !line.ends_with(b"\n") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line has more than 16 MiB"));
    }
    Ok(count > 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(key: &str, object: &[u8]) -> (Vec<String>, bool) {
        let mut found = Vec::new();
        let end = lines(key, object, |line| found.push(String::from_utf8_lossy(line).into_owned()));
        (found, end.is_ok())
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &str) -> Vec<u8> {
        zstd::encode_all(text.as_bytes(), 1).unwrap()
    }

    #[test]
    fn every_compression_is_read_also_in_several_frames() {
        let expected = (vec!["a".to_owned(), " b".to_owned(), "c".to_owned()], true);
        assert_eq!(read("x.ndjson", b"a\n b\n\n\nc"), expected);
        assert_eq!(read("x.ndjson.gz", &[gzip("a\n b\n"), gzip("c\n")].concat()), expected);
        assert_eq!(read("x.ndjson.zst", &[zstd("a\n b\n"), zstd(" \n"), zstd("c\n")].concat()), expected);
        assert_eq!(read("x.ndjson", b""), (vec![], true));
    }

    #[test]
    fn damaged_objects_are_errors_after_their_good_lines() {
        let whole = [zstd("a\n"), zstd("b\n")].concat();
        assert_eq!(read("x.ndjson.zst", &whole[..whole.len() - 2]).0[0], "a");
        assert!(!read("x.ndjson.zst", &whole[..whole.len() - 2]).1);
        assert!(!read("x.ndjson.gz", &whole).1);
        assert!(!read("x.ndjson.zst", &gzip("a")).1);
        assert!(!read("x.ndjson.zst", b"").1);
        let whole = gzip(&"abc\n".repeat(9));
        assert!(!read("x.ndjson.gz", &whole[..whole.len() - 5]).1);
        let long = vec![b'x'; MAX_LINE_BYTES + 1];
        assert!(!read("x.ndjson", &long).1);
    }

    #[test]
    fn other_objects_are_not_of_records() {
        assert!(is_object("a/b.ndjson.zst") && is_object("b.ndjson"));
        assert!(!is_object("a/b.parquet") && !is_object("a/") && !is_object("b.ndjson.lz4"));
    }
}
