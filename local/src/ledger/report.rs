//! What a ledger says at the end of a run.

use std::fmt;

/// Distinct record ids: accepted by SQS in this run, and where each of them lies.
///
/// An id that lies in several places counts where it lies best: stored before quarantined before dead-lettered before
/// in flight. So `accepted` is the sum of `stored`, `quarantined`, `dead_lettered`, `in_flight` and `missing`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Acknowledged by SQS in this run. A message that cannot be read counts as one record.
    pub accepted: u64,
    /// In objects of this run.
    pub stored: u64,
    /// In quarantined messages of this run.
    pub quarantined: u64,
    /// In the dead-letter queue.
    pub dead_lettered: u64,
    /// Still in the queue.
    pub in_flight: u64,
    /// Nowhere.
    pub missing: u64,
    /// Stored more than once.
    pub duplicates: u64,
    /// Found, but not accepted in this run: sent without an answer, or by somebody else.
    pub foreign: u64,
    /// Objects that could not be read, with the reason.
    pub unreadable: Vec<String>,
}

impl Report {
    /// Whether nothing that was accepted is missing.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.missing == 0
    }

    /// Whether the queue is empty too.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.holds() && self.in_flight == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Ledger of this run (distinct records):")?;
        let rows = [
            ("accepted by SQS", self.accepted),
            ("stored", self.stored),
            ("quarantined", self.quarantined),
            ("dead-lettered", self.dead_lettered),
            ("still in the queue", self.in_flight),
            ("missing", self.missing),
            ("stored more than once", self.duplicates),
            ("found, but not accepted", self.foreign),
        ];
        for (name, count) in rows {
            writeln!(f, "  {name:<24}{:>15}", grouped(count))?;
        }
        for object in &self.unreadable {
            writeln!(f, "  cannot be read: {object}")?;
        }
        let verdict = if self.holds() { "it holds: nothing is lost" } else { "it does NOT hold: records are missing" };
        write!(f, "  {verdict}")
    }
}

/// `1234567` as `1,234,567`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_reads_whether_it_holds() {
        let report = Report { accepted: 1_234_567, stored: 1_234_566, missing: 1, ..Report::default() };
        let text = report.to_string();
        assert!(text.contains("accepted by SQS               1,234,567\n"), "{text}");
        assert!(text.ends_with("does NOT hold: records are missing"), "{text}");
        assert!(!report.holds());
        assert!(Report::default().to_string().ends_with("nothing is lost"));
    }
}
