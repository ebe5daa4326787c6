//! Write keys and the streams that each may write, known only by SHA-256 digests.

use std::fmt::Write as _;
use std::path::Path;

use base64_simd::URL_SAFE_NO_PAD as BASE64URL;
use sha2::{Digest as _, Sha256};
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::config::ConfigErrors;
use crate::stream::StreamName;

mod origin;
mod read;

pub use origin::OriginSecrets;

/// The start of generated keys, by which people and secret scanners recognise them.
const PREFIX: &str = "sw_";

/// The configured write keys.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(Vec<WriteKey>);

/// One write key; the key itself is not kept, only its digest.
#[derive(Debug, Clone)]
pub struct WriteKey {
    /// Its name: `[A-Za-z0-9][A-Za-z0-9_.-]{0,62}`.
    pub name: String,
    digest: [u8; 32],
    streams: Option<Vec<StreamName>>,
}

/// What `keys.json` has.
#[derive(Debug, Clone, Default)]
pub struct KeyFile {
    /// The write keys.
    pub keys: KeyRing,
    /// The secrets of the proxy through which all requests must come.
    pub origin: OriginSecrets,
}

impl KeyFile {
    /// Reads `<config_dir>/keys.json`; without that file there are neither keys nor secrets.
    ///
    /// # Errors
    /// The first error, by file and member.
    pub fn load(config_dir: &Path) -> Result<Self, ConfigErrors> {
        read::file(&config_dir.join("keys.json"))
    }
}

impl KeyRing {
    /// Reads the variable `WRITE_KEYS`: `name=<sha256 hex>[:stream+stream…]`, separated by commas.
    ///
    /// # Errors
    /// Every error, by the position of its key. Errors do not repeat text that may be a secret.
    pub fn parse_variable(text: &str) -> Result<Self, ConfigErrors> {
        read::variable(text)
    }

    /// The keys of both rings.
    ///
    /// # Errors
    /// A name or a digest is in both rings.
    pub fn merge(self, other: Self) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::default();
        let mut ring = self;
        for key in other.0 {
            ring.add(key, &mut |what| errors.add("keys", what));
        }
        errors.or(ring)
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that a client presents, if it is known.
    ///
    /// Its digest is compared with every known one in constant time, so that the time taken tells nothing.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<&WriteKey> {
        let digest: [u8; 32] = Sha256::digest(key).into();
        let mut found = u64::MAX;
        for (index, known) in (0_u64..).zip(&self.0) {
            found.conditional_assign(&index, known.digest.ct_eq(&digest));
        }
        usize::try_from(found).ok().and_then(|index| self.0.get(index))
    }

    fn add(&mut self, key: WriteKey, refuse: &mut dyn FnMut(String)) {
        if key.digest == <[u8; 32]>::from(Sha256::digest(b"")) {
            refuse(format!("`{}` has the digest of the empty key", key.name));
        }
        for other in &self.0 {
            if other.name == key.name {
                refuse(format!("two keys are named `{}`", key.name));
            } else if other.digest == key.digest {
                refuse(format!("`{}` and `{}` have the same digest", other.name, key.name));
            }
        }
        self.0.push(key);
    }
}

impl WriteKey {
    /// Whether this key is bound to streams by their names.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.streams.is_some()
    }

    /// Whether this key may write to a stream; a key without streams may write to all.
    #[must_use]
    pub fn may_write(&self, stream: &StreamName) -> bool {
        self.streams.as_ref().is_none_or(|streams| streams.contains(stream))
    }
}

/// A new key, from 256 random bits: `sw_` and 43 characters of base64url.
#[must_use]
pub fn generate(random: [u8; 32]) -> String {
    format!("{PREFIX}{}", BASE64URL.encode_to_string(random))
}

/// The digest by which a key is configured: 64 hex digits.
#[must_use]
pub fn digest(key: &[u8]) -> String {
    Sha256::digest(key).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests;
