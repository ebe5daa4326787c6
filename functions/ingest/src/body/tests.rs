use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use lambda_http::http::HeaderValue;
use proptest::prelude::*;

use super::*;

const LIMIT: usize = 100_000;

fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
    values.iter().map(|value| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

fn decoded(body: Vec<u8>, coding: Coding) -> Result<Vec<u8>, u16> {
    let budget = Budget::new(64 << 20);
    decode(body, coding, LIMIT, &budget).map(|decoded| decoded.bytes).map_err(|error| error.status().as_u16())
}

#[test]
fn content_types_are_recognised_with_any_parameters() {
    for (value, form_) in [
        ("", Form::Json),
        ("application/json", Form::Json),
        ("Application/JSON; charset=utf-8", Form::Json),
        ("text/plain;charset=UTF-8", Form::Json),
        ("text/json", Form::Json),
        ("application/csp-report", Form::Json),
        ("application/reports+json", Form::Json),
        ("application/CloudEvents+JSON; charset=utf-8", Form::Json),
        ("application/x-ndjson", Form::Lines),
        ("application/ndjson", Form::Lines),
        ("application/jsonl", Form::Lines),
        ("application/jsonlines ; x=y", Form::Lines),
    ] {
        assert_eq!(form(&headers("content-type", &[value])), Ok(form_), "{value}");
    }
    assert_eq!(form(&HeaderMap::new()), Ok(Form::Json));
    for value in [
        "application/xml",
        "application/json, application/json",
        "a/b+json,c/d+json",
        "/a+json",
        "+json",
        "a/b/c+json",
        "multipart/form-data",
        "json",
    ] {
        assert_eq!(form(&headers("content-type", &[value])).unwrap_err().status(), 415, "{value}");
    }
}

#[test]
fn one_content_encoding_is_recognised_in_any_case() {
    for (value, coding_) in [
        ("", Coding::Identity),
        ("Identity", Coding::Identity),
        (" GZip ", Coding::Gzip),
        ("X-GZIP", Coding::Gzip),
        ("deflate", Coding::Deflate),
        ("ZSTD", Coding::Zstd),
    ] {
        assert_eq!(coding(&headers("content-encoding", &[value])), Ok(coding_), "{value}");
    }
    for values in [&["br"][..], &["gzip, gzip"], &["gzip", "gzip"], &["gzip,identity"], &["x"]] {
        assert_eq!(coding(&headers("content-encoding", values)).unwrap_err().status(), 415, "{values:?}");
    }
}

#[test]
fn several_gzip_members_or_zstd_frames_are_one_body() {
    let two = |encode: fn(&[u8]) -> Vec<u8>| [encode(b"[{},"), encode(b"{}]")].concat();
    assert_eq!(decoded(two(gzip), Coding::Gzip), Ok(b"[{},{}]".to_vec()));
    assert_eq!(decoded(two(zstd), Coding::Zstd), Ok(b"[{},{}]".to_vec()));
}

#[test]
fn gzip_is_recognised_by_its_first_bytes() {
    assert_eq!(decoded(gzip(b"[{}]"), Coding::Identity), Ok(b"[{}]".to_vec()));
    assert_eq!(decoded(gzip(&vec![b' '; LIMIT + 1]), Coding::Identity), Err(413));
    assert_eq!(decoded(b"\x1F".to_vec(), Coding::Identity), Ok(b"\x1F".to_vec()));
}

/// A compressed body as API Gateway passes it when it reads the body as text.
#[test]
fn a_compressed_body_that_was_read_as_text_is_400_with_the_remedy() {
    let text = b"[{\"event\":\"page_view\"}]";
    let as_text = |body: &[u8]| String::from_utf8_lossy(body).into_owned().into_bytes();
    let usual_zlib = {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    for (body, coding) in [
        (gzip(text), Coding::Gzip),
        (gzip(text), Coding::Identity),
        (zstd(text), Coding::Zstd),
        (usual_zlib, Coding::Deflate),
    ] {
        assert_eq!(decoded(body.clone(), coding), Ok(text.to_vec()), "{coding:?}");
        let error = decode(as_text(&body), coding, LIMIT, &Budget::new(64 << 20)).unwrap_err();
        assert_eq!(error.status(), 400, "{coding:?}");
        assert!(error.detail().contains("application/x-ndjson"), "{coding:?}: {}", error.detail());
    }
}

#[test]
fn a_body_that_is_cut_off_or_followed_by_other_bytes_is_unreadable() {
    let text = "some text that compresses ".repeat(50).into_bytes();
    for (coding, body) in [(Coding::Gzip, gzip(&text)), (Coding::Deflate, zlib(&text)), (Coding::Zstd, zstd(&text))] {
        assert_eq!(decoded(body.clone(), coding), Ok(text.clone()), "{coding:?}");
        for cut in [1, body.len() / 2, body.len() - 1] {
            assert_eq!(decoded(body[..cut].to_vec(), coding), Err(400), "{coding:?} cut at {cut}");
        }
        assert_eq!(decoded([&body, &b"more"[..]].concat(), coding), Err(400), "{coding:?}");
        assert_eq!(decoded(b"never compressed".to_vec(), coding), Err(400), "{coding:?}");
    }
}

#[test]
fn a_body_of_the_limit_fits_and_one_byte_more_does_not() {
    for (coding, encode) in [
        (Coding::Identity, <[u8]>::to_vec as fn(&[u8]) -> Vec<u8>),
        (Coding::Gzip, gzip),
        (Coding::Deflate, zlib),
        (Coding::Zstd, zstd),
    ] {
        assert_eq!(decoded(encode(&vec![b' '; LIMIT]), coding).map(|body| body.len()), Ok(LIMIT), "{coding:?}");
        assert_eq!(decoded(encode(&vec![b' '; LIMIT + 1]), coding), Err(413), "{coding:?}");
    }
}

#[test]
fn a_decompression_bomb_costs_no_more_than_the_limit() {
    let bomb = gzip(&vec![0; 50 << 20]);
    let budget = Budget::new(bomb.len() + 4 * LIMIT);
    assert_eq!(decode(bomb, Coding::Gzip, LIMIT, &budget).unwrap_err().status(), 413);
    assert!(budget.try_reserve(4 * LIMIT).is_some(), "the whole budget was released");
}

#[test]
fn a_zstd_window_beyond_8_mib_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(24).unwrap();
    encoder.long_distance_matching(true).unwrap();
    encoder.write_all(b"{}").unwrap();
    assert_eq!(decoded(encoder.finish().unwrap(), Coding::Zstd), Err(400));
}

#[test]
fn without_budget_the_request_is_busy() {
    let error = decode(vec![b' '; 2_000], Coding::Identity, LIMIT, &Budget::new(1_000)).unwrap_err();
    assert_eq!(error, RequestError::Busy);
    let error = decode(gzip(&vec![b' '; 90_000]), Coding::Gzip, LIMIT, &Budget::new(70_000)).unwrap_err();
    assert_eq!(error, RequestError::Busy);
}

proptest! {
    #[test]
    fn any_bytes_survive_a_round_trip_and_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        for (coding, encoded) in
            [(Coding::Gzip, gzip(&bytes)), (Coding::Deflate, zlib(&bytes)), (Coding::Zstd, zstd(&bytes))]
        {
            prop_assert_eq!(decoded(encoded, coding), Ok(bytes.clone()));
            let _ = decoded(bytes.clone(), coding);
        }
    }
}
