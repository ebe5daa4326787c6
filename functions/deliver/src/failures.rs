//! What the log says of a batch: one line for all objects that were not stored, since in an outage none is, and one for
//! all messages that could not be quarantined. Nothing of what is in them.

use tracing::warn;

use crate::quarantine::Broken;
use crate::upload::{Failure, Uploaded};

/// What failed in a batch so far.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    objects: Gathered,
    quarantined: Gathered,
    ran_out_of_time: bool,
}

/// Failures of one kind.
#[derive(Debug, Default)]
struct Gathered {
    count: usize,
    /// How many of them were not even tried, since the store fails.
    held_back: usize,
    messages: usize,
    /// The name of the first one that was tried, if it has one, and why it failed.
    first: Option<(Option<String>, String)>,
}

impl Failures {
    /// Notes what became of an object.
    pub(crate) fn note(&mut self, uploaded: &Uploaded) {
        if let Err(failure) = &uploaded.result {
            self.objects.add(failure, uploaded.messages.len(), uploaded.key.as_deref());
        }
    }

    /// Notes that a message is not quarantined.
    pub(crate) fn note_broken(&mut self, broken: &Broken<'_>, failure: &Failure) {
        self.quarantined.add(failure, 1, broken.sqs_message.message_id.as_deref());
    }

    /// Notes that time was up before everything was stored.
    pub(crate) fn note_out_of_time(&mut self) {
        self.ran_out_of_time = true;
    }

    /// Writes it to the log.
    pub(crate) fn log(&self) {
        let Gathered { count, held_back, messages, first } = &self.objects;
        if let Some((key, failure)) = first {
            warn!(objects = count, held_back, messages, key, failure, "objects were not stored");
        } else if *held_back > 0 {
            warn!(objects = count, held_back, messages, "objects were not stored: the store fails, so none was tried");
        }
        let Gathered { count, held_back, first, .. } = &self.quarantined;
        if *count > 0 {
            let (message_id, failure) = first.clone().unwrap_or_default();
            warn!(
                messages = count,
                held_back, message_id, failure, "messages that cannot be read were not quarantined"
            );
        }
        if self.ran_out_of_time {
            warn!("out of time: what is not stored yet is handed back");
        }
    }
}

impl Gathered {
    fn add(&mut self, failure: &Failure, messages: usize, name: Option<&str>) {
        self.count += 1;
        self.messages += messages;
        match failure {
            Failure::HeldBack => self.held_back += 1,
            tried if self.first.is_none() => self.first = Some((name.map(str::to_owned), tried.to_string())),
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "failures_tests.rs"]
mod tests;
