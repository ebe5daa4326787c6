//! What the answer to a request must be, and whether it is.

use std::fmt;

use hyper::HeaderMap;
use serde::Deserialize;
use spillway_local::client::Response;

use super::call::Call;

/// A request and its expected answer.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) name: String,
    pub(super) call: Call,
    pub(super) expected: Expected,
}

/// An expected answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    /// Any of these statuses.
    statuses: Vec<u16>,
    /// The last word of the problem's type.
    problem: Option<&'static str>,
    /// A header and its value, or one of several values.
    header: Option<(&'static str, Vec<String>)>,
    /// The number of rejected payloads.
    rejected: usize,
    /// What must be stored, in order.
    pub(super) records: Vec<Record>,
}

/// The client's part of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) payload: String,
    pub(super) context: Option<String>,
}

/// An answer as expected.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) request_id: Option<String>,
}

/// A request that was answered: what it must have stored.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) name: String,
    /// The id of an accepted document.
    pub(super) request_id: Option<String>,
    pub(super) records: Vec<Record>,
}

/// The members of a 200 that are compared.
#[derive(Deserialize)]
struct Counts {
    request_id: String,
    accepted: usize,
    rejected: usize,
}

impl Expected {
    /// A document whose payloads are stored.
    pub(super) fn stored(records: Vec<Record>) -> Self {
        Self { statuses: vec![200], records, ..Self::default() }
    }

    /// One of these statuses.
    pub(super) fn statuses(statuses: &[u16]) -> Self {
        Self { statuses: statuses.to_vec(), ..Self::default() }
    }

    /// A status with a problem of ingest.
    pub(super) fn problem(status: u16, word: &'static str) -> Self {
        Self { problem: Some(word), ..Self::statuses(&[status]) }
    }

    /// The same expectation with this number of rejected payloads.
    pub(super) fn rejected(self, rejected: usize) -> Self {
        Self { rejected, ..self }
    }

    /// The same with a header that has one of these values.
    pub(super) fn header(self, name: &'static str, values: &[&str]) -> Self {
        Self { header: Some((name, values.iter().map(|&value| value.to_owned()).collect())), ..self }
    }

    /// The answer if it meets the expectation; otherwise a description of the answer.
    pub(super) fn check(&self, response: &Response) -> Result<Answer, String> {
        let status = response.status.as_u16();
        if !self.statuses.contains(&status) {
            let word = problem(&response.body);
            return Err(format!("{status} {}", word.unwrap_or_else(|| shortened(&response.body))));
        }
        self.check_problem(&response.body).map_err(|got| format!("{status}, {got}"))?;
        self.check_header(&response.headers).map_err(|got| format!("{status}, {got}"))?;
        let request_id = self.check_counts(&response.body).map_err(|got| format!("{status}, {got}"))?;
        Ok(Answer { text: Self { statuses: vec![status], ..self.clone() }.to_string(), request_id })
    }

    fn check_problem(&self, body: &[u8]) -> Result<(), String> {
        let Some(expected) = self.problem else { return Ok(()) };
        match problem(body) {
            Some(word) if word == expected => Ok(()),
            Some(word) => Err(word),
            None => Err(format!("not a problem of ingest: {}", shortened(body))),
        }
    }

    fn check_header(&self, headers: &HeaderMap) -> Result<(), String> {
        let Some((name, values)) = &self.header else { return Ok(()) };
        match headers.get(*name).map(|value| String::from_utf8_lossy(value.as_bytes())) {
            Some(value) if values.contains(&value.to_string()) => Ok(()),
            Some(value) => Err(format!("{name}: {value}")),
            None => Err(format!("no header {name}")),
        }
    }

    /// The request id of an accepted document.
    fn check_counts(&self, body: &[u8]) -> Result<Option<String>, String> {
        if self.records.is_empty() {
            return Ok(None);
        }
        let counts: Counts = serde_json::from_slice(body).map_err(|_| format!("no counts: {}", shortened(body)))?;
        let Counts { request_id, accepted, rejected } = counts;
        let are_same = accepted == self.records.len() && rejected == self.rejected;
        if are_same { Ok(Some(request_id)) } else { Err(format!("{accepted} accepted, {rejected} rejected")) }
    }
}

impl Judged {
    /// The ids of the records that must be in the bucket.
    pub(super) fn ids(&self) -> impl Iterator<Item = String> {
        let id = |request: &String| (0..self.records.len()).map(move |n| format!("{request}-{n}")).collect::<Vec<_>>();
        self.request_id.iter().flat_map(id).collect::<Vec<_>>().into_iter()
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statuses: Vec<_> = self.statuses.iter().map(u16::to_string).collect();
        f.write_str(&statuses.join(" or "))?;
        if let Some(word) = self.problem {
            write!(f, " {word}")?;
        }
        if !self.records.is_empty() {
            write!(f, ", {} accepted", self.records.len())?;
        }
        if self.rejected > 0 {
            write!(f, ", {} rejected", self.rejected)?;
        }
        match &self.header {
            Some((name, _)) => write!(f, ", {name}"),
            None => Ok(()),
        }
    }
}

/// The last word of the type of a problem of ingest.
fn problem(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        r#type: String,
    }
    let problem: Problem = serde_json::from_slice(body).ok()?;
    problem.r#type.strip_prefix("urn:spillway:problem:").map(str::to_owned)
}

/// The beginning of an answer's body, in one line.
fn shortened(body: &[u8]) -> String {
    const MOST: usize = 100;
    let text = String::from_utf8_lossy(body);
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(MOST).collect()
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
