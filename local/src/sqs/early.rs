//! Messages that are shown again before their visibility timeout, on purpose.

use std::sync::Arc;

use rustack_sqs_model::input::ChangeMessageVisibilityInput;
use rustack_sqs_model::types::Message;
use tokio::time::sleep;

use super::service::Service;
use crate::faults::Kind;

impl Service {
    /// Picks those of the messages just received that are shown early, unless they are deleted by then.
    pub(super) fn show_early(self: &Arc<Self>, messages: &[Message], queue_url: &str) {
        for message in messages {
            if let Some(lasts) = self.faults().sample(Kind::SqsEarly)
                && let (Some(id), Some(receipt_handle)) = (message.message_id.clone(), message.receipt_handle.clone())
            {
                let (service, queue_url) = (Arc::clone(self), queue_url.to_owned());
                let input = ChangeMessageVisibilityInput { queue_url, receipt_handle, visibility_timeout: 0 };
                tokio::spawn(async move {
                    sleep(lasts).await;
                    service.show(&id, input).await;
                });
            }
        }
    }

    async fn show(&self, id: &str, input: ChangeMessageVisibilityInput) {
        let handle = input.receipt_handle.clone();
        if self.emulator.change_message_visibility(input).await.is_ok() {
            self.faults().count(Kind::SqsEarly);
            self.track().shown(id, &handle);
        }
    }
}
