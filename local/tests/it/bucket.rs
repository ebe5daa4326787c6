//! The bucket, used by the real SDK.

use crate::common::{bucket, s3, until};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use futures::future::join_all;
use spillway_local::data_folder::{DataFolder, DataFolderError};
use spillway_local::s3::{Bucket, BucketError, Kind, Stored};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const KEY: &str = "records/stream=clicks/dt=2026-11-21/hour=18/0.ndjson";

type Put = Result<PutObjectOutput, SdkError<PutObjectError>>;

async fn put(client: &aws_sdk_s3::Client, key: &str, body: &'static [u8]) -> Put {
    let call = client.put_object().bucket("spillway").key(key).body(ByteStream::from_static(body));
    call.if_none_match("*").metadata("records", "3").send().await
}

fn status(put: &Put) -> u16 {
    match put {
        Ok(_) => 200,
        Err(error) => error.raw_response().map_or(0, |response| response.status().as_u16()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_a_file_and_the_folder_contains_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket(data.path()).await;
    let client = s3(&bucket.endpoint);
    put(&client, KEY, b"{}\n{}\n{}\n").await.unwrap();
    assert_eq!(std::fs::read(bucket.root.join(KEY)).unwrap(), b"{}\n{}\n{}\n");
    assert_eq!(bucket.root, data.path().join("spillway"));
    let visible: Vec<_> = std::fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(visible.iter().all(|name| name == "spillway" || name == ".s3"), "{visible:?}");

    let got = client.get_object().bucket("spillway").key(KEY).send().await.unwrap();
    assert_eq!(got.metadata().unwrap()["records"], "3");
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), &b"{}\n{}\n{}\n"[..]);
    let listed = client.list_objects_v2().bucket("spillway").prefix("records/").send().await.unwrap();
    assert_eq!(listed.contents().iter().map(|object| object.key().unwrap()).collect::<Vec<_>>(), [KEY]);
}

