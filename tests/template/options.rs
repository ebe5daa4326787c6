//! What a production account asks for by parameter: off by default, and complete once it is on.

use serde_json::{Value, json};

use crate::cloudformation::Template;

/// The resources of a type, with their names.
fn of_type<'a>(template: &'a Template, kind: &'a str) -> Vec<(&'a String, &'a Value)> {
    let found: Vec<_> = template.resources.iter().filter(|(_, resource)| resource["Type"] == kind).collect();
    assert!(!found.is_empty(), "no {kind}");
    found
}

/// The value of a property that is present only under a condition.
fn only_if(condition: &str, value: &Value) -> Value {
    json!({"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]})
}

#[test]
fn every_option_is_off_by_default() {
    let template = Template::read();
    for (parameter, condition) in [
        ("PermissionsBoundaryArn", "HasBoundary"),
        ("LogKmsKeyArn", "HasLogKey"),
        ("KmsKeyArn", "HasKey"),
        ("DomainName", "HasDomain"),
        ("AlarmTopicArn", "HasTopic"),
        ("AlarmEmail", "HasEmail"),
        ("WebAclArn", "HasWebAcl"),
    ] {
        assert_eq!(template.parameters[parameter]["Default"], "", "{parameter}");
        let is_set = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]});
        assert_eq!(*template.condition(condition), is_set, "{condition}");
    }
}

#[test]
fn the_boundary_bounds_every_role() {
    let template = Template::read();
    for (name, role) in of_type(&template, "AWS::IAM::Role") {
        let wanted = only_if("HasBoundary", &json!({"Ref": "PermissionsBoundaryArn"}));
        assert_eq!(role["Properties"]["PermissionsBoundary"], wanted, "{name}");
    }
}

#[test]
fn the_key_of_logs_encrypts_every_log_group() {
    let template = Template::read();
    for (name, group) in of_type(&template, "AWS::Logs::LogGroup") {
        assert_eq!(group["Properties"]["KmsKeyId"], only_if("HasLogKey", &json!({"Ref": "LogKmsKeyArn"})), "{name}");
    }
}

#[test]
fn the_domain_belongs_to_the_api_and_needs_a_certificate() {
    let template = Template::read();
    let [domain, mapping] = ["ApiDomain", "ApiDomainMapping"].map(|name| &template.resources[name]);
    assert_eq!((&domain["Condition"], &mapping["Condition"]), (&json!("ApiHasDomain"), &json!("ApiHasDomain")));
    let configuration = &domain["Properties"]["DomainNameConfigurations"][0];
    assert_eq!(configuration["CertificateArn"], json!({"Ref": "CertificateArn"}));
    assert_eq!(configuration["SecurityPolicy"], "TLS_1_2");
    assert_eq!(mapping["Properties"]["ApiId"], json!({"Ref": "Api"}));
    assert_eq!(mapping["Properties"]["DomainName"], json!({"Ref": "ApiDomain"}));
}

#[test]
fn alarms_notify_the_topic_of_the_stack_or_a_given_one() {
    let template = Template::read();
    assert_eq!(*template.condition("MakesTopic"), json!({"Fn::Equals": [{"Ref": "AlarmTopicArn"}, "create"]}));
    let topic = json!([{"Fn::If": ["MakesTopic", {"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"}]}]);
    let notifying: Vec<_> = of_type(&template, "AWS::CloudWatch::Alarm")
        .into_iter()
        .filter(|(_, alarm)| alarm["Properties"].get("AlarmActions").is_some())
        .collect();
    assert!(notifying.len() > 10, "{} alarms notify", notifying.len());
    for (name, alarm) in notifying {
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(alarm["Properties"][actions], only_if("HasTopic", &topic), "{name}");
        }
    }
    assert_eq!(template.resources["AlarmTopic"]["Condition"], "MakesTopic");
    let right = &template.resources["AlarmsMayNotify"]["Properties"]["PolicyDocument"]["Statement"][0];
    assert_eq!(right["Principal"]["Service"], "cloudwatch.amazonaws.com");
    assert_eq!(right["Condition"]["StringEquals"]["aws:SourceAccount"], json!({"Ref": "AWS::AccountId"}));
}
