//! `VersionDescription`: SAM does not see that a parameter's value changed, but a changed description publishes a version.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::FUNCTIONS;
use crate::cloudformation::Template;

/// Lambda's limit for the description of a version, in characters (API reference, `PublishVersion`).
const LIMIT: usize = 256;

/// Properties that are not part of a version: they belong to the function as a whole, or to SAM. The architecture
/// changes the code, which publishes a version in any case.
const NOT_IN_A_VERSION: [&str; 5] =
    ["VersionDescription", "Events", "DeploymentPreference", "ReservedConcurrentExecutions", "Architectures"];

/// The parameters that a version of a function depends on.
fn parameters_of_a_version(template: &Template, function: &str) -> BTreeSet<String> {
    let own = template.resources[function]["Properties"].as_object().unwrap();
    let global = template.globals["Function"].as_object().unwrap();
    let properties: Map<_, _> = global.iter().chain(own).map(|(name, value)| (name.clone(), value.clone())).collect();
    let properties = properties.into_iter().filter(|(name, _)| !NOT_IN_A_VERSION.contains(&name.as_str()));
    template.parameters_in(&Value::Object(properties.collect()))
}

fn description<'a>(template: &'a Template, function: &str) -> &'a Value {
    &template.resources[function]["Properties"]["VersionDescription"]
}

/// The length of a parameter's longest allowed value, in characters.
fn longest(parameter: &Value) -> usize {
    if let Some(values) = parameter["AllowedValues"].as_array() {
        return values.iter().map(|value| value.as_str().unwrap().len()).max().unwrap();
    }
    let bound = if parameter["Type"] == "Number" { "MaxValue" } else { "MaxLength" };
    let bound = usize::try_from(Template::number(&parameter[bound])).unwrap();
    if parameter["Type"] == "Number" { bound.to_string().len() } else { bound }
}

#[test]
fn a_changed_parameter_changes_the_description_and_so_publishes_a_version() {
    let template = Template::read();
    for function in FUNCTIONS {
        let described = template.parameters_in(description(&template, function));
        assert_eq!(described, parameters_of_a_version(&template, function), "{function}");
        for (name, value) in template.variables(function) {
            let missing: Vec<_> = template.parameters_in(&value).difference(&described).cloned().collect();
            assert!(missing.is_empty(), "{function}: {name} changes with {missing:?}, and no version is published");
        }
    }
}

#[test]
fn a_changed_release_changes_the_version_itself_so_that_lambda_publishes_it_again() {
    let template = Template::read();
    for function in FUNCTIONS {
        assert_eq!(template.variables(function)["RELEASE"], serde_json::json!({"Ref": "Release"}), "{function}");
        assert!(template.parameters_in(description(&template, function)).contains("Release"), "{function}");
    }
}

/// SAM would give the version another name for a changed tag or reserved concurrency, but Lambda publishes no version
/// that equals the last one: the update would fail.
#[test]
fn nothing_renames_a_version_without_changing_it() {
    let template = Template::read();
    let properties = FUNCTIONS.map(|function| &template.resources[function]["Properties"]);
    for properties in properties.into_iter().chain([&template.globals["Function"]]) {
        assert!(properties.get("Tags").is_none(), "{properties}");
    }
    assert!(template.globals["Function"].get("ReservedConcurrentExecutions").is_none());
}

#[test]
fn the_longest_description_fits_the_limit_of_lambda() {
    let template = Template::read();
    for function in FUNCTIONS {
        let mut text = description(&template, function)["Fn::Sub"].as_str().unwrap().to_owned();
        for name in template.parameters_in(description(&template, function)) {
            text = text.replace(&format!("${{{name}}}"), &"x".repeat(longest(&template.parameters[&name])));
        }
        assert!(text.is_ascii() && !text.contains('$'), "{function}: {text}");
        assert!(text.len() <= LIMIT, "{function}: the description can have {} characters", text.len());
        println!("{function}: {} of {LIMIT} characters are free", LIMIT - text.len());
    }
}
