use proptest::prelude::*;

use super::*;

fn header(records: &str, encoding: Encoding) -> Header {
    Header {
        kind: Kind::Accepted,
        id: MessageId::new(7),
        stream: StreamName::parse("clicks").unwrap(),
        hour: Hour::parse("2026-11-21T18").unwrap(),
        records: u32::try_from(records.lines().count()).unwrap(),
        bytes: u32::try_from(records.len()).unwrap(),
        encoding,
    }
}

fn reason(text: &str) -> String {
    match open(text).and_then(|sealed| sealed.records().map(Cow::into_owned)) {
        Err(error) => error.to_string(),
        Ok(_) => "read".to_owned(),
    }
}

#[test]
fn the_header_is_the_contract_to_the_letter() {
    let text = seal(&header("{}\n", Encoding::None), "{}\n").unwrap();
    assert_eq!(
        text,
        "{\"v\":1,\"id\":\"00000000000000000000000000000007\",\"stream\":\"clicks\",\"hour\":\"2026-11-21T18\",\
         \"records\":1,\"bytes\":3,\"encoding\":\"none\"}\n{}\n"
    );
}

#[test]
fn only_the_test_event_of_s3_is_one() {
    let event = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-21T18:39:00.123Z","Bucket":"b",
        "RequestId":"5582815E1AEA5ADF","HostId":"8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE"}"#;
    assert!(is_s3_test_event(event));
    let padded = format!("{event}{}", " ".repeat(MAX_TEST_EVENT_BYTES));
    for other in ["", "{}", r#"{"Event":"s3:TestEvent"}"#, &event.replace("TestEvent", "ObjectCreated:Put"), &padded] {
        assert!(!is_s3_test_event(other), "{other}");
    }
}

#[test]
fn kept_rejections_are_version_2() {
    let rejected = Header { kind: Kind::Rejected, ..header("{}\n", Encoding::None) };
    let text = seal(&rejected, "{}\n").unwrap();
    assert!(text.starts_with("{\"v\":2,\"kind\":\"rejected\",\"id\":"), "{text}");
    assert_eq!(open(&text).unwrap().header, rejected);
    for (from, to) in [("\"v\":2", "\"v\":1"), ("\"kind\":\"rejected\",", ""), ("rejected", "accepted")] {
        assert_eq!(reason(&text.replacen(from, to, 1)), "header: bad `kind`");
    }
}

#[test]
fn the_longest_header_keeps_its_bound() {
    let header = Header {
        kind: Kind::Rejected,
        id: MessageId::new(u128::MAX),
        stream: StreamName::parse(&format!("a{}", "b".repeat(62))).unwrap(),
        hour: Hour::parse("9999-12-31T23").unwrap(),
        records: u32::MAX,
        bytes: u32::MAX,
        encoding: Encoding::ZstdBase64,
    };
    assert!(header_line(&header).len() <= MAX_HEADER_BYTES, "{}", header_line(&header).len());
}

#[test]
fn a_newer_version_is_not_broken() {
    let text = "{\"v\":3,\"anything\":[]}\nwhatever";
    assert_eq!(open(text), Err(Unreadable::Version(3)));
}

#[test]
fn every_member_is_checked() {
    let good = seal(&header("{}\n", Encoding::None), "{}\n").unwrap();
    for (from, to, says) in [
        ("0007\"", "000G\"", "header: bad `id`"),
        ("clicks", "../etc", "header: bad `stream`"),
        ("T18", "T99", "header: bad `hour`"),
        ("\"records\":1", "\"records\":0", "header: bad `records`"),
        ("\"records\":1", "\"records\":2", "1 records, the header says 2"),
        ("\"records\":1", "\"records\":4", "header: bad `records`"),
        ("\"bytes\":3", "\"bytes\":1048577", "header: bad `bytes`"),
        ("\"bytes\":3", "\"bytes\":4", "3 bytes of records, the header says 4"),
        ("none", "rot13", "header: bad `encoding`"),
        ("none", "zstd+base64", "not base64"),
    ] {
        assert_eq!(reason(&good.replacen(from, to, 1)), says);
    }
    assert!(reason(&good.replacen("\"v\":1,", "\"v\":1,\"w\":1,", 1)).contains("unknown field `w`"));
    assert_eq!(reason(""), "no header line in the first 256 bytes");
    assert_eq!(reason(&good.replacen("{}\n", "{} ", 1)), "0 records, the header says 1");
}

#[test]
fn base64_is_decoded_strictly() {
    let sealed = |length: usize| {
        let records = format!("{{{}}}\n", "x".repeat(length));
        seal(&header(&records, Encoding::ZstdBase64), &records).unwrap()
    };
    let good = (0..3).map(sealed).find(|text| text.ends_with("==")).unwrap();
    assert_eq!(reason(&good), "read");
    let unpadded = good.trim_end_matches('=');
    let (rest, last) = unpadded.split_at(unpadded.len() - 1);
    let with_trailing_bits = format!("{rest}{}==", char::from(last.as_bytes()[0] + 1));
    for broken in
        [unpadded, &format!("{good}="), &format!("{good}\n"), &format!("{rest} {last}=="), &with_trailing_bits]
    {
        assert_eq!(reason(broken), "not base64", "{broken}");
    }
}

#[test]
fn a_bomb_stops_at_what_the_header_says() {
    let bomb = "a".repeat(MAX_RECORD_BYTES) + "\n";
    let mut small = header("{}\n", Encoding::ZstdBase64);
    small.bytes = 3;
    assert_eq!(reason(&seal(&small, &bomb).unwrap()), "not zstd, or more than the 3 bytes that the header says");
}

proptest! {
    #[test]
    fn what_is_sealed_opens_to_the_same_bytes(
        lines in prop::collection::vec("[^\n]{0,40}", 1..40),
        compressed in any::<bool>(),
    ) {
        let records = lines.join("\n") + "\n";
        let encoding = if compressed { Encoding::ZstdBase64 } else { Encoding::None };
        let mut header = header(&records, encoding);
        header.records = u32::try_from(lines.len()).unwrap();
        let text = seal(&header, &records).unwrap();
        let sealed = open(&text).unwrap();
        prop_assert_eq!(&sealed.header, &header);
        prop_assert_eq!(sealed.records().unwrap(), records.as_bytes());
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,300}") {
        let _ = reason(&text);
    }
}
