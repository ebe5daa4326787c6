//! Faults set on the command line and through the admin address.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// `spillway serve` on free ports; dropping it kills the process.
struct Serving {
    child: Child,
    admin: String,
    _data: tempfile::TempDir,
}

impl Serving {
    fn start(flags: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let free = ["--listen", "--admin", "--s3-listen", "--sqs-listen"].map(|flag| [flag, "127.0.0.1:0"]).concat();
        let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../config");
        let mut command = Command::new(env!("CARGO_BIN_EXE_spillway"));
        command.arg("serve").args(free).args(["--config", config]).arg("--data").arg(data.path()).args(flags);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the command starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
        let admin =
            lines.find_map(|line| Some(line.split_once("status   http://")?.1.strip_suffix("/status")?.to_owned()));
        let serving = Self { child, admin: admin.expect("the admin address"), _data: data };
        // Read on, because a full pipe would block the server.
        std::thread::spawn(move || lines.for_each(drop));
        serving
    }

    /// Sends a request to `/faults`; returns the status and the body.
    fn faults(&self, method: &str, body: &str) -> (u16, Value) {
        self.request(method, "/faults", body)
    }

    /// Sends a request to the admin server and returns status and body of the response.
    fn request(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut connection = TcpStream::connect(&self.admin).expect("a connection");
        let (host, length) = (&self.admin, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        connection.write_all((head + body).as_bytes()).expect("it is written");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).expect("JSON"))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn flags_set_faults_and_the_admin_address_replaces_them() {
    let serving = Serving::start(&["--fault", "s3.error=0.2", "--fault", "s3.stall=0.01:3s", "--fault-seed", "7"]);
    // Compact lists the bucket at the start, so faults of S3 may have been injected already.
    let (status, set) = serving.faults("GET", "");
    let expected = json!({"s3.error": "0.2", "s3.stall": "0.01:3s"});
    assert_eq!((status, &set["seed"], &set["faults"]), (200, &json!(7), &expected));
    let (status, problem) = serving.faults("PUT", r#"{"faults":{"s3.error":2}}"#);
    assert_eq!((status, &problem["message"]), (400, &json!("the rate of s3.error must be from 0 to 1")));
    let (status, put) = serving.faults("PUT", r#"{"seed":9,"faults":{"sqs.twice":"1:1s"}}"#);
    assert_eq!((status, &put["seed"], &put["faults"]), (200, &json!(9), &json!({"sqs.twice": "1:1s"})));
    assert_eq!(serving.faults("GET", "").1["faults"], put["faults"]);
    assert_eq!(serving.faults("DELETE", "").0, 405);
}

#[test]
fn the_admin_server_serves_its_document_and_lists_its_routes_in_errors() {
    let serving = Serving::start(&[]);
    let (status, document) = serving.request("GET", "/openapi.json", "");
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    let large = "x".repeat(65 << 10);
    for (method, path, body, expected) in
        [("GET", "/unknown", "", 404), ("POST", "/status", "", 405), ("PUT", "/faults", large.as_str(), 413)]
    {
        let (status, error) = serving.request(method, path, body);
        let message = error["message"].as_str().expect("a message");
        assert_eq!(status, expected, "{message}");
        assert_eq!(message.contains("GET /openapi.json"), status != 413, "{message}");
    }
}
