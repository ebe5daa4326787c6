//! The secrets by which a proxy in front of ingest, such as CloudFront, identifies itself; known only by digests.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// At most this many secrets: the current one, and the next one while they rotate.
pub(super) const MAX_SECRETS: usize = 2;

/// The accepted secrets; without any, every request is accepted.
#[derive(Debug, Clone, Default)]
pub struct OriginSecrets(pub(super) Vec<[u8; 32]>);

impl OriginSecrets {
    /// Whether a request needs a secret.
    #[must_use]
    pub fn are_required(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether this is one of the secrets. The digests are compared in constant time.
    #[must_use]
    pub fn contain(&self, secret: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(secret).into();
        self.0.iter().fold(false, |found, known| found | bool::from(known.ct_eq(&digest)))
    }
}
