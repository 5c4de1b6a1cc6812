//! What people read: tables as kubectl draws them, and single records as `kubectl describe` does.

use chrono::{DateTime, Utc};
use unicode_width::UnicodeWidthStr;

use super::{View, color, sanitize, time};

/// What stands where there is nothing.
pub(crate) const NONE: &str = "<none>";

/// Formats the values of cells: times as far away on a terminal, as instants elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells {
    now: DateTime<Utc>,
    relative: bool,
}

impl Cells {
    /// Formats as seen from `now`; `relative` is for people.
    pub(crate) fn new(now: DateTime<Utc>, relative: bool) -> Self {
        Self { now, relative }
    }

    /// Writes an instant: `5m` or `in 29d` on a terminal, RFC 3339 elsewhere.
    pub(crate) fn time(&self, at: DateTime<Utc>) -> String {
        if self.relative {
            time::relative(at, self.now)
        } else {
            time::rfc3339(at)
        }
    }

    /// Writes an instant that may be missing.
    pub(crate) fn time_or_none(&self, at: Option<DateTime<Utc>>) -> String {
        at.map_or_else(|| NONE.to_owned(), |at| self.time(at))
    }

    /// Writes text, or `<none>` for nothing.
    #[expect(clippy::unused_self, reason = "every cell is written in the same way")]
    pub(crate) fn text(&self, text: &str) -> String {
        if text.is_empty() { NONE } else { text }.to_owned()
    }

    /// Writes text that may be missing.
    pub(crate) fn text_or_none(&self, text: Option<&str>) -> String {
        self.text(text.unwrap_or_default())
    }

    /// Writes several names with commas between, or `<none>`.
    pub(crate) fn list<T: AsRef<str>>(&self, names: &[T]) -> String {
        self.text(
            &names
                .iter()
                .map(AsRef::as_ref)
                .collect::<Vec<_>>()
                .join(","),
        )
    }

    /// Writes `yes` or `no`.
    #[expect(clippy::unused_self, reason = "every cell is written in the same way")]
    pub(crate) fn yes(&self, is: bool) -> String {
        if is { "yes" } else { "no" }.to_owned()
    }
}

/// Draws a view: as a record where it is one, as a table otherwise.
pub(crate) fn draw<V: View + ?Sized>(view: &V, wide: bool, cells: &Cells, colored: bool) -> String {
    let rows = view.rows(wide, cells);
    let headers = view.headers(wide);
    if view.detail() {
        return record(&headers, &rows, colored);
    }
    if rows.is_empty() {
        return String::new();
    }
    table(&headers, &rows, colored)
}

/// Draws columns, three spaces apart, never wrapped.
fn table(headers: &[&str], rows: &[Vec<String>], colored: bool) -> String {
    let headers: Vec<String> = headers.iter().map(|header| header.to_uppercase()).collect();
    let mut widths: Vec<usize> = headers.iter().map(|header| header.width()).collect();
    let mut length = 0;
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(sanitize::line(cell).width());
            length += cell.len() + 3;
        }
    }
    let mut drawn = String::with_capacity(length + length / 4);
    let mut head = String::new();
    put_line(&mut head, headers.iter().map(String::as_str), &widths);
    drawn.push_str(&color::paint(head.trim_end(), color::HEADER, colored));
    drawn.push('\n');
    for row in rows {
        put_line(&mut drawn, row.iter().map(String::as_str), &widths);
    }
    drawn
}

/// Puts the cells of a line in their columns; nothing trails.
fn put_line<'a>(drawn: &mut String, cells: impl Iterator<Item = &'a str>, widths: &[usize]) {
    let mut gap = 0;
    for (cell, width) in cells.zip(widths) {
        let cell = sanitize::line(cell);
        if !cell.is_empty() {
            drawn.extend(std::iter::repeat_n(' ', gap));
            drawn.push_str(cell.trim_end());
            gap = cell.len() - cell.trim_end().len();
        }
        gap += width - cell.width().min(*width) + 3;
    }
    drawn.push('\n');
}

/// Draws `Key:   value` lines. Rows after the first hold further lines of the same keys.
fn record(headers: &[&str], rows: &[Vec<String>], colored: bool) -> String {
    let width = headers
        .iter()
        .map(|header| header.chars().count())
        .max()
        .unwrap_or(0)
        + 1;
    let mut drawn = String::new();
    for (place, header) in headers.iter().enumerate() {
        let gap = " ".repeat(width - header.chars().count() - 1);
        let mut key = color::paint(&format!("{header}:"), color::HEADER, colored) + &gap;
        let values = rows.iter().filter_map(|row| row.get(place));
        for value in values
            .enumerate()
            .filter_map(|(n, v)| (n == 0 || !v.is_empty()).then_some(v))
        {
            drawn.push_str(format!("{key}   {}", sanitize::line(value)).trim_end());
            drawn.push('\n');
            key = " ".repeat(width);
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter()
            .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
            .collect()
    }

    #[test]
    fn a_table_looks_like_kubectls() {
        let rows = owned(&[&["prod-eu", "active", "5m"], &["p", "<none>", ""]]);
        insta::assert_snapshot!(table(&["name", "state", "age"], &rows, false), @r"
        NAME      STATE    AGE
        prod-eu   active   5m
        p         <none>
        ");
    }

    #[test]
    fn columns_stand_straight_under_wide_letters() {
        let rows = owned(&[&["陈", "a"], &["Zoë", "b"]]);
        insta::assert_snapshot!(table(&["name", "x"], &rows, false), @r"
        NAME   X
        陈     a
        Zoë    b
        ");
    }

    #[test]
    fn long_cells_are_not_wrapped() {
        let long = "x".repeat(400);
        let rows = owned(&[&[&long, "a b c"]]);
        assert_eq!(table(&["name", "note"], &rows, false).lines().count(), 2);
    }

    #[test]
    fn a_cell_cannot_make_a_line_or_a_colour() {
        let rows = owned(&[&["a\nb", "\u{1b}[31mred"]]);
        insta::assert_snapshot!(table(&["name", "note"], &rows, false), @r"
        NAME   NOTE
        a\nb   \u{1b}[31mred
        ");
    }

    #[test]
    fn a_record_is_read_down_the_page() {
        let rows = owned(&[&["prod", "kube-system", ""], &["", "vault"]]);
        insta::assert_snapshot!(record(&["Name", "Held back", "Note"], &rows, false), @r"
        Name:        prod
        Held back:   kube-system
                     vault
        Note:
        ");
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let rows = owned(&[&["prod"]]);
        let plain = table(&["name"], &rows, false);
        let colored = table(&["name"], &rows, true);
        assert_eq!(
            colored.replace("\u{1b}[1m", "").replace("\u{1b}[0m", ""),
            plain
        );
        assert_ne!(colored, plain);
    }

    #[test]
    fn cells_say_times_to_people_and_to_machines() {
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(Cells::new(now, true).time(now), "0s");
        assert_eq!(Cells::new(now, false).time(now), "1970-01-01T00:00:00Z");
        assert_eq!(Cells::new(now, true).time_or_none(None), "<none>");
        assert_eq!(Cells::new(now, true).list::<&str>(&[]), "<none>");
    }
}