/// The object is then made so large that nobody could read the whole of it.
#[tokio::test(flavor = "multi_thread")]
async fn heads_and_ranged_reads_do_not_read_the_whole_object() {
    const SIZE: i64 = 1 << 42;
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket(data.path()).await;
    let client = s3(&bucket.endpoint);
    let etag = put(&client, KEY, b"{}\n").await.unwrap().e_tag.unwrap();
    std::fs::File::options().write(true).open(bucket.root.join(KEY)).unwrap().set_len(SIZE.unsigned_abs()).unwrap();
    let head = client.head_object().bucket("spillway").key(KEY).send().await.unwrap();
    assert_eq!((head.content_length(), head.e_tag()), (Some(SIZE), Some(etag.as_str())));
    for (range, bytes) in [("bytes=0-3", &b"{}\n\0"[..]), ("bytes=-2", b"\0\0"), ("bytes=4096-4097", b"\0\0")] {
        let got = client.get_object().bucket("spillway").key(KEY).range(range).send().await.unwrap();
        assert_eq!(got.e_tag(), Some(etag.as_str()));
        assert_eq!(got.body.collect().await.unwrap().into_bytes(), bytes, "{range}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_of_many_conditional_puts_of_a_key_succeeds() {
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket(data.path()).await;
    let client = s3(&bucket.endpoint);
    for round in 0..5 {
        let key = format!("records/{round}.ndjson");
        let puts = join_all((0..24).map(|_| put(&client, &key, b"{}\n"))).await;
        let mut statuses: Vec<_> = puts.iter().map(status).collect();
        statuses.sort_unstable();
        assert_eq!((statuses[0], &statuses[1..]), (200, &[412; 23][..]));
    }
    assert_eq!(bucket.stored(), Stored { records: 15, kept: 0, objects: 5, quarantined: 0, bytes: 15, puts: 120 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_conditional_put_of_an_existing_key_gets_412() {
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket(data.path()).await;
    let client = s3(&bucket.endpoint);
    put(&client, KEY, b"small").await.unwrap();
    let large = client.put_object().bucket("spillway").key(KEY).if_none_match("*");
    let refused = large.body(ByteStream::from(vec![7; 8 << 20])).send().await;
    assert_eq!(status(&refused), 412);
    assert_eq!(std::fs::read(bucket.root.join(KEY)).unwrap(), b"small");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unconditional_put_replaces_the_object() {
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket(data.path()).await;
    let client = s3(&bucket.endpoint);
    for body in [&b"first"[..], b"second"] {
        client.put_object().bucket("spillway").key(KEY).body(ByteStream::from_static(body)).send().await.unwrap();
    }
    assert_eq!(std::fs::read(bucket.root.join(KEY)).unwrap(), b"second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_match_its_digest_is_not_stored() {
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket(data.path()).await;
    let client = s3(&bucket.endpoint);
    let wrong = |call: aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder| {
        call.bucket("spillway").key(KEY).if_none_match("*").body(ByteStream::from_static(b"body")).send()
    };
    for call in [
        client.put_object().checksum_crc32("AAAAAA=="),
        client.put_object().checksum_sha256("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        client.put_object().content_md5("AAAAAAAAAAAAAAAAAAAAAA=="),
    ] {
        let refused = wrong(call).await;
        assert_eq!(status(&refused), 400);
        assert_eq!(refused.unwrap_err().into_service_error().code(), Some("BadDigest"));
        assert!(!bucket.root.join(KEY).exists());
    }
    assert_eq!(status(&put(&client, KEY, b"body").await), 200);
    assert!(unfinished(data.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_body_is_not_stored() {
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket(data.path()).await;
    let mut stream = TcpStream::connect(bucket.endpoint.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!("PUT /spillway/{KEY} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf");
    stream.write_all(head.as_bytes()).await.unwrap();
    until("the body is being received", async || !unfinished(data.path()).is_empty()).await;
    drop(stream);
    until("the unfinished file is removed", async || unfinished(data.path()).is_empty()).await;
    assert!(!bucket.root.join(KEY).exists());
    assert_eq!(bucket.objects().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_checksum_of_the_sdk_is_accepted_also_in_trailers() {
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket(data.path()).await;
    let client = s3(&bucket.endpoint);
    let file = data.path().join("upload");
    std::fs::write(&file, vec![b'x'; 300_000]).unwrap();
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
        ChecksumAlgorithm::Crc64Nvme,
    ] {
        let call = || client.put_object().bucket("spillway").checksum_algorithm(algorithm.clone());
        let (memory, streamed) = (format!("memory/{algorithm}"), format!("streamed/{algorithm}"));
        call().key(&memory).body(ByteStream::from(vec![b'x'; 300_000])).send().await.unwrap();
        call().key(&streamed).body(ByteStream::from_path(&file).await.unwrap()).send().await.unwrap();
        assert_eq!(
            std::fs::read(bucket.root.join(&streamed)).unwrap(),
            std::fs::read(bucket.root.join(&memory)).unwrap()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bucket_and_keys_outside_the_bucket_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let bucket = bucket(data.path()).await;
    let client = s3(&bucket.endpoint);
    let missing = client.put_object().bucket("other").key("a").body(ByteStream::from_static(b"x")).send().await;
    assert_eq!(missing.unwrap_err().into_service_error().code(), Some("NoSuchBucket"));
    assert!(!data.path().join("other").exists());
    for key in ["../outside", "records/../../outside", "a//b", "a/./b"] {
        assert_eq!(status(&put(&client, key, b"x").await), 400, "{key}");
    }
    assert!(!data.path().join("outside").exists());
    assert_eq!(bucket.objects().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_this_run_are_distinguished_from_earlier_ones() {
    let data = tempfile::tempdir().unwrap();
    let first = bucket(data.path()).await;
    put(&s3(&first.endpoint), "records/earlier.ndjson", b"{}\n").await.unwrap();
    put(&s3(&first.endpoint), KEY, b"{}\n").await.unwrap();
    first.close().await;

    let second = bucket(data.path()).await;
    let client = s3(&second.endpoint);
    assert_eq!(status(&put(&client, KEY, b"{}\n").await), 412);
    put(&client, "quarantine/dt=2026-11-21/m.json", b"{}").await.unwrap();
    let mut objects = second.objects().unwrap();
    objects.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    let objects: Vec<_> =
        objects.iter().map(|object| (object.key.as_str(), object.kind, object.is_of_this_run)).collect();
    let (quarantined, earlier) = ("quarantine/dt=2026-11-21/m.json", "records/earlier.ndjson");
    let mut expected =
        [(quarantined, Kind::Quarantined, true), (earlier, Kind::Records, false), (KEY, Kind::Records, false)];
    expected.sort_unstable_by_key(|(key, ..)| *key);
    assert_eq!(objects, expected);
    let stored = second.stored();
    assert_eq!((stored.objects, stored.quarantined), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_can_have_only_one_server() {
    let data = tempfile::tempdir().unwrap();
    let _first = bucket(data.path()).await;
    let settings = spillway_local::s3::BucketSettings {
        listen: crate::common::free_port(),
        data: DataFolder::new(data.path()),
        name: "spillway".to_owned(),
        access_key: String::new(),
        secret_key: String::new(),
        faults: spillway_local::faults::Faults::default(),
    };
    assert!(matches!(Bucket::start(settings).await, Err(BucketError::Data(DataFolderError::InUse(_)))));
}

fn unfinished(data: &std::path::Path) -> Vec<String> {
    let names = std::fs::read_dir(data.join(".s3")).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_string_lossy().into_owned()).filter(|name| name.starts_with(".put.")).collect()
}
