//! Locks that do not fail.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic: no code in this crate can panic while the data is inconsistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
