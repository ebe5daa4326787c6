//! Calls about queues: create, find, list, purge, and their attributes.

use std::collections::BTreeMap;

use serde_json::json;

use super::protocol::{Answer, OfQueues, Refusal, write};
use super::queue::Attributes;
use super::rules;
use super::service::{Service, now};

impl Attributes {
    /// The defaults of SQS.
    pub(super) fn of_sqs() -> Self {
        Self { visibility_timeout: 30, delay: 0, max_message_bytes: rules::MAX_BYTES, redrive: None }
    }
}

impl Service {
    pub(super) fn create(&self, call: &OfQueues) -> Answer {
        let name = &call.queue_name;
        rules::queue_name(name)?;
        let attributes = self.checked(name, &Attributes::of_sqs(), &call.attributes)?;
        let mut store = self.store();
        if store.queues.get(name).is_some_and(|queue| queue.attributes != attributes) {
            let message = "A queue already exists with the same name and a different value for an attribute.";
            return Err(Refusal::of_caller("QueueAlreadyExists", message));
        }
        store.set(name, attributes)?;
        write(&json!({"QueueUrl": self.url(name)}))
    }

    pub(super) fn list(&self, call: &OfQueues) -> Answer {
        let store = self.store();
        let names = store.queues.names().filter(|name| name.starts_with(&call.queue_name_prefix));
        write(&json!({"QueueUrls": names.map(|name| self.url(name)).collect::<Vec<_>>()}))
    }

    pub(super) fn get_url(&self, call: &OfQueues) -> Answer {
        self.exists(&call.queue_name)?;
        write(&json!({"QueueUrl": self.url(&call.queue_name)}))
    }

    pub(super) fn get_attributes(&self, call: &OfQueues) -> Answer {
        let name = self.named(&call.queue_url)?;
        let mut attributes = self.attributes(name);
        let is_asked = |name: &str| call.attribute_names.iter().any(|asked| asked == name || asked == "All");
        attributes.retain(|name, _| is_asked(name));
        write(&json!({"Attributes": attributes}))
    }

    pub(super) fn set_attributes(&self, call: &OfQueues) -> Answer {
        let name = self.named(&call.queue_url)?;
        let current = self.store().queues.get(name).map_or_else(Attributes::of_sqs, |queue| queue.attributes.clone());
        let attributes = self.checked(name, &current, &call.attributes)?;
        self.store().set(name, attributes)?;
        write(&json!({}))
    }

    pub(super) fn purge(&self, call: &OfQueues) -> Answer {
        let name = self.named(&call.queue_url)?;
        self.store().purge(name)?;
        write(&json!({}))
    }

    /// Changed attributes; a dead-letter queue must exist and be another one.
    fn checked(
        &self,
        name: &str,
        current: &Attributes,
        given: &BTreeMap<String, String>,
    ) -> Result<Attributes, Refusal> {
        let attributes = rules::changed(current, given)?;
        let store = self.store();
        let is_good = |dead: &str| dead != name && store.queues.get(dead).is_some();
        match &attributes.redrive {
            Some(redrive) if !is_good(&redrive.dead_letters) => Err(Refusal::of_parameter(
                "Parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
            )),
            _ => Ok(attributes),
        }
    }

    fn attributes(&self, name: &str) -> BTreeMap<&'static str, String> {
        let mut store = self.store();
        let Some(queue) = store.queues.get_mut(name) else { return BTreeMap::new() };
        let numbers = queue.numbers(now());
        let set = &queue.attributes;
        let policy = set.redrive.as_ref().map(|redrive| rules::redrive_policy(redrive, |name| self.arn(name)));
        let attributes = [
            ("ApproximateNumberOfMessages", numbers.ready.to_string()),
            ("ApproximateNumberOfMessagesDelayed", numbers.delayed.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", numbers.in_flight.to_string()),
            ("DelaySeconds", set.delay.to_string()),
            ("MaximumMessageSize", set.max_message_bytes.to_string()),
            ("QueueArn", self.arn(name)),
            ("VisibilityTimeout", set.visibility_timeout.to_string()),
        ];
        attributes.into_iter().chain(policy.map(|policy| ("RedrivePolicy", policy))).collect()
    }
}
