//! Tables: Markdown for people, JSON for programs.

use std::fmt;

use serde_json::{Map, Value, json};

/// A table: one row per item and one column per function of an item.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    title: String,
    head: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// A column: its head, and its cell in the row of an item.
pub(crate) type Column<'a, T> = (&'a str, &'a dyn Fn(&T) -> Cell);

/// The content of a cell.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Text(String),
    /// A number and how many of its decimals are shown.
    Number(f64, usize),
}

/// A text in a cell.
pub(crate) fn text(text: impl fmt::Display) -> Cell {
    Cell::Text(text.to_string())
}

/// A number in a cell, shown with some decimals.
pub(crate) fn number(value: f64, decimals: usize) -> Cell {
    Cell::Number(value, decimals)
}

/// A count in a cell.
pub(crate) fn count(value: impl TryInto<u64>) -> Cell {
    Cell::Number(float(value), 0)
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(crate) fn float(count: impl TryInto<u64>) -> f64 {
    count.try_into().map_or(f64::NAN, |count| count as f64)
}

impl Table {
    pub(crate) fn new<T>(title: impl Into<String>, items: &[T], columns: &[Column<'_, T>]) -> Self {
        let row = |item| columns.iter().map(|(_, cell)| cell(item)).collect();
        let head = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
        Self { title: title.into(), head, rows: items.iter().map(row).collect() }
    }

    pub(crate) fn json(&self) -> Value {
        let row = |row: &Vec<Cell>| self.head.iter().cloned().zip(row.iter().map(Cell::json)).collect();
        let rows: Vec<Map<_, _>> = self.rows.iter().map(row).collect();
        json!({"title": self.title, "rows": rows})
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.to_string().chars().count());
        cells.chain([self.head[column].chars().count(), 4]).max().unwrap_or_default()
    }
}

impl Cell {
    /// The number, or NaN for a text.
    pub(crate) fn value(&self) -> f64 {
        if let Self::Number(value, _) = self { *value } else { f64::NAN }
    }

    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(value, _) => json!(value),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(value, _) if !value.is_finite() => f.write_str("–"),
            Self::Number(value, decimals) => f.write_str(&grouped(&format!("{value:.decimals$}"))),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<_> = (0..self.head.len()).map(|column| self.width(column)).collect();
        writeln!(f, "**{}**\n", self.title)?;
        line(f, &self.head, &widths)?;
        let rules: Vec<_> = widths.iter().map(|width| format!("{}:", "-".repeat(width - 1))).collect();
        line(f, &rules, &widths)?;
        for row in &self.rows {
            line(f, row, &widths)?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, cells: &[impl fmt::Display], widths: &[usize]) -> fmt::Result {
    for (cell, width) in cells.iter().zip(widths) {
        write!(f, "| {:>width$} ", cell.to_string())?;
    }
    writeln!(f, "|")
}

/// `1234567.8` as `1,234,567.8`.
fn grouped(digits: &str) -> String {
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let (sign, whole) = whole.split_at(usize::from(whole.starts_with('-')));
    let mut text = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_as_markdown_and_as_json() {
        let rates = [("half", 1_234_567.89), ("none", f64::NAN)];
        let table =
            Table::new("Rates", &rates, &[("load", &|row| text(row.0)), ("payloads/s", &|row| number(row.1, 1))]);
        let lines: Vec<_> = table.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "**Rates**");
        assert_eq!(lines[3], "| ---: | ----------: |");
        assert_eq!(lines[4], "| half | 1,234,567.9 |");
        assert_eq!(lines[5], "| none |           – |");
        assert_eq!(table.json()["rows"][0], json!({"load": "half", "payloads/s": 1_234_567.89}));
    }

    #[test]
    fn digits_are_grouped_by_three() {
        for (digits, text) in [("1", "1"), ("123", "123"), ("1234.5", "1,234.5"), ("-123456", "-123,456")] {
            assert_eq!(grouped(digits), text);
        }
    }
}
