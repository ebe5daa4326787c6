use super::*;
use crate::smoke::call::Coding;

const MARKER: &str = r#""run":"1""#;

fn line(id: &str, stream: &str, run: &str) -> String {
    format!(r#"{{"id":"{id}","stream":"{stream}","received_at":"x","context":{{"c": 1}},"payload":{{"run":"{run}"}}}}"#)
        + "\n"
}

#[test]
fn records_of_the_run_are_found_in_every_compression() {
    let text = line("a-0", STREAM, "1") + &line("b-0", STREAM, "2");
    for (key, coding) in [("x.ndjson.zst", Coding::Zstd), ("x.ndjson.gz", Coding::Gzip), ("x.ndjson", Coding::Identity)]
    {
        let mut found = Found::new(MARKER.to_owned());
        found.add(key, &coding.encode(&mut text.as_bytes())).unwrap();
        let record = Record { payload: r#"{"run":"1"}"#.to_owned(), context: Some(r#"{"c": 1}"#.to_owned()) };
        assert_eq!(found.records, BTreeMap::from([("a-0".to_owned(), vec![record])]), "{key}");
        let is_zstd = usize::from(coding == Coding::Zstd);
        assert_eq!((found.most_frames, found.other_objects), (is_zstd, 1 - is_zstd), "{key}");
    }
}

#[test]
fn frames_are_counted_in_objects_of_the_run_alone() {
    let frame = |run: &str| Coding::Zstd.encode(&mut line("a-0", STREAM, run).as_bytes());
    let mut found = Found::new(MARKER.to_owned());
    found.add("x.zst", &[frame("2"), frame("2"), frame("2")].concat()).unwrap();
    assert_eq!(found.most_frames, 0);
    found.add("y.zst", &[frame("1"), frame("2")].concat()).unwrap();
    assert_eq!(found.most_frames, 2);
}

#[test]
fn unreadable_objects_and_other_streams_are_errors() {
    let mut found = Found::new(MARKER.to_owned());
    assert!(found.add("x.zst", b"not zstd").is_err());
    assert!(found.add("x.ndjson", line("a-0", "clicks", "1").as_bytes()).is_err());
    assert!(found.add("x.ndjson", format!("{MARKER}\n").as_bytes()).is_err());
}

#[test]
fn a_run_over_midnight_has_two_days() {
    let before = SystemTime::UNIX_EPOCH + Duration::from_secs(23 * 3_600 + 3_599);
    let mut hours = Hours::from(before);
    hours.extend_to(before + Duration::from_secs(2));
    assert_eq!(hours.days(), ["1970-01-01", "1970-01-02"]);
    let prefixes = hours.prefixes("records/");
    assert_eq!(prefixes[1], "records/stream=smoke/dt=1970-01-01/hour=23/");
    assert_eq!(prefixes.last().unwrap(), "records/stream=smoke/dt=1970-01-02/hour=01/");
}
