//! The minimum: the CPU of a no-op invocation of ingest, with the same documents over the same connections.

use std::time::Duration;

use spillway_local::pipeline::Pipeline;

use crate::load::{Load, Target};
use crate::machine::cpu_seconds_of;
use crate::run::Options;
use crate::table::float;

/// CPU seconds of ingest per no-op invocation, measured for `time` in a separate pipeline.
pub(crate) async fn cpu_seconds(options: Options, connections: usize, time: Duration) -> anyhow::Result<f64> {
    let settings = options.settings()?;
    let data = settings.data.clone();
    let pipeline = Pipeline::start(settings).await?;
    let load = Load::new(Target::noop(pipeline.address()), connections, options.payloads, time);
    let pids = pipeline.ingest().pids();
    let before = cpu_seconds_of(&pids);
    let posted = load.run().await?;
    let seconds = (cpu_seconds_of(&pids) - before) / float(posted.accepted);
    pipeline.drain().await?;
    std::fs::remove_dir_all(data)?;
    Ok(seconds)
}
