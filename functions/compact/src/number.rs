//! Numbers: text to a column's value, if the value can be read back exactly.

/// The most significant digits of a decimal that a 64-bit float always preserves (IEEE 754).
const SAFE_DIGITS: usize = 15;
/// Decimal exponents within which such a decimal is not subnormal.
const SAFE_EXPONENTS: std::ops::Range<i64> = -290..290;
/// Integers up to this one are exact as floats.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// An integer of 64 bits with the same value as a JSON number.
#[must_use]
pub fn integer(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| integer_in_other_form(text))
}

/// `1.0` or `1e3`.
fn integer_in_other_form(text: &str) -> Option<i64> {
    let value = float(text).filter(|value| value.fract() == 0.0 && value.abs() <= MAX_EXACT)?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 2^53")]
    Some(value as i64)
}

/// A float of 64 bits from which a JSON number can be read back: its shortest decimal is the number.
#[must_use]
pub fn float(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let decimal = Decimal::of(text)?;
    let is_safe = decimal.count <= SAFE_DIGITS && SAFE_EXPONENTS.contains(&decimal.exponent);
    (is_safe || decimal.equals(&Decimal::of(&format!("{value:e}"))?)).then_some(value)
}

/// A decimal without its sign: the significant digits from first to last non-zero one, and the exponent of the last.
#[derive(Clone, Copy)]
struct Decimal<'a> {
    digits: &'a [u8],
    count: usize,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()?),
            None => (text, 0),
        };
        let mantissa = mantissa.as_bytes();
        let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
        let is_digit = |byte: &u8| *byte != b'0' && *byte != b'.';
        let Some(first) = mantissa.iter().position(is_digit) else {
            return Some(Self { digits: &[], count: 0, exponent: 0 });
        };
        let last = mantissa.iter().rposition(is_digit)?;
        let digits = &mantissa[first..=last];
        let count = digits.len() - usize::from(digits.contains(&b'.'));
        let places = i64::try_from(point).ok()? - i64::try_from(last).ok()? - i64::from(last < point);
        Some(Self { digits, count, exponent: exponent.checked_add(places)? })
    }

    fn equals(&self, other: &Decimal<'_>) -> bool {
        let digits = |of: &[u8]| of.iter().copied().filter(|byte| *byte != b'.').collect::<Vec<_>>();
        self.exponent == other.exponent && digits(self.digits) == digits(other.digits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_of_the_same_value_in_other_forms_are_integers() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("-7", Some(-7)),
            ("1.0", Some(1)),
            ("1e3", Some(1_000)),
            ("1.5", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("1e-400", None),
            ("9223372036854775808", None),
            ("9007199254740993.0", None),
            ("1e19", None),
            ("1e400", None),
        ] {
            assert_eq!(integer(text), value, "{text}");
        }
    }

    #[test]
    fn floats_that_do_not_round_trip_are_none() {
        for text in [
            "0.1",
            "-2.5e-3",
            "100",
            "1e22",
            "0.30000000000000004",
            "5e-324",
            "1.7976931348623157e308",
            "0e5",
            "123456789012345680000",
            "0.00",
            "12.3400",
            "1E5",
            "1.0e+5",
            "-0.0",
            "0.8444218515250481",
        ] {
            assert!(float(text).is_some(), "{text}");
        }
        for text in ["1e400", "0.1000000000000000055", "9007199254740993", "3e-324", "1e-400", "12345678901234567890"] {
            assert_eq!(float(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_float_has_a_text_that_round_trips(value in any::<f64>().prop_filter("JSON", |value| value.is_finite())) {
            prop_assert_eq!(float(&format!("{value:e}")), Some(value));
            prop_assert_eq!(float(&format!("{value}")), Some(value));
            // Two shortest decimals can be equally near to a float. The other one is no column's value.
            let other = float(&serde_json::to_string(&value).unwrap());
            prop_assert!(other.is_none_or(|other| other.to_bits() == value.to_bits()));
        }

        #[test]
        fn a_float_is_the_nearest_to_its_text(digits in "[1-9][0-9]{0,24}", exponent in -40..40_i32) {
            let text = format!("{digits}e{exponent}");
            if let Some(value) = float(&text) {
                // Rust prints the shortest decimal, which is then the text itself.
                let shown = format!("{value:e}");
                let significant = |text: &str| text.split('e').next().unwrap().replace('.', "").trim_end_matches('0').to_owned();
                prop_assert_eq!(significant(&shown), significant(&text));
            }
        }
    }
}
