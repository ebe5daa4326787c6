//! Which keys can be files.

use s3s::{S3Result, s3_error};

/// Bytes of a file's name on the usual file systems.
const MAX_SEGMENT: usize = 255;

/// Checks that a key, read as a path, stays inside of the bucket's folder and has one meaning only.
///
/// S3 itself takes keys with `..` or empty segments; files cannot have them.
pub(super) fn check(key: &str) -> S3Result<()> {
    let good = |segment: &str| {
        !matches!(segment, "" | "." | "..") && segment.len() <= MAX_SEGMENT && !segment.contains(['\0', '\\'])
    };
    if key.split('/').all(good) {
        return Ok(());
    }
    Err(s3_error!(InvalidArgument, "a key here is a path of plain names"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_in_its_folder() {
        for good in ["a", "records/stream=clicks/dt=2026-11-21/hour=18/x.ndjson.gz", "..a/b..", "ü"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "..", "a/../b", "../../etc/passwd", "/a", "a/", "a//b", "./a", "a\0b", "a\\..\\b"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check(&"x".repeat(256)).is_err());
    }
}
