//! Timeouts: a function's calls end before the function does, and the queue waits for both.

use serde_json::json;
use spillway_shared::retry::FUNCTION_TIMEOUT;

use crate::cloudformation::Template;
use crate::numbers_of;

#[test]
fn all_attempts_of_a_call_end_within_every_allowed_timeout() {
    let template = Template::read();
    for (function, parameter) in [
        ("IngestFunction", "IngestTimeout"),
        ("ManagedIngestFunction", "IngestTimeout"),
        ("DeliverFunction", "DeliverTimeout"),
    ] {
        let number = |name: &str| numbers_of(function).iter().find(|number| number.name == name).unwrap();
        let (min, max) = template.range(parameter);
        let attempts = number("CALL_TIMEOUT_MS").default * number("CALL_TRIES").default;
        assert!(attempts < min * 1_000, "{function}: {attempts} ms of attempts in {min} s");
        assert!(number("CALL_TIMEOUT_MS").max < max * 1_000, "{function}: no timeout has room for the longest call");
        assert!(FUNCTION_TIMEOUT.min <= min && max <= FUNCTION_TIMEOUT.max, "{function}");
        // The code checks its own settings against the timeout, so it needs the one that Lambda has.
        let timeout = json!({"Ref": parameter});
        assert_eq!(template.resources[function]["Properties"]["Timeout"], timeout, "{function}");
        assert_eq!(template.variables(function)[FUNCTION_TIMEOUT.name], timeout, "{function}");
    }
}

#[test]
fn the_visibility_timeout_fits_every_allowed_timeout_and_window() {
    let template = Template::read();
    let [t, w, v] = ["DeliverTimeout", "BatchWindow", "VisibilityTimeout"].map(|name| template.range(name));
    assert!(v.0 >= 6 * t.1 + w.1, "V >= 6 T + W");
    // Two killed invocations, each followed by a visibility timeout, and then one that succeeds.
    assert!(2 * v.1 + t.1 + w.1 <= 300, "2 V + T + W <= 300");
    let [t, w, v] = ["DeliverTimeout", "BatchWindow", "VisibilityTimeout"].map(|name| template.default(name));
    assert!(v >= 6 * t + w && 13 * t + 3 * w <= 300);
    assert_eq!(template.resources["Queue"]["Properties"]["VisibilityTimeout"], json!({"Ref": "VisibilityTimeout"}));
}

#[test]
fn deliver_reports_single_failures_and_messages_have_many_receives() {
    let template = Template::read();
    let event = &template.resources["DeliverFunction"]["Properties"]["Events"]["Messages"]["Properties"];
    assert_eq!(event["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(template.range("BatchSize").1, 10_000);
    assert!(template.range("MaxReceiveCount").0 >= 5, "Lambda recommends at least 5");
    let days =
        |queue: &str| Template::number(&template.resources[queue]["Properties"]["MessageRetentionPeriod"]) / 86_400;
    assert_eq!((days("Queue"), days("DeadLetters")), (7, 14));
}
