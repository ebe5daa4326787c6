use super::*;

const INNER: &[Field] = &[one(1, "text", Kind::Text), many(2, "inner", Kind::Message(|| INNER))];
const ALL: &[Field] = &[
    many(1, "inner", Kind::Message(|| INNER)),
    one(2, "hex", Kind::Hex),
    one(3, "base64", Kind::Base64),
    one(4, "bool", Kind::Bool),
    one(5, "enum", Kind::Enum),
    many(6, "doubles", Kind::Double),
    one(7, "zigzag", Kind::ZigZag32),
    many(8, "unsigned", Kind::VarintUnsigned64),
    one(9, "signed", Kind::VarintSigned64),
    one(10, "fixed32", Kind::Unsigned32),
    one(11, "fixed64", Kind::Signed64),
];

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: true }
}

fn of(message: &[u8]) -> Result<String, RequestError> {
    json(message, ALL, 1_000)
}

fn bytes_field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    message.push(number << 3 | 2);
    push_varint(&mut message, value.len() as u64);
    message.extend_from_slice(value);
    message
}

#[test]
fn every_kind_has_its_form_in_json() {
    let double = |number: f64| number.to_le_bytes();
    for (message, expected) in [
        (vec![], "{}"),
        (bytes_field(1, &bytes_field(1, b"a\"")), r#"{"inner":[{"text":"a\""}]}"#),
        (bytes_field(2, &[0, 0xAB]), r#"{"hex":"00ab"}"#),
        (bytes_field(3, &[0, 0xFF]), r#"{"base64":"AP8="}"#),
        (vec![4 << 3, 1], r#"{"bool":true}"#),
        (vec![5 << 3, 7, 5 << 3, 2], r#"{"enum":2}"#),
        (bytes_field(6, &[double(1.5), double(f64::NAN)].concat()), r#"{"doubles":[1.5,"NaN"]}"#),
        ([vec![6 << 3 | 1], double(-0.25).to_vec()].concat(), r#"{"doubles":[-0.25]}"#),
        (vec![7 << 3, 3], r#"{"zigzag":-2}"#),
        (bytes_field(8, &[1, 0xFF, 1]), r#"{"unsigned":["1","255"]}"#),
        ([bytes_field(8, &[]), bytes_field(8, &[1]), bytes_field(8, &[])].concat(), r#"{"unsigned":["1"]}"#),
        ([vec![9 << 3], vec![0xFF; 9], vec![1]].concat(), r#"{"signed":"-1"}"#),
        (vec![10 << 3 | 5, 1, 1, 0, 0], r#"{"fixed32":257}"#),
        ([vec![11 << 3 | 1], (-5_i64).to_le_bytes().to_vec()].concat(), r#"{"fixed64":"-5"}"#),
        (vec![4 << 3, 1, 0xF8, 1, 3], r#"{"bool":true}"#),
    ] {
        assert_eq!(of(&message).as_deref(), Ok(expected), "{message:?}");
    }
}

#[test]
fn values_of_one_field_are_gathered() {
    let (a, b) = (bytes_field(1, &bytes_field(1, b"a")), bytes_field(1, &[]));
    let message = [a, vec![4 << 3, 0], b].concat();
    assert_eq!(of(&message).unwrap(), r#"{"inner":[{"text":"a"},{}],"bool":false}"#);
}

#[test]
fn broken_messages_are_unreadable() {
    let deep = (0..100).fold(Vec::new(), |inner, _| bytes_field(2, &inner));
    for message in [
        &[4 << 3][..],
        &[4 << 3, 0x80],
        &[2 << 3 | 2, 3, 0],
        &[4 << 3 | 3],
        &[0, 1],
        &[4 << 3 | 1, 0, 0, 0, 0, 0, 0, 0, 0],
        &bytes_field(1, &bytes_field(1, &[0xFF])),
        &bytes_field(6, &[1, 2, 3]),
        &[[9 << 3].as_slice(), &[0xFF; 10], &[1]].concat(),
        &bytes_field(1, &deep),
        &[0xF8, 1],
    ] {
        assert!(matches!(of(message), Err(RequestError::Unreadable(_))), "{message:?}");
    }
}

#[test]
fn json_beyond_the_limit_is_too_large() {
    let message: Vec<u8> = (0..1_000).flat_map(|_| bytes_field(1, &[])).collect();
    assert!(matches!(of(&message), Err(RequestError::TooLarge(_))));
}
