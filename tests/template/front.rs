//! The fronts: the routes of the HTTP API, the permissions of the Function URL, CloudFront's secret, and the rules of CORS.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use spillway_local::front;

use crate::cloudformation::Template;

fn definition(template: &Template) -> &Value {
    &template.resources["Api"]["Properties"]["DefinitionBody"]
}

#[test]
fn head_works_wherever_get_does() {
    let template = Template::read();
    let paths = definition(&template)["paths"].as_object().unwrap();
    let with_get = paths.values().filter(|path| path.get("get").is_some()).collect::<Vec<_>>();
    assert!(!with_get.is_empty());
    for path in with_get {
        assert_eq!(path["head"], path["get"]);
    }
    let throttles = &template.resources["Api"]["Properties"]["RouteSettings"];
    assert!(throttles["GET /health"].is_object());
    assert_eq!(throttles["HEAD /health"], throttles["GET /health"]);
}

/// When `IngestRunsOn` changes, the API follows the permission to the other function, never the other way round.
#[test]
fn the_permission_to_call_ingest_is_there_before_the_api_that_needs_it() {
    let template = Template::read();
    let permission = &template.resources["ApiMayInvokeIngest"]["Properties"];
    let source = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:*";
    assert_eq!(permission["SourceArn"], json!({"Fn::Sub": source}));
    assert!(permission.get("SourceAccount").is_none(), "the account is in the ARN");
    assert_eq!(template.resources["Api"]["DependsOn"], "ApiMayInvokeIngest");
}

/// A permission without a condition would let every AWS account invoke ingest with a forged event.
#[test]
fn everybody_may_invoke_ingest_only_through_its_url() {
    let template = Template::read();
    let is_public = |resource: &&Value| resource["Properties"]["Principal"] == "*";
    let permissions: Vec<_> = template
        .resources
        .values()
        .filter(|resource| resource["Type"] == "AWS::Lambda::Permission")
        .filter(is_public)
        .collect();
    let of = |action: &str| {
        let permission = permissions.iter().find(|permission| permission["Properties"]["Action"] == action).unwrap();
        assert_eq!(permission["Condition"], "HasUrl");
        &permission["Properties"]
    };
    assert_eq!(permissions.len(), 2);
    assert_eq!(of("lambda:InvokeFunctionUrl")["FunctionUrlAuthType"], "NONE");
    assert_eq!(of("lambda:InvokeFunction")["InvokedViaFunctionUrl"], true);
}

#[test]
fn cloudfront_sends_its_secret_and_the_clients_address_and_caches_nothing() {
    let template = Template::read();
    let configuration = &template.resources["Distribution"]["Properties"]["DistributionConfig"];
    let header = &configuration["Origins"][0]["OriginCustomHeaders"][0];
    assert_eq!(header["HeaderName"].as_str().unwrap().to_lowercase(), spillway_ingest::origin::SECRET.as_str());
    assert_eq!(header["HeaderValue"], json!({"Fn::Sub": "{{resolve:secretsmanager:${OriginSecret}}}"}));
    let code = template.resources["ViewerAddress"]["Properties"]["FunctionCode"].as_str().unwrap();
    let sets = format!("headers['{}'] = {{value: event.viewer.ip}}", spillway_ingest::origin::VIEWER_ADDRESS);
    assert!(code.contains(&sets), "{code}");
    let behaviour = &configuration["DefaultCacheBehavior"];
    assert_eq!(behaviour["FunctionAssociations"][0]["EventType"], "viewer-request");
    // CachingDisabled and AllViewerExceptHostHeader, as AWS documents them.
    assert_eq!(behaviour["CachePolicyId"], "4135ea2d-6df8-44a3-9df3-4b5a84be39ad");
    assert_eq!(behaviour["OriginRequestPolicyId"], "b689b0a8-53d0-40ab-baf2-68738e2966ac");
}

#[test]
fn the_url_has_the_rules_of_cors_of_the_api() {
    let template = Template::read();
    let api = &definition(&template)["x-amazon-apigateway-cors"]["Fn::If"][1];
    let url = &template.resources["IngestUrl"]["Properties"]["Cors"]["Fn::If"][1];
    for name in ["allowOrigins", "allowMethods", "allowHeaders", "allowCredentials", "exposeHeaders", "maxAge"] {
        let of_url = name[..1].to_uppercase() + &name[1..];
        assert_eq!(url[of_url.as_str()], api[name], "{name}");
    }
}

