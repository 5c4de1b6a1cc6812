//! What people see of a view: columns, each a header and what stands under it.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::time::{self, Time};
use crate::domain::text::rfc3339;

/// What stands where there is nothing.
pub(crate) const NONE: &str = "<none>";

/// A value under a header. How a time is written depends on who reads it.
#[derive(Clone, Debug)]
pub(crate) enum Cell<'a> {
    /// Text, which may come from anywhere.
    Text(Cow<'a, str>),
    /// `5m` or `in 29d` on a terminal, RFC 3339 elsewhere.
    Time(Time),
    /// Several values in one, with nothing between.
    Joined(Vec<Cell<'a>>),
    /// A line each in a record.
    Lines(Vec<String>),
}

impl Cell<'_> {
    /// The lines as they are read; times from `now` where a person reads them.
    pub(super) fn lines(&self, now: Option<DateTime<Utc>>) -> Vec<Cow<'_, str>> {
        match self {
            Self::Lines(lines) if !lines.is_empty() => {
                lines.iter().map(|line| Cow::Borrowed(&**line)).collect()
            }
            Self::Lines(_) => vec![NONE.into()],
            Self::Text(_) | Self::Time(_) | Self::Joined(_) => vec![self.text(now)],
        }
    }

    /// The value in one line.
    pub(super) fn text(&self, now: Option<DateTime<Utc>>) -> Cow<'_, str> {
        match (self, now) {
            (Self::Text(text), _) => Cow::Borrowed(text),
            (Self::Time(Time(at)), Some(now)) => time::relative(*at, now).into(),
            (Self::Time(Time(at)), None) => rfc3339(*at).into(),
            (Self::Joined(cells), now) => {
                let texts = cells.iter().map(|cell| cell.text(now));
                texts.collect::<String>().into()
            }
            (Self::Lines(_), now) => self.lines(now).join("; ").into(),
        }
    }

    /// Tells nothing from something: an absent value and an empty text both read `<none>`.
    fn or_none(self) -> Self {
        match self {
            Self::Text(text) if text.is_empty() => NONE.into(),
            cell => cell,
        }
    }
}

impl<'a, 't: 'a> From<&'t str> for Cell<'a> {
    fn from(text: &'t str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Cell<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl From<Time> for Cell<'_> {
    fn from(at: Time) -> Self {
        Self::Time(at)
    }
}

impl From<bool> for Cell<'_> {
    fn from(is: bool) -> Self {
        if is { "yes" } else { "no" }.into()
    }
}

impl From<u32> for Cell<'_> {
    fn from(number: u32) -> Self {
        number.to_string().into()
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        number.to_string().into()
    }
}

impl From<usize> for Cell<'_> {
    fn from(number: usize) -> Self {
        number.to_string().into()
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(NONE.into(), |value| value.into().or_none())
    }
}

impl<'a> From<&'a Option<String>> for Cell<'a> {
    fn from(text: &'a Option<String>) -> Self {
        text.as_ref().into()
    }
}

impl From<&Vec<String>> for Cell<'_> {
    fn from(names: &Vec<String>) -> Self {
        Self::from(names.join(",")).or_none()
    }
}

impl<'a, const N: usize> From<[Cell<'a>; N]> for Cell<'a> {
    fn from(parts: [Cell<'a>; N]) -> Self {
        Self::Joined(parts.into())
    }
}

/// When a column is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Always,
    /// With `-o wide` only.
    Wide,
    /// Without `-o wide` only: a wide column says more.
    Narrow,
}

/// A header and the cells under it.
#[derive(Debug)]
pub(super) struct Column<'a> {
    pub(super) header: &'static str,
    shown: Shown,
    pub(super) cells: Vec<Cell<'a>>,
}

/// A table in the making, whose rows are still at hand.
///
/// ```text
/// Table::of(lines)
///     .col("USER", |line| &line.user)
///     .wide("BY", |line| &line.granted_by)
///     .named(|line| format!("access/{}", line.user))
/// ```
#[derive(Debug)]
pub(crate) struct Draft<'a, R> {
    rows: Vec<R>,
    columns: Vec<Column<'a>>,
    is_record: bool,
}

impl<'a, R: Copy> Draft<'a, R> {
    /// Adds a column.
    pub(crate) fn col<C: Into<Cell<'a>>>(
        self,
        header: &'static str,
        cell: impl Fn(R) -> C,
    ) -> Self {
        self.put(header, Shown::Always, cell)
    }

    /// Adds a column that only `-o wide` shows.
    pub(crate) fn wide<C: Into<Cell<'a>>>(
        self,
        header: &'static str,
        cell: impl Fn(R) -> C,
    ) -> Self {
        self.put(header, Shown::Wide, cell)
    }

    /// Adds a column that `-o wide` does not show, because a wide column says more.
    pub(crate) fn narrow<C: Into<Cell<'a>>>(
        self,
        header: &'static str,
        cell: impl Fn(R) -> C,
    ) -> Self {
        self.put(header, Shown::Narrow, cell)
    }

    /// Adds a column that is left out where no row has a value.
    pub(crate) fn some<C: Into<Cell<'a>>>(
        self,
        header: &'static str,
        cell: impl Fn(R) -> Option<C>,
    ) -> Self {
        if self.rows.iter().any(|row| cell(*row).is_some()) {
            self.col(header, cell)
        } else {
            self
        }
    }

    fn put<C: Into<Cell<'a>>>(
        mut self,
        header: &'static str,
        shown: Shown,
        cell: impl Fn(R) -> C,
    ) -> Self {
        let cells = self.rows.iter().map(|row| cell(*row).into()).collect();
        self.columns.push(Column {
            header,
            shown,
            cells,
        });
        self
    }

    /// Ends with a name for each row, such as `cluster/prod`, for `-o name`.
    pub(crate) fn named(self, name: impl Fn(R) -> String) -> Table<'a> {
        let names = self.rows.iter().map(|row| name(*row)).collect();
        self.names(names)
    }

    /// Ends with names for `-o name` where a row has not one each.
    pub(crate) fn names(self, names: Vec<String>) -> Table<'a> {
        Table {
            columns: self.columns,
            names,
            empty: None,
            is_record: self.is_record,
        }
    }
}

/// What people see of a view.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    columns: Vec<Column<'a>>,
    pub(super) names: Vec<String>,
    pub(super) empty: Option<Cow<'a, str>>,
    pub(super) is_record: bool,
}

impl<'a> Table<'a> {
    /// Begins a table with these rows.
    pub(crate) fn of<R: Copy>(rows: impl IntoIterator<Item = R>) -> Draft<'a, R> {
        Draft {
            rows: rows.into_iter().collect(),
            columns: Vec::new(),
            is_record: false,
        }
    }

    /// Begins a single thing that is read down the page, as `Key:   value` lines.
    pub(crate) fn record<R: Copy>(row: R) -> Draft<'a, R> {
        Draft {
            is_record: true,
            ..Self::of([row])
        }
    }

    /// Says in a sentence that a list is empty, for stderr.
    pub(crate) fn empty(self, sentence: impl Into<Cow<'a, str>>) -> Self {
        Self {
            empty: Some(sentence.into()),
            ..self
        }
    }

    /// The columns to draw.
    pub(super) fn columns(&self, wide: bool) -> impl Iterator<Item = &Column<'a>> {
        let left_out = if wide { Shown::Narrow } else { Shown::Wide };
        let columns = self.columns.iter();
        columns.filter(move |column| column.shown != left_out)
    }
}
