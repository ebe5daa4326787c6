//! The arguments of `spillway plan`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use spillway_plan::load::{self, Burst, Load};

/// How long a burst lasts if the argument does not say it.
const BURST: Duration = Duration::from_mins(5);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Documents a minute outside of bursts; `k` and `M` multiply: 250k, 1M
    #[arg(long, value_name = "NUMBER", value_parser = amount)]
    documents_per_minute: f64,
    /// Payloads of a document
    #[arg(long, value_name = "NUMBER", value_parser = amount, default_value = "10")]
    payloads: f64,
    /// Bytes of a payload
    #[arg(long, value_name = "NUMBER", value_parser = amount, default_value = "500")]
    bytes: f64,
    /// A burst, as `3x` or `3x:10m`: the factor of the load, and how long it lasts (default: five minutes)
    #[arg(long, value_name = "BURST", value_parser = burst, default_value = "3x")]
    burst: Burst,
    /// The service that accepts the requests
    #[arg(long, default_value = "http-api")]
    front: Front,
    /// Where ingest runs
    #[arg(long, default_value = "environments")]
    ingest: Ingest,
    /// The longest allowed lag, from the receipt of a record to its object
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "5m")]
    objective: Duration,
    /// Also draw queue, age and lag as SVG
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Front {
    /// An HTTP API
    HttpApi,
    /// A Function URL
    FunctionUrl,
    /// CloudFront before a Function URL
    Cloudfront,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Ingest {
    /// Lambda's usual environments
    Environments,
    /// Lambda Managed Instances
    Instances,
}

impl Arguments {
    pub(super) fn load(&self) -> Load {
        Load {
            documents_per_second: self.documents_per_minute / 60.0,
            payloads: self.payloads,
            bytes: self.bytes,
            burst: self.burst,
            front: match self.front {
                Front::HttpApi => load::Front::HttpApi,
                Front::FunctionUrl => load::Front::FunctionUrl,
                Front::Cloudfront => load::Front::CloudFront,
            },
            ingest: match self.ingest {
                Ingest::Environments => load::Ingest::Environments,
                Ingest::Instances => load::Ingest::Instances,
            },
            objective_seconds: self.objective.as_secs_f64(),
        }
    }
}

/// A number above 0 with `k` or `M`.
fn amount(text: &str) -> anyhow::Result<f64> {
    let (digits, factor) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix(['m', 'M']).map_or((text, 1.0), |digits| (digits, 1e6)),
    };
    let number: f64 = digits.parse().context("expected a number such as 500, 250k or 1M")?;
    ensure!(number.is_finite() && number > 0.0, "expected a number above 0");
    Ok(number * factor)
}

/// `3x` or `3x:10m`.
fn burst(text: &str) -> anyhow::Result<Burst> {
    let (factor, duration) = text.split_once(':').map_or((text, None), |(factor, duration)| (factor, Some(duration)));
    let factor = factor.strip_suffix('x').context("expected a factor with an `x`, such as 3x or 3x:10m")?;
    let factor = amount(factor)?;
    ensure!(factor >= 1.0, "the factor of a burst is at least 1");
    let duration = duration.map_or(Ok(BURST), humantime::parse_duration)?;
    let seconds = u32::try_from(duration.as_secs()).ok().filter(|seconds| *seconds <= 7200);
    Ok(Burst { factor, seconds: seconds.context("a burst lasts at most two hours")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_have_a_letter_for_thousands_and_millions() {
        for (text, expected) in [("250k", 250_000.0), ("1M", 1e6), ("0.5", 0.5)] {
            assert!((amount(text).unwrap() - expected).abs() < 1e-9, "{text}");
        }
        for wrong in ["", "x", "-1", "0", "nan", "1G"] {
            assert!(amount(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_burst_has_a_factor_and_perhaps_a_duration() {
        assert_eq!(burst("3x").unwrap(), Burst { factor: 3.0, seconds: 300 });
        assert_eq!(burst("1.5x:90s").unwrap(), Burst { factor: 1.5, seconds: 90 });
        for wrong in ["3", "0.5x", "3x:", "3x:3h", "x"] {
            assert!(burst(wrong).is_err(), "{wrong}");
        }
    }
}
