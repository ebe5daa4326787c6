//! `spillway rejected`: rejected payloads that their stream keeps.
//!
//! The way of a replay: list the objects ► skip replayed lines ► judge ► pack ► send ► mark the lines as replayed.

mod edit;
mod judgement;
mod list;
mod markers;
mod objects;
mod replay;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use spillway_shared::stream::StreamName;

use crate::place::Place;

/// The arguments of `spillway rejected`.
#[derive(Debug, Subcommand)]
pub(crate) enum Rejected {
    /// Counts kept rejections by stream, reason and detail
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        choice: Choice,
        /// Print the keys of the objects instead
        #[arg(long)]
        keys: bool,
    },
    /// Shows the kept rejections of one object; this prints data of clients
    Show {
        #[command(flatten)]
        place: Place,
        /// The key, as `list --keys` prints it
        key: String,
    },
    /// Judges kept rejections by today's schema, and sends those that pass to the queue under their ids
    ///
    /// A replayed record keeps its time and hour of receipt. Markers under `replayed/` name the replayed lines, so that
    /// another replay skips them.
    Replay(replay::Replay),
}

/// Which kept rejections.
#[derive(Debug, Clone, Args)]
pub(crate) struct Choice {
    /// Only those of this stream
    #[arg(long, value_parser = stream)]
    stream: Option<StreamName>,
    /// Only those received in this hour or later: 2026-11-21T18 or 2026-11-21 (UTC)
    #[arg(long, value_name = "HOUR", value_parser = objects::since)]
    since: Option<String>,
    /// Only those with this reason, such as `schema`
    #[arg(long)]
    reason: Option<String>,
}

/// Runs the subcommand.
pub(crate) async fn run(arguments: Rejected) -> anyhow::Result<ExitCode> {
    match arguments {
        Rejected::List { place, choice, keys } => list::run(&place.target().await?, &choice, keys).await,
        Rejected::Show { place, key } => objects::show(&place.target().await?.bucket().await?, &key).await,
        Rejected::Replay(replay) => replay::run(replay).await,
    }
}

/// Reads the name of a stream.
pub(crate) fn stream(text: &str) -> Result<StreamName, String> {
    StreamName::try_from(text.to_owned()).map_err(str::to_owned)
}
