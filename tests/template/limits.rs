//! The limits of CloudFormation (its quotas): a change within them deploys.

use crate::cloudformation::Template;

/// Bytes of a template that is in S3, as `sam deploy` puts it there.
const MOST_BYTES: usize = 1_000_000;
const MOST_RESOURCES: usize = 500;
const MOST_PARAMETERS: usize = 200;

/// The transform makes several resources of a function: versions, aliases, event sources, canaries.
const OF_A_FUNCTION: usize = 8;

#[test]
fn the_template_is_within_the_limits_of_cloudformation() {
    let template = Template::read();
    assert!(include_str!("../../template.yaml").len() < MOST_BYTES);
    assert!(template.parameters.len() <= MOST_PARAMETERS);
    let functions =
        template.resources.values().filter(|resource| resource["Type"] == "AWS::Serverless::Function").count();
    let resources = template.resources.len() + functions * OF_A_FUNCTION;
    assert!(resources <= MOST_RESOURCES, "{resources}");
}
