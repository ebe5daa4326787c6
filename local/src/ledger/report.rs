//! The report of a ledger at the end of a run.

use std::fmt;

use serde::Serialize;

/// Distinct record ids by outcome, of this run or of all runs since the data folder was created.
///
/// An id with several outcomes counts once: as stored, otherwise as kept, quarantined, dead-lettered or queued, in this
/// order. `accepted` is therefore the sum of `stored`, `kept`, `quarantined`, `dead_lettered`, `in_flight` and `missing`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Acknowledged by SQS. A message that cannot be decoded counts as one record.
    pub accepted: u64,
    /// In objects of records.
    pub stored: u64,
    /// In objects of kept rejections.
    pub kept: u64,
    /// In quarantined messages.
    pub quarantined: u64,
    /// In the dead-letter queue.
    pub dead_lettered: u64,
    /// Queued.
    pub in_flight: u64,
    /// Accepted, but found nowhere.
    pub missing: u64,
    /// Stored more than once.
    pub duplicates: u64,
    /// Found, but not accepted: sent without an answer, or by another sender.
    pub foreign: u64,
    /// In files of tables.
    pub in_tables: u64,
    /// In several rows of one version of a table: clients sent them again in another hour, or with another payload.
    pub rows_again: u64,
    /// Objects that could not be read, with the reason.
    pub unreadable: Vec<String>,
    /// The external services that the ledger cannot inspect.
    pub unseen: Unseen,
    /// Whether the report covers earlier runs on the same data folder.
    pub earlier_runs: bool,
}

/// External services, which a ledger cannot inspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Unseen {
    /// SQS: no record counts as accepted, and all stored records count as foreign.
    pub sqs: bool,
    /// S3: all records taken off the queue count as missing.
    pub s3: bool,
}

impl Report {
    /// Whether no accepted record is missing, as far as the ledger can tell.
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
    /// The counts of the services that the ledger can inspect.
    fn rows(&self) -> Vec<(&'static str, u64)> {
        let Unseen { sqs, s3 } = self.unseen;
        let rows = [
            (!sqs, "accepted by SQS", self.accepted),
            (!sqs && !s3, "stored", self.stored),
            (!sqs && !s3, "rejected and kept", self.kept),
            (!sqs && !s3, "quarantined", self.quarantined),
            (!sqs, "dead-lettered", self.dead_lettered),
            (!sqs, "queued", self.in_flight),
            (!sqs && !s3, "missing", self.missing),
            (!sqs && s3, "taken off the queue", self.missing),
            (!sqs && !s3, "stored more than once", self.duplicates),
            (!sqs && !s3, "found, but not accepted", self.foreign),
            (self.in_tables > 0, "in tables", self.in_tables),
            (self.in_tables > 0, "in several rows", self.rows_again),
            (sqs && !s3, "found in the bucket", self.foreign),
        ];
        rows.into_iter().filter(|(is_seen, ..)| *is_seen).map(|(_, name, count)| (name, count)).collect()
    }

    /// Whether records are lost, in words.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match (self.unseen.sqs, self.unseen.s3) {
            (true, true) => "SQS and S3 are external: the ledger cannot inspect them",
            (true, false) => "SQS is external: the ledger does not know which records it accepted",
            (false, true) => "S3 is external: the ledger does not know whether it stored the records",
            (false, false) if self.holds() => "no record is lost",
            (false, false) => "records are MISSING",
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
    fn the_report_ends_with_the_verdict() {
        let report = Report { accepted: 1_234_567, stored: 1_234_566, missing: 1, ..Report::default() };
        let text = report.to_string();
        assert!(text.contains("accepted by SQS               1,234,567\n"), "{text}");
        assert!(text.ends_with("records are MISSING"), "{text}");
        assert!(!report.holds());
        let unseen = Report { unseen: Unseen { s3: true, ..Unseen::default() }, ..report }.to_string();
        assert!(
            unseen.contains("taken off the queue                   1\n") && !unseen.contains("  stored"),
            "{unseen}"
        );
        assert!(Report::default().to_string().ends_with("no record is lost"));
    }
}
