//! Where a destination's requests go, and which addresses are private.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

/// The URL of a destination, checked by its grammar.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Target {
    url: String,
    is_https: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
}

impl Target {
    /// Reads an absolute `http` or `https` URL without user, password and fragment.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let lower = url.get(..8).unwrap_or(url).to_ascii_lowercase();
        let is_https = lower.starts_with("https://");
        let rest = match (is_https, lower.starts_with("http://")) {
            (true, _) => &url[8..],
            (_, true) => &url[7..],
            _ => return Err("must be an https:// URL"),
        };
        if !url.bytes().all(|byte| (b'!'..=b'~').contains(&byte)) || url.contains(['#', '\\', '"', '<', '>']) {
            return Err("must be an https:// URL without blanks, fragment and special characters");
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err("must not contain a user or password: use `headers` with a secret");
        }
        let host = host(authority).ok_or("must have a host, and a port from 1 to 65535 if any")?;
        Ok(Self { url: url.to_owned(), is_https, host })
    }

    /// The URL as the file has it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The host's name or address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the URL itself names no private address; the addresses of a host's name are checked when connecting.
    #[must_use]
    pub fn is_allowed_in_public(&self) -> bool {
        self.is_https && !is_localhost(&self.host) && self.address().is_none_or(is_public)
    }

    /// Whether it names this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_localhost(&self.host) || self.address().is_some_and(|address| address.is_loopback())
    }

    fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl TryFrom<String> for Target {
    type Error = &'static str;

    fn try_from(url: String) -> Result<Self, Self::Error> {
        Self::parse(&url)
    }
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host(authority: &str) -> Option<String> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return (is_port && address.parse::<Ipv6Addr>().is_ok()).then(|| address.to_owned());
    }
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_good = !host.is_empty() && host.bytes().all(is_name) && port.is_none_or(is_port);
    is_good.then(|| host.to_ascii_lowercase())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host.ends_with(".localhost")
}

/// Whether an address is reachable on the public internet (IANA's registries of special-purpose addresses).
///
/// Private, loopback and link-local addresses are not, nor are addresses that contain one of these: a partner's DNS
/// entry must not lead to this network or to the metadata of its machines.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_benchmark = a == 198 && (b & 0xfe) == 18;
    let is_protocol = a == 192 && b == 0 && c == 0;
    let is_special = a == 0 || a >= 224 || is_shared || is_benchmark || is_protocol;
    !(is_special
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    if let Some(inner) = embedded(address) {
        return is_public_v4(inner);
    }
    let is_global_unicast = a & 0xe000 == 0x2000;
    // `2001::/23` are protocols such as Teredo, 2001:db8::/32 and 3fff::/20 documentation.
    let is_special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || (a == 0x3fff && b < 0x1000);
    is_global_unicast && !is_special
}

/// The IPv4 address in a mapped, translated (`64:ff9b::/96`) or 6to4 address.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let of = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(of(high, low))
        }
        _ => None,
    }
}
