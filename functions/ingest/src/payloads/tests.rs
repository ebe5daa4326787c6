use proptest::prelude::*;

use super::*;

fn json(text: &str) -> Result<SplitDocument<'_>, RequestError> {
    split(text.as_bytes(), Form::Json, 100)
}

fn lines(text: &str) -> Result<SplitDocument<'_>, RequestError> {
    split(text.as_bytes(), Form::Lines, 100)
}

/// Each payload, or the reason of its rejection.
fn outcomes(document: Result<SplitDocument<'_>, RequestError>) -> Vec<Result<String, Reason>> {
    let payloads = document.unwrap().payloads.into_iter();
    payloads.map(|payload| payload.map(str::to_owned).map_err(|refused| refused.rejection.reason)).collect()
}

fn good(payloads: &[&str]) -> Vec<Result<String, Reason>> {
    payloads.iter().map(|payload| Ok((*payload).to_owned())).collect()
}

fn status(document: Result<SplitDocument<'_>, RequestError>) -> u16 {
    document.unwrap_err().status().as_u16()
}

fn detail(document: Result<SplitDocument<'_>, RequestError>) -> String {
    document.unwrap_err().detail().to_owned()
}

#[test]
fn every_form_of_a_document_is_split() {
    assert_eq!(outcomes(json(r#"[{"a":1},{"b":2}]"#)), good(&[r#"{"a":1}"#, r#"{"b":2}"#]));
    assert_eq!(outcomes(json(r#"{"payloads":[{"a":1}]}"#)), good(&[r#"{"a":1}"#]));
    assert_eq!(outcomes(json(" {\"a\":1}\n")), good(&[r#"{"a":1}"#]));
    assert_eq!(outcomes(lines("{\"a\":1}\r\n\n  \n{\"b\":2}")), good(&[r#"{"a":1}"#, r#"{"b":2}"#]));
    assert_eq!(outcomes(json("\u{FEFF}[{}]")), good(&["{}"]));
    assert_eq!(outcomes(lines("\u{FEFF}{}\n")), good(&["{}"]));
    let marked = "\u{FEFF}{\"a\":1}\r\n\u{FEFF}{\"b\":\"\u{FEFF}\"}\n\u{FEFF}\n \u{FEFF} {\"c\":3}";
    assert_eq!(outcomes(lines(marked)), good(&[r#"{"a":1}"#, "{\"b\":\"\u{FEFF}\"}", r#"{"c":3}"#]));
}

#[test]
fn the_members_next_to_payloads_are_the_context_byte_for_byte() {
    let document = json(r#"{"sent_at" : 1.0,"payloads":[{}],"a":{"b":[1e400]},"a":2}"#).unwrap();
    assert_eq!(document.context.as_deref(), Some(r#"{"sent_at":1.0,"a":{"b":[1e400]},"a":2}"#));
    assert_eq!(json(r#"{"payloads":[]}"#).unwrap(), SplitDocument::default());
}

#[test]
fn payloads_may_be_written_with_escapes() {
    assert_eq!(outcomes(json(r#"{"payl\u006fads":[{}]}"#)), good(&["{}"]));
    assert_eq!(detail(json(r#"{"payl\u006fads":[],"payloads":[]}"#)), "`payloads` appears twice");
}

#[test]
fn an_empty_collection_is_valid_and_an_empty_body_is_an_error() {
    assert_eq!(outcomes(json("[]")), []);
    assert_eq!(outcomes(json(r#"{"payloads":[]}"#)), []);
    for document in [json(""), json(" \r\n"), lines("\n \n"), lines("")] {
        assert_eq!(detail(document), "the body is empty");
    }
}

#[test]
fn a_document_that_is_not_a_collection_is_unreadable() {
    for text in
        ["3", "\"a\"", "null", "[{}", "[{}] []", "{\"a\":}", "[{},]", "{\"a\":1}{", "nonsense", "[{\"a\":\"\u{0}\"}]"]
    {
        assert_eq!(status(json(text)), 400, "{text}");
    }
    for text in [r#"{"payloads":3}"#, r#"{"payloads":{}}"#, r#"{"payloads":null}"#, r#"{"payloads":"secret"}"#] {
        assert_eq!(detail(json(text)), "`payloads` must be an array", "{text}");
    }
    assert_eq!(detail(json(r#"{"payloads":[],"payloads":[]}"#)), "`payloads` appears twice");
    assert_eq!(detail(split(b"[{\"a\":\"\xFF\"}]", Form::Json, 9)), "not UTF-8 after 7 bytes");
    assert_eq!(detail(json("[{},")), "EOF while parsing a value at line 1 column 4");
}

#[test]
fn a_payload_that_is_not_an_object_is_rejected_alone() {
    let elements = json(r#"[1,{"a":1},null,"s",true,[{}]]"#).unwrap().payloads;
    let details: Vec<_> =
        elements.into_iter().map(|payload| payload.map_err(|refused| refused.rejection.detail)).collect();
    let no = |found: &str| Err(format!("expected an object, found {found}"));
    assert_eq!(
        details,
        [no("a number"), Ok(r#"{"a":1}"#), no("null"), no("a string"), no("a boolean"), no("an array")]
    );
}

#[test]
fn a_broken_line_is_rejected_alone() {
    let text = b"{\"a\":1}\n{\"a\":\n\xFF\xFE\n3\n{} {}\n{\"b\":2}\n";
    let document = split(text, Form::Lines, 100);
    let unreadable = || Err(Reason::Unreadable);
    let expected = [
        Ok("{\"a\":1}".to_owned()),
        unreadable(),
        unreadable(),
        Err(Reason::NotAnObject),
        unreadable(),
        Ok("{\"b\":2}".to_owned()),
    ];
    assert_eq!(outcomes(document), expected);
}

#[test]
fn levels_are_counted_outside_of_strings() {
    let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    assert_eq!(outcomes(json(&format!("[{}]", nested(127)))), good(&[&nested(127)]));
    assert_eq!(outcomes(json(&format!("[{},{{}}]", nested(128)))), [Err(Reason::TooDeep), Ok("{}".to_owned())]);
    assert_eq!(outcomes(json(&nested(10_000))), [Err(Reason::TooDeep)]);
    assert_eq!(outcomes(lines(&nested(10_000))), [Err(Reason::TooDeep)]);
    let wide = format!(r#"{{"a":"{}","b":[{}{{}}]}}"#, "[{\\\"".repeat(200), "[],".repeat(200));
    assert_eq!(outcomes(json(&wide)), good(&[&wide]));
    assert_eq!(outcomes(json(&format!("[{}{}]", "[".repeat(10_000), "]".repeat(10_000)))), [Err(Reason::NotAnObject)]);
}

#[test]
fn a_context_has_at_most_as_many_levels_as_a_payload() {
    let context = format!(r#"{{"payloads":[{{}}],"a":{}{}}}"#, "[".repeat(127), "]".repeat(127));
    assert_eq!(detail(json(&context)), "the context, the members next to `payloads`, has more than 127 levels");
}

#[test]
fn limits_are_exact_to_the_payload_and_the_byte() {
    assert_eq!(json(&format!("[{}{{}}]", "{},".repeat(99))).unwrap().payloads.len(), 100);
    assert_eq!(status(json(&format!("[{}{{}}]", "{},".repeat(100)))), 413);
    assert_eq!(lines(&"{}\n".repeat(100)).unwrap().payloads.len(), 100);
    assert_eq!(status(lines(&"{}\n".repeat(101))), 413);
    let context = |bytes: usize| format!(r#"{{"a":"{}","payloads":[{{}}]}}"#, "x".repeat(bytes - r#"{"a":""}"#.len()));
    assert_eq!(json(&context(MAX_CONTEXT_BYTES)).unwrap().context.unwrap().len(), MAX_CONTEXT_BYTES);
    assert_eq!(status(json(&context(MAX_CONTEXT_BYTES + 1))), 413);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn objects_come_out_byte_for_byte_in_their_order(elements in prop::collection::vec(any_json(), 0..8), pretty in any::<bool>()) {
        let write = |value: &serde_json::Value| {
            if pretty { serde_json::to_string_pretty(value).unwrap() } else { value.to_string() }
        };
        let texts: Vec<_> = elements.iter().map(write).collect();
        let document = format!("[{}]", texts.join(",\r\n"));
        let payloads = json(&document).unwrap().payloads;
        prop_assert_eq!(payloads.len(), elements.len());
        for ((payload, element), text) in payloads.into_iter().zip(&elements).zip(&texts) {
            prop_assert_eq!(payload.ok(), element.is_object().then_some(text.as_str()));
        }
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}\",:a1 \\\\n]{0,60}") {
        for body in [&bytes, text.as_bytes()] {
            let _ = split(body, Form::Json, 5);
            let _ = split(body, Form::Lines, 5);
        }
    }
}
