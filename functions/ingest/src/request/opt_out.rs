//! Whether a request opts out by Global Privacy Control (`Sec-GPC`) or its predecessor Do Not Track (`DNT`).

use lambda_http::http::HeaderMap;

/// The values of each header that do not opt out. Scripts may pass on `navigator.doNotTrack`, which has the words.
const NEUTRAL: [(&str, &[&[u8]]); 2] = [("sec-gpc", &[b"0"]), ("dnt", &[b"0", b"null", b"unspecified"])];

/// Whether any comma-separated element of these headers is 1 or is not understood: consent fails closed.
pub(super) fn is_stated(headers: &HeaderMap) -> bool {
    NEUTRAL.iter().any(|(name, neutral)| {
        let elements = headers.get_all(*name).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        elements.map(<[u8]>::trim_ascii).any(|element| !is_any_of(neutral, element))
    })
}

fn is_any_of(values: &[&[u8]], element: &[u8]) -> bool {
    values.iter().any(|value| value.eq_ignore_ascii_case(element))
}

#[cfg(test)]
mod tests {
    use lambda_http::http::{HeaderName, HeaderValue};

    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> bool {
        let value = |value: &'static str| HeaderValue::from_bytes(value.as_bytes()).unwrap();
        is_stated(&headers.iter().map(|(name, text)| (HeaderName::from_static(name), value(text))).collect())
    }

    #[test]
    fn one_and_everything_that_is_not_understood_opts_out() {
        for name in ["sec-gpc", "dnt"] {
            for value in [
                "1", " 1 ", "1,1", "0,1", "0, 1", "1;q=1", "", ",", "0,", "?1", "?0", "true", "yes", "2", "00",
                "\u{e9}",
            ] {
                assert!(of(&[(name, value)]), "{name}: {value}");
            }
            assert!(of(&[(name, "0"), (name, "1")]), "{name} in two headers");
        }
        assert!(of(&[("sec-gpc", "0"), ("dnt", "1")]) && of(&[("sec-gpc", "1"), ("dnt", "0")]));
        assert!(of(&[("sec-gpc", "null")]), "only DNT has this value");
    }

    #[test]
    fn without_the_headers_or_with_neutral_values_nobody_opts_out() {
        for headers in [
            &[][..],
            &[("sec-gpc", "0")],
            &[("sec-gpc", "0, 0")],
            &[("dnt", "0"), ("dnt", "0")],
            &[("dnt", "null")],
            &[("dnt", "Unspecified")],
            &[("x-sec-gpc", "1")],
        ] {
            assert!(!of(headers), "{headers:?}");
        }
    }
}
