//! What a ledger says at the end of a run.

use std::fmt;

/// Distinct record ids: accepted by SQS, in this run or since the data folder was made, and where each of them is.
///
/// An id that lies in several places counts where it lies best: stored before quarantined before dead-lettered before
/// in flight. So `accepted` is the sum of `stored`, `quarantined`, `dead_lettered`, `in_flight` and `missing`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Acknowledged by SQS. A message that cannot be read counts as one record.
    pub accepted: u64,
    /// In objects.
    pub stored: u64,
    /// In quarantined messages.
    pub quarantined: u64,
    /// In the dead-letter queue.
    pub dead_lettered: u64,
    /// Still in the queue.
    pub in_flight: u64,
    /// Nowhere.
    pub missing: u64,
    /// Stored more than once.
    pub duplicates: u64,
    /// Found, but not accepted: sent without an answer, or by another sender.
    pub foreign: u64,
    /// Objects that could not be read, with the reason.
    pub unreadable: Vec<String>,
    /// What the ledger could not look into.
    pub unseen: Unseen,
    /// Whether it contains earlier runs on the same data folder.
    pub earlier_runs: bool,
}

/// What somebody else runs, so that a ledger cannot look into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unseen {
    /// What SQS acknowledged and what is left in it: nothing counts as accepted, and what was found as foreign.
    pub sqs: bool,
    /// What lies in the bucket: what was taken off the queue counts as missing.
    pub s3: bool,
}

impl Report {
    /// Whether nothing that was accepted is missing, as far as it could look.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.missing == 0 || self.unseen.s3
    }

    /// Whether the queue is empty too.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.holds() && self.in_flight == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = if self.earlier_runs { "all runs on this data folder" } else { "this run" };
        writeln!(f, "Ledger of {runs} (distinct records):")?;
        for (name, count) in self.rows() {
            writeln!(f, "  {name:<24}{:>15}", grouped(count))?;
        }
        for object in &self.unreadable {
            writeln!(f, "  cannot be read: {object}")?;
        }
        write!(f, "  {}", self.verdict())
    }
}

impl Report {
    /// Only what could be looked into.
    fn rows(&self) -> Vec<(&'static str, u64)> {
        let Unseen { sqs, s3 } = self.unseen;
        let rows = [
            (!sqs, "accepted by SQS", self.accepted),
            (!sqs && !s3, "stored", self.stored),
            (!sqs && !s3, "quarantined", self.quarantined),
            (!sqs, "dead-lettered", self.dead_lettered),
            (!sqs, "still in the queue", self.in_flight),
            (!sqs && !s3, "missing", self.missing),
            (!sqs && s3, "taken off the queue", self.missing),
            (!sqs && !s3, "stored more than once", self.duplicates),
            (!sqs && !s3, "found, but not accepted", self.foreign),
            (sqs && !s3, "found in the bucket", self.foreign),
        ];
        rows.into_iter().filter(|(is_seen, ..)| *is_seen).map(|(_, name, count)| (name, count)).collect()
    }

    fn verdict(&self) -> &'static str {
        match (self.unseen.sqs, self.unseen.s3) {
            (true, true) => "SQS and S3 are elsewhere: what became of the records is for them to say",
            (true, false) => "SQS is elsewhere: what it accepted, and whether all of it is here, is not known",
            (false, true) => "S3 is elsewhere: whether it has what was taken off the queue is not known",
            (false, false) if self.holds() => "it holds: nothing is lost",
            (false, false) => "it does NOT hold: records are missing",
        }
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
        let unseen = Report { unseen: Unseen { s3: true, ..Unseen::default() }, ..report }.to_string();
        assert!(
            unseen.contains("taken off the queue                   1\n") && !unseen.contains("  stored"),
            "{unseen}"
        );
        assert!(Report::default().to_string().ends_with("nothing is lost"));
    }
}
