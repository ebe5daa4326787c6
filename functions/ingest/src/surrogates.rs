//! Replaces the escapes of lone surrogates in a document, in place.
//!
//! Browsers produce them from emoji that were cut in half, such as `"\ud83d"`. JSON's syntax allows them, but they are no
//! text: DuckDB and pyarrow refuse a whole bucket because of one such line.

use memchr::memchr;

/// An escape `\uXXXX`, in bytes.
const ESCAPE_BYTES: usize = 6;

/// Replaces each escape of a lone surrogate by `\ufffd`, the replacement character, and returns their number.
///
/// The length stays the same. In valid JSON a backslash only occurs in a string; other text is rejected later.
pub fn repair(document: &mut [u8]) -> usize {
    let (mut repaired, mut at) = (0, 0);
    while let Some(backslash) = memchr(b'\\', &document[at..]) {
        at += backslash;
        at += match escape(&document[at..]) {
            Escape::Lone => {
                document[at + 2..at + ESCAPE_BYTES].copy_from_slice(b"fffd");
                repaired += 1;
                ESCAPE_BYTES
            }
            Escape::Pair => 2 * ESCAPE_BYTES,
            Escape::Other => 2,
        };
        if at >= document.len() {
            break;
        }
    }
    repaired
}

/// What begins with a backslash.
enum Escape {
    /// Half of a surrogate pair without its other half.
    Lone,
    /// A whole surrogate pair.
    Pair,
    /// Any other escape.
    Other,
}

fn escape(text: &[u8]) -> Escape {
    match code_unit(text) {
        Some(0xD800..=0xDBFF) => match code_unit(&text[ESCAPE_BYTES..]) {
            Some(0xDC00..=0xDFFF) => Escape::Pair,
            _ => Escape::Lone,
        },
        Some(0xDC00..=0xDFFF) => Escape::Lone,
        _ => Escape::Other,
    }
}

/// The UTF-16 code unit of an escape `\uXXXX` at the start of `text`.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.get(..ESCAPE_BYTES)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn repaired(text: &str) -> (String, usize) {
        let mut bytes = text.as_bytes().to_vec();
        let count = repair(&mut bytes);
        (String::from_utf8(bytes).unwrap(), count)
    }

    #[test]
    fn lone_surrogates_become_replacement_characters() {
        for (text, expected) in [
            (r#"["\ud83d"]"#, r#"["\ufffd"]"#),
            (r#"["\uDE00"]"#, r#"["\ufffd"]"#),
            (r#"["\ud83d\ud83d\ude00"]"#, r#"["\ufffd\ud83d\ude00"]"#),
            (r#"["\ude00\ud83d"]"#, r#"["\ufffd\ufffd"]"#),
            (r#"["\ud83d\\ude00"]"#, r#"["\ufffd\\ude00"]"#),
            (r#"{"\uD800":"\\\udfff"}"#, r#"{"\ufffd":"\\\ufffd"}"#),
        ] {
            assert_eq!(repaired(text).0, expected, "{text}");
        }
        assert_eq!(repaired(r#"["\ude00\ud83d"]"#).1, 2);
    }

    #[test]
    fn other_text_stays_as_it_is() {
        for text in [r#"["\ud83d\ude00"]"#, r#"["\\ud83d"]"#, r#"["\u00e9\n\""]"#, r"\ud83", r"\u", "\\", "", "é"] {
            assert_eq!(repaired(text), (text.to_owned(), 0));
        }
    }

    proptest! {
        #[test]
        fn repaired_strings_are_text(escapes in prop::collection::vec("(\\\\u[0-9a-fA-F]{4}|\\\\\\\\|\\\\n|x)", 0..20)) {
            let text = format!("\"{}\"", escapes.concat());
            let (once, _) = repaired(&text);
            prop_assert_eq!(once.len(), text.len());
            prop_assert!(serde_json::from_str::<String>(&once).is_ok(), "{}", once);
            prop_assert_eq!(repaired(&once), (once.clone(), 0));
        }
    }
}
