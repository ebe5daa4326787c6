//! The settings of compact: read once at start, from the environment and the lock files, into types.

use std::path::PathBuf;

use spillway_shared::config::{ConfigErrors, Lookup, Number, Reader};
use spillway_shared::log;
use spillway_shared::metrics::emf::{self, METRICS};
use spillway_shared::prefixes::RECORDS;
use spillway_shared::retry::{Attempts, FUNCTION_TIMEOUT};

use crate::hour::Settings;
use crate::table::{Tables, load_all};

const MIB: u64 = 1 << 20;

/// Concurrent calls to S3: objects that are read ahead, and hours whose work is listed.
pub const MAX_WORKERS: Number = Number { name: "MAX_WORKERS", default: 4, min: 1, max: 100 };
/// The timeout of one attempt of a call, in milliseconds: a file of 100 MB is one PUT.
pub const CALL_TIMEOUT_MS: Number = Number { name: "CALL_TIMEOUT_MS", default: 60_000, min: 50, max: 300_000 };
/// Attempts of one call, including the first.
pub const CALL_TRIES: Number = Number { name: "CALL_TRIES", default: 3, min: 1, max: 10 };
/// Bytes of records at which a file closes, at the end of an object. The file is in memory until then.
pub const MAX_FILE_BYTES: Number = Number { name: "MAX_FILE_BYTES", default: 256 * MIB, min: MIB, max: 2_048 * MIB };

/// All numbers that compact reads.
pub const NUMBERS: [Number; 4] = [MAX_WORKERS, CALL_TIMEOUT_MS, CALL_TRIES, MAX_FILE_BYTES];

/// The bucket of objects and files; must be set.
pub const BUCKET: &str = "BUCKET";
/// The prefix of objects of records, as deliver has it.
pub const OBJECT_PREFIX: &str = "OBJECT_PREFIX";
/// The function's own queue; must be set.
pub const QUEUE_URL: &str = "QUEUE_URL";
/// The folder with `tables/`.
pub const CONFIG_DIR: &str = "CONFIG_DIR";
/// The region of bucket and queue; Lambda always sets it.
pub const AWS_REGION: &str = "AWS_REGION";

/// All other variables that compact reads, except those that Lambda itself sets.
pub const TEXTS: [&str; 7] =
    [BUCKET, OBJECT_PREFIX, QUEUE_URL, CONFIG_DIR, METRICS, log::LEVELS[0], FUNCTION_TIMEOUT.name];

/// All settings of compact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The bucket of objects and files.
    pub bucket: String,
    /// The URL of the function's own queue.
    pub queue_url: String,
    /// The region of bucket and queue.
    pub region: String,
    /// How files are made.
    pub files: Settings,
    /// The tables of all streams.
    pub tables: Tables,
    /// Whether metrics are written.
    pub metrics: emf::Settings,
}

impl Config {
    /// Reads all settings and lock files.
    ///
    /// # Errors
    /// Every bad or missing variable, by name, and the first error of each lock file.
    pub fn read(lookup: Lookup<'_>) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(lookup);
        let folder = PathBuf::from(reader.text(CONFIG_DIR).unwrap_or_else(|| "/opt".to_owned()));
        let config = Self {
            bucket: reader.required(BUCKET),
            queue_url: reader.required_url(QUEUE_URL),
            region: reader.required(AWS_REGION),
            files: Settings {
                records_prefix: reader.text(OBJECT_PREFIX).unwrap_or_else(|| RECORDS.to_owned()),
                attempts: Attempts::read(&mut reader, &CALL_TIMEOUT_MS, &CALL_TRIES),
                prefetch: reader.size(&MAX_WORKERS),
                file_bytes: reader.number(&MAX_FILE_BYTES),
            },
            tables: load_all(&folder).unwrap_or_else(|errors| {
                reader.errors().extend(errors);
                Tables::new()
            }),
            metrics: emf::Settings::read(&mut reader),
        };
        log::check(&mut reader);
        reader.finish(config)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Config::read(&lookup).map_err(|errors| errors.to_string())
    }

    const NEEDED: [(&str, &str); 4] =
        [("BUCKET", "b"), ("AWS_REGION", "eu-central-1"), ("QUEUE_URL", "http://q"), ("CONFIG_DIR", "/nowhere")];

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let config = read(&NEEDED).unwrap();
        let attempts = Attempts { timeout: Duration::from_mins(1), count: 3 };
        let files = Settings { records_prefix: "records/".to_owned(), attempts, prefetch: 4, file_bytes: 256 << 20 };
        assert_eq!((config.files, config.tables.len()), (files, 0));
    }

    #[test]
    fn all_bad_variables_and_lock_files_are_reported_together() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tables")).unwrap();
        std::fs::write(folder.path().join("tables/clicks.json"), "{}").unwrap();
        let errors = read(&[("MAX_WORKERS", "0"), ("CONFIG_DIR", folder.path().to_str().unwrap())]).unwrap_err();
        for name in ["BUCKET: must be set", "QUEUE_URL: ", "AWS_REGION: ", "MAX_WORKERS: ", "tables/clicks.json: "] {
            assert!(errors.contains(name), "{name} is not in {errors}");
        }
    }
}
