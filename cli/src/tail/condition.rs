//! `--where /event=page_view`: a value that a payload must have.

use spillway_shared::pointer::Pointer;

/// A value at a place of the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// From the record, so it begins with `/payload`.
    pointer: Pointer,
    value: String,
}

impl Condition {
    /// Reads a JSON pointer, `=` and a value.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let expected = "expected a JSON pointer into the payload, `=` and a value, such as /event=page_view";
        let (pointer, value) = text.split_once('=').ok_or(expected)?;
        let is_pointer = pointer.is_empty() || pointer.starts_with('/');
        let pointer = Pointer::parse(&format!("/payload{pointer}")).filter(|_| is_pointer).ok_or(expected)?;
        Ok(Self { pointer, value: value.to_owned() })
    }

    /// Whether a record has the value: as a string, or as this JSON text.
    pub(super) fn is_met(&self, record: &[u8]) -> bool {
        let record = str::from_utf8(record).ok();
        let Some(found) = record.and_then(|record| self.pointer.find_raw(record)) else { return false };
        let text: Option<String> = serde_json::from_str(found.get()).ok();
        text.map_or(found.get() == self.value, |text| text == self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_string_or_json() {
        let record = br#"{"id":"x","payload":{"event":"page_view","n":1.50,"on":true,"a":{"b":"=c"},"\u0065":null}}"#;
        let is_met = |text| Condition::parse(text).unwrap().is_met(record);
        for met in ["/event=page_view", "/n=1.50", "/on=true", "/a/b==c", r#"/a={"b":"=c"}"#, "/e=null"] {
            assert!(is_met(met), "{met}");
        }
        for unmet in ["/event=click", "/event=", "/n=1.5", "/none=1", "/id=x", "=x"] {
            assert!(!is_met(unmet), "{unmet}");
        }
        assert!(!Condition::parse("/event=x").unwrap().is_met(b"\xff no record"));
        for bad in ["", "/event", "event=x", "/a~2=x"] {
            assert!(Condition::parse(bad).is_err(), "{bad}");
        }
    }
}
