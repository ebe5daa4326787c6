//! Requests that must come through a proxy.

use spillway_shared::keys::digest;

use super::*;

/// Ingest behind a proxy with one of two secrets.
fn behind_a_proxy(queue: &Memory) -> Ingest<Memory> {
    let mut ingest = ingest(queue, &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = json!({"keys": [], "origin": [digest(b"old"), digest(b"new")]}).to_string();
    std::fs::write(folder.path().join("keys.json"), file).unwrap();
    ingest.intake.origin = spillway_shared::keys::KeyFile::load(folder.path()).unwrap().origin;
    ingest
}

fn with(headers: &[(&'static str, &str)]) -> Request {
    let document = post("devices", "{}");
    headers.iter().fold(document, |request, (name, value)| request.header(name, value)).request
}

#[tokio::test]
async fn only_requests_with_a_secret_of_the_proxy_are_admitted() {
    let queue = Memory::default();
    let ingest = behind_a_proxy(&queue);
    for (headers, status) in [
        (&[][..], 403),
        (&[("x-origin-secret", "other")], 403),
        (&[("x-origin-secret", "")], 403),
        (&[("x-origin-secret", "old")], 200),
        (&[("x-origin-secret", "new")], 200),
    ] {
        assert_eq!(ingest.handle(with(headers)).await.status(), status, "{headers:?}");
    }
    assert_eq!(ingest.handle(at("GET", "/health", "").request).await.status(), 403);
    assert_eq!(queue.records().len(), 2);
}

#[tokio::test]
async fn the_clients_address_is_that_of_the_proxy_and_otherwise_its_header_is_ignored() {
    let queue = Memory::default();
    let ingest = behind_a_proxy(&queue);
    let headers = [("x-origin-secret", "new"), ("x-viewer-address", "203.0.113.9")];
    assert_eq!(ingest.handle(with(&headers)).await.status(), 200);
    assert_eq!(queue.records()[0]["source"]["client_ip"], "203.0.113.0");
    let open = Memory::default();
    assert_eq!(super::ingest(&open, &[]).handle(with(&headers[1..])).await.status(), 200);
    assert!(open.records()[0]["source"].get("client_ip").is_none());
}
