//! The headers of every request and the keys that sign them: read at start, and again after a 401.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use spillway_shared::config::ConfigErrors;
use spillway_shared::destination::{self, Destination};
use spillway_shared::retry::Attempts;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::secrets::Secrets;
use crate::sign::Keys;

/// What a request needs besides its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The headers of the file, with the values of their secrets.
    pub headers: HeaderMap,
    /// The keys that sign requests.
    pub keys: Option<Keys>,
}

/// The current credentials of a destination.
#[derive(Debug)]
pub struct Current<S> {
    source: S,
    attempts: Attempts,
    value: RwLock<Arc<Credentials>>,
    /// When the secrets were read last; locked while they are read.
    read_at: Mutex<Option<Instant>>,
}

impl<S: Secrets> Current<S> {
    /// Reads the secrets of a destination.
    ///
    /// # Errors
    /// Every secret that cannot be read or used.
    pub async fn read(
        source: S,
        destination: &Destination,
        attempts: Attempts,
        deadline: Instant,
    ) -> Result<Self, ConfigErrors> {
        let value = RwLock::new(Arc::new(read(&source, destination, attempts, deadline).await?));
        Ok(Self { source, attempts, value, read_at: Mutex::new(None) })
    }

    /// The credentials for the next request.
    pub fn get(&self) -> Arc<Credentials> {
        Arc::clone(&self.value.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the secrets again after the partner refused `refused`, and returns credentials that differ from it.
    ///
    /// Requests that were refused together read them once: whoever was sent before the last read takes its result.
    pub async fn renewed(
        &self,
        refused: &Arc<Credentials>,
        sent_at: Instant,
        destination: &Destination,
        deadline: Instant,
    ) -> Option<Arc<Credentials>> {
        let mut read_at = self.read_at.lock().await;
        if read_at.is_none_or(|read_at| read_at < sent_at) {
            let read = read(&self.source, destination, self.attempts, deadline).await;
            let new = read.inspect_err(|errors| tracing::warn!(%errors, "secrets could not be read again")).ok()?;
            *read_at = Some(Instant::now());
            *self.value.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        }
        Some(self.get()).filter(|new| **new != **refused)
    }
}

async fn read(
    source: &impl Secrets,
    destination: &Destination,
    attempts: Attempts,
    deadline: Instant,
) -> Result<Credentials, ConfigErrors> {
    let (mut errors, mut values) = (ConfigErrors::default(), BTreeMap::new());
    for name in destination.secrets() {
        match attempts.run(deadline, || source.value(name)).await {
            Ok(value) => _ = values.insert(name, value.trim().to_owned()),
            Err(error) => errors.add(format_args!("secret {name}"), error),
        }
    }
    let credentials = of_values(destination, &values, &mut errors);
    errors.or(credentials)
}

/// The credentials with these secrets. Missing ones are reported already.
pub fn of_values(destination: &Destination, values: &BTreeMap<&str, String>, errors: &mut ConfigErrors) -> Credentials {
    let mut headers = HeaderMap::new();
    for header in &destination.headers.0 {
        let (value, is_secret) = match &header.value {
            destination::HeaderValue::Text(text) => (Some(text), false),
            destination::HeaderValue::Secret(name) => (values.get(name.as_str()), true),
        };
        let Some(value) = value else { continue };
        match (HeaderName::try_from(&header.name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(is_secret);
                headers.insert(name, value);
            }
            _ => errors.add(format_args!("header {}", header.name), "has a value that no header can have"),
        }
    }
    let secret = destination.sign.as_ref().and_then(|sign| Some((&sign.secret, values.get(sign.secret.as_str())?)));
    let keys = secret.and_then(|(name, value)| {
        Keys::parse(value).map_err(|error| errors.add(format_args!("secret {name}"), error)).ok()
    });
    Credentials { headers, keys }
}

#[cfg(test)]
mod tests;
