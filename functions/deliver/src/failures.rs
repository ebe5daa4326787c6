//! What the log says about a batch: one line for all objects that were not stored, because in an outage none is, and
//! one for all messages that could not be quarantined. Neither quotes a message.

use tracing::warn;

use crate::quarantine::Broken;
use crate::upload::{Failure, Uploaded};

/// The failures of a batch so far.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    objects: Summary,
    quarantine: Summary,
    is_out_of_time: bool,
}

/// Failures of one kind.
#[derive(Debug, Default)]
struct Summary {
    count: usize,
    /// How many of them were not attempted, because S3 is failing.
    held_back: usize,
    messages: usize,
    /// The name, if it has one, and the reason of the first that was attempted.
    first: Option<(Option<String>, String)>,
}

impl Failures {
    /// Adds an object, if it was not stored.
    pub(crate) fn add(&mut self, uploaded: &Uploaded) {
        if let Err(failure) = &uploaded.result {
            self.objects.add(failure, uploaded.messages.len(), uploaded.key.as_deref());
        }
    }

    /// Adds a message that was not quarantined.
    pub(crate) fn add_broken(&mut self, broken: &Broken<'_>, failure: &Failure) {
        self.quarantine.add(failure, 1, broken.sqs_message.message_id.as_deref());
    }

    /// Notes that the deadline came before everything was stored.
    pub(crate) fn set_out_of_time(&mut self) {
        self.is_out_of_time = true;
    }

    /// Writes the lines.
    pub(crate) fn log(&self) {
        let Summary { count, held_back, messages, first } = &self.objects;
        if let Some((key, failure)) = first {
            warn!(objects = count, held_back, messages, key, failure, "objects were not stored");
        } else if *held_back > 0 {
            warn!(
                objects = count,
                held_back, messages, "objects were not stored: S3 is failing, so none was attempted"
            );
        }
        let Summary { count, held_back, first, .. } = &self.quarantine;
        if *count > 0 {
            let (message_id, failure) = first.clone().unwrap_or_default();
            warn!(messages = count, held_back, message_id, failure, "unreadable messages were not quarantined");
        }
        if self.is_out_of_time {
            warn!("out of time: messages that are not stored yet are returned to the queue");
        }
    }
}

impl Summary {
    fn add(&mut self, failure: &Failure, messages: usize, name: Option<&str>) {
        self.count += 1;
        self.messages += messages;
        match failure {
            Failure::HeldBack => self.held_back += 1,
            failure if self.first.is_none() => self.first = Some((name.map(str::to_owned), failure.to_string())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
