//! The queue, spoken to by the real SDK.

use std::time::Duration;

use crate::common::{free_port, queue, queue_settings, sqs, until};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry, SendMessageBatchResultEntry,
};
use spillway_local::data_folder::DataFolder;
use spillway_local::ledger::Ledger;
use spillway_local::sqs::{Queue, QueueSettings};

fn entry(id: &str, body: impl Into<String>) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_sent_received_and_deleted() {
    let queue = queue(3, None).await;
    let client = sqs(&queue.endpoint);
    client.send_message().queue_url(&queue.url).message_body("hello").send().await.unwrap();
    assert_eq!(queue.counts().await.unwrap().queued, 1);
    assert!(queue.counts().await.unwrap().oldest.is_some());

    let received = client.receive_message().queue_url(&queue.url).send().await.unwrap();
    let message = &received.messages()[0];
    assert_eq!(message.body(), Some("hello"));
    assert_eq!(message.md5_of_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    assert_eq!(queue.counts().await.unwrap().in_flight, 1);

    let handle = message.receipt_handle().unwrap();
    client.delete_message().queue_url(&queue.url).receipt_handle(handle).send().await.unwrap();
    assert_eq!(queue.counts().await.unwrap(), spillway_local::sqs::Counts::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_as_they_are_billed() {
    let queue = queue(3, None).await;
    let client = sqs(&queue.endpoint);
    let entries = (0..10).map(|id| entry(&id.to_string(), "x".repeat(20_000))).collect();
    client.send_message_batch().queue_url(&queue.url).set_entries(Some(entries)).send().await.unwrap();
    let received = client.receive_message().queue_url(&queue.url).send().await.unwrap();
    let handle = received.messages()[0].receipt_handle().unwrap();
    client.delete_message().queue_url(&queue.url).receipt_handle(handle).send().await.unwrap();

    let calls = queue.calls();
    assert_eq!((calls.sends, calls.send_units, calls.messages, calls.message_bytes), (1, 4, 10, 200_000));
    assert_eq!((calls.receives, calls.receive_units, calls.deletes, calls.others), (1, 1, 1, 0));
    assert_eq!(calls.billed(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_limited_as_on_aws() {
    let queue = queue(3, None).await;
    let client = sqs(&queue.endpoint);
    let code = async |entries: Vec<SendMessageBatchRequestEntry>| {
        let result = client.send_message_batch().queue_url(&queue.url).set_entries(Some(entries)).send().await;
        result.unwrap_err().into_service_error().code().unwrap().to_owned()
    };
    let body = "x".repeat(200_000);
    let large = (0..6).map(|id| entry(&id.to_string(), body.clone())).collect();
    assert!(code(large).await.ends_with("BatchRequestTooLong"));
    assert!(code(vec![]).await.ends_with("EmptyBatchRequest"));
    assert!(code(vec![entry("a", "x"), entry("a", "y")]).await.ends_with("BatchEntryIdsNotDistinct"));
    assert!(code(vec![entry("not:good", "x")]).await.ends_with("InvalidBatchEntryId"));
    let eleven = (0..11).map(|id| entry(&id.to_string(), "x")).collect();
    assert!(code(eleven).await.ends_with("TooManyEntriesInBatchRequest"));
    assert_eq!(queue.counts().await.unwrap().queued, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_entry_of_a_batch_fails_alone() {
    let queue = queue(3, None).await;
    let client = sqs(&queue.endpoint);
    let entries = vec![entry("good", "x"), entry("control", "a\u{1}"), entry("noncharacter", "\u{ffff}")];
    let output = client.send_message_batch().queue_url(&queue.url).set_entries(Some(entries)).send().await.unwrap();
    assert_eq!(output.successful().iter().map(SendMessageBatchResultEntry::id).collect::<Vec<_>>(), ["good"]);
    let mut failed: Vec<_> =
        output.failed().iter().map(|entry| (entry.id(), entry.code(), entry.sender_fault())).collect();
    failed.sort_unstable();
    assert_eq!(
        failed,
        [("control", "InvalidMessageContents", true), ("noncharacter", "InvalidMessageContents", true),]
    );
    let one = client.send_message().queue_url(&queue.url).message_body("\u{fffe}").send().await;
    assert!(one.unwrap_err().into_service_error().is_invalid_message_contents());
    let long = client.send_message().queue_url(&queue.url).message_body("x".repeat((1 << 20) + 1)).send().await;
    assert_eq!(long.unwrap_err().code(), Some("InvalidParameterValue"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_never_deleted_ends_in_the_dead_letter_queue() {
    let queue = queue(2, None).await;
    let client = sqs(&queue.endpoint);
    client.send_message().queue_url(&queue.url).message_body("poison").send().await.unwrap();
    until("the message is dead-lettered", async || {
        let received = client.receive_message().queue_url(&queue.url).visibility_timeout(0).send().await.unwrap();
        received.messages().is_empty() && queue.counts().await.unwrap().dead_lettered == 1
    })
    .await;
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.queued, counts.in_flight, counts.oldest), (0, 0, None));
    for _ in 0..2 {
        let mut bodies = Vec::new();
        queue.each_dead_letter(|body| bodies.push(body.to_owned()));
        assert_eq!(bodies, ["poison"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_deleted_comes_back_after_the_visibility_timeout() {
    let queue = queue(10, None).await;
    let client = sqs(&queue.endpoint);
    client.send_message().queue_url(&queue.url).message_body("again").send().await.unwrap();
    let receive = async |wait| {
        let call = client.receive_message().queue_url(&queue.url).wait_time_seconds(wait);
        call.send().await.unwrap().messages.unwrap_or_default()
    };
    let first = receive(0).await;
    assert!(receive(0).await.is_empty());
    let second = receive(5).await;
    assert_eq!(first[0].message_id(), second[0].message_id());
    assert_ne!(first[0].receipt_handle(), second[0].receipt_handle());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_wakes_with_the_message() {
    let queue = queue(10, None).await;
    let client = sqs(&queue.endpoint);
    let poll = tokio::spawn(client.receive_message().queue_url(&queue.url).wait_time_seconds(20).send());
    tokio::task::yield_now().await;
    let sent = tokio::time::Instant::now();
    client.send_message().queue_url(&queue.url).message_body("wake up").send().await.unwrap();
    assert_eq!(poll.await.unwrap().unwrap().messages().len(), 1);
    assert!(sent.elapsed() < Duration::from_secs(1), "{:?}", sent.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_deletions_and_visibilities_answer_for_each_entry() {
    let queue = queue(10, None).await;
    let client = sqs(&queue.endpoint);
    let entries = vec![entry("a", "a"), entry("b", "b")];
    client.send_message_batch().queue_url(&queue.url).set_entries(Some(entries)).send().await.unwrap();
    let received = client.receive_message().queue_url(&queue.url).max_number_of_messages(10).send().await.unwrap();
    let handles: Vec<_> = received.messages().iter().map(|message| message.receipt_handle().unwrap()).collect();
    assert_eq!(handles.len(), 2);

    let show =
        ChangeMessageVisibilityBatchRequestEntry::builder().id("x").receipt_handle(handles[0]).visibility_timeout(0);
    let shown =
        client.change_message_visibility_batch().queue_url(&queue.url).entries(show.build().unwrap()).send().await;
    assert_eq!(shown.unwrap().successful().len(), 1);
    assert_eq!(queue.counts().await.unwrap().queued, 1);

    let delete = |id: &str, handle: &str| {
        DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().unwrap()
    };
    let call = client.delete_message_batch().queue_url(&queue.url);
    let output = call.entries(delete("good", handles[1])).entries(delete("bad", "nonsense")).send().await.unwrap();
    assert_eq!(output.successful()[0].id(), "good");
    assert_eq!((output.failed()[0].id(), output.failed()[0].code()), ("bad", "ReceiptHandleIsInvalid"));
    assert_eq!(queue.counts().await.unwrap().in_flight, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_read_to_the_last_message() {
    let queue = queue(1, None).await;
    let client = queue.client();
    for body in ["waiting", "in flight", "also in flight"] {
        client.send_message().queue_url(&queue.url).message_body(body).send().await.unwrap();
    }
    for _ in 0..2 {
        client.receive_message().queue_url(&queue.url).send().await.unwrap();
    }
    let mut left = Vec::new();
    queue.each_queued(|body| left.push(body.to_owned()));
    left.sort_unstable();
    assert_eq!(left, ["also in flight", "in flight", "waiting"]);
    assert_eq!(queue.counts().await.unwrap().dead_lettered, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tap_sees_what_was_acknowledged_and_nothing_else() {
    let ledger = Ledger::default();
    let queue = queue(10, Some(ledger.tap())).await;
    let client = sqs(&queue.endpoint);
    let entries = vec![entry("a", "one"), entry("b", "a\u{1}"), entry("c", "two")];
    client.send_message_batch().queue_url(&queue.url).set_entries(Some(entries)).send().await.unwrap();
    client.send_message().queue_url(&queue.url).message_body("three").send().await.unwrap();
    client.send_message().queue_url(&queue.dead_letter_url).message_body("elsewhere").send().await.unwrap();
    assert_eq!(ledger.accepted(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_messages_receive_counts_and_dead_letters() {
    let data = tempfile::tempdir().unwrap();
    let settings =
        || QueueSettings { data: Some(DataFolder::new(data.path())), ..queue_settings(free_port(), 1, None) };
    let queue = Queue::start(settings()).await.unwrap();
    let client = queue.client();
    for body in ["dead", "in flight"] {
        client.send_message().queue_url(&queue.url).message_body(body).send().await.unwrap();
    }
    client.receive_message().queue_url(&queue.url).visibility_timeout(0).send().await.unwrap();
    until("one is dead-lettered", async || {
        client.receive_message().queue_url(&queue.url).visibility_timeout(600).send().await.unwrap();
        queue.counts().await.unwrap().dead_lettered == 1
    })
    .await;
    client.send_message().queue_url(&queue.url).message_body("waiting \u{1F680}").send().await.unwrap();
    queue.close().await;

    let queue = Queue::start(QueueSettings { max_receive_count: 5, ..settings() }).await.unwrap();
    let counts = queue.counts().await.unwrap();
    assert_eq!((counts.queued, counts.in_flight, counts.dead_lettered), (2, 0, 1), "in flight is visible at once");
    let call = queue.client().receive_message().queue_url(&queue.url).max_number_of_messages(10);
    let call = call.message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
    let mut received: Vec<_> = call.send().await.unwrap().messages.unwrap_or_default().into_iter().collect();
    received.sort_by_key(|message| message.body.clone());
    let count = |at: usize| &received[at].attributes().unwrap()[&MessageSystemAttributeName::ApproximateReceiveCount];
    assert_eq!((received[0].body(), count(0).as_str()), (Some("in flight"), "2"));
    assert_eq!((received[1].body(), count(1).as_str()), (Some("waiting \u{1F680}"), "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_folder_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let start = || {
        let data = Some(DataFolder::new(data.path()));
        Queue::start(QueueSettings { data, ..queue_settings(free_port(), 1, None) })
    };
    let first = start().await.unwrap();
    let error = start().await.unwrap_err().to_string();
    assert!(error.contains(&data.path().display().to_string()) && error.contains("in use"), "{error}");
    first.close().await;
    start().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_names_its_dead_letter_queue_whose_messages_are_counted_apart() {
    let queue = queue(10, None).await;
    let client = queue.client();
    let call = client.get_queue_attributes().queue_url(&queue.url).attribute_names(QueueAttributeName::All);
    let attributes = call.send().await.unwrap().attributes.unwrap();
    let policy = format!("{{\"deadLetterTargetArn\":\"{}-dead\",\"maxReceiveCount\":10}}", queue.arn);
    assert_eq!(attributes[&QueueAttributeName::RedrivePolicy], policy);
    assert_eq!(attributes[&QueueAttributeName::VisibilityTimeout], "1");
    let dead = client.get_queue_url().queue_name("spillway-dead").send().await.unwrap().queue_url.unwrap();
    client.send_message().queue_url(&dead).message_body("delayed").delay_seconds(1).send().await.unwrap();
    assert!(client.receive_message().queue_url(&dead).send().await.unwrap().messages().is_empty());
    let received = client.receive_message().queue_url(&dead).wait_time_seconds(5).send().await.unwrap();
    assert_eq!(received.messages()[0].body(), Some("delayed"));
    let counts = spillway_local::sqs::Counts { dead_lettered: 1, ..spillway_local::sqs::Counts::default() };
    assert_eq!(queue.counts().await.unwrap(), counts);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_supported_is_refused_by_name() {
    let queue = queue(10, None).await;
    let client = queue.client();
    let error = client.delete_queue().queue_url(&queue.url).send().await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_unsupported_operation(), "{error:?}");
    let attribute = MessageAttributeValue::builder().data_type("String").string_value("x").build().unwrap();
    let call = client.send_message().queue_url(&queue.url).message_body("x").message_attributes("a", attribute);
    assert!(call.send().await.unwrap_err().into_service_error().is_unsupported_operation());
    let missing = client.get_queue_url().queue_name("missing").send().await.unwrap_err();
    assert!(missing.into_service_error().is_queue_does_not_exist());
    let idle = ChangeMessageVisibilityBatchRequestEntry::builder().id("idle").visibility_timeout(1);
    let idle = idle.receipt_handle("0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000/1").build().unwrap();
    let output = client.change_message_visibility_batch().queue_url(&queue.url).entries(idle).send().await.unwrap();
    assert!(output.failed()[0].code().ends_with("MessageNotInflight"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_queue_listens_no_more() {
    let queue = queue(10, None).await;
    let client = queue.client();
    let (endpoint, url) = (queue.endpoint.clone(), queue.url.clone());
    client.receive_message().queue_url(&url).send().await.unwrap();
    queue.close().await;
    let address = endpoint.strip_prefix("http://").unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
