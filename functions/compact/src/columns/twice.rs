//! Finds members that appear twice in an object.

use crate::json::{Kind, Value};

/// A member that appears twice in an object: the payload has no value on which readers agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Twice;

/// Checks that no object inside a value has a member twice.
///
/// # Errors
/// One has.
pub fn check_members(value: Value<'_>) -> Result<(), Twice> {
    match value.kind() {
        Kind::Object => {
            check_keys(value)?;
            value.members().try_for_each(|(_, value)| check_members(value))
        }
        Kind::Array => value.children().try_for_each(check_members),
        _ => Ok(()),
    }
}

/// Objects with few members are compared pairwise, larger ones by sorting.
fn check_keys(object: Value<'_>) -> Result<(), Twice> {
    const FEW: usize = 32;
    let mut few = [""; FEW];
    for (count, (key, _)) in object.members().enumerate() {
        if count == FEW || key.kind() == Kind::Escaped {
            return check_many(object);
        }
        if few[..count].contains(&key.raw()) {
            return Err(Twice);
        }
        few[count] = key.raw();
    }
    Ok(())
}

fn check_many(object: Value<'_>) -> Result<(), Twice> {
    let decoded = |key: Value<'_>| key.string(&mut String::new()).unwrap_or(key.raw()).to_owned();
    let mut keys: Vec<_> = object.members().map(|(key, _)| decoded(key)).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) { Err(Twice) } else { Ok(()) }
}
