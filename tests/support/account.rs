//! The account of a run: the outcome of every payload, by record id and byte for byte.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::clients::{Sent, request_number};
use super::documents::{Documents, Fate};

/// The sent documents, and the records found so far.
pub(crate) struct Account {
    documents: Documents,
    /// The fates of the payloads that the account is about; another payload in their place is foreign.
    fates: &'static [Fate],
    sent_documents: Vec<Sent>,
    /// The position in `seen` of each document's first payload.
    starts: Vec<usize>,
    /// The request id of each document, from its answer or from its first record.
    requests: Vec<Option<u128>>,
    /// The number of copies found of each payload.
    seen: Vec<u8>,
    found: Found,
}

/// The result of an account, in payloads unless stated otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    /// Documents sent, acknowledged or not.
    pub(crate) documents: u64,
    /// Documents posted more than once.
    pub(crate) retried: u64,
    /// Sent.
    pub(crate) sent: u64,
    /// Acknowledged with 200.
    pub(crate) answered: u64,
    /// Found at least once, in any place.
    pub(crate) there: u64,
    /// Acknowledged with 200, but not found.
    pub(crate) lost: u64,
    /// Found with other bytes.
    pub(crate) altered: u64,
    /// Found, but never sent.
    pub(crate) foreign: u64,
    /// Found under an id that differs from the answer or from another copy.
    pub(crate) misnamed: u64,
    /// Found more than once.
    pub(crate) duplicates: u64,
    /// Duplicates whose document was posted once.
    pub(crate) duplicates_of_posted_once: u64,
    /// The longest time from receipt by ingest to the first object with it.
    pub(crate) longest_lag: Duration,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    received_at: &'a str,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct Named<'a> {
    n: &'a str,
}

impl Account {
    pub(crate) fn new(documents: Documents, fates: &'static [Fate], sent_documents: Vec<Sent>) -> Self {
        let mut len = 0;
        let numbers = 0..u32::try_from(sent_documents.len()).unwrap();
        let start = |number| {
            let start = len;
            len += documents.len(number) as usize;
            start
        };
        let starts = numbers.map(start).collect();
        let requests = sent_documents.iter().map(|sent| sent.answered).collect();
        Self { documents, fates, sent_documents, starts, requests, seen: vec![0; len], found: Found::default() }
    }

    /// Adds a record of an object, or of a message if `stored_at` is unknown.
    pub(crate) fn record(&mut self, line: &[u8], stored_at: Option<SystemTime>) {
        let Ok(record) = serde_json::from_slice::<Record<'_>>(line) else {
            self.found.altered += 1;
            return;
        };
        let Some((number, index)) = self.sent(record.payload.get()) else {
            self.found.foreign += 1;
            return;
        };
        self.found.altered += u64::from(record.payload.get() != self.documents.payload(number, index));
        self.found.misnamed += u64::from(!self.is_its_name(&record.id, number, index));
        let seen = &mut self.seen[self.starts[number as usize] + index as usize];
        *seen = seen.saturating_add(1);
        if let (1, Some(stored_at)) = (*seen, stored_at) {
            let received_at = humantime::parse_rfc3339(record.received_at).unwrap();
            let lag = stored_at.duration_since(received_at).unwrap_or_default();
            self.found.longest_lag = self.found.longest_lag.max(lag);
        }
    }

    /// Computes the result.
    pub(crate) fn close(mut self) -> Found {
        for (number, sent) in (0..).zip(&self.sent_documents).filter(|(_, sent)| sent.tries > 0) {
            let start = self.starts[number as usize];
            let all = (0..).zip(&self.seen[start..start + self.documents.len(number) as usize]);
            let seen = all.filter(|(index, _)| self.is_about(number, *index)).map(|(_, times)| *times);
            let count = |condition: fn(&u8) -> bool| seen.clone().filter(condition).count() as u64;
            let (all, found, duplicates) = (count(|_| true), count(|times| *times > 0), count(|times| *times > 1));
            self.found.documents += 1;
            self.found.retried += u64::from(sent.tries > 1);
            self.found.sent += all;
            self.found.there += found;
            self.found.duplicates += duplicates;
            self.found.duplicates_of_posted_once += if sent.tries == 1 { duplicates } else { 0 };
            if sent.answered.is_some() {
                self.found.answered += all;
                self.found.lost += all - found;
            }
        }
        self.found
    }

    /// The document number and index of a payload that was sent.
    fn sent(&self, payload: &str) -> Option<(u32, u32)> {
        let Named { n } = serde_json::from_str(payload).ok()?;
        let (number, index) = n.split_once('.')?;
        let (number, index): (u32, u32) = (number.parse().ok()?, index.parse().ok()?);
        let sent = self.sent_documents.get(number as usize)?;
        let is_sent = sent.tries > 0 && index < self.documents.len(number);
        (is_sent && self.is_about(number, index)).then_some((number, index))
    }

    fn is_about(&self, number: u32, index: u32) -> bool {
        self.fates.contains(&self.documents.fate(number, index))
    }

    fn is_its_name(&mut self, id: &str, number: u32, index: u32) -> bool {
        let Some((request, own_index)) = id.rsplit_once('-') else { return false };
        let request = request_number(request);
        let known = &mut self.requests[number as usize];
        if known.is_none() {
            *known = request;
        }
        *known == request && own_index.parse() == Ok(self.documents.number_in_id(number, index))
    }
}

