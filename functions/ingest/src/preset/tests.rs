use super::*;

#[test]
fn every_error_of_a_file_names_its_place() {
    for (text, error) in [
        (r#"{"suffixes":["/"]}"#, "presets/own.json: /suffixes: must be paths"),
        (r#"{"suffixes":["a"],"items":[]}"#, "presets/own.json: /items: must not be empty"),
        (r#"{"suffixes":["a"],"items":[{"path":"a"}]}"#, "presets/own.json: /items/0: the path must be members"),
        (
            r#"{"suffixes":["a"],"items":[{"path":"a[]","carry":{"b":{}}}]}"#,
            "presets/own.json: /items/0: `carry` names `b`",
        ),
        (r#"{"suffixes":["a"],"items":[{"id":["a"]}]}"#, "presets/own.json: /items/0/id/0: must be a JSON pointer"),
        (r#"{"suffixes":["a"],"key":["cookie:a"]}"#, "presets/own.json: /key/0: must be `query:name`"),
        (r#"{"suffixes":["a"],"framing":"xml"}"#, "presets/own.json: /framing: unknown variant"),
        (r#"{"suffixes":["a"],"more":1}"#, "presets/own.json: /more: unknown field"),
        ("{}", "presets/own.json: missing field `suffixes`"),
    ] {
        let found = Preset::parse("own", text.as_bytes()).unwrap_err().to_string();
        assert!(found.starts_with(error), "{found}");
    }
}
