//! A number as the client wrote it, compared by its exact value.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

/// Exponents beyond this count as this: no text of a mebibyte can tell the difference, and sums cannot overflow.
const MAX_EXPONENT: i64 = 1 << 60;
/// The digits that are hashed together; so many always fit into 64 bits.
const DIGITS_PER_WORD: usize = 18;

/// A JSON number. Numbers are equal by value: `1`, `1.0` and `10e-1` are equal, whatever their size.
#[derive(Debug, Clone)]
pub struct Number<'a>(Cow<'a, str>);

impl<'a> Number<'a> {
    /// A number of valid syntax.
    pub(super) fn new(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// The text of the number.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The number as the nearest 64-bit float.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok().filter(|float: &f64| float.is_finite())
    }

    /// The number, if it is whole and fits.
    #[must_use]
    pub fn as_integer(&self) -> Option<i128> {
        self.0.parse().ok().or_else(|| self.decimal().to_integer())
    }

    /// Whether the number is whole.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        self.decimal().exponent >= 0
    }

    /// Whether the number is a whole multiple of another one, exactly. Takes one step per digit.
    ///
    /// Nothing is a multiple of 0, nor of a number whose digits exceed 64 bits.
    #[must_use]
    pub fn is_multiple_of(&self, other: &Self) -> bool {
        let (one, other) = (self.decimal(), other.decimal());
        let divisor = other.coefficient().and_then(|digits| u64::try_from(digits).ok()).filter(|divisor| *divisor > 0);
        let Some(divisor) = divisor else { return false };
        // Neither coefficient ends in 0, so a smaller exponent cannot be made up for.
        let shift = u64::try_from(one.exponent - other.exponent);
        one.is_zero() || shift.is_ok_and(|shift| one.remainder(divisor, shift) == 0)
    }

    /// The number as a number of `serde_json`: a float if it does not fit into 64 bits.
    #[must_use]
    pub fn to_serde(&self) -> serde_json::Number {
        self.0.parse().unwrap_or_else(|_| 0.into())
    }

    fn decimal(&self) -> Decimal<'_> {
        Decimal::of(&self.0)
    }
}

impl From<&serde_json::Number> for Number<'static> {
    fn from(number: &serde_json::Number) -> Self {
        Self(Cow::Owned(number.to_string()))
    }
}

impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.decimal().is(&other.decimal())
    }
}

impl Eq for Number<'_> {}

impl Hash for Number<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.decimal().hash(state);
    }
}

/// A number as `±0.digits`, without zeros at either end, times a power of ten.
struct Decimal<'a> {
    is_negative: bool,
    /// The digits before and after the point.
    digits: [&'a [u8]; 2],
    /// The power of ten of the last digit.
    exponent: i64,
}

impl<'a> Decimal<'a> {
    fn of(text: &'a str) -> Self {
        let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let significant = if fraction.is_empty() { whole.trim_end_matches('0') } else { whole };
        let last = length(whole) - length(significant) - length(fraction);
        let whole = significant.trim_start_matches('0');
        let fraction = if whole.is_empty() { fraction.trim_start_matches('0') } else { fraction };
        if whole.is_empty() && fraction.is_empty() {
            return Self { is_negative: false, digits: [&[], &[]], exponent: 0 };
        }
        Self { is_negative, digits: [whole.as_bytes(), fraction.as_bytes()], exponent: power(exponent) + last }
    }

    fn digits(&self) -> impl Iterator<Item = u8> + Clone {
        self.digits.into_iter().flatten().map(|digit| digit - b'0')
    }

    fn is_zero(&self) -> bool {
        self.digits.iter().all(|digits| digits.is_empty())
    }

    fn is(&self, other: &Decimal<'_>) -> bool {
        (self.is_negative, self.exponent) == (other.is_negative, other.exponent) && self.digits().eq(other.digits())
    }

