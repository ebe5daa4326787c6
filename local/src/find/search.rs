//! What is searched: an id, and the hours in which it can be.

use std::time::{Duration, SystemTime};

use spillway_shared::hour::Hour;
use uuid::Uuid;

/// The bytes of a request id with its hyphens.
const UUID_BYTES: usize = 36;
/// By how much the time in an id and the time of receipt can differ.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// A record id or a request id, and where records with it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The id as it is written in records.
    pub id: String,
    /// Whether it is the id of one record; otherwise all records of a request are searched.
    pub is_record: bool,
    /// The time in the id: only ids of version 7 have one.
    pub time: Option<SystemTime>,
    /// The ends of the folders of the hours or the day: `dt=2026-11-21/hour=18/` or `dt=2026-11-21/`.
    spans: Vec<String>,
}

/// Why a search cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// The id has no form of Spillway's ids.
    #[error(
        "`{0}` is no id of Spillway: expected a request id, such as 01a20022-aba9-73ad-8766-d80b84b0549d, or a \
             record id, which is a request id with `-` and a number"
    )]
    Id(String),
    /// The day is missing.
    #[error(
        "the id does not contain its time, because it was derived from an idempotency key or a client's id: name \
             the day of receipt (UTC), such as 2026-11-21"
    )]
    NoDay,
    /// The day is not one.
    #[error("`{0}` is not a day: expected a day of UTC, such as 2026-11-21")]
    Day(String),
}

impl Search {
    /// Reads an id, and the day of receipt, which only an id of version 7 can do without.
    ///
    /// # Errors
    /// The id or the day is malformed, or the day is missing.
    pub fn parse(id: &str, day: Option<&str>) -> Result<Self, SearchError> {
        let id = id.trim().to_ascii_lowercase();
        let (request, is_record) = read(&id).ok_or_else(|| SearchError::Id(id.clone()))?;
        let time = time_of(request);
        let spans = match (day, time) {
            (Some(day), _) => vec![span_of_day(day)?],
            (None, Some(time)) => spans_of_hours(time),
            (None, None) => return Err(SearchError::NoDay),
        };
        Ok(Self { id, is_record, time, spans })
    }

    /// The line break before a matching line, and how the line begins.
    pub(super) fn needle(&self) -> Vec<u8> {
        format!("\n{{\"id\":\"{}{}", self.id, self.after_id()).into_bytes()
    }

    /// Whether a record's id matches.
    pub(super) fn matches(&self, id: &str) -> bool {
        let rest = id.strip_prefix(&self.id);
        rest.is_some_and(|rest| if self.is_record { rest.is_empty() } else { rest.starts_with('-') })
    }

    fn after_id(&self) -> char {
        if self.is_record { '"' } else { '-' }
    }

    /// The folders of the hours of the search in `parent`.
    pub(super) fn folders(&self, parent: &str) -> impl Iterator<Item = String> {
        self.spans.iter().map(move |span| format!("{parent}{span}"))
    }

    /// Whether the search includes an hour.
    pub(super) fn includes(&self, hour: Hour) -> bool {
        let folder = format!("dt={}/hour={}/", hour.date(), hour.of_day());
        self.spans.iter().any(|span| folder.starts_with(span))
    }

    /// Whether the folder of a day, such as `quarantine/dt=2026-11-21/`, is not before the search.
    pub(super) fn is_not_before(&self, folder: &str) -> bool {
        let day = |folder: &str| Some(folder[folder.find("dt=")?..].split('/').next()?.to_owned());
        let first = self.spans.iter().filter_map(|span| day(span)).min();
        day(folder) >= first
    }
}

/// The request id, and whether the id is that of one record.
fn read(id: &str) -> Option<(Uuid, bool)> {
    let (request, rest) = id.split_at_checked(UUID_BYTES)?;
    let is_number = |text: &str| !text.is_empty() && text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_record = match rest.strip_prefix('-') {
        Some(number) => is_number(number).then_some(true)?,
        None => rest.is_empty().then_some(false)?,
    };
    Some((Uuid::try_parse(request).ok()?, is_record))
}

