//! What compact costs on AWS, by counted calls and CPU time, at the list prices of `spillway plan`.

use spillway_plan::facts::price;

use super::Measured;
use super::hour::Hour;
use super::s3::Counts;
use crate::table::{Column, Table, count, float, number, text};

/// The memory at which Lambda gives one vCPU, in GB; the template's default.
const MEMORY_GB: f64 = 1.728;
/// How often the schedule looks at an hour: in each of the 24 hours after it, and daily for 22 days.
const LOOKS: f64 = 46.0;
/// A message is sent, received and deleted.
const SQS_CALLS: f64 = 3.0;

/// The price of an hour's million records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bill {
    s3: f64,
    looks: f64,
    sqs: f64,
    lambda: f64,
}

impl Counts {
    fn price(self) -> f64 {
        (float(self.puts + self.lists) * price::S3_PUTS + float(self.gets + self.heads) * price::S3_GETS) / 1e6
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            gets: self.gets + other.gets,
            heads: self.heads + other.heads,
            lists: self.lists + other.lists,
            puts: self.puts + other.puts,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl Bill {
    /// One look finds work and the others find none; both were counted once.
    pub(super) fn of(hour: &Hour, records: usize) -> Self {
        let million = 1e6 / float(records);
        let one_look = hour.looks.price() / 2.0;
        Self {
            s3: hour.calls.price() * million,
            looks: one_look * LOOKS * million,
            sqs: SQS_CALLS * price::SQS_REQUESTS / 1e6 * million,
            lambda: (hour.cpu * MEMORY_GB * price::LAMBDA_GB_SECOND + price::LAMBDA_REQUESTS / 1e6) * million,
        }
    }

    pub(super) fn total(self) -> f64 {
        self.s3 + self.looks + self.sqs + self.lambda
    }
}

/// The counted calls of an hour of each set, and the bill of a million records.
pub(super) fn table(sets: &[Measured]) -> Table {
    let bill = |of: &Measured| Bill::of(&of.zst, of.records);
    let columns: [Column<'_, Measured>; 9] = [
        ("records", &|of| text(of.set.name())),
        ("GETs", &|of| count(of.zst.calls.gets)),
        ("LISTs", &|of| count(of.zst.calls.lists)),
        ("PUTs", &|of| count(of.zst.calls.puts)),
        ("S3, $", &|of| number(bill(of).s3, 6)),
        ("46 looks, $", &|of| number(bill(of).looks, 6)),
        ("SQS, $", &|of| number(bill(of).sqs, 6)),
        ("Lambda, $", &|of| number(bill(of).lambda, 6)),
        ("total, $", &|of| number(bill(of).total(), 6)),
    ];
    Table::new("Calls of an hour, and dollars per million records", sets, &columns)
}
