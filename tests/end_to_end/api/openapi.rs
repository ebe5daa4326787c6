//! Reads `docs/openapi.json`.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::Value;
use spillway_local::client::Response;

use super::OPENAPI;

const METHODS: [&str; 4] = ["get", "head", "options", "post"];

/// The document.
pub(super) struct OpenApi(Value);

/// One response of the document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Documented<'a> {
    pub(super) path: &'a str,
    /// Digits, or `default`.
    pub(super) status: &'a str,
    pub(super) description: &'a Value,
}

impl OpenApi {
    pub(super) fn read() -> Self {
        Self(serde_json::from_str(OPENAPI).unwrap())
    }

    /// Every response of every path.
    pub(super) fn responses(&self) -> Vec<Documented<'_>> {
        let paths = self.0["paths"].as_object().unwrap().iter();
        let operations =
            paths.flat_map(|(path, item)| METHODS.iter().filter_map(move |method| Some((path, item.get(method)?))));
        operations.flat_map(|(path, operation)| self.of_operation(path, operation)).collect()
    }

    fn of_operation<'a>(&'a self, path: &'a str, operation: &'a Value) -> Vec<Documented<'a>> {
        let responses = operation["responses"].as_object().unwrap().iter();
        let response = |(status, response): (&'a String, &'a Value)| Documented {
            path,
            status,
            description: self.resolve(response),
        };
        responses.map(response).collect()
    }

    /// The response to a path with a status; `default` where it is not listed.
    pub(super) fn response(&self, path: &str, status: u16) -> Documented<'_> {
        let of_path = self.responses().into_iter().filter(|response| response.path == path);
        let (default, listed): (Vec<_>, Vec<_>) = of_path.partition(|response| response.status == "default");
        let exact = listed.into_iter().find(|response| response.status == status.to_string());
        exact.or(default.first().copied()).unwrap()
    }

    /// Checks the media type, the required headers and the body of an answer.
    pub(super) fn assert_describes(&self, response: Documented<'_>, answer: &Response) {
        if response.description.get("content").is_some() {
            let media_type = answer.headers["content-type"].to_str().unwrap();
            self.assert_valid(response, media_type, &serde_json::from_slice(&answer.body).unwrap());
        } else {
            assert!(answer.body.is_empty(), "{answer:?}");
        }
        for (name, header) in response.description["headers"].as_object().into_iter().flatten() {
            let required = self.resolve(header)["required"] == true;
            assert!(!required || answer.headers.contains_key(name), "no {name}: {answer:?}");
        }
    }

    /// Checks a body of a media type.
    pub(super) fn assert_valid(&self, response: Documented<'_>, media_type: &str, body: &Value) {
        let content = response.description["content"].get(media_type);
        let content = content.unwrap_or_else(|| panic!("{media_type} is not listed: {response:?}"));
        let errors: Vec<_> =
            self.validator(&content["schema"]).iter_errors(body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{body} is not as {} {} says: {errors:?}", response.path, response.status);
    }

    /// A validator for a schema that refers to the document's components.
    fn validator(&self, schema: &Value) -> Validator {
        let mut schema = schema.clone();
        schema["components"] = self.0["components"].clone();
        jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
    }

    /// What a `$ref` leads to; any other value is itself.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value.get("$ref").map(|reference| reference.as_str().unwrap().trim_start_matches('#'));
        reference.map_or(value, |pointer| self.0.pointer(pointer).unwrap())
    }

    /// The words of the list at a pointer.
    pub(super) fn words(&self, pointer: &str) -> BTreeSet<&str> {
        self.0.pointer(pointer).unwrap().as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
    }
}

#[test]
fn the_examples_of_the_document_are_valid() {
    let document = OpenApi::read();
    let mut checked = 0;
    for response in document.responses() {
        for (media_type, content) in response.description["content"].as_object().into_iter().flatten() {
            let named = content["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
            for example in named.chain(content.get("example")) {
                document.assert_valid(response, media_type, example);
                checked += 1;
            }
        }
    }
    println!("{checked} examples of docs/openapi.json are valid");
    assert!(checked > 10);
}
