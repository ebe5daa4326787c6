//! The floor: what an invocation of ingest costs that does nothing, with the same documents on the same way.

use std::time::Duration;

use spillway_local::pipeline::Pipeline;

use crate::distance::Distance;
use crate::load::{Load, Target};
use crate::process::cpu_seconds;
use crate::run;

/// CPU seconds of ingest's process for one invocation.
pub(crate) async fn cpu_seconds_of_one(pipeline: &Pipeline, load: &Load) -> anyhow::Result<f64> {
    let pids = pipeline.ingest().pids();
    let before = cpu_seconds(&pids);
    let posted = load.run().await?;
    Ok((cpu_seconds(&pids) - before) / run::float(posted.taken))
}

/// The same in a pipeline of its own that takes `connections` requests at once.
pub(crate) async fn cpu_seconds_at(connections: usize, payloads: usize, time: Duration) -> anyhow::Result<f64> {
    let settings = run::settings(Distance::default())?;
    let data = settings.data.clone();
    let pipeline = Pipeline::start(settings).await?;
    let load = Load { payloads, ..Load::new(Target::nothing(pipeline.address()), connections, time) };
    let seconds = cpu_seconds_of_one(&pipeline, &load).await?;
    pipeline.drain().await?;
    std::fs::remove_dir_all(data)?;
    Ok(seconds)
}
