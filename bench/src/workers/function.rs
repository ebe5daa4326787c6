//! The inside of the measured deliver: its library on the real Runtime API.
//!
//! It differs from the function in two ways: it writes the duration of each PUT to a file, and `WORKERS` may exceed the
//! maximum of `MAX_WORKERS`, to show an unbounded pool.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, anyhow};
use lambda_runtime::{Error, service_fn};
use spillway_aws::Calls;
use spillway_deliver::batch::Deliver;
use spillway_deliver::config::Config;
use spillway_deliver::s3::{Listed, Object, ObjectStore, PutError, S3, Stored};
use spillway_deliver::sqs::Sqs;
use spillway_local::environment::exit_when_stdin_closes;
use spillway_shared::config::process_environment;
use spillway_shared::retry::Outcome;
use tokio::time::Instant;

/// The first argument that makes this program a measured deliver.
pub(crate) const MEASURED: &str = "measured-deliver";
/// The number of workers.
pub(super) const WORKERS: &str = "WORKERS";
/// The file to which it appends the microseconds of each PUT, one per line.
pub(super) const TIMES: &str = "TIMES";

/// S3 with the durations of its PUTs in microseconds.
struct Timed {
    store: S3,
    micros: Arc<Mutex<Vec<u128>>>,
}

/// Runs a measured deliver in this process until it is stopped.
pub(crate) fn run() -> anyhow::Result<()> {
    exit_when_stdin_closes();
    let mut config = Config::read(&process_environment).map_err(|errors| anyhow!("{errors}"))?;
    config.max_workers = process_environment(WORKERS).context(WORKERS)?.parse()?;
    // Opened first, because the uploads may use up the file descriptors.
    let times = OpenOptions::new().append(true).open(process_environment(TIMES).context(TIMES)?)?;
    // One thread, as in a deliver with one invocation at a time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(&config, times)).map_err(|error| anyhow!("{error}"))
}

async fn serve(config: &Config, times: File) -> Result<(), Error> {
    let micros = Arc::default();
    let aws = Calls::once(config.attempts.timeout).load(Some(&config.region), None).await;
    let store = Timed { store: S3::new(&aws, &config.bucket), micros: Arc::clone(&micros) };
    let queue = Sqs::new(&aws, &config.queue_url);
    let (deliver, times) = (Arc::new(Deliver::new(config, store, queue)), Arc::new(times));
    let handler = service_fn(move |event| {
        let (deliver, micros, times) = (Arc::clone(&deliver), Arc::clone(&micros), Arc::clone(&times));
        async move {
            let answer = deliver.invocation(event).await;
            write(&times, &std::mem::take(&mut *micros.lock().unwrap_or_else(PoisonError::into_inner)))?;
            answer.map_err(Error::from)
        }
    });
    lambda_runtime::run_concurrent(handler).await
}

fn write(mut file: &File, micros: &[u128]) -> std::io::Result<()> {
    let text = micros.iter().fold(String::new(), |text, micros| text + &micros.to_string() + "\n");
    file.write_all(text.as_bytes())
}

impl ObjectStore for Timed {
    async fn put(&self, object: &Object) -> Outcome<Stored, PutError> {
        let started = Instant::now();
        let outcome = self.store.put(object).await;
        self.micros.lock().unwrap_or_else(PoisonError::into_inner).push(started.elapsed().as_micros());
        outcome
    }

    async fn list(&self, prefix: &str, after: &str) -> Outcome<Listed, PutError> {
        self.store.list(prefix, after).await
    }
}
