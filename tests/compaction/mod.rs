//! Hours are compacted by real processes that are killed at random points, two at once, while S3 fails and objects arrive
//! late. The lake is compared with the objects by record id, and a reader looks at it all the time.

mod attack;
mod objects;
mod reader;
mod run;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use attack::Attack;
use objects::Hour;
use reader::Reader;
use run::Run;
use spillway_shared::config::process_environment;

/// Faults of S3. A compactor retries, and gives an hour up when a call fails three times.
const FAULTS: [&str; 6] = [
    "s3.slow_down=0.03",
    "s3.conflict=0.03",
    "s3.error=0.03",
    "s3.reset=0.03",
    "s3.lost_answer=0.06",
    "s3.latency=0.1:5ms",
];

/// Compacts one hour after the other under this many kills.
async fn nothing_is_missing_after(kills: usize, seed: u64) {
    let run = Run::start(&FAULTS).await;
    let mut random = fastrand::Rng::with_seed(seed);
    let reader = Reader::new(run.lake());
    let (over, watch) = (Arc::new(AtomicBool::new(false)), reader.clone());
    let until = Arc::clone(&over);
    let watching = std::thread::spawn(move || watch.look_until(|| until.load(Ordering::Relaxed)));
    let mut attack = Attack::new(kills, random.fork());
    let (mut hours, mut records) = (0, 0);
    while !attack.is_over() {
        let hour = Hour::new(hours, &mut random);
        attack.on(&run, &hour).await;
        run.compact_quietly(&hour).await;
        reader.assert_holds(&hour);
        records += hour.records.len();
        hours += 1;
        println!("{hours} hours hold what was stored: {attack}");
    }
    over.store(true, Ordering::Relaxed);
    let looks = watching.join().unwrap();
    println!("seed {seed}: {attack}, {hours} hours, {records} records: 0 missing, 0 twice, 0 foreign; {looks} looks");
    println!("faults: {:?}", run.injected());
    assert!(looks > hours && attack.counts().iter().all(|count| *count > 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_random_points_leave_each_record_once_in_the_lake() {
    nothing_is_missing_after(8, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; run by `just long`"]
async fn five_hundred_kills_at_random_points_leave_each_record_once_in_the_lake() {
    let seed = process_environment("SEED").and_then(|seed| seed.parse().ok());
    nothing_is_missing_after(500, seed.unwrap_or_else(|| fastrand::u64(..1_000_000))).await;
}
