//! The rights of the functions' roles.

use std::collections::BTreeSet;

use crate::cloudformation::Template;

#[test]
fn a_role_allows_exactly_the_calls_of_its_function() {
    let template = Template::read();
    let logs = ["logs:CreateLogStream", "logs:PutLogEvents"];
    let kms = ["kms:GenerateDataKey", "kms:Decrypt"];
    let trace = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];
    let always =
        |own: &[&'static str]| own.iter().chain(&logs).chain(&kms).chain(&trace).copied().collect::<BTreeSet<_>>();
    let ingest = always(&["sqs:SendMessage"]);
    let deliver = always(&[
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:GetQueueAttributes",
        "s3:PutObject",
        "s3:ListBucket",
    ]);
    let compact = always(&[
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:GetQueueAttributes",
        "sqs:SendMessage",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
    ]);
    for (role, expected) in [("IngestRole", ingest), ("DeliverRole", deliver), ("CompactRole", compact)] {
        let statements = template.statements(role);
        let actions: BTreeSet<_> =
            statements.iter().flat_map(|statement| Template::list(&statement["Action"])).collect();
        assert_eq!(actions.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected, "{role}");
        for statement in &statements {
            assert_eq!(statement["Effect"], "Allow");
            let is_trace = statement["Sid"] == "Trace";
            assert_eq!(statement["Resource"] == "*", is_trace, "only X-Ray supports no resources: {statement}");
        }
        assert!(template.resources[role]["Properties"].get("ManagedPolicyArns").is_none(), "{role}");
    }
}
