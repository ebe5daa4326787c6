use std::fs;

use super::*;

/// A configuration folder with the stream `clicks` and the destination `acme`.
fn folder(destination: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [("streams/clicks.json", "{}"), ("destinations/acme.json", destination)] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read(destination: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let folder = folder(destination);
    let needed = [
        ("BUCKET", "b"),
        ("QUEUE_URL", "http://q"),
        ("DEAD_LETTER_URL", "http://d"),
        ("AWS_REGION", "eu-central-1"),
        ("DESTINATION", "acme"),
        ("CONFIG_DIR", folder.path().to_str().unwrap()),
    ];
    let lookup = |name: &str| {
        let mut all = variables.iter().chain(&needed);
        all.find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    Config::read(&lookup).map_err(|errors| errors.to_string())
}

const GOOD: &str = r#"{"url":"https://partner.example/","streams":["clicks"]}"#;

#[test]
fn workers_come_from_the_file_unless_the_variable_is_set() {
    assert_eq!(read(GOOD, &[]).unwrap().max_workers, 10);
    assert_eq!(read(GOOD, &[("MAX_WORKERS", "50")]).unwrap().max_workers, 50);
}

#[test]
fn a_stack_that_differs_from_the_file_does_not_start() {
    let stack = |prefixes, concurrency| read(GOOD, &[("EVENT_PREFIXES", prefixes), ("CONCURRENCY", concurrency)]);
    assert!(stack("records/stream=clicks/", "5").is_ok());
    let errors = stack("records/stream=views/", "7").unwrap_err();
    assert!(errors.contains("EVENT_PREFIXES: ") && errors.contains("CONCURRENCY: 7 differs"), "{errors}");
    assert!(errors.contains("spillway forward --parameters acme"), "{errors}");
}

#[test]
fn all_errors_are_reported_together() {
    let unknown_stream = r#"{"url":"https://partner.example/","streams":["views"]}"#;
    let errors = read(unknown_stream, &[("FUNCTION_TIMEOUT", "15"), ("MAX_WORKERS", "x")]).unwrap_err();
    for expected in ["the file streams/views.json does not exist", "timeout_ms × tries: 15000 ms", "MAX_WORKERS: "] {
        assert!(errors.contains(expected), "{expected} is not in {errors}");
    }
    let errors = read("{}", &[("BUCKET", " ")]).unwrap_err();
    assert!(errors.contains("destinations/acme.json") && errors.contains("BUCKET: must be set"), "{errors}");
}
