//! Counts the payloads in a folder of objects, whatever their format.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use memchr::memmem;
use spillway_local::ledger::each_line;

/// Each payload of the load contains this word once, and no format or escaping changes it.
const ONCE_PER_PAYLOAD: &[u8] = b"firmware";

/// A file and its length at one moment.
pub(super) type Snapshot = Vec<(PathBuf, u64)>;

/// The files in a folder now; none if the folder does not exist yet.
pub(super) fn snapshot(folder: &Path) -> io::Result<Snapshot> {
    let (mut files, mut folders) = (Snapshot::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop().filter(|folder| folder.exists()) {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => folders.push(path),
                Ok(metadata) => files.push((path, metadata.len())),
                // The file is gone: an unfinished file was renamed.
                Err(_) => {}
            }
        }
    }
    Ok(files)
}

/// The number of payloads in some files; in an incomplete file, of those in its readable lines.
pub(super) fn payloads(files: &Snapshot) -> u64 {
    files.iter().map(|(path, bytes)| payloads_of_file(path, *bytes)).sum()
}

fn payloads_of_file(path: &Path, bytes: u64) -> u64 {
    let mut found = 0;
    // An error means that the file is gone or incomplete.
    let _ = each_line(path, bytes, |line| found += memmem::find_iter(line, ONCE_PER_PAYLOAD).count() as u64);
    found
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn payloads_are_counted_in_any_format_and_in_incomplete_files() {
        let folder = tempfile::tempdir().unwrap();
        let text = b"{\"firmware\":1}\n{\\\"firmware\\\":2} firmwar firmware\n".repeat(3);
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let (gzip, zstd) = (gzip.finish().unwrap(), zstd::encode_all(text.as_slice(), 1).unwrap());
        fs::create_dir(folder.path().join("a")).unwrap();
        for (name, bytes) in [("a/plain", text.as_slice()), ("b.gz", &gzip), ("c.zst", &zstd), ("d.gz", &gzip[..20])] {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        assert_eq!(payloads(&snapshot(folder.path()).unwrap()), 27);
        assert_eq!(payloads_of_file(&folder.path().join("a/plain"), 20), 1);
    }
}