/// The newer regions admit 2,500 requests a second and a burst of 1,250 (API Gateway, quotas).
#[test]
fn the_default_throttle_is_within_the_smallest_quota() {
    let template = Template::read();
    assert!(template.default("ThrottleRate") <= 2_500);
    assert!(template.default("ThrottleBurst") <= 1_250);
}

#[test]
fn whatever_follows_a_streams_name_reaches_ingest() {
    let template = Template::read();
    let route = &definition(&template)["paths"]["/v1/streams/{proxy+}"]["x-amazon-apigateway-any-method"];
    assert_eq!(route["parameters"], json!([{"name": "proxy", "in": "path", "required": true}]));
    assert!(route["x-amazon-apigateway-integration"]["uri"].is_object());
}

#[test]
fn browsers_may_send_every_header_that_ingest_or_a_browser_library_uses() {
    let template = Template::read();
    let cors = &definition(&template)["x-amazon-apigateway-cors"]["Fn::If"];
    assert_eq!(cors[0], "HasCors");
    let headers = [
        "content-type",
        "content-encoding",
        "authorization",
        "x-write-key",
        "idempotency-key",
        "anonymousid",
        "sentat",
        "x-retry-count",
    ];
    assert_eq!(cors[1]["allowHeaders"], json!(headers));
}

/// With recorded preflight requests, a library's retries among them.
#[test]
fn browsers_may_send_every_header_that_recorded_pages_asked_for() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/ingest/tests/captures");
    let folders = std::fs::read_dir(captures).unwrap().map(|folder| folder.unwrap().path());
    let files = folders.filter(|folder| folder.is_dir()).flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut asked = BTreeSet::new();
    for file in files {
        let request = std::fs::read(file.unwrap().path()).unwrap();
        let request = String::from_utf8_lossy(&request);
        let headers = request.lines().filter_map(|line| line.strip_prefix("Access-Control-Request-Headers: "));
        asked.extend(headers.flat_map(|names| names.split(',')).map(str::to_owned));
    }
    let allowed: BTreeSet<_> = front::ALLOW_HEADERS.split(',').map(str::to_owned).collect();
    assert!(asked.contains("x-retry-count") && asked.is_subset(&allowed), "{asked:?}");
}

#[test]
fn credentials_are_allowed_for_listed_origins_but_not_with_an_asterisk() {
    let template = Template::read();
    let credentials = &definition(&template)["x-amazon-apigateway-cors"]["Fn::If"][1]["allowCredentials"]["Fn::If"];
    assert_eq!(*credentials, json!(["HasListedOrigins", true, {"Ref": "AWS::NoValue"}]));
    for (origins, allowed) in [
        (&["https://shop.example"][..], true),
        (&["https://shop.example", "http://127.0.0.1:3000"], true),
        (&["*"], false),
        (&["https://*"], false),
        (&["https://shop.example", "*"], false),
    ] {
        assert_eq!(equals(template.condition("HasListedOrigins"), origins), allowed, "{origins:?}");
    }
}

#[test]
fn the_local_front_applies_the_same_rules() {
    let template = Template::read();
    let cors = &definition(&template)["x-amazon-apigateway-cors"]["Fn::If"][1];
    let list = |text: &str| json!(text.split(',').collect::<Vec<_>>());
    assert_eq!(cors["allowHeaders"], list(front::ALLOW_HEADERS));
    assert_eq!(cors["allowMethods"], list(front::ALLOW_METHODS));
    assert_eq!(cors["exposeHeaders"], list(front::EXPOSE_HEADERS));
    assert_eq!(cors["maxAge"].to_string(), front::MAX_AGE);
}

/// `Fn::Equals` for these values of `CorsOrigins`.
fn equals(condition: &Value, origins: &[&str]) -> bool {
    let [left, right] = [0, 1].map(|side| evaluate(&condition["Fn::Equals"][side], origins));
    left == right
}

/// The value of an expression of `Fn::Join`, `Fn::Split` and a reference to `CorsOrigins`.
fn evaluate(node: &Value, origins: &[&str]) -> Value {
    if node["Ref"] == "CorsOrigins" {
        return json!(origins);
    }
    let arguments = |function: &str| Some((node[function][0].as_str()?, evaluate(&node[function][1], origins)));
    if let Some((separator, list)) = arguments("Fn::Join") {
        let texts: Vec<_> = list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        return texts.join(separator).into();
    }
    let (separator, text) = arguments("Fn::Split").unwrap_or_else(|| panic!("{node} is not expected"));
    text.as_str().unwrap().split(separator).collect()
}