impl Found {
    /// Checks the promise: no acknowledged payload is lost, none is altered or foreign, and ids stay the same.
    pub(crate) fn assert_promise(&self) {
        let broken = (self.lost, self.altered, self.foreign, self.misnamed);
        assert_eq!(broken, (0, 0, 0, 0), "(lost, altered, foreign, misnamed) of {self}");
        assert!(self.answered > 0, "nothing was acknowledged: {self}");
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} payloads of {} documents sent ({} retried), {} answered with 200, {} found; lost {}, altered {}, foreign {}, \
             misnamed {}, duplicates {} ({} of documents posted once), longest lag {:.1} s",
            self.sent,
            self.documents,
            self.retried,
            self.answered,
            self.there,
            self.lost,
            self.altered,
            self.foreign,
            self.misnamed,
            self.duplicates,
            self.duplicates_of_posted_once,
            self.longest_lag.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "0199aaaa-bbbb-8ccc-8ddd-eeeeffff0000";

    fn documents() -> Documents {
        Documents::new(1, 2..=2)
    }

    fn line(id: &str, payload: &str) -> Vec<u8> {
        format!("{{\"id\":\"{id}\",\"received_at\":\"2026-11-21T18:39:00.123Z\",\"payload\":{payload}}}").into_bytes()
    }

    /// The result for one acknowledged document of two payloads, if these lines are found.
    fn close(lines: &[Vec<u8>]) -> Found {
        let sent = Sent { answered: request_number(REQUEST), tries: 1 };
        let mut account = Account::new(documents(), &[Fate::Accepted], vec![sent]);
        for line in lines {
            account.record(line, None);
        }
        account.close()
    }

    #[test]
    fn an_account_distinguishes_lost_altered_foreign_misnamed_and_duplicate_payloads() {
        let payload = |index| documents().payload(0, index);
        let (first, second) = (line(&format!("{REQUEST}-0"), &payload(0)), line(&format!("{REQUEST}-1"), &payload(1)));
        let whole = close(&[first.clone(), second.clone()]);
        whole.assert_promise();
        assert_eq!((whole.there, whole.duplicates), (2, 0));
        assert_eq!(close(std::slice::from_ref(&first)).lost, 1);
        assert_eq!(close(&[first.clone(), second.clone(), first.clone()]).duplicates, 1);
        assert_eq!(
            close(&[line(&format!("{REQUEST}-0"), &payload(0).replace("\"price\": ", "\"price\":"))]).altered,
            1
        );
        assert_eq!(close(&[line(&format!("{REQUEST}-1"), &payload(0))]).misnamed, 1);
        assert_eq!(close(&[line(&format!("{REQUEST}-0"), "{\"n\":\"0.2\"}")]).foreign, 1);
        assert_eq!(close(&[line(&format!("{REQUEST}-0"), "{\"n\":\"1.0\"}")]).foreign, 1);
    }
}
