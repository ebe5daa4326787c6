//! How many payloads lie in a folder of objects, whatever form somebody gave them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use memchr::memmem;

/// Every payload of the load has this once, and however it is wrapped or escaped it stays.
const ONCE_A_PAYLOAD: &[u8] = b"firmware";
const CHUNK: usize = 1 << 20;

/// The files of a folder and how long they were at one moment.
pub(super) struct Snapshot(Vec<(PathBuf, u64)>);

/// What lies in a folder now; one that is not there yet has nothing in it.
pub(super) fn snapshot(folder: &Path) -> io::Result<Snapshot> {
    let mut files = Vec::new();
    if folder.exists() {
        list(folder, &mut files)?;
    }
    Ok(Snapshot(files))
}

impl Snapshot {
    /// Counts payloads; of a file that was not whole, those that can be read.
    pub(super) fn payloads(&self) -> io::Result<u64> {
        self.0.iter().map(|(path, bytes)| payloads(path, *bytes)).sum()
    }
}

fn list(folder: &Path, files: &mut Vec<(PathBuf, u64)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A file may be gone by now: unfinished ones are renamed.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            list(&entry.path(), files)?;
        } else {
            files.push((entry.path(), metadata.len()));
        }
    }
    Ok(())
}

fn payloads(path: &Path, bytes: u64) -> io::Result<u64> {
    let Ok(file) = File::open(path) else { return Ok(0) };
    let file = file.take(bytes);
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => count(MultiGzDecoder::new(file)),
        Some("zst") => count(zstd::stream::read::Decoder::new(file)?),
        _ => count(file),
    })
}

/// Reads to the end, or as far as it goes, and keeps what could be the beginning of a word between chunks.
fn count(mut source: impl Read) -> u64 {
    let (mut found, mut buffer, mut kept) = (0, vec![0; CHUNK], 0);
    while let Ok(read @ 1..) = source.read(&mut buffer[kept..]) {
        let filled = kept + read;
        found += memmem::find_iter(&buffer[..filled], ONCE_A_PAYLOAD).count() as u64;
        let start = filled.saturating_sub(ONCE_A_PAYLOAD.len() - 1);
        buffer.copy_within(start..filled, 0);
        kept = filled - start;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_counted_across_any_chunk() {
        struct Slow<'a>(&'a [u8], usize);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let step = self.1.min(self.0.len()).min(buffer.len());
                buffer[..step].copy_from_slice(&self.0[..step]);
                self.0 = &self.0[step..];
                Ok(step)
            }
        }
        let text = b"{\"firmware\":1}\n{\\\"firmware\\\":2} firmwar firmware".repeat(3);
        for step in 1..20 {
            assert_eq!(count(Slow(&text, step)), 9, "in steps of {step}");
        }
    }
}
