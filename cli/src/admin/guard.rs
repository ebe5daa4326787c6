//! Refuses requests of foreign websites. The admin server has no password: being on this machine is the permission.
//!
//! A website can give its own name the address 127.0.0.1 (DNS rebinding); its requests then have its name as `Host`. A
//! request from a page of another website has that website as `Origin`. Programs send no `Origin`.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Error;

/// Passes on a request for a loopback name or address, if it is from no page or from a page of this server.
pub(super) async fn loopback_only(request: Request, next: Next) -> Response {
    match check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(why) => Error(StatusCode::FORBIDDEN, why.to_owned()).into_response(),
    }
}

fn check(uri: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
    let host = only(headers, &HOST).ok().flatten().filter(|host| is_loopback(host));
    let host = host.filter(|_| uri.authority().is_none_or(|authority| is_loopback(authority.as_str())));
    let host = host.ok_or("this server is for this machine only: address it as localhost, 127.0.0.1 or [::1]")?;
    match only(headers, &ORIGIN) {
        Ok(None) => Ok(()),
        Ok(Some(origin)) if is_own(origin, host) => Ok(()),
        _ => Err("this server does not answer pages of other origins"),
    }
}

/// The value of a header; an error if it is repeated or no text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(drop),
        _ => Err(()),
    }
}

/// Whether a host, with or without a port, is a loopback name or address. Browsers resolve `*.localhost` to loopback.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().to_ascii_lowercase();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(&name).parse::<IpAddr>();
    let is_name = name == "localhost" || name.ends_with(".localhost");
    !host.contains('@') && address.map_or(is_name, |address| address.to_canonical().is_loopback())
}

fn is_own(origin: &str, host: &str) -> bool {
    origin.strip_prefix("http://").is_some_and(|origin| origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(uri: &'static str, headers: &[(HeaderName, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        check(&Uri::from_static(uri), &map).is_ok()
    }

    #[test]
    fn only_loopback_hosts_are_served() {
        for host in
            ["127.0.0.1:9001", "127.0.0.1", "127.9.8.7:1", "localhost:9001", "LocalHost", "a.localhost:1", "[::1]:9001"]
        {
            assert!(allows("/status", &[(HOST, host)]), "{host}");
        }
        for host in [
            "example.com",
            "example.com:9001",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "notlocalhost",
            "192.168.1.5:9001",
            "0.0.0.0:9001",
            "x@localhost",
            "localhost@example.com",
            "[2001:db8::1]:9001",
            "",
            "127.0.0.1 ",
        ] {
            assert!(!allows("/status", &[(HOST, host)]), "{host}");
        }
        assert!(!allows("/status", &[]));
        assert!(!allows("/status", &[(HOST, "localhost"), (HOST, "example.com")]));
        assert!(!allows("http://example.com/status", &[(HOST, "localhost")]));
    }

    #[test]
    fn only_pages_of_this_server_are_served() {
        let from = |origin| allows("/faults", &[(HOST, "localhost:9001"), (ORIGIN, origin)]);
        assert!(from("http://localhost:9001"));
        for origin in [
            "http://localhost:9002",
            "https://localhost:9001",
            "http://127.0.0.1:9001",
            "http://example.com",
            "null",
            "",
            "http://localhost:9001.example.com",
        ] {
            assert!(!from(origin), "{origin}");
        }
        assert!(!allows(
            "/faults",
            &[(HOST, "localhost:9001"), (ORIGIN, "http://localhost:9001"), (ORIGIN, "http://example.com")]
        ));
    }
}
