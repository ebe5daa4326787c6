//! Configuration from an injected lookup: all bad variables are reported together, by name.
//!
//! Tests pass a map; only [`process_environment`] reads the real environment.

use std::fmt;

/// Returns the value of a variable by its name.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment of this process, as a lookup.
#[must_use]
pub fn process_environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the process environment")]
    std::env::var(name).ok()
}

/// A variable that holds a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// The variable's name.
    pub name: &'static str,
    /// The value if the variable is not set.
    pub default: u64,
    /// The smallest valid value.
    pub min: u64,
    /// The largest valid value.
    pub max: u64,
}

/// All errors of a configuration, one sentence each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigErrors(Vec<String>);

impl ConfigErrors {
    /// A report with one error; `place` is a variable's name or a file's path.
    #[must_use]
    pub fn one(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self(vec![format!("{place}: {what}")])
    }

    /// Adds one error; `place` is a variable's name or a file's path.
    pub fn add(&mut self, place: impl fmt::Display, what: impl fmt::Display) {
        self.0.push(format!("{place}: {what}"));
    }

    /// Adds all errors of another report.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The sentences, in the order in which the errors were found.
    #[must_use]
    pub fn sentences(&self) -> &[String] {
        &self.0
    }

    /// `value` if there are no errors.
    ///
    /// # Errors
    /// The errors themselves, if there are any.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ConfigErrors {}

/// Reads variables one by one and collects their errors.
pub struct Reader<'a> {
    lookup: Lookup<'a>,
    errors: ConfigErrors,
}

impl<'a> Reader<'a> {
    /// A reader without errors.
    #[must_use]
    pub fn new(lookup: Lookup<'a>) -> Self {
        Self { lookup, errors: ConfigErrors::default() }
    }

    /// The value of a variable. An empty or blank one counts as not set.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The value of a required variable.
    pub fn required(&mut self, name: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.errors.add(name, "must be set");
            String::new()
        })
    }

    /// The value of a required variable that contains an HTTP URL.
    pub fn required_url(&mut self, name: &str) -> String {
        let url = self.required(name);
        let server = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        if !url.is_empty() && server.is_none_or(|server| server.is_empty() || server.starts_with('/')) {
            self.errors.add(name, format!("must be an http:// or https:// URL, not `{url}`"));
        }
        url
    }

    /// The value of a number, which must be within its range.
    pub fn number(&mut self, number: &Number) -> u64 {
        let Some(text) = self.text(number.name) else { return number.default };
        match text.parse() {
            Ok(value) if (number.min..=number.max).contains(&value) => value,
            _ => {
                let range = format!("must be a whole number from {} to {}, not `{text}`", number.min, number.max);
                self.errors.add(number.name, range);
                number.default
            }
        }
    }

    /// A number as a `usize`, for sizes in memory.
    pub fn size(&mut self, number: &Number) -> usize {
        usize::try_from(self.number(number)).unwrap_or(usize::MAX)
    }

    /// The value of the word that the variable contains; the first choice is the default.
    pub fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> T {
        let default = choices[0].1;
        let Some(text) = self.text(name) else { return default };
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        self.errors.add(name, format!("must be one of {}, not `{text}`", words.join(", ")));
        default
    }

    /// The errors so far, to which callers add violated relations between settings.
    pub fn errors(&mut self) -> &mut ConfigErrors {
        &mut self.errors
    }

    /// `value` if every variable was valid.
    ///
    /// # Errors
    /// All errors that were found.
    pub fn finish<T>(self, value: T) -> Result<T, ConfigErrors> {
        self.errors.or(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKERS: Number = Number { name: "MAX_WORKERS", default: 16, min: 1, max: 1000 };

    fn lookup(name: &str) -> Option<String> {
        match name {
            "MAX_WORKERS" => Some("0".into()),
            "MODE" => Some("sideways".into()),
            "BLANK" => Some("  ".into()),
            "URL" => Some("queue".into()),
            _ => None,
        }
    }

    #[test]
    fn all_bad_variables_are_reported_together() {
        let mut reader = Reader::new(&lookup);
        assert_eq!(reader.number(&WORKERS), 16);
        assert_eq!(reader.choice("MODE", &[("up", 1), ("down", 2)]), 1);
        assert_eq!(reader.required("BLANK"), "");
        assert_eq!(reader.required_url("URL"), "queue");
        let errors = reader.finish(()).unwrap_err();
        assert_eq!(
            errors.to_string(),
            "MAX_WORKERS: must be a whole number from 1 to 1000, not `0`; \
             MODE: must be one of `up`, `down`, not `sideways`; BLANK: must be set; \
             URL: must be an http:// or https:// URL, not `queue`"
        );
    }

    #[test]
    fn an_unset_variable_has_its_default() {
        let mut reader = Reader::new(&|_| None);
        assert_eq!(reader.number(&WORKERS), 16);
        assert_eq!(reader.finish(7), Ok(7));
    }
}
