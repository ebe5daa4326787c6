use super::*;

/// Reads the text at once, byte by byte, and in every two pieces: the result must be the same.
fn read(text: &str) -> Framing {
    let read = |pieces: &[&[u8]]| {
        let mut framing = Framing::default();
        for piece in pieces {
            framing.read(piece);
        }
        framing
    };
    let bytes = text.as_bytes();
    let whole = read(&[bytes]);
    assert_eq!(read(&bytes.chunks(1).collect::<Vec<_>>()).part, whole.part, "byte by byte: {text}");
    for at in 0..bytes.len() {
        assert_eq!(read(&[&bytes[..at], &bytes[at..]]).part, whole.part, "cut at {at}: {text}");
    }
    whole
}

fn head(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: x\r\n{lines}\r\n")
}

#[test]
fn valid_requests_end_at_their_length() {
    for text in [
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "\r\n\r\nGET / HTTP/1.1\r\n\r\n".to_owned(),
        head("content-length: 0\r\n"),
        head("Content-Length:  5 \r\n") + "a\n\r\nb",
        head("transfer-encoding: Chunked\r\n") + "3\r\na\nb\r\n0A;x=y\r\n0123456789\r\n0\r\nx: y\r\n\r\n",
        head("x: content-length: 1\r\n") + &head("content-length: 1\r\n") + "x",
        head(&format!("x: {}\r\n", "transfer-encoding: x ".repeat(500))),
    ] {
        let mut framing = read(&text.repeat(2));
        assert_eq!(framing.part, Part::Head, "{text}");
        framing.read(b"GET / HTTP/1.1\r\ncontent-length: 7\r\n\r\n");
        assert_eq!(framing.part, Part::Body(7), "{text}");
    }
}

#[test]
fn framing_that_two_readers_could_understand_differently_is_ambiguous() {
    for lines in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 5\r\n",
        "content-length: 5\r\nContent-Length: 6\r\n",
        "content-length: 5, 5\r\n",
        "content-length: +5\r\n",
        "content-length: -5\r\n",
        "content-length: 5 5\r\n",
        "content-length: 0x5\r\n",
        "content-length:\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: \u{b}chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "Content-Length : 5\r\ntransfer-encoding: chunked\r\n",
        "x: y\r\n folded: z\r\n",
        "x: y\r\n\tcontent-length: 5\r\n",
        "x: y\ncontent-length: 5\r\n",
    ] {
        assert!(read(&head(lines)).is_ambiguous(), "{lines:?}");
    }
    let long = format!("content-length: {}5\r\n", " ".repeat(100));
    assert!(read(&head(&long)).is_ambiguous());
}

#[test]
fn chunks_without_a_valid_size_are_ambiguous() {
    for chunk in [
        "\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        "1 1\r\n",
        "g\r\n",
        "1\n",
        "10000000000000005\r\n",
        "FFFFFFFFFFFFFFFFF\r\n",
    ] {
        assert!(read(&(head("transfer-encoding: chunked\r\n") + chunk)).is_ambiguous(), "{chunk:?}");
    }
}

#[test]
fn an_endless_line_needs_little_memory() {
    let mut framing = Framing::default();
    for _ in 0..1_000 {
        framing.read(&[b'x'; 10_000]);
    }
    assert!(framing.line.start.capacity() < 1_000);
}
