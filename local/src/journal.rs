//! An append-only file of entries. What was appended survives the process, not a power loss: nothing is fsynced.
//!
//! An entry is a head and a body, written as they are after a frame of 16 bytes: the length of the head, the length of
//! the body, the CRC-32 of both, and the CRC-32 of these 12 bytes, each in 4 bytes, little-endian. A process that is
//! killed leaves at most the beginning of an entry at the end, which is cut off; anything else is damage.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

const FRAME: usize = 16;
const BUFFER_BYTES: usize = 1 << 20;

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    len: u64,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// What the entry says; small.
    pub(crate) head: Vec<u8>,
    /// What it carries.
    pub(crate) body: Cow<'a, [u8]>,
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// An entry is not what was written.
    #[error("{0} is damaged at byte {1}: {2}; restore the file from a copy, or remove it and lose its messages")]
    Damaged(PathBuf, u64, String),
}

impl Journal {
    /// Opens a journal, or begins one, and passes the head and the body of each entry to `visit`.
    pub(crate) fn open(
        path: &Path,
        mut visit: impl FnMut(&[u8], Vec<u8>) -> Result<(), String>,
    ) -> Result<Self, JournalError> {
        let failed = |error| JournalError::File(path.to_owned(), error);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let (mut reader, mut len) = (BufReader::with_capacity(BUFFER_BYTES, &file), 0);
        let damaged = |at, reason| JournalError::Damaged(path.to_owned(), at, reason);
        while let Some(entry) = next(&mut reader, size - len).map_err(failed)? {
            let (head, body) = entry.map_err(|reason| damaged(len, reason.to_owned()))?;
            let end = len + (FRAME + head.len() + body.len()) as u64;
            visit(&head, body).map_err(|reason| damaged(len, reason))?;
            len = end;
        }
        file.set_len(len).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, len })
    }

    /// Its size in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Appends entries by one write; after an error none of them is there.
    pub(crate) fn append<'a>(&mut self, entries: impl IntoIterator<Item = Entry<'a>>) -> io::Result<()> {
        let mut bytes = Vec::new();
        entries.into_iter().try_for_each(|entry| entry.write(&mut bytes))?;
        if let Err(error) = self.file.write_all_at(&bytes, self.len) {
            // Later entries would be behind half a one.
            self.file.set_len(self.len)?;
            return Err(error);
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Replaces all entries: the old file stays until the new one is whole.
    pub(crate) fn rewrite<'a>(&mut self, entries: impl IntoIterator<Item = Entry<'a>>) -> io::Result<()> {
        let path = self.path.with_extension("new");
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, File::create(&path)?);
        entries.into_iter().try_for_each(|entry| entry.write(&mut writer))?;
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        fs::rename(&path, &self.path)?;
        self.len = file.metadata()?.len();
        self.file = file;
        Ok(())
    }
}

impl Entry<'_> {
    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut frame = [0; FRAME];
        frame[..4].copy_from_slice(&length(&self.head)?);
        frame[4..8].copy_from_slice(&length(&self.body)?);
        frame[8..12].copy_from_slice(&checksum(&[&self.head, &self.body]));
        let of_frame = checksum(&[&frame[..12]]);
        frame[12..].copy_from_slice(&of_frame);
        to.write_all(&frame)?;
        to.write_all(&self.head)?;
        to.write_all(&self.body)
    }
}

type Parts = Result<(Vec<u8>, Vec<u8>), &'static str>;

/// The next of `left` bytes' entries, or how it is damaged; nothing at the end, or where the rest is less than an entry.
fn next(reader: &mut impl Read, left: u64) -> io::Result<Option<Parts>> {
    let Some(left) = left.checked_sub(FRAME as u64) else { return Ok(None) };
    let mut frame = [0; FRAME];
    reader.read_exact(&mut frame)?;
    let number = |at: usize| u32::from_le_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
    if checksum(&[&frame[..12]]) != frame[12..] {
        return Ok(Some(Err("no entry begins here")));
    }
    let (head, body) = (u64::from(number(0)), u64::from(number(4)));
    if head + body > left {
        return Ok(None);
    }
    let (head, body) = (read(reader, head)?, read(reader, body)?);
    let is_whole = checksum(&[&head, &body]) == frame[8..12];
    Ok(Some(if is_whole { Ok((head, body)) } else { Err("an entry's checksum is wrong") }))
}

fn read(reader: &mut impl Read, bytes: u64) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
    reader.read_exact(&mut buffer)?;
    Ok(buffer)
}

fn length(bytes: &[u8]) -> io::Result<[u8; 4]> {
    u32::try_from(bytes.len()).map(u32::to_le_bytes).map_err(io::Error::other)
}

fn checksum(parts: &[&[u8]]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Entries = Vec<(String, Vec<u8>)>;

    fn entries(count: u8) -> Entries {
        (0..count).map(|number| (format!("head {number}"), vec![number; usize::from(number) * 3])).collect()
    }

    fn open(path: &Path) -> Result<(Journal, Entries), JournalError> {
        let mut found = Vec::new();
        let journal = Journal::open(path, |head, body| {
            found.push((String::from_utf8_lossy(head).into_owned(), body));
            Ok(())
        })?;
        Ok((journal, found))
    }

    fn as_entry((head, body): &(String, Vec<u8>)) -> Entry<'_> {
        Entry { head: head.clone().into_bytes(), body: body.into() }
    }

    fn written(path: &Path, count: u8) -> Vec<u8> {
        open(path).unwrap().0.append(entries(count).iter().map(as_entry)).unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn a_journal_cut_at_any_byte_keeps_every_whole_entry_and_takes_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let bytes = written(&path, 5);
        for cut in 0..=bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            let (mut journal, found) = open(&path).unwrap();
            assert_eq!(found, entries(5)[..found.len()], "cut at {cut}");
            assert_eq!(journal.len(), fs::metadata(&path).unwrap().len());
            journal.append(entries(1).iter().map(as_entry)).unwrap();
            assert_eq!(open(&path).unwrap().1.len(), found.len() + 1, "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_journal_names_its_file_and_the_first_bad_entry() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let bytes = written(&path, 3);
        // The second of them begins after a frame and a head of 6 bytes.
        let second = FRAME + 6;
        for at in second..2 * second {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            fs::write(&path, &damaged).unwrap();
            let error = open(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("{} is damaged at byte {second}", path.display())), "{at}: {error}");
            assert_eq!(fs::read(&path).unwrap(), damaged, "left as it is");
        }
        fs::write(&path, [0; 100]).unwrap();
        assert!(open(&path).is_err(), "zeros are no entry");
    }

    #[test]
    fn a_rewritten_journal_has_the_new_entries_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        written(&path, 9);
        fs::write(path.with_extension("new"), b"left by a killed process").unwrap();
        let (mut journal, _) = open(&path).unwrap();
        journal.rewrite(entries(2).iter().map(as_entry)).unwrap();
        journal.append(entries(1).iter().map(as_entry)).unwrap();
        assert_eq!(open(&path).unwrap().1, [entries(2), entries(1)].concat());
        assert_eq!(fs::metadata(&path).unwrap().len(), journal.len());
    }
}