fn time_of(request: Uuid) -> Option<SystemTime> {
    let millis = u64::try_from(request.as_u128() >> 80).ok()?;
    (request.get_version_num() == 7).then(|| SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
}

fn span_of_day(day: &str) -> Result<String, SearchError> {
    let is_day = Hour::parse(&format!("{day}T00")).is_some();
    if is_day { Ok(format!("dt={day}/")) } else { Err(SearchError::Day(day.to_owned())) }
}

/// Mostly one hour; two if the time is close to the end of one.
fn spans_of_hours(time: SystemTime) -> Vec<String> {
    let [first, last] = [time - CLOCK_SKEW, time + CLOCK_SKEW].map(Hour::of);
    first.until(last).map(|hour| format!("dt={}/hour={}/", hour.date(), hour.of_day())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T22:03:21.001Z.
    const REQUEST: &str = "01a20022-aba9-73ad-8766-d80b84b0549d";
    const DERIVED: &str = "0199aaaa-bbbb-8ccc-8ddd-eeeeffff0000";

    fn folders(id: &str, day: Option<&str>) -> Vec<String> {
        Search::parse(id, day).unwrap().folders("records/stream=a/").collect()
    }

    #[test]
    fn an_id_of_version_7_names_its_hour() {
        assert_eq!(folders(REQUEST, None), ["records/stream=a/dt=2026-11-21/hour=22/"]);
        assert_eq!(folders(&format!("{REQUEST}-17"), None), folders(REQUEST, None));
        assert_eq!(folders(&REQUEST.to_uppercase(), None), folders(REQUEST, None));
    }

    #[test]
    fn close_to_the_end_of_an_hour_two_hours_are_searched() {
        let millis = 1_795_305_599_000_u128; // 2026-11-21T23:59:59Z
        let id = Uuid::from_u128(millis << 80 | 7 << 76 | 2 << 62).to_string();
        let hours = ["dt=2026-11-21/hour=23/", "dt=2026-11-22/hour=00/"].map(|hour| format!("records/stream=a/{hour}"));
        assert_eq!(folders(&id, None), hours);
    }

    #[test]
    fn another_id_needs_its_day() {
        assert_eq!(Search::parse(DERIVED, None), Err(SearchError::NoDay));
        assert_eq!(folders(DERIVED, Some("2026-11-21")), ["records/stream=a/dt=2026-11-21/"]);
        for day in ["", "2026-11", "2026-02-30", "2026-11-21T18", "../.."] {
            assert_eq!(Search::parse(DERIVED, Some(day)), Err(SearchError::Day(day.to_owned())), "{day}");
        }
    }

    #[test]
    fn malformed_ids_are_refused() {
        let braced = format!("{{{REQUEST}}}");
        let ids = ["", "x", "-1", &REQUEST[1..], &braced, &format!("{REQUEST}-"), &format!("{REQUEST}-x")];
        for id in ids.into_iter().chain(["01a20022aba973ad8766d80b84b0549d", "01a20022-aba9-73ad-8766-d80b84b0549ä"]) {
            assert!(matches!(Search::parse(id, None), Err(SearchError::Id(_))), "{id}");
        }
        let long = format!("{REQUEST}-{}", "1".repeat(11));
        assert!(Search::parse(&long, None).is_err());
    }

    #[test]
    fn a_request_id_matches_all_its_records_and_a_record_id_only_one() {
        let request = Search::parse(REQUEST, None).unwrap();
        let record = Search::parse(&format!("{REQUEST}-1"), None).unwrap();
        for (id, of_request, is_record) in [
            (format!("{REQUEST}-1"), true, true),
            (format!("{REQUEST}-10"), true, false),
            (REQUEST.to_owned(), false, false),
        ] {
            assert_eq!((request.matches(&id), record.matches(&id)), (of_request, is_record), "{id}");
        }
    }

    #[test]
    fn quarantine_is_searched_from_the_id_s_day_on() {
        let search = Search::parse(REQUEST, None).unwrap();
        let days = ["2026-11-20", "2026-11-21", "2026-12-01"].map(|day| format!("quarantine/dt={day}/"));
        assert_eq!(days.map(|day| search.is_not_before(&day)), [false, true, true]);
        assert!(search.includes(Hour::parse("2026-11-21T22").unwrap()));
        assert!(!search.includes(Hour::parse("2026-11-21T21").unwrap()));
    }
}
