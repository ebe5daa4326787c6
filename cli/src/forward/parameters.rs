//! The parameters of a destination's stack: CloudFormation cannot read the file itself.

use anyhow::ensure;
use spillway_shared::destination::Destination;

/// The least time of the function: it also reads objects.
const LEAST_TIMEOUT_SECONDS: u128 = 30;
/// The time that an invocation has besides the POSTs of one batch.
const MORE_SECONDS: u128 = 5;

/// Places for streams and for secrets in destination.yaml, which cannot make lists of objects.
const MOST_STREAMS: usize = 10;
const MOST_SECRETS: usize = 5;

/// `Name=value` for each parameter that follows from the file, as `sam deploy --parameter-overrides` takes them.
///
/// # Errors
/// The destination has more streams or secrets than a stack has places for.
pub(super) fn of(destination: &Destination, object_prefix: &str) -> anyhow::Result<String> {
    let secrets = destination.secrets();
    ensure!(destination.streams.len() <= MOST_STREAMS, "a destination's stack has at most {MOST_STREAMS} streams");
    ensure!(secrets.len() <= MOST_SECRETS, "a destination's stack has at most {MOST_SECRETS} secrets");
    let longest = destination.longest().as_millis().div_ceil(1_000) + MORE_SECONDS;
    let timeout = longest.max(LEAST_TIMEOUT_SECONDS);
    let mut parameters = vec![
        format!("Destination={}", destination.name),
        format!("EventPrefixes={}", destination.prefixes(object_prefix).join(",")),
        format!("Concurrency={}", destination.concurrency),
        format!("FunctionTimeout={timeout}"),
        format!("VisibilityTimeout={}", 6 * timeout),
    ];
    if !secrets.is_empty() {
        parameters.push(format!("SecretNames={}", secrets.join(",")));
    }
    Ok(parameters.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_follow_from_the_file() {
        let file = br#"{"url":"https://partner.example/","streams":["clicks","views"],"timeout_ms":20000,
                        "headers":{"authorization":{"secret":"acme/token"}},"sign":{"secret":"acme/key"}}"#;
        let destination = spillway_shared::destination::parse("acme", file).unwrap();
        assert_eq!(
            of(&destination, "records/").unwrap(),
            "Destination=acme EventPrefixes=records/stream=clicks/,records/stream=views/ Concurrency=5 \
             FunctionTimeout=65 VisibilityTimeout=390 SecretNames=acme/token,acme/key"
        );
    }
}
