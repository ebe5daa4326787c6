//! Sets of record ids, stored as runs: consecutive records of one request take 32 bytes together.

use std::collections::HashMap;

use super::ids::Id;
use crate::journal::Entry;

/// Bytes of a run in a journal.
const RUN_BYTES: usize = 24;

/// Ids as they come, equal ones included.
#[derive(Debug, Clone, Default)]
pub(super) struct Runs {
    runs: Vec<Run>,
    others: HashMap<Box<str>, usize>,
}

/// Distinct ids, each with a position from 0.
#[derive(Debug)]
pub(super) struct Index {
    runs: Vec<Run>,
    starts: Vec<usize>,
    others: HashMap<Box<str>, usize>,
    len: usize,
    last: usize,
}

/// Consecutive records of one request. The request id is in two halves because a `u128` would take 8 bytes more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    request: [u64; 2],
    first: u32,
    len: u32,
}

impl Runs {
    /// Adds an id.
    pub(super) fn push(&mut self, id: &Id<'_>) {
        match id {
            Id::Record { request, index } => self.push_record(halves(*request), *index),
            Id::Other(name) => self.push_other(name.as_ref().into()),
        }
    }

    /// Adds all of `other`.
    pub(super) fn append(&mut self, other: Self) {
        self.runs.extend(other.runs);
        for name in other.others.into_keys() {
            self.push_other(name);
        }
    }

    /// The ids as a journal's entry, the numbers of the runs little-endian.
    pub(super) fn entry(&self) -> Entry<'static> {
        let mut body = Vec::with_capacity(self.runs.len() * RUN_BYTES);
        for Run { request, first, len } in &self.runs {
            body.extend(request.map(u64::to_le_bytes).as_flattened());
            body.extend([first, len].map(|number| number.to_le_bytes()).as_flattened());
        }
        let others: Vec<_> = self.others.keys().collect();
        // A list of texts is always JSON.
        Entry { head: serde_json::to_vec(&others).unwrap_or_default(), body: body.into() }
    }

    /// Adds the ids of a journal's entry.
    pub(super) fn read(&mut self, head: &[u8], body: &[u8]) -> Result<(), String> {
        let others: Vec<Box<str>> = serde_json::from_slice(head).map_err(|error| error.to_string())?;
        for name in others {
            self.push_other(name);
        }
        let (runs, rest) = body.as_chunks::<RUN_BYTES>();
        self.runs.extend(runs.iter().map(Run::read));
        if rest.is_empty() { Ok(()) } else { Err("it ends within a run of ids".to_owned()) }
    }

    fn push_other(&mut self, name: Box<str>) {
        let position = self.others.len();
        self.others.entry(name).or_insert(position);
    }

    fn push_record(&mut self, request: [u64; 2], index: u32) {
        match self.runs.last_mut() {
            Some(run) if run.request == request && run.end() == u64::from(index) && run.len < u32::MAX => run.len += 1,
            _ => self.runs.push(Run { request, first: index, len: 1 }),
        }
    }

    /// Sorts the ids and counts equal ones once.
    pub(super) fn distinct(mut self) -> Index {
        self.runs.sort_unstable();
        self.runs.dedup_by(|next, run| run.takes(next));
        let mut len = 0;
        let start = |run: &Run| {
            let start = len;
            len += run.len as usize;
            start
        };
        let starts = self.runs.iter().map(start).collect();
        len += self.others.len();
        Index { runs: self.runs, starts, others: self.others, len, last: 0 }
    }
}

impl Index {
    /// How many ids there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The position of an id; fast for ids that come in the order in which they were made.
    pub(super) fn position(&mut self, id: &Id<'_>) -> Option<usize> {
        match id {
            Id::Record { request, index } => self.position_of_record(halves(*request), *index),
            Id::Other(name) => self.others.get(name.as_ref()).map(|number| self.len - self.others.len() + number),
        }
    }

