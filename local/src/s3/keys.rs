//! Checks that a key can be a file.

use s3s::{S3Result, s3_error};

/// The maximum length of a file name on common file systems, in bytes.
const MAX_SEGMENT: usize = 255;

/// Checks that a key, as a path, stays inside the folder of the bucket and is unambiguous.
///
/// S3 itself accepts keys with `..` or empty segments; files cannot have them.
pub(super) fn check(key: &str) -> S3Result<()> {
    let good = |segment: &str| {
        !matches!(segment, "" | "." | "..") && segment.len() <= MAX_SEGMENT && !segment.contains(['\0', '\\'])
    };
    if key.split('/').all(good) {
        return Ok(());
    }
    Err(s3_error!(InvalidArgument, "this server only accepts keys that are paths of plain names"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_leave_the_folder_are_invalid() {
        for good in ["a", "records/stream=clicks/dt=2026-11-21/hour=18/x.ndjson.gz", "..a/b..", "ü"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "..", "a/../b", "../../etc/passwd", "/a", "a/", "a//b", "./a", "a\0b", "a\\..\\b"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check(&"x".repeat(256)).is_err());
    }
}
