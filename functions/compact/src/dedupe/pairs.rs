//! A set of pairs of hashes that moves to `/tmp` in parts as it grows, so that its memory is bounded.
//!
//! A part is a table of slots with open addressing, half full at most: on disk it has the same form as in memory, and a
//! lookup reads one page of it.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

/// Slots of the part in memory, 16 bytes each, at which it moves to disk: 128 MB, or 4 million pairs.
const MOST_SLOTS: usize = 1 << 23;
/// Slots of a new part.
const FIRST_SLOTS: usize = 1 << 12;
/// Slots that one read takes.
const READ_SLOTS: usize = 16;

/// A pair of hashes: of an id, and of a payload. Both are not 0, except in empty slots.
type Pair = (u64, u64);

/// What is known about an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Found {
    /// It is in the set.
    pub(super) id: bool,
    /// It is there with this payload.
    pub(super) pair: bool,
    /// It is there with [`super::UNKNOWN`].
    pub(super) unknown: bool,
}

/// The set.
#[derive(Debug)]
pub(super) struct Pairs {
    slots: Vec<Pair>,
    count: usize,
    most_slots: usize,
    parts: Vec<Part>,
}

/// A part on disk, in a file without a name.
#[derive(Debug)]
struct Part {
    file: File,
    slots: usize,
}

impl Default for Pairs {
    fn default() -> Self {
        Self::with_most_slots(MOST_SLOTS)
    }
}

impl Pairs {
    /// A set that holds this many slots in memory; a power of two.
    pub(super) fn with_most_slots(most_slots: usize) -> Self {
        Self { slots: vec![(0, 0); FIRST_SLOTS.min(most_slots)], count: 0, most_slots, parts: Vec::new() }
    }

    /// Looks a pair up.
    pub(super) fn find(&self, pair: Pair) -> io::Result<Found> {
        let mut found = Found::default();
        let mut at = place(pair.0, self.slots.len());
        while found.take(self.slots[at], pair) {
            at = (at + 1) % self.slots.len();
        }
        for part in &self.parts {
            part.find(pair, &mut found)?;
        }
        Ok(found)
    }

    /// Adds a pair that is not in the set.
    pub(super) fn insert(&mut self, pair: Pair) -> io::Result<()> {
        if (self.count + 1) * 2 > self.slots.len() {
            self.grow()?;
        }
        put(&mut self.slots, pair);
        self.count += 1;
        Ok(())
    }

    fn grow(&mut self) -> io::Result<()> {
        if self.slots.len() >= self.most_slots {
            self.parts.push(Part::write(&self.slots)?);
            self.slots.fill((0, 0));
            self.count = 0;
            return Ok(());
        }
        let larger = vec![(0, 0); self.slots.len() * 2];
        let slots = std::mem::replace(&mut self.slots, larger);
        slots.into_iter().filter(|slot| *slot != (0, 0)).for_each(|pair| put(&mut self.slots, pair));
        Ok(())
    }
}

impl Found {
    /// Takes a slot into account; returns whether further slots can have the id.
    fn take(&mut self, slot: Pair, (id, payload): Pair) -> bool {
        if slot.0 == id {
            self.id = true;
            self.pair |= slot.1 == payload;
            self.unknown |= slot.1 == super::UNKNOWN;
        }
        slot != (0, 0) && !self.pair
    }
}

impl Part {
    fn write(slots: &[Pair]) -> io::Result<Self> {
        let file = tempfile::tempfile()?;
        let mut writer = io::BufWriter::with_capacity(1 << 20, &file);
        for (id, payload) in slots {
            writer.write_all(&id.to_le_bytes())?;
            writer.write_all(&payload.to_le_bytes())?;
        }
        writer.flush()?;
        drop(writer);
        Ok(Self { file, slots: slots.len() })
    }

    fn find(&self, pair: Pair, found: &mut Found) -> io::Result<()> {
        let mut at = place(pair.0, self.slots);
        loop {
            let count = READ_SLOTS.min(self.slots - at);
            let mut bytes = [0; READ_SLOTS * 16];
            self.file.read_exact_at(&mut bytes[..count * 16], at as u64 * 16)?;
            if !bytes[..count * 16].chunks_exact(16).all(|slot| found.take(slot_of(slot), pair)) {
                return Ok(());
            }
            at = (at + count) % self.slots;
        }
    }
}

fn slot_of(bytes: &[u8]) -> Pair {
    let number = |from: usize| bytes[from..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    (number(0), number(8))
}

/// The first slot for an id: its highest bits. The number of slots is a power of two.
fn place(id: u64, slots: usize) -> usize {
    usize::try_from(id >> (64 - slots.trailing_zeros())).unwrap_or(0)
}

fn put(slots: &mut [Pair], pair: Pair) {
    let mut at = place(pair.0, slots.len());
    while slots[at] != (0, 0) {
        at = (at + 1) % slots.len();
    }
    slots[at] = pair;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_set_on_disk_knows_what_it_was_given() {
        let mut random = fastrand::Rng::with_seed(1);
        for most_slots in [4, 64, 1 << 20] {
            let (mut pairs, mut model) = (Pairs::with_most_slots(most_slots), HashSet::new());
            for _ in 0..3_000 {
                // Few ids, some of them next to the end of the table.
                let id = if random.bool() { u64::MAX - random.u64(0..9) } else { random.u64(1..300) << 40 | 1 };
                let pair = (id, random.u64(1..20));
                let found = pairs.find(pair).unwrap();
                assert_eq!(found.pair, model.contains(&pair));
                assert!(found.pair || found.id == model.iter().any(|(other, _)| *other == id));
                if model.insert(pair) {
                    pairs.insert(pair).unwrap();
                }
            }
            assert_eq!(pairs.parts.is_empty(), most_slots > 4_096);
        }
    }
}
