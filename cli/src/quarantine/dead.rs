//! `spillway quarantine list --destination`: the dead letters of a destination. They stay on their queue.

use std::process::ExitCode;

use spillway_forward::event::{Part, WHOLE};

use crate::aws::queue::{MOST_MESSAGES, Queue};
use crate::place::Place;

/// Prints every dead letter: object, lines, the partner's status and the reason, or its whole body.
pub(super) async fn list(place: &Place, destination: &str) -> anyhow::Result<ExitCode> {
    let target = place.target_of(Some(destination)).await?;
    let queue = target.queue().await?.dead_letter_queue().await?;
    let mut handles = Vec::new();
    let listed = print_all(&queue, target.json, &mut handles).await;
    // A receive has hidden them.
    for handles in handles.chunks(MOST_MESSAGES) {
        queue.show(handles).await?;
    }
    listed?;
    eprintln!("{} dead letters; `spillway redrive --destination {destination}` sends them again", handles.len());
    Ok(ExitCode::SUCCESS)
}

async fn print_all(queue: &Queue, json: bool, handles: &mut Vec<String>) -> anyhow::Result<()> {
    loop {
        let received = queue.receive().await?;
        if received.is_empty() {
            return Ok(());
        }
        for message in received {
            println!("{}", if json { message.body } else { line(&message.body) });
            handles.push(message.handle);
        }
    }
}

fn line(body: &str) -> String {
    let Ok(Part { key, from_line, to_line, status, reason: Some(reason), .. }) = serde_json::from_str(body) else {
        return body.to_owned();
    };
    let lines = match to_line {
        None if from_line == WHOLE.start => "all lines".to_owned(),
        None => format!("lines {from_line}-"),
        Some(end) => format!("lines {from_line}-{}", end - 1),
    };
    format!("{key}\t{lines}\t{}\t{reason}", status.map_or_else(|| "–".to_owned(), |status| status.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_which_lines_and_why() {
        let of = |part: Part| line(&Part { reason: Some("no".to_owned()), ..part }.body());
        assert_eq!(of(Part { status: Some(400), ..Part::of("a", 10..20) }), "a\tlines 10-19\t400\tno");
        assert_eq!(of(Part::of("a", WHOLE)), "a\tall lines\t–\tno");
        assert_eq!(line("what?"), "what?");
    }
}
