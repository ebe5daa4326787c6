//! The values of secrets: from Secrets Manager, or from the environment of a local process.

use std::collections::BTreeMap;
use std::future::Future;

use aws_sdk_secretsmanager::Client;
use spillway_aws::{SdkConfig, explain, is_transient_error};
use spillway_shared::config::Lookup;
use spillway_shared::retry::Outcome;

/// How the variable of a local secret begins; the rest is its name in capitals, with `_` for everything else.
pub const VARIABLE: &str = "SECRET_";

/// Why a secret could not be read; does not contain its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

/// Reads secrets.
pub trait Secrets: Send + Sync + 'static {
    /// The value of a secret now; makes one attempt.
    fn value(&self, name: &str) -> impl Future<Output = Outcome<String, SecretError>> + Send;
}

/// Where the secrets of a process are.
#[derive(Debug, Clone)]
pub enum Source {
    /// In Secrets Manager.
    Manager(Client),
    /// In variables, by secret.
    Environment(BTreeMap<String, String>),
}

impl Source {
    /// Secrets Manager; sends nothing yet.
    #[must_use]
    pub fn manager(config: &SdkConfig) -> Self {
        Self::Manager(Client::new(config))
    }

    /// The variables of these secrets.
    #[must_use]
    pub fn environment(lookup: Lookup<'_>, names: &[&str]) -> Self {
        let value = |name: &&str| Some(((*name).to_owned(), lookup(&variable(name))?));
        Self::Environment(names.iter().filter_map(value).collect())
    }
}

/// The variable of a local secret: `partner/acme` is in `SECRET_PARTNER_ACME`.
#[must_use]
pub fn variable(name: &str) -> String {
    let capital = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    format!("{VARIABLE}{}", name.chars().map(capital).collect::<String>())
}

impl Secrets for Source {
    async fn value(&self, name: &str) -> Outcome<String, SecretError> {
        match self {
            Self::Manager(client) => of_manager(client, name).await,
            Self::Environment(values) => match values.get(name) {
                Some(value) => Outcome::Done(value.clone()),
                None => Outcome::Never(SecretError(format!("the variable {} is not set", variable(name)))),
            },
        }
    }
}

async fn of_manager(client: &Client, name: &str) -> Outcome<String, SecretError> {
    match client.get_secret_value().secret_id(name).send().await {
        Ok(output) => match output.secret_string {
            Some(value) => Outcome::Done(value),
            None => Outcome::Never(SecretError("the secret has no text".to_owned())),
        },
        Err(error) if is_transient_error(&error) => Outcome::Again(SecretError(explain("Secrets Manager", &error))),
        Err(error) => Outcome::Never(SecretError(explain("Secrets Manager", &error))),
    }
}

#[cfg(test)]
mod tests;
