use std::path::Path;

use std::collections::BTreeMap;

use spillway_shared::keys::digest;

use super::*;

/// A configuration with two keys and the streams in `folder`; `more` adds or replaces variables.
pub(crate) fn config(folder: &Path, more: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let keys = format!("all={},one={}:clicks", digest(b"key"), digest(b"clicks-key"));
    let mut variables = BTreeMap::from([
        ("QUEUE_URL".to_owned(), "http://127.0.0.1/q".to_owned()),
        ("WRITE_KEYS".to_owned(), keys),
        ("CONFIG_DIR".to_owned(), folder.display().to_string()),
        ("COUNTRY_HEADER".to_owned(), "X-Country".to_owned()),
    ]);
    variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Config::read(&|name| variables.get(name).cloned())
}

#[test]
fn every_error_of_the_configuration_is_reported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let errors = config(
        folder.path(),
        &[
            ("QUEUE_URL", ""),
            ("MAX_WORKERS", "0"),
            ("WRITE_KEYS", ""),
            ("AUTH", "open"),
            ("COUNTRY_HEADER", "a b"),
            ("LOG_LEVEL", "loud"),
        ],
    )
    .unwrap_err();
    let places: Vec<_> = errors.sentences().iter().map(|sentence| sentence.split(':').next().unwrap()).collect();
    for place in ["QUEUE_URL", "MAX_WORKERS", "AUTH", "WRITE_KEYS", "COUNTRY_HEADER", "LOG_LEVEL"] {
        assert!(places.contains(&place), "{place} in {places:?}");
    }
    assert!(places.iter().any(|place| place.ends_with("streams")), "{places:?}");
}

#[test]
fn without_a_key_ingest_needs_an_explicit_auth_none() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("streams")).unwrap();
    std::fs::write(folder.path().join("streams/clicks.json"), "{}").unwrap();
    let errors = config(folder.path(), &[("WRITE_KEYS", "")]).unwrap_err();
    assert!(errors.to_string().starts_with("WRITE_KEYS: no key is configured"), "{errors}");
    assert!(config(folder.path(), &[("WRITE_KEYS", ""), ("AUTH", "none")]).is_ok());
}
