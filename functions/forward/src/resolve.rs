//! Resolves the names of partners, and refuses private addresses when connecting: DNS may answer differently every time.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{io, vec};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use spillway_shared::destination::is_public;
use tower_service::Service;

/// The system's resolver, without the addresses that a destination may not have.
///
/// The connection goes to one of the addresses that this returns. Addresses in URLs are not resolved; they are checked
/// with the file.
#[derive(Debug, Clone)]
pub struct Resolver {
    system: GaiResolver,
    allow_private: bool,
}

impl Resolver {
    /// A resolver that returns private addresses only if they are allowed.
    #[must_use]
    pub fn new(allow_private: bool) -> Self {
        Self { system: GaiResolver::new(), allow_private }
    }
}

type Resolving = Pin<Box<dyn Future<Output = io::Result<vec::IntoIter<SocketAddr>>> + Send>>;

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Resolving;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (addresses, allow_private) = (self.system.call(name), self.allow_private);
        Box::pin(async move { checked(addresses.await?, allow_private).map(Vec::into_iter) })
    }
}

fn checked(addresses: impl Iterator<Item = SocketAddr>, allow_private: bool) -> io::Result<Vec<SocketAddr>> {
    let good: Vec<_> = addresses.filter(|address| allow_private || is_public(address.ip())).collect();
    if good.is_empty() {
        return Err(io::Error::other("the name has no public address; `allow_private` would allow others"));
    }
    Ok(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_left_out() {
        let addresses = ["10.0.0.1:443", "8.8.8.8:443", "[::1]:443"].map(|text| text.parse().unwrap());
        assert_eq!(checked(addresses.into_iter(), false).unwrap(), [addresses[1]]);
        assert!(checked([addresses[0]].into_iter(), false).is_err());
        assert_eq!(checked(addresses.into_iter(), true).unwrap(), addresses);
    }
}
