//! A bucket with faults, and two processes of compact.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use spillway_compact::table::{Table, of_schema};
use spillway_local::data_folder::DataFolder;
use spillway_local::environment::FUNCTION;
use spillway_local::faults::{Faults, Kind, Plan, parse};
use spillway_local::invoke::{Invoke as _, InvokeError};
use spillway_local::runtime::{Function, FunctionSettings};
use spillway_local::s3::{Bucket, BucketSettings};
use tempfile::TempDir;

use super::objects::Hour;

const BUCKET: &str = "spillway";
const CREDENTIAL: &str = "local";

pub(super) struct Run {
    data: TempDir,
    _config: TempDir,
    _bucket: Bucket,
    faults: Faults,
    plan: Plan,
    pub(super) compactors: [Function; 2],
}

impl Run {
    /// Starts everything; S3 has no faults yet.
    pub(super) async fn start(faults: &[&str]) -> Self {
        let (data, config) = (tempfile::tempdir().unwrap(), configuration());
        let plan = Plan::new(1, faults.iter().map(|fault| parse(fault).unwrap()));
        let faults = Faults::default();
        let settings = BucketSettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data: DataFolder::new(data.path()),
            name: BUCKET.to_owned(),
            access_key: CREDENTIAL.to_owned(),
            secret_key: CREDENTIAL.to_owned(),
            faults: faults.clone(),
        };
        let bucket = Bucket::start(settings).await.unwrap();
        let start = async || Function::start(function(&bucket.endpoint, config.path())).await.unwrap();
        let compactors = [start().await, start().await];
        Self { data, _config: config, _bucket: bucket, faults, plan, compactors }
    }

    /// The folder of the table.
    pub(super) fn lake(&self) -> PathBuf {
        self.data.path().join(BUCKET).join("lake")
    }

    /// Stores the objects of an hour with these numbers.
    pub(super) fn store(&self, hour: &Hour, numbers: std::ops::Range<usize>) {
        let folder = self.data.path().join(BUCKET).join(hour.folder());
        std::fs::create_dir_all(&folder).unwrap();
        for (name, object) in &hour.objects[numbers] {
            let unfinished = self.data.path().join(name);
            std::fs::write(&unfinished, object).unwrap();
            std::fs::rename(unfinished, folder.join(name)).unwrap();
        }
    }

    /// Lets a compactor work on an hour; returns whether no work is left.
    pub(super) async fn compact(&self, compactor: usize, hour: &Hour) -> Result<bool, InvokeError> {
        let event = json!({"Records": [{"messageId": "1", "body": hour.body()}]}).to_string();
        let answer = self.compactors[compactor].invoke(event.into()).await?;
        Ok(serde_json::from_slice::<Value>(&answer).unwrap()["batchItemFailures"] == json!([]))
    }

    /// Compacts an hour without faults.
    pub(super) async fn compact_quietly(&self, hour: &Hour) {
        self.faults.set(Plan::default());
        assert_eq!(self.compact(0, hour).await, Ok(true));
    }

    /// S3 has faults until [`Run::compact_quietly`].
    pub(super) fn disturb(&self) {
        self.faults.set(self.plan.clone());
    }

    pub(super) fn injected(&self) -> BTreeMap<Kind, u64> {
        self.faults.injected()
    }
}

/// The table of every hour.
pub(super) fn table() -> Table {
    Table::new(of_schema(Some(&schema())))
}

fn schema() -> Value {
    json!({"properties": {"n": {"type": "integer"}, "text": {"type": "string"}}})
}

fn configuration() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("streams")).unwrap();
    std::fs::write(folder.path().join("streams/clicks.json"), json!({"schema": schema()}).to_string()).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_spillway"));
    let check = check.args(["check", "--update-tables", "--config"]).arg(folder.path()).output().unwrap();
    assert!(check.status.success(), "{check:?}");
    folder
}

/// A file closes at one MiB of records, so that an hour has several.
fn function(endpoint: &str, config: &Path) -> FunctionSettings {
    let variables = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", CREDENTIAL),
        ("AWS_SECRET_ACCESS_KEY", CREDENTIAL),
        ("AWS_ENDPOINT_URL_S3", endpoint),
        ("BUCKET", BUCKET),
        ("CONFIG_DIR", config.to_str().unwrap()),
        // Used only when time is up.
        ("QUEUE_URL", "http://127.0.0.1:9/compact"),
        ("METRICS", "none"),
        ("AWS_LAMBDA_LOG_LEVEL", "OFF"),
        ("MAX_FILE_BYTES", "1048576"),
        ("CALL_TIMEOUT_MS", "2000"),
    ];
    FunctionSettings {
        args: vec![FUNCTION.into(), "compact".into()],
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        timeout: Duration::from_mins(2),
        max_wait: Duration::from_mins(1),
        memory_mb: 1_769,
        ..FunctionSettings::new("compact", env!("CARGO_BIN_EXE_spillway"))
    }
}
