//! An S3 over a folder of buckets: it answers after a latency, as a distant one, and counts requests and bytes.
//!
//! The bucket of `local` reads files in pieces of 4 KiB, which would slow down whoever reads much: lines, not tables.

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_NONE_MATCH, LAST_MODIFIED, RANGE};
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use serde::Serialize;
use spillway_local::loopback::Server;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Answers with the counts since the last such request.
pub(crate) const COUNTS: &str = "/counts";

/// The counts of calls and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) gets: u64,
    pub(crate) heads: u64,
    pub(crate) lists: u64,
    pub(crate) puts: u64,
    /// Bytes of objects that were read.
    pub(crate) bytes: u64,
}

/// A running S3.
pub(crate) struct S3 {
    pub(crate) endpoint: String,
    shared: Arc<Shared>,
    _server: Server,
}

struct Shared {
    root: PathBuf,
    latency: Duration,
    counts: Mutex<Counts>,
}

type Answer = Response<Full<Bytes>>;

impl S3 {
    /// Serves the buckets in a folder on a free port.
    pub(crate) async fn start(root: &Path, latency: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let shared = Arc::new(Shared { root: root.to_owned(), latency, counts: Mutex::default() });
        let state = Arc::clone(&shared);
        let server = Server::start(listener, service_fn(move |request| answer(Arc::clone(&state), request)))?;
        Ok(Self { endpoint: format!("http://{}", server.address()), shared, _server: server })
    }

    /// The counts since the last call.
    pub(crate) fn take_counts(&self) -> Counts {
        std::mem::take(&mut *self.shared.counts())
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if head.uri.path() == COUNTS {
        let counts = std::mem::take(&mut *shared.counts());
        return Ok(Response::new(serde_json::to_vec(&counts).unwrap_or_default().into()));
    }
    sleep(shared.latency).await;
    let answer = match head.method {
        Method::PUT => shared.put(&head.uri, &head.headers, &body),
        _ if query(&head.uri, "list-type").is_some() => shared.list(&head.uri),
        method => shared.get(&head.uri, &head.headers, method == Method::HEAD),
    };
    Ok(answer.unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => refusal(StatusCode::NOT_FOUND, "NoSuchKey"),
        io::ErrorKind::AlreadyExists => refusal(StatusCode::PRECONDITION_FAILED, "PreconditionFailed"),
        _ => refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
    }))
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, which: impl FnOnce(&mut Counts) -> &mut u64) {
        *which(&mut self.counts()) += 1;
    }

    fn path(&self, uri: &Uri) -> PathBuf {
        self.root.join(unquoted(uri.path().trim_start_matches('/')))
    }

    fn get(&self, uri: &Uri, headers: &HeaderMap, is_head: bool) -> io::Result<Answer> {
        self.count(|counts| if is_head { &mut counts.heads } else { &mut counts.gets });
        let mut file = File::open(self.path(uri))?;
        let size = file.metadata()?.len();
        let range = headers.get(RANGE).and_then(|range| range.to_str().ok()).and_then(|range| limits(range, size));
        let (start, end) = range.unwrap_or((0, size));
        let mut answer = Response::builder()
            .status(if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK })
            .header(ETAG, format!("\"{size:x}\""))
            .header(LAST_MODIFIED, "Sat, 21 Nov 2026 20:00:00 GMT")
            .header(ACCEPT_RANGES, "bytes");
        if range.is_some() {
            answer = answer.header(CONTENT_RANGE, format!("bytes {start}-{}/{size}", end - 1));
        }
        if is_head {
            return answer.header(CONTENT_LENGTH, size).body(Full::default()).map_err(io::Error::other);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(end - start).unwrap_or(0));
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut bytes)?;
        self.counts().bytes += bytes.len() as u64;
        answer.body(bytes.into()).map_err(io::Error::other)
    }

    /// A key that exists is never replaced.
    fn put(&self, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> io::Result<Answer> {
        self.count(|counts| &mut counts.puts);
        let path = self.path(uri);
        if headers.contains_key(IF_NONE_MATCH) && path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        fs::write(path, body)?;
        Ok(Response::new(Full::default()))
    }

    /// All keys at once: no folder here has a thousand.
    fn list(&self, uri: &Uri) -> io::Result<Answer> {
        self.count(|counts| &mut counts.lists);
        let (bucket, prefix) = (self.path(uri), query(uri, "prefix").unwrap_or_default());
        let after = query(uri, "start-after").unwrap_or_default();
        let mut keys = Vec::new();
        keys_in(&bucket, &mut keys)?;
        keys.retain(|(key, _)| key.starts_with(&prefix) && *key > after);
        keys.sort();
        let object = |(key, size): &(String, u64)| {
            format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-21T20:00:00.000Z</LastModified>\
                 <ETag>&quot;{size:x}&quot;</ETag><Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            )
        };
        let objects: String = keys.iter().map(object).collect();
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Prefix>{prefix}</Prefix>\
             <KeyCount>{}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{objects}</ListBucketResult>",
            keys.len()
        );
        Ok(Response::new(text.into()))
    }
}

/// The keys below a folder with their sizes; hidden files are no objects.
fn keys_in(bucket: &Path, keys: &mut Vec<(String, u64)>) -> io::Result<()> {
    let mut folders = vec![bucket.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, data) = (entry.path(), entry.metadata()?);
            if data.is_dir() {
                folders.push(path);
            } else if !entry.file_name().to_string_lossy().starts_with('.')
                && let Ok(key) = path.strip_prefix(bucket)
            {
                keys.push((key.to_string_lossy().into_owned(), data.len()));
            }
        }
    }
    Ok(())
}

/// The first byte of a range, and the one after its last.
fn limits(range: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    Some(match (first.parse(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) => (first, (last + 1).min(size)),
        (Ok(first), Err(_)) => (first, size),
        (Err(_), Ok(last)) => (size.saturating_sub(last), size),
        (Err(_), Err(_)) => return None,
    })
}

fn query(uri: &Uri, name: &str) -> Option<String> {
    let mut parameters = uri.query()?.split('&').map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    parameters.find(|(known, _)| *known == name).map(|(_, value)| unquoted(value))
}

/// Decodes percent signs.
fn unquoted(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.extend(byte);
        bytes.extend(part.get(2..).unwrap_or_default().as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn refusal(status: StatusCode, code: &str) -> Answer {
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code></Error>");
    let mut answer = Response::new(text.into());
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_limited_by_the_object() {
        for (range, found) in
            [("bytes=0-3", Some((0, 4))), ("bytes=8-99", Some((8, 10))), ("bytes=-3", Some((7, 10))), ("x", None)]
        {
            assert_eq!(limits(range, 10), found, "{range}");
        }
        assert_eq!(unquoted("a%3Db%2F%zzc"), "a=b/c");
    }
}
