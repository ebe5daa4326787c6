//! The table of checks: the expected value, the actual value and the result of each.

use std::fmt;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ok,
    Failed,
    /// Something that it needs had failed.
    Skipped,
}

#[derive(Debug)]
struct Line {
    check: String,
    expected: String,
    got: String,
    outcome: Outcome,
}

/// The checks in the order in which they ran.
#[derive(Debug, Default)]
pub(super) struct Table(Vec<Line>);

impl Table {
    pub(super) fn ok(&mut self, check: &str, expected: &str, got: &str) {
        self.add(check, expected, got, Outcome::Ok);
    }

    pub(super) fn failed(&mut self, check: &str, expected: &str, got: &str) {
        self.add(check, expected, got, Outcome::Failed);
    }

    /// A check that could not run, with the reason.
    pub(super) fn skipped(&mut self, check: &str, expected: &str, reason: &str) {
        self.add(check, expected, reason, Outcome::Skipped);
    }

    /// `got` of a check that is good if this is `Ok`.
    pub(super) fn judge(&mut self, check: &str, expected: &str, got: Result<String, String>) {
        match got {
            Ok(got) => self.ok(check, expected, &got),
            Err(got) => self.failed(check, expected, &got),
        }
    }

    fn add(&mut self, check: &str, expected: &str, got: &str, outcome: Outcome) {
        let [check, expected, got] = [check, expected, got].map(str::to_owned);
        self.0.push(Line { check, expected, got, outcome });
    }

    /// Whether every check is ok.
    pub(super) fn is_good(&self) -> bool {
        !self.0.is_empty() && self.count(Outcome::Ok) == self.0.len()
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.0.iter().filter(|line| line.outcome == outcome).count()
    }

    /// The width of a column. A long text of a failure does not widen the table.
    fn width(&self, title: &str, column: impl Fn(&Line) -> &str) -> usize {
        let good = self.0.iter().filter(|line| line.outcome == Outcome::Ok);
        good.map(|line| column(line).chars().count()).max().unwrap_or_default().max(title.len())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let check = self.0.iter().map(|line| line.check.chars().count()).max().unwrap_or_default();
        let expected = self.0.iter().map(|line| line.expected.chars().count()).max().unwrap_or_default();
        let got = self.width("got", |line| &line.got);
        writeln!(f, "{:<check$}  {:<expected$}  {:<got$}", "check", "expected", "got")?;
        for line in &self.0 {
            let outcome = line.outcome;
            writeln!(f, "{:<check$}  {:<expected$}  {:<got$}  {outcome}", line.check, line.expected, line.got)?;
        }
        let [ok, failed, skipped] = [Outcome::Ok, Outcome::Failed, Outcome::Skipped].map(|each| self.count(each));
        write!(f, "\n{} checks: {ok} ok, {failed} FAILED, {skipped} skipped", self.0.len())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Failed => "FAILED",
            Self::Skipped => "skipped",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_good_only_if_every_check_ran_and_is_ok() {
        let mut table = Table::default();
        assert!(!table.is_good(), "no check ran");
        table.ok("a", "200", "200");
        assert!(table.is_good());
        table.skipped("b", "1 payload", "not accepted");
        assert!(!table.is_good());
    }

    #[test]
    fn columns_are_aligned_and_counts_follow() {
        let mut table = Table::default();
        table.ok("health", "200", "200");
        table.failed("a key", "401", "200, which is long for this column");
        table.skipped("stored", "1 payload", "not accepted");
        assert_eq!(
            table.to_string(),
            "check   expected   got\n\
             health  200        200  ok\n\
             a key   401        200, which is long for this column  FAILED\n\
             stored  1 payload  not accepted  skipped\n\n\
             3 checks: 1 ok, 1 FAILED, 1 skipped"
        );
    }
}
