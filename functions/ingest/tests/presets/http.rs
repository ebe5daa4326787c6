//! Reads a recorded HTTP request.

use std::path::Path;

use lambda_http::http::{HeaderName, Method};
use lambda_http::{Body, Request, RequestExt};

/// The request in a file, to the path of a stream instead of the server's root.
pub(crate) fn recorded(file: &Path, stream: &str) -> Request {
    let bytes = std::fs::read(file).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let (head, body) = (std::str::from_utf8(&bytes[..end]).unwrap(), &bytes[end + 4..]);
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap().split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());

    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = if path.starts_with("/v1/streams/") { path.to_owned() } else { format!("/v1/streams/{stream}{path}") };
    let headers: Vec<_> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let is_chunked = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("transfer-encoding"));
    let body = if is_chunked { dechunked(body) } else { body.to_vec() };

    let mut request = Request::new(Body::Binary(body));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
    *request.uri_mut() = format!("/?{query}").parse().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    request.with_raw_http_path(path)
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
        if size == 0 {
            return body;
        }
    }
}
