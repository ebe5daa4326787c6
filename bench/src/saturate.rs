//! Closed-loop load: what the pipeline takes and stores when every connection posts as soon as it is answered.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use spillway_local::pipeline::{Drained, Pipeline, Settings};
use tokio::time::Instant;

use crate::load::{self, Load, Posted};
use crate::process::{cpu_seconds, peak_bytes, resident_bytes};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many connections post
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Payloads of a document, about 500 bytes each
    #[arg(long, default_value_t = 10)]
    payloads: usize,
    /// How many seconds they post
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// The folder under which the objects lie while this runs
    #[arg(long, default_value = "target/bench/data")]
    data: PathBuf,
}

/// What was measured while the load ran.
struct Measured {
    posted: Posted,
    time: Duration,
    stored_under_load: u64,
    ingest_cpu: f64,
    deliver_cpu: f64,
    emulators_cpu: f64,
}

/// Starts a pipeline, loads it, drains it and prints what happened.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let settings = Settings {
        data: arguments.data.clone(),
        variables: variables.collect(),
        ..Settings::new(std::env::current_exe()?)
    };
    let pipeline = Pipeline::start(settings).await?;
    print_start(&pipeline);
    let (ingest, deliver) = (pipeline.ingest().pids(), pipeline.deliver().pids());
    let measured = measure(&pipeline, &arguments).await?;
    let (ingest_peak, deliver_peak) = (peak_bytes(&ingest), peak_bytes(&deliver));
    let draining = Instant::now();
    let Drained { ledger, objects } = pipeline.drain().await?;
    print(&measured, ledger.stored);
    println!("drained in {:.1} s, {} objects", draining.elapsed().as_secs_f64(), objects.len());
    println!("peak memory: ingest {} MB, deliver {} MB", ingest_peak >> 20, deliver_peak >> 20);
    println!("{ledger}");
    std::fs::remove_dir_all(&arguments.data)?;
    ensure!(ledger.holds() && ledger.duplicates == 0, "the ledger does not hold");
    Ok(())
}

async fn measure(pipeline: &Pipeline, arguments: &Arguments) -> anyhow::Result<Measured> {
    let cpu = || {
        let processes = [pipeline.ingest().pids(), pipeline.deliver().pids(), vec![std::process::id()]];
        processes.map(|pids| cpu_seconds(&pids))
    };
    let load = Load {
        address: pipeline.address(),
        connections: arguments.connections,
        payloads: arguments.payloads,
        time: Duration::from_secs(arguments.seconds),
    };
    let (started, before) = (Instant::now(), cpu());
    let posted = load::run(load).await?;
    let (time, after) = (started.elapsed(), cpu());
    let stored_under_load = pipeline.status().await?.stored;
    Ok(Measured {
        posted,
        time,
        stored_under_load,
        ingest_cpu: after[0] - before[0],
        deliver_cpu: after[1] - before[1],
        emulators_cpu: after[2] - before[2],
    })
}

fn print_start(pipeline: &Pipeline) {
    for (name, function) in [("ingest", pipeline.ingest()), ("deliver", pipeline.deliver())] {
        let resident: Vec<_> = resident_bytes(&function.pids()).iter().map(|bytes| bytes >> 20).collect();
        println!("{name}: from start to first /next {:?}, at rest {resident:?} MB", function.cold_starts());
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates are for reading")]
fn print(measured: &Measured, stored: u64) {
    let Measured { posted, time, stored_under_load, ingest_cpu, deliver_cpu, emulators_cpu } = measured;
    let rate = |count: u64| count as f64 / time.as_secs_f64();
    let a_million = |seconds: f64| seconds / (stored.max(1) as f64) * 1e6;
    println!("documents accepted            {:>10.0} /s ({} failed)", rate(posted.taken), posted.failed);
    println!("payloads stored under load    {:>10.0} /s", rate(*stored_under_load));
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        println!("answer {name:<6}                 {:>10.1} ms", posted.percentile(share).as_secs_f64() * 1e3);
    }
    println!("CPU seconds a million payloads (without the drain's):");
    println!("  ingest                      {:>10.2}", a_million(*ingest_cpu));
    println!("  deliver                     {:>10.2}", a_million(*deliver_cpu));
    println!("  functions together          {:>10.2}", a_million(ingest_cpu + deliver_cpu));
    println!("  front and emulators         {:>10.2}", a_million(*emulators_cpu));
    println!("  load                        {:>10.2}", a_million(posted.cpu_seconds));
}
