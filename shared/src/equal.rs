//! Equality of JSON values: numbers by value (`1` equals `1.0`), objects in any order.

use serde_json::{Number, Value};

/// Whether two values are equal.
#[must_use]
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let in_other = |(key, value)| other.get(key).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(in_other)
        }
        _ => one == other,
    }
}

fn same_number(one: &Number, other: &Number) -> bool {
    match (whole(one), whole(other)) {
        (None, None) => one.as_f64() == other.as_f64(),
        (one, other) => one == other,
    }
}

/// A number as an integer, if it is whole; floats near 2^127 and above are compared as floats.
fn whole(number: &Number) -> Option<i128> {
    const LIMIT: f64 = 1.7e38;
    number.as_i128().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < LIMIT)?;
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the range of i128")]
        Some(float as i128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_same(one: &str, other: &str) -> bool {
        same(&serde_json::from_str(one).unwrap(), &serde_json::from_str(other).unwrap())
    }

    #[test]
    fn numbers_are_equal_by_value() {
        for (one, other) in
            [("1", "1.0"), ("-0", "0"), ("-0.0", "0"), ("100", "1e2"), ("0.1", "1E-1"), ("1e300", "10e299")]
        {
            assert!(are_same(one, other) && are_same(other, one), "{one} {other}");
        }
    }

    #[test]
    fn integers_beyond_the_precision_of_floats_differ() {
        assert!(!are_same("9007199254740993", "9007199254740992.0"));
        assert!(!are_same("9007199254740993", "9007199254740992"));
        assert!(are_same("18446744073709551615", "18446744073709551615"));
        assert!(!are_same("1", "1.5") && !are_same("1e300", "1e301"));
    }

    #[test]
    fn elements_and_members_are_compared_too() {
        assert!(are_same(r#"{"a":[1,{"b":2}],"c":3}"#, r#"{"c":3.0,"a":[1.0,{"b":2e0}]}"#));
        assert!(!are_same(r#"{"a":1}"#, r#"{"a":1,"b":2}"#));
        assert!(!are_same("[1,2]", "[2,1]"));
        assert!(!are_same("1", "\"1\"") && !are_same("1", "true") && !are_same("0", "false") && !are_same("null", "0"));
    }
}
