//! Errors with their causes, for the log, without anything that clients sent.

use std::error::Error;

/// How the SDK begins to quote a whole request with its body, for example when an endpoint is not a URL.
const QUOTES: &str = "Request {";

/// An error and its causes in one line, outermost first. A cause that quotes a request is replaced.
#[must_use]
pub fn causes(error: &dyn Error) -> String {
    let mut texts = vec![without_quotes(error.to_string())];
    let mut next = error.source();
    while let Some(cause) = next {
        texts.push(without_quotes(cause.to_string()));
        next = cause.source();
    }
    texts.join(": ")
}

fn without_quotes(text: String) -> String {
    if text.contains(QUOTES) { "(omitted: it quotes a request)".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Because(&'static str, #[source] Option<Box<Because>>);

    #[test]
    fn causes_are_in_order_and_requests_are_omitted() {
        let root = Because("refused", None);
        let quotes = Because("endpoint `x` to `Request { body: b\"secret\" }`", Some(Box::new(root)));
        let error = Because("dispatch failure", Some(Box::new(quotes)));
        assert_eq!(causes(&error), "dispatch failure: (omitted: it quotes a request): refused");
    }
}
