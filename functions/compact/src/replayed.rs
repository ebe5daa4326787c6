//! Hours into which an operator has put records back: the markers of replays name them.
//!
//! A replayed record keeps its hour, which may be older than any hour that the schedule looks at, and deliver may store it
//! long after the replay has ended. Markers stay as long as kept rejections do, so each run of the schedule looks at these
//! hours again.

use std::collections::BTreeSet;

use spillway_shared::prefixes::{REPLAYED, stream_and_hour};
use spillway_shared::retry::GaveUp;

use crate::list::Place;
use crate::store::{Calls, Store, StoreError};

/// The hours of all markers, under `replayed/stream=…/dt=…/hour=…/`.
///
/// # Errors
/// A call was given up.
pub async fn hours<S: Store>(calls: Calls<'_, S>) -> Result<BTreeSet<Place>, GaveUp<StoreError>> {
    let markers = calls.list(REPLAYED).await?;
    let place = |key: &str| stream_and_hour(key, REPLAYED).map(|(stream, hour)| Place { stream, hour });
    Ok(markers.iter().filter_map(|marker| place(&marker.key)).collect())
}
