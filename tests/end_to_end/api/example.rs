//! The examples of a page: in every block of `console`, each line that begins with `$ ` is a command, and the lines after it
//! are its output. Commands are those that the test can stand in for: `curl`, and `printf` and `gzip` before it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::Method;

use super::call::Call;

/// A command and its output.
#[derive(Debug)]
pub(super) struct Example {
    /// The words of each command in the pipe.
    pub(super) pipe: Vec<Vec<String>>,
    pub(super) output: String,
}

/// The examples of a page, in its order.
pub(super) fn examples(page: &str) -> Vec<Example> {
    blocks(page, "console").flat_map(of_block).collect()
}

/// The contents of all fenced blocks of a kind.
pub(super) fn blocks<'a>(page: &'a str, kind: &str) -> impl Iterator<Item = &'a str> {
    let opening = format!("\n```{kind}\n");
    let starts: Vec<_> = page.match_indices(&opening).map(|(at, _)| at + opening.len()).collect();
    starts.into_iter().map(|start| page[start..].split_once("\n```").unwrap().0)
}

fn of_block(mut text: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    while let Some(command) = text.strip_prefix("$ ") {
        let (words, rest) = words(command);
        let end = if rest.starts_with("$ ") { 0 } else { rest.find("\n$ ").map_or(rest.len(), |at| at + 1) };
        let pipe = words.split(|word| word == "|").map(<[_]>::to_vec).collect();
        examples.push(Example { pipe, output: rest[..end].trim_end().to_owned() });
        text = &rest[end..];
    }
    examples
}

/// The words of one command as a shell splits them, and the text after it.
fn words(text: &str) -> (Vec<String>, &str) {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\'' => {
                let quoted = chars.by_ref().map(|(_, char)| char).take_while(|char| *char != '\'');
                word.get_or_insert_default().extend(quoted);
            }
            '\n' => {
                words.extend(word);
                return (words, &text[at + 1..]);
            }
            '\\' => assert_eq!(chars.next().unwrap().1, '\n', "a backslash only continues a line"),
            ' ' => words.extend(word.take()),
            '"' | '$' | '`' => panic!("the test does not expand {char}: {text}"),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    (words, "")
}

/// The port and the request of a pipe that ends with curl.
pub(super) fn call(pipe: &[Vec<String>]) -> (u16, Call) {
    let (curl, before) = pipe.split_last().unwrap();
    let input = before.iter().fold(Vec::new(), |input, command| output(command, &input));
    curl_call(curl, &input)
}

/// The output of a command before curl.
fn output(command: &[String], input: &[u8]) -> Vec<u8> {
    match command.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["printf", format] => padded(format).into_bytes(),
        ["gzip"] => gzip(input),
        _ => panic!("the test does not know {command:?}"),
    }
}

/// `%9s` is nine spaces, as `printf` writes it without an argument.
fn padded(format: &str) -> String {
    let mut pieces = format.split('%');
    let first = pieces.next().unwrap().to_owned();
    pieces.fold(first, |text, piece| {
        let (width, rest) = piece.split_once('s').unwrap();
        text + &" ".repeat(width.parse().unwrap()) + rest
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn curl_call(words: &[String], input: &[u8]) -> (u16, Call) {
    let (mut call, mut method, mut port) = (Call::default().header("user-agent", "curl/8.5.0"), None, 0);
    let mut words = words.iter().map(String::as_str);
    assert_eq!(words.next(), Some("curl"));
    while let Some(word) = words.next() {
        match word {
            "-i" | "-s" => {}
            "-o" => assert_eq!(words.next(), Some("/dev/null")),
            "-X" => method = words.next(),
            "-H" => call = with_header(call, words.next().unwrap()),
            "-d" | "--data-binary" => {
                let data = words.next().unwrap();
                call = with_data(call, if data == "@-" { input } else { data.as_bytes() });
            }
            url => (port, call.path) = port_and_path(url),
        }
    }
    call.method = method.map_or(call.method, |method| Method::try_from(method).unwrap());
    (port, call)
}

/// A header without a value is one that curl leaves out.
fn with_header(call: Call, line: &str) -> Call {
    let (name, value) = line.split_once(':').unwrap();
    if value.is_empty() { call } else { call.header(name, value.trim()) }
}

/// With data curl posts, as a form unless a type is named.
fn with_data(mut call: Call, data: &[u8]) -> Call {
    call.method = Method::POST;
    if !call.headers.contains_key("content-type") {
        call = call.header("content-type", "application/x-www-form-urlencoded");
    }
    call.body(data.to_vec())
}

fn port_and_path(url: &str) -> (u16, String) {
    let (port, path) = url.strip_prefix("http://127.0.0.1:").unwrap().split_once('/').unwrap();
    (port.parse().unwrap(), format!("/{path}"))
}