    fn position_of_record(&mut self, request: [u64; 2], index: u32) -> Option<usize> {
        if !self.runs.get(self.last)?.has(request, index) {
            let after = self.runs.partition_point(|run| (run.request, run.first) <= (request, index));
            self.last = after.checked_sub(1)?;
        }
        let run = self.runs[self.last];
        run.has(request, index).then(|| self.starts[self.last] + (index - run.first) as usize)
    }
}

impl Run {
    fn read(bytes: &[u8; RUN_BYTES]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        let (numbers, _) = words[2].as_chunks::<4>();
        let request = [u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])];
        Self { request, first: u32::from_le_bytes(numbers[0]), len: u32::from_le_bytes(numbers[1]) }
    }

    fn end(&self) -> u64 {
        u64::from(self.first) + u64::from(self.len)
    }

    fn has(&self, request: [u64; 2], index: u32) -> bool {
        self.request == request && self.first <= index && u64::from(index) < self.end()
    }

    /// Takes a later run in if the two touch.
    fn takes(&mut self, next: &Self) -> bool {
        let len = next.end().max(self.end()) - u64::from(self.first);
        let touches = self.request == next.request && u64::from(next.first) <= self.end();
        match u32::try_from(len) {
            Ok(len) if touches => {
                self.len = len;
                true
            }
            _ => false,
        }
    }
}

fn halves(request: u128) -> [u64; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    [(request >> 64) as u64, request as u64]
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn record(request: u128, index: u32) -> Id<'static> {
        Id::Record { request, index }
    }

    fn other(name: &'static str) -> Id<'static> {
        Id::Other(Cow::Borrowed(name))
    }

    #[test]
    fn equal_ids_count_once_in_whatever_order_they_come() {
        let mut runs = Runs::default();
        let request = u128::MAX - 5;
        for id in
            [record(request, 3), record(request, 4), record(1, 0), record(request, 2), record(request, 4), record(1, 7)]
        {
            runs.push(&id);
        }
        for name in ["x", "y", "x"] {
            runs.push(&other(name));
        }
        let mut index = runs.distinct();
        assert_eq!(index.len(), 7);
        let known = [record(1, 0), record(1, 7), record(request, 2), record(request, 3), record(request, 4)];
        let mut positions: Vec<_> = known.iter().map(|id| index.position(id).unwrap()).collect();
        positions.extend(["x", "y"].map(|name| index.position(&other(name)).unwrap()));
        assert_eq!(positions, [0, 1, 2, 3, 4, 5, 6]);
        for unknown in
            [record(1, 1), record(request, 5), record(request, 1), record(0, 0), record(u128::MAX, 0), other("z")]
        {
            assert_eq!(index.position(&unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn records_of_one_request_are_one_run() {
        let mut runs = Runs::default();
        (0..10_000).for_each(|index| runs.push(&record(9, index)));
        assert_eq!(runs.runs.len(), 1);
        assert_eq!(size_of::<Run>() + size_of::<usize>(), 32);
    }

    #[test]
    fn a_journal_s_entry_holds_the_same_ids() {
        let (mut runs, mut again) = (Runs::default(), Runs::default());
        for id in [record(u128::MAX - 5, u32::MAX), record(7, 3), record(7, 4), other("x"), other("y")] {
            runs.push(&id);
        }
        let Entry { head, body } = runs.entry();
        again.read(&head, &body).unwrap();
        assert!(again.read(b"[]", &body[1..]).is_err() && again.read(b"?", &body).is_err());
        again.append(runs);
        let mut index = again.distinct();
        assert_eq!(index.len(), 5);
        for id in [record(u128::MAX - 5, u32::MAX), record(7, 3), record(7, 4), other("x"), other("y")] {
            assert!(index.position(&id).is_some(), "{id:?}");
        }
    }

    #[test]
    fn the_largest_index_has_a_place() {
        let mut runs = Runs::default();
        for index in [u32::MAX, 0, u32::MAX] {
            runs.push(&record(1, index));
        }
        let mut index = runs.distinct();
        assert_eq!((index.len(), index.position(&record(1, u32::MAX))), (2, Some(1)));
    }
}
