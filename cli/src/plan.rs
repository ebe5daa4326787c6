//! `spillway plan`: prints parameters, quotas, dollars and a simulated burst for a load.

mod arguments;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use spillway_plan::burst::{Outcome, Second};
use spillway_plan::load::{Front, Load};
use spillway_plan::{Plan, bill, plot};

pub(crate) use arguments::Arguments;

use crate::report::say;

/// Lines of the table that shows the burst.
const ROWS: usize = 16;
/// Hours of a month of 30 days.
const MONTH_HOURS: f64 = 720.0;

/// Prints the plan. Exits with 1 if the burst misses the objective.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let load = arguments.load();
    let plan = Plan::of(&load);
    header(&load);
    parameters(&plan, &load);
    quotas(&plan);
    dollars(&plan, &load);
    burst(&plan.outcome);
    verdict(&plan, &load);
    if let Some(file) = &arguments.svg {
        draw(file, &plan.outcome)?;
    }
    Ok(if plan.holds(&load) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn header(load: &Load) {
    say!(
        "load: {:.0} documents/s of {} payloads, {:.0} bytes each; {:.0} documents/s for {} s",
        load.documents_per_second,
        load.payloads,
        load.document_bytes(),
        load.peak(),
        load.burst.seconds
    );
}

fn parameters(plan: &Plan, load: &Load) {
    say!("\nparameters, for `sam deploy --parameter-overrides`:");
    for parameter in &plan.parameters {
        say!("  {}={}", parameter.name, parameter.value);
    }
    if load.front == Front::CloudFront {
        say!("  (Front=cloudfront also needs OriginSecret: docs/operate.md, \"CloudFront before a Function URL\")");
    }
}

fn quotas(plan: &Plan) {
    say!("\nquotas of the account (Service Quotas):");
    for quota in &plan.quotas {
        let advice = if quota.must_be_raised() { "raise it" } else { "enough" };
        say!(
            "  {:18} {:38} needed {:>9.0}, default {:>7.0}: {advice}",
            quota.service,
            quota.name,
            quota.needed,
            quota.default
        );
    }
}

fn dollars(plan: &Plan, load: &Load) {
    say!("\ndollars for a million documents (list price of us-east-1, November 2026):");
    for line in &plan.bill {
        say!("  {:28} {:>8.4}   {}", line.name, line.dollars, line.calculation);
    }
    let total = bill::total(&plan.bill);
    let month = total * load.documents_per_second * 3600.0 * MONTH_HOURS / 1e6;
    say!("  {:28} {total:>8.4}   {month:.0} dollars in 30 days at the load, without storage and logs", "total");
}

fn burst(outcome: &Outcome) {
    say!("\nburst, second by second:");
    say!(
        "  {:>6} {:>12} {:>10} {:>12} {:>8} {:>8} {:>8}",
        "second",
        "documents/s",
        "refused/s",
        "in the queue",
        "age s",
        "readers",
        "lag s"
    );
    let step = outcome.seconds.len().div_ceil(ROWS).max(1);
    let worst = outcome.seconds.iter().map(|second| second.lag).fold(0.0, f64::max);
    let mut shown_worst = false;
    for (index, Second { at, offered, refused, queued, age, units, lag }) in outcome.seconds.iter().enumerate() {
        let is_worst = *lag >= worst && !shown_worst;
        shown_worst |= is_worst;
        if is_worst || index.is_multiple_of(step) {
            say!("  {at:>6} {offered:>12.0} {refused:>10.0} {queued:>12.0} {age:>8.1} {units:>8.0} {lag:>8.1}");
        }
    }
}

fn verdict(plan: &Plan, load: &Load) {
    let Outcome { refused, max_lag, max_queued, drained_after, .. } = &plan.outcome;
    if max_lag.is_finite() {
        say!(
            "\n{max_queued:.0} documents wait at most; the longest lag is {max_lag:.1} s; the queue is empty \
             {drained_after:.0} s after the burst"
        );
    } else {
        say!("\n{max_queued:.0} documents wait at most; the queue is not empty within four hours");
    }
    if *refused >= 1.0 {
        say!("{refused:.0} documents are refused during the burst; their clients must send them again");
    }
    let word = if plan.holds(load) { "keeps" } else { "misses" };
    say!("the plan {word} the objective of {:.0} s", load.objective_seconds);
}

fn draw(file: &Path, outcome: &Outcome) -> anyhow::Result<()> {
    let svg = plot::svg("A burst in the model: queue, age and lag", outcome);
    fs::write(file, svg).with_context(|| format!("cannot write {}", file.display()))?;
    say!("wrote {}", file.display());
    Ok(())
}
