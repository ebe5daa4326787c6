//! What went wrong, with its causes, and without what clients sent.

use std::error::Error;

/// With these words an SDK begins to quote a whole request, body included: it does so when an endpoint is no URL.
const QUOTES: &str = "Request {";

/// An error and its causes in one line, outermost first. A cause that quotes a request is left out.
#[must_use]
pub fn causes(error: &dyn Error) -> String {
    let mut told = vec![without_quotes(error.to_string())];
    let mut next = error.source();
    while let Some(cause) = next {
        told.push(without_quotes(cause.to_string()));
        next = cause.source();
    }
    told.join(": ")
}

fn without_quotes(text: String) -> String {
    if text.contains(QUOTES) { "(it quotes a request)".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Because(&'static str, #[source] Option<Box<Because>>);

    #[test]
    fn causes_are_told_in_order_and_requests_are_not() {
        let root = Because("refused", None);
        let quotes = Because("endpoint `x` to `Request { body: b\"secret\" }`", Some(Box::new(root)));
        let error = Because("dispatch failure", Some(Box::new(quotes)));
        assert_eq!(causes(&error), "dispatch failure: (it quotes a request): refused");
    }
}
