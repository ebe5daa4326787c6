//! Finds the numbers in a JSON text.

use memchr::memchr2;

use super::Number;

/// The next number of a valid JSON text; the text then begins after it.
pub(super) fn next_number<'a>(text: &mut &'a [u8]) -> Option<Number<'a>> {
    while let Some((first, rest)) = text.split_first() {
        match first {
            b'"' => *text = after_string(rest),
            b'-' | b'0'..=b'9' => return take_number(text),
            _ => *text = rest,
        }
    }
    None
}

fn take_number<'a>(text: &mut &'a [u8]) -> Option<Number<'a>> {
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    let length = text.iter().position(|byte| !is_part(byte)).unwrap_or(text.len());
    let (number, rest) = text.split_at(length);
    *text = rest;
    str::from_utf8(number).ok().map(Number::new)
}

/// What follows a string, from the text after its first quote.
fn after_string(mut text: &[u8]) -> &[u8] {
    while let Some(at) = memchr2(b'"', b'\\', text) {
        let is_escape = text[at] == b'\\';
        text = text.get(at + 1 + usize::from(is_escape)..).unwrap_or_default();
        if !is_escape {
            return text;
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::next_number;

    #[test]
    fn the_numbers_of_a_text_are_found_in_its_order() {
        let text = r#"{"1": [-2.5e+3, "4\\\"5", true], "\\": 6, "7":{"a" :8}, "": 0}"#;
        let mut rest = text.as_bytes();
        let found: Vec<_> = std::iter::from_fn(|| next_number(&mut rest)).collect();
        let texts: Vec<_> = found.iter().map(super::Number::text).collect();
        assert_eq!(texts, ["-2.5e+3", "6", "8", "0"]);
    }
}
