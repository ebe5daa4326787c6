//! The queue and its event source: the size of messages, and the settings of the pollers.

use serde_json::{Value, json};
use spillway_ingest::config::MAX_MESSAGE_BYTES;

use crate::cloudformation::Template;

#[test]
fn the_queue_takes_no_message_larger_than_those_of_ingest() {
    let template = Template::read();
    let queue = &template.resources["Queue"]["Properties"];
    for function in ["IngestFunction", "ManagedIngestFunction"] {
        // Unset, so the default of the code applies.
        assert_eq!(template.variables(function).get(MAX_MESSAGE_BYTES.name), None, "{function}");
    }
    assert_eq!(queue["MaximumMessageSize"], json!(MAX_MESSAGE_BYTES.default));
    // Dead letters come from the queue alone, and a smaller limit would refuse them.
    assert_eq!(template.resources["DeadLetters"]["Properties"].get("MaximumMessageSize"), None);
}

/// The scaling of the event source: standard pollers have a maximum of concurrency, provisioned ones have a range.
#[test]
fn the_event_source_has_the_settings_of_its_pollers_alone() {
    let template = Template::read();
    let event = &template.resources["DeliverFunction"]["Properties"]["Events"]["Messages"]["Properties"];
    let nothing = json!({"Ref": "AWS::NoValue"});
    let choice = |setting: &str| event[setting]["Fn::If"].as_array().unwrap();
    let [provisioned, standard] =
        [1, 2].map(|side| [&choice("ScalingConfig")[side], &choice("ProvisionedPollerConfig")[side]]);
    let refer = |name: &str| -> Value { json!({"Ref": name}) };
    let pollers = json!({"MinimumPollers": refer("MinPollers"), "MaximumPollers": refer("MaxPollers")});
    assert_eq!(provisioned, [&nothing, &pollers]);
    assert_eq!(standard, [&json!({"MaximumConcurrency": refer("MaxConcurrency")}), &nothing]);
}
