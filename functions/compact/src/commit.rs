//! The commit of a file: a PUT that succeeds only if its number is free.

use bytes::Bytes;

use crate::hour::Error;
use crate::list::Place;
use crate::store::{Calls, Put, Store};

/// Stores a file; returns whether its number was free.
///
/// If not, a compactor with the same work was faster, or an earlier attempt of this PUT succeeded and its answer was
/// lost. The next listing tells which objects are left in either case.
///
/// # Errors
/// The call was given up. The file may be stored nevertheless, and again the next listing tells.
pub async fn commit<S: Store>(
    calls: Calls<'_, S>,
    place: &Place,
    version: u32,
    number: u32,
    file: Vec<u8>,
) -> Result<bool, Error> {
    let key = place.file(version, number);
    Ok(calls.put(&key, Bytes::from(file)).await? == Put::Created)
}
