//! Compacts one hour in a folder with the layout of a bucket: `folder BUCKET CONFIG STREAM HOUR [FILE_MB]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use spillway_compact::hour::{Compactor, Settings, Until};
use spillway_compact::list::Place;
use spillway_compact::store::{Listed, Page, Part, Put, Store, StoreError};
use spillway_compact::table;
use spillway_shared::hour::Hour;
use spillway_shared::metrics::Compacted;
use spillway_shared::retry::{Attempts, Outcome};
use spillway_shared::stream::StreamName;
use tokio::time::Instant;

/// A folder as a bucket.
struct Folder(PathBuf);

impl Store for Folder {
    async fn list(&self, prefix: &str, _: &str) -> Outcome<Page, StoreError> {
        let entries = std::fs::read_dir(self.0.join(prefix)).into_iter().flatten().flatten();
        let listed = entries.filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            let key = format!("{prefix}{}", entry.file_name().to_str()?);
            Some(Listed { key, size: metadata.len(), modified: metadata.modified().ok()? })
        });
        let mut objects: Vec<_> = listed.collect();
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        Outcome::Done(Page { objects, is_truncated: false })
    }

    async fn get(&self, key: &str, part: Part) -> Outcome<Option<Bytes>, StoreError> {
        let Ok(body) = std::fs::read(self.0.join(key)).map(Bytes::from) else { return Outcome::Done(None) };
        Outcome::Done(Some(match part {
            Part::Whole => body,
            Part::Range(range) => {
                let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
                body.slice(start..end.min(body.len()))
            }
            Part::Last(bytes) => body.slice(body.len().saturating_sub(usize::try_from(bytes).unwrap_or(usize::MAX))..),
        }))
    }

    async fn put(&self, key: &str, body: Bytes) -> Outcome<Put, StoreError> {
        let path = self.0.join(key);
        if path.exists() {
            return Outcome::Done(Put::Exists);
        }
        let stored =
            std::fs::create_dir_all(path.parent().unwrap_or(&path)).and_then(|()| std::fs::write(&path, &body));
        match stored {
            Ok(()) => Outcome::Done(Put::Created),
            Err(error) => Outcome::Never(StoreError(error.to_string())),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, bucket, config, stream, hour, more @ ..] = arguments.as_slice() else {
        return Err("folder BUCKET CONFIG STREAM HOUR [FILE_MB]".into());
    };
    let stream = StreamName::parse(stream).ok_or("no stream")?;
    let table = table::load(Path::new(config), &stream)?.ok_or("the stream has no lock file")?;
    let place = Place { stream, hour: Hour::parse(hour).ok_or("no hour")? };
    let megabytes: u64 = more.first().map_or(Ok(256), |text| text.parse())?;
    let settings = Settings {
        records_prefix: "records/".to_owned(),
        attempts: Attempts { timeout: Duration::from_mins(1), count: 1 },
        prefetch: 2,
        file_bytes: megabytes << 20,
    };
    let deadline = Instant::now() + Duration::from_hours(1);
    let (store, mut counts, start) = (Folder(bucket.into()), Compacted::default(), Instant::now());
    let compactor = Compactor { store: &store, settings: &settings };
    compactor.compact(&place, &table, Until { stop: deadline, deadline }, &mut counts).await?;
    println!("{:.2?} {counts:?}", start.elapsed());
    Ok(())
}
