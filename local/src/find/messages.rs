//! Finds records in the bodies of messages.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use spillway_shared::message;
use tokio::task::yield_now;

use super::Search;
use super::found::{Kind, Place};

/// The places in the messages of a queue.
pub async fn search(bodies: &[impl AsRef<str>], kind: Kind, search: &Search) -> Vec<Place> {
    let mut places = Vec::new();
    for body in bodies {
        places.extend(place(body.as_ref(), kind, search));
        yield_now().await;
    }
    places
}

/// The place in a quarantined message.
///
/// # Errors
/// The object does not have the format of deliver.
pub(super) fn quarantined(key: &str, object: &[u8], search: &Search) -> serde_json::Result<Option<Place>> {
    #[derive(Deserialize)]
    struct Quarantined<'a> {
        #[serde(borrow)]
        body: Option<Cow<'a, str>>,
    }
    let quarantined: Quarantined<'_> = serde_json::from_slice(object)?;
    let found = quarantined.body.and_then(|body| place(&body, Kind::Quarantined, search));
    Ok(found.map(|place| Place { object: Some(key.to_owned()), ..place }))
}

/// Messages of other hours are not decompressed. In a message that cannot be read, the text is searched.
fn place(body: &str, kind: Kind, search: &Search) -> Option<Place> {
    let sealed = message::open(body).ok();
    if sealed.as_ref().is_some_and(|sealed| !search.includes(sealed.header.hour)) {
        return None;
    }
    let text = sealed.as_ref().and_then(|sealed| sealed.records().ok()).unwrap_or(Cow::Borrowed(body.as_bytes()));
    let needle = search.needle();
    let is_first = text.starts_with(&needle[1..]);
    let records = u64::from(is_first) + memmem::find_iter(&text, &needle).count() as u64;
    let message = sealed.as_ref().map(|sealed| sealed.header.id.to_string());
    (records > 0).then(|| Place { message, records, ..kind.place() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use spillway_shared::hour::Hour;
    use spillway_shared::message::{Encoding, Header, MessageId, seal};
    use spillway_shared::stream::StreamName;

    use super::*;

    const REQUEST: &str = "01a20022-aba9-73ad-8766-d80b84b0549d";

    fn body(hour: &str, encoding: Encoding, ids: &[&str]) -> String {
        let records =
            ids.iter().map(|id| format!("{{\"id\":\"{id}\",\"payload\":{{}}}}\n")).collect::<Vec<_>>().concat();
        let header = Header {
            kind: message::Kind::Accepted,
            id: MessageId::new(7),
            stream: StreamName::parse("clicks").unwrap(),
            hour: Hour::parse(hour).unwrap(),
            records: u32::try_from(ids.len()).unwrap(),
            bytes: u32::try_from(records.len()).unwrap(),
            encoding,
        };
        seal(&header, &records).unwrap()
    }

    #[tokio::test]
    async fn records_are_found_in_messages_of_their_hour() {
        let [one, two, other] = [format!("{REQUEST}-0"), format!("{REQUEST}-1"), "0199-0".to_owned()];
        let plain = body("2026-11-21T22", Encoding::None, &[&one, &other, &two]);
        let compressed = body("2026-11-21T22", Encoding::ZstdBase64, &[&other, &two]);
        let later = body("2026-11-21T23", Encoding::None, &[&one]);
        let of_request = Search::parse(REQUEST, None).unwrap();
        let bodies = [plain.clone(), compressed, later, "no message".to_owned()];
        let found = search(&bodies, Kind::Queued, &of_request).await;
        let counts: Vec<_> = found.iter().map(|place| (place.message.as_deref(), place.records)).collect();
        let id = MessageId::new(7).to_string();
        assert_eq!(counts, [(Some(id.as_str()), 2), (Some(id.as_str()), 1)]);
        let of_record = Search::parse(&one, None).unwrap();
        assert_eq!(search(&bodies, Kind::Queued, &of_record).await.len(), 1);
    }

    #[test]
    fn the_text_of_an_unreadable_message_is_searched() {
        let broken = body("2026-11-21T22", Encoding::None, &[&format!("{REQUEST}-0")]).replace("\"v\":1", "\"v\":9");
        let object = json!({"reason": "version", "body": broken}).to_string();
        let of_request = Search::parse(REQUEST, None).unwrap();
        let place = quarantined("quarantine/x", object.as_bytes(), &of_request).unwrap().unwrap();
        assert_eq!((place.object.as_deref(), place.message, place.records), (Some("quarantine/x"), None, 1));
        assert!(quarantined("quarantine/x", b"damaged", &of_request).is_err());
        assert_eq!(quarantined("quarantine/x", br#"{"body":null}"#, &of_request).unwrap(), None);
    }
}
