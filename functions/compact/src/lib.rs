//! Compact: reads the objects of an hour and writes them as typed Parquet files.
//!
//! ```text
//! hour          one stream and hour: repeats the stages until no work is left
//!   list        the objects of the hour that no file's footer names
//!   read        decompresses objects into lines
//!   dedupe      drops copies of records
//!   columns     payload values into typed columns, by the
//!     table     columns that the stream's lock file records;
//!     number    numbers and times that do not round-trip, and undeclared members, go to
//!     rest      JSON text
//!   rows        lines into rows; a line that is no record is a row too
//!   build       one file from several objects, in batches of rows
//!   write       rows into a Parquet file
//!   commit      a PUT that succeeds only if the file's name is free
//! ```

pub mod build;
pub mod columns;
pub mod commit;
pub mod dedupe;
pub mod hour;
pub mod json;
pub mod list;
pub mod number;
pub mod read;
pub mod rebuild;
pub mod rest;
pub mod rows;
pub mod store;
pub mod table;
pub mod write;

#[cfg(test)]
mod testing;
