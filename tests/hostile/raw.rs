//! A client that writes raw bytes and reads every answer until the server closes the connection.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest time that anything may take here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Sends bytes and reads every answer until the server closes the connection.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Vec<Reply> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = timeout(PATIENCE, stream.write_all(request)).await.expect("the server reads or closes");
    read_all(stream).await
}

/// Every answer until the server closes.
pub(crate) async fn read_all(mut stream: TcpStream) -> Vec<Reply> {
    let mut bytes = Vec::new();
    // A reset after an answer counts as a close.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server closes the connection");
    replies(&bytes)
}

/// Splits the bytes of a server into answers; anything else fails.
fn replies(mut bytes: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head") + 4;
        let head = String::from_utf8(bytes[..end].to_ascii_lowercase()).unwrap();
        let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        let body = String::from_utf8(bytes[end..end + length].to_vec()).unwrap();
        replies.push(Reply { status: head.split(' ').nth(1).unwrap().parse().unwrap(), body });
        bytes = &bytes[end + length..];
    }
    replies
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