    /// Numbers with equal digits write equal words, wherever their point is.
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.is_negative, self.exponent).hash(state);
        let (mut word, mut count) = (0_u64, 0);
        for digit in self.digits() {
            if count == DIGITS_PER_WORD {
                state.write_u64(word);
                (word, count) = (0, 0);
            }
            word = word * 10 + u64::from(digit);
            count += 1;
        }
        state.write_u64(word);
    }

    /// The digits as one integer.
    fn coefficient(&self) -> Option<u128> {
        self.digits().try_fold(0_u128, |sum, digit| sum.checked_mul(10)?.checked_add(digit.into()))
    }

    fn to_integer(&self) -> Option<i128> {
        let power = 10_i128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        let amount = i128::try_from(self.coefficient()?).ok()?.checked_mul(power)?;
        Some(if self.is_negative { -amount } else { amount })
    }

    /// The remainder of the digits, followed by so many zeros, by a divisor.
    fn remainder(&self, divisor: u64, zeros: u64) -> u64 {
        let sum = self.digits().fold(0, |sum, digit| remainder(u128::from(sum) * 10 + u128::from(digit), divisor));
        remainder(u128::from(sum) * u128::from(power_of_ten(zeros, divisor)), divisor)
    }
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(MAX_EXPONENT)
}

fn power(text: &str) -> i64 {
    let limit = if text.starts_with('-') { -MAX_EXPONENT } else { MAX_EXPONENT };
    text.parse().map_or(limit, |power: i64| power.clamp(-MAX_EXPONENT, MAX_EXPONENT))
}

fn power_of_ten(mut exponent: u64, divisor: u64) -> u64 {
    let times = |one: u64, other: u64| remainder(u128::from(one) * u128::from(other), divisor);
    let (mut result, mut base) = (1 % divisor, 10 % divisor);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = times(result, base);
        }
        base = times(base, base);
        exponent /= 2;
    }
    result
}

fn remainder(number: u128, divisor: u64) -> u64 {
    u64::try_from(number % u128::from(divisor)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number<'_> {
        Number::new(text)
    }

    #[test]
    fn numbers_are_equal_by_value() {
        for (one, other) in [
            ("1", "1.0"),
            ("-0", "0"),
            ("-0.0e7", "0"),
            ("100", "1e2"),
            ("0.1", "1E-1"),
            ("0.0010", "10e-4"),
            ("1e300", "10e299"),
            ("9007199254740993", "9007199254740993.0"),
            ("18446744073709551617", "18446744073709551617.00"),
            ("123456789012345678901234567890", "1234567890123456789.0123456789e11"),
        ] {
            assert_eq!(number(one), number(other));
            assert_eq!(std::collections::HashSet::from([number(one), number(other)]).len(), 1, "{one} {other}");
        }
    }

    #[test]
    fn numbers_beyond_the_precision_of_floats_differ() {
        for (one, other) in [
            ("9007199254740993", "9007199254740992.0"),
            ("18446744073709551616", "18446744073709551617"),
            ("0.1", "0.1000000000000000055511151231257827"),
            ("1", "-1"),
            ("1e300", "1e301"),
            ("12", "1.2"),
        ] {
            assert_ne!(number(one), number(other));
        }
    }

    #[test]
    fn multiples_are_exact_at_any_exponent() {
        for (one, other) in [
            ("1.15", "0.01"),
            ("0", "7"),
            ("-3.0", "1.5"),
            ("1e308", "0.5"),
            ("12391239123", "1e-8"),
            ("100", "50"),
            ("1e999999999999999999", "8"),
            ("36893488147419103232", "18446744073709551615.0e0"),
        ] {
            let is_multiple = number(one).is_multiple_of(&number(other));
            assert_eq!(is_multiple, other != "18446744073709551615.0e0", "{one} {other}");
        }
        for (one, other) in [("0.005", "0.01"), ("25", "50"), ("1e308", "0.123456789"), ("1e22", "7"), ("1", "0")] {
            assert!(!number(one).is_multiple_of(&number(other)), "{one} {other}");
        }
    }

    #[test]
    fn whole_numbers_are_recognised_however_they_are_written() {
        for (text, integer) in [("7", 7), ("-7.0", -7), ("7e1", 70), ("70e-1", 7), ("18446744073709551616", 1 << 64)] {
            assert_eq!((number(text).as_integer(), number(text).is_integer()), (Some(integer), true), "{text}");
        }
        assert_eq!((number("7.5").as_integer(), number("7.5").is_integer()), (None, false));
        assert_eq!((number("1e400").as_integer(), number("1e400").is_integer()), (None, true));
    }
}
