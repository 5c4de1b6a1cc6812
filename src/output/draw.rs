//! Draws tables as kubectl does, and records as `kubectl describe` does.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use comfy_table::{ColumnConstraint, ContentArrangement, Width, presets};
use unicode_width::UnicodeWidthStr;

use super::table::{Column, Table};
use super::{color, sanitize};

/// What stands between two columns.
const GAP: u16 = 3;

/// How many rows are wrapped at most. Wrapping costs some 25 times what plain columns do: 10,000 rows
/// take 26 ms and not 1 ms, and nobody reads them.
const WRAPPED_ROWS_MAX: usize = 1000;

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Whether columns that only `-o wide` shows are drawn.
    pub(super) wide: bool,
    /// Whether headers are coloured.
    pub(super) colored: bool,
    /// The present instant, where a person reads and times are told from it.
    pub(super) now: Option<DateTime<Utc>>,
    /// How many columns of letters a terminal has; `None` elsewhere.
    pub(super) width: Option<u16>,
}

/// Draws the next rows of a long table, below those before: columns are as wide as they were, and wider
/// where they must be. The first rows have a header.
pub(super) fn draw_on(table: &Table<'_>, look: Look, widths: &mut Option<Vec<usize>>) -> String {
    let columns = table.columns(look.wide);
    let mut columns: Vec<_> = columns.map(|column| Texts::of(column, look)).collect();
    for (column, before) in columns.iter_mut().zip(widths.iter().flatten()) {
        column.width = column.width.max(*before);
    }
    let is_first = widths.is_none();
    *widths = Some(columns.iter().map(|column| column.width).collect());
    let mut drawn = if is_first {
        header(&columns, look)
    } else {
        String::new()
    };
    put_rows(&mut drawn, &columns);
    drawn
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
    let fits = |width: u16| table_width(&columns, |it| it.width) <= usize::from(width);
    match look.width {
        Some(width) if !fits(width) && columns[0].cells.len() <= WRAPPED_ROWS_MAX => {
            if table_width(&columns, least) <= usize::from(width) {
                wrapped(&columns, look, width).unwrap_or_else(|| plain(&columns, look))
            } else if look.wide {
                plain(&columns, look)
            } else {
                stacked(&columns, look, width)
            }
        }
        _ => plain(&columns, look),
    }
}

/// How wide a table is whose columns are so wide.
fn table_width(columns: &[Texts<'_>], width: impl Fn(&Texts<'_>) -> usize) -> usize {
    let all: usize = columns.iter().map(|it| width(it) + usize::from(GAP)).sum();
    all.saturating_sub(usize::from(GAP))
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

/// How wide a column has to be: no word is cut, as a name or a number that is cut is another one.
fn least(column: &Texts<'_>) -> usize {
    let words = column.cells.iter().flat_map(|cell| cell.split(' '));
    let longest = words.map(UnicodeWidthStr::width).max().unwrap_or(0);
    longest.max(column.header.width())
}

/// Draws columns as wide as a terminal allows, which is no less than they must be: what is longer is wrapped
/// at its words. Nothing where a column is wider than any terminal.
fn wrapped(columns: &[Texts<'_>], look: Look, width: u16) -> Option<String> {
    let mut table = comfy_table::Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        // The gap behind the last column needs no room.
        .set_width(width.saturating_add(GAP))
        .set_header(columns.iter().map(|column| &column.header));
    for (drawn, column) in table.column_iter_mut().zip(columns) {
        // Wider than a terminal can be: it counts with the padding.
        u16::try_from(column.width).ok()?.checked_add(2 * GAP)?;
        drawn.set_padding((0, GAP));
        let least = u16::try_from(least(column)).ok()?;
        drawn.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least + GAP)));
    }
    for row in 0..columns[0].cells.len() {
        table.add_row(columns.iter().map(|column| &*column.cells[row]));
    }
    let lines = table.lines().enumerate().map(|(at, line)| {
        let is_colored = at == 0 && look.colored;
        color::paint(line.trim_end(), color::HEADER, is_colored) + "\n"
    });
    Some(lines.collect())
}

/// Draws one row below the other, each cell on a line of its own, for a terminal that is too narrow for columns.
fn stacked(columns: &[Texts<'_>], look: Look, width: u16) -> String {
    let keys = columns.iter().map(|it| it.header.width());
    let indent = keys.max().unwrap_or(0) + usize::from(GAP);
    let room = usize::from(width).saturating_sub(indent);
    let mut drawn = String::new();
    for row in 0..columns[0].cells.len() {
        if row > 0 {
            drawn.push('\n');
        }
        for column in columns {
            let gap = indent - column.header.width();
            let key = color::paint(&column.header, color::HEADER, look.colored);
            let lines = folded(&column.cells[row], room);
            let cell = lines.join(&format!("\n{}", " ".repeat(indent)));
            let line = format!("{key}{}{cell}", " ".repeat(gap));
            drawn.push_str(line.trim_end());
            drawn.push('\n');
        }
    }
    drawn
}

/// The lines of a text in so much room; a word that is longer has one of its own.
fn folded(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Draws columns with spaces between, never wrapped.
fn plain(columns: &[Texts<'_>], look: Look) -> String {
    let mut drawn = header(columns, look);
    put_rows(&mut drawn, columns);
    drawn
}

fn header(columns: &[Texts<'_>], look: Look) -> String {
    let mut head = String::new();
    put_line(&mut head, columns, |column| &column.header);
    color::paint(head.trim_end(), color::HEADER, look.colored) + "\n"
}

fn put_rows(drawn: &mut String, columns: &[Texts<'_>]) {
    for row in 0..columns.first().map_or(0, |column| column.cells.len()) {
        put_line(drawn, columns, |column| &column.cells[row]);
    }
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
        gap += column.width - cell.width() + usize::from(GAP);
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
