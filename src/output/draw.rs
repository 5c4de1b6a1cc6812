//! Draws tables as kubectl does, and records as `kubectl describe` does.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use unicode_width::UnicodeWidthStr;

use super::table::{Column, Table};
use super::{color, sanitize};

/// What stands between two columns.
const GAP: usize = 3;

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Whether columns that only `-o wide` shows are drawn.
    pub(super) wide: bool,
    /// Whether headers are coloured.
    pub(super) colored: bool,
    /// The present instant, where a person reads and times are told from it.
    pub(super) now: Option<DateTime<Utc>>,
}

/// Draws a view: as a record where it is one, as a table otherwise, as nothing without rows.
pub(super) fn draw(table: &Table<'_>, look: Look) -> String {
    let columns = table.columns(look.wide);
    if table.is_record {
        return record(&columns.collect::<Vec<_>>(), look);
    }
    let columns: Vec<_> = columns.map(|column| Texts::of(column, look)).collect();
    if columns.iter().all(|column| column.cells.is_empty()) {
        return String::new();
    }
    plain(&columns, look)
}

/// A column as it is read, harmless to show.
struct Texts<'c> {
    header: String,
    cells: Vec<Cow<'c, str>>,
    width: usize,
}

impl<'c> Texts<'c> {
    fn of(column: &'c Column<'_>, look: Look) -> Self {
        let header = column.header.to_uppercase();
        let cells = column.cells.iter();
        let cells: Vec<_> = cells.map(|cell| harmless(cell.text(look.now))).collect();
        let widest = cells.iter().map(|cell| cell.width()).max().unwrap_or(0);
        Self {
            width: widest.max(header.width()),
            header,
            cells,
        }
    }
}

/// Draws columns with spaces between, never wrapped.
fn plain(columns: &[Texts<'_>], look: Look) -> String {
    let mut head = String::new();
    put_line(&mut head, columns, |column| &column.header);
    let mut drawn = color::paint(head.trim_end(), color::HEADER, look.colored);
    drawn.push('\n');
    for row in 0..columns[0].cells.len() {
        put_line(&mut drawn, columns, |column| &column.cells[row]);
    }
    drawn
}

/// Spells out what a reader would not see as itself.
fn harmless(text: Cow<'_, str>) -> Cow<'_, str> {
    let spelled_out = match sanitize::line(&text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(shown) => Some(shown),
    };
    spelled_out.map_or(text, Cow::Owned)
}

/// Puts a line of cells in their columns; nothing trails.
fn put_line<'c>(
    drawn: &mut String,
    columns: &'c [Texts<'_>],
    cell: impl Fn(&'c Texts<'_>) -> &'c str,
) {
    let mut gap = 0;
    for column in columns {
        let cell = cell(column);
        if !cell.is_empty() {
            drawn.extend(std::iter::repeat_n(' ', gap));
            drawn.push_str(cell.trim_end());
            gap = cell.len() - cell.trim_end().len();
        }
        gap += column.width - cell.width() + GAP;
    }
    drawn.push('\n');
}

/// Draws `Key:   value` lines; further lines of a value stand under its first.
fn record(columns: &[&Column<'_>], look: Look) -> String {
    let length = |column: &Column<'_>| column.header.chars().count();
    let width = columns
        .iter()
        .map(|column| length(column))
        .max()
        .unwrap_or(0)
        + 1;
    let mut drawn = String::new();
    for column in columns {
        let gap = " ".repeat(width - length(column) - 1);
        let key = format!("{}:", column.header);
        let mut key = color::paint(&key, color::HEADER, look.colored) + &gap;
        for value in column.cells.iter().flat_map(|cell| cell.lines(look.now)) {
            drawn.push_str(format!("{key}   {}", sanitize::line(&value)).trim_end());
            drawn.push('\n');
            key = " ".repeat(width);
        }
    }
    drawn
}

#[cfg(test)]
mod tests;
