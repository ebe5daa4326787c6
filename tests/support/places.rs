//! Every place of a record: files in the bucket's folder, including quarantined messages, and the dead-letter queue.
//! They are read without the pipeline's code.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use spillway_shared::message;

/// A file of the bucket.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) path: PathBuf,
    pub(crate) stored_at: SystemTime,
}

/// All files under a folder, oldest first; none if the folder does not exist.
pub(crate) fn objects(folder: &Path) -> Vec<Object> {
    let mut objects = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                objects.push(Object { path: entry.path(), stored_at: entry.metadata().unwrap().modified().unwrap() });
            }
        }
    }
    objects.sort_by_key(|object| object.stored_at);
    objects
}

/// Passes every line of an object to `visit`; the object must be complete. Objects are zstd, the default.
pub(crate) fn each_record(object: &Object, mut visit: impl FnMut(&[u8])) {
    let file = zstd::stream::read::Decoder::new(File::open(&object.path).unwrap()).unwrap();
    let mut lines = BufReader::with_capacity(1 << 18, file);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).unwrap_or_else(|error| panic!("{}: {error}", object.path.display())) > 0 {
        visit(line.strip_suffix(b"\n").expect("whole lines"));
        line.clear();
    }
}

/// The body of a quarantined message.
pub(crate) fn quarantined_body(object: &Object) -> String {
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&object.path).unwrap()).unwrap();
    kept["body"].as_str().unwrap().to_owned()
}

/// Passes every record of a message to `visit`.
pub(crate) fn each_record_of_message(body: &str, visit: impl FnMut(&[u8])) {
    let sealed = message::open(body).expect("a message from ingest");
    sealed
        .records()
        .expect("whole records")
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .for_each(visit);
}

/// The bodies of all messages in a queue.
pub(crate) async fn messages(endpoint: &str, queue_url: &str) -> Vec<String> {
    let client = spillway_local::sqs::connect(endpoint, "us-east-1", "local");
    let mut bodies = Vec::new();
    loop {
        let received = client.receive_message().queue_url(queue_url).max_number_of_messages(10).send().await.unwrap();
        match received.messages {
            Some(messages) if !messages.is_empty() => bodies.extend(messages.into_iter().filter_map(|m| m.body)),
            _ => return bodies,
        }
    }
}
