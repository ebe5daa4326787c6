//! Signatures as Standard Webhooks defines them: HMAC-SHA256 over `id.timestamp.body`.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64_simd::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// The bytes that a secret has in the standard.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The keys that sign requests; several while a partner changes its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys(Vec<Vec<u8>>);

impl Keys {
    /// Reads the value of a secret: one or several `whsec_…`, separated by blanks.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn parse(secret: &str) -> Result<Self, &'static str> {
        let keys = secret.split_whitespace().map(key).collect::<Option<Vec<_>>>();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Self(keys)),
            _ => Err("must be `whsec_` and 24 to 64 bytes in base64, or several of these separated by blanks"),
        }
    }

    /// The value of the header `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let signed = |key: &Vec<u8>| {
            // HMAC takes keys of any length.
            let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            Some(format!("v1,{}", STANDARD.encode_to_string(mac.finalize().into_bytes())))
        };
        self.0.iter().filter_map(signed).collect::<Vec<_>>().join(" ")
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

fn key(text: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode_to_vec(text.strip_prefix(PREFIX)?).ok()?;
    BYTES.contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard's own libraries (`standardwebhooks`, `test_webhook.py`).
    #[test]
    fn the_signature_is_that_of_other_libraries() {
        let keys = Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_key_signs_and_bad_secrets_are_refused() {
        let two = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(Keys::parse(two).unwrap().sign("a", 1, b"").split(' ').count(), 2);
        for bad in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_short", "whsec_*"] {
            assert!(Keys::parse(bad).is_err(), "{bad}");
        }
    }
}
