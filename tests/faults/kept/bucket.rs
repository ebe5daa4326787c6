//! The files of a data folder.

use std::path::Path;

use crate::support::documents::SECRET;
use crate::support::places;

/// The number of objects under a folder of the bucket.
pub(super) fn objects_in(folder: &Path) -> usize {
    places::objects(folder).len()
}

/// Searches every file, compressed ones also decompressed: objects, queues and ledger.
pub(super) fn assert_nothing_withheld(data: &Path) {
    // The data folder has a link to a folder.
    let files: Vec<_> = places::objects(data).into_iter().filter(|file| file.path.is_file()).collect();
    assert!(!files.is_empty());
    for file in files {
        let bytes = std::fs::read(&file.path).unwrap();
        assert!(!contains(&bytes), "{}", file.path.display());
        if file.path.extension().is_some_and(|end| end == "zst") {
            places::each_record(&file, |line| assert!(!contains(line), "{}", file.path.display()));
        }
    }
}

fn contains(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}
