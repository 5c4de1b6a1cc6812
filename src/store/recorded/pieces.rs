//! What is said of many rows, in several events.
//!
//! Whoever relies on the log reads its last event as a whole, as its hash is over all of it: what comes last is
//! short, whatever an owner accepts or an upgrade begins with.

use std::collections::BTreeMap;

use super::{Base, Change, Row, Rows, row_of};

/// How many rows one event says at most.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct AtMost {
    /// Each: some megabytes.
    pub(super) rows: usize,
    /// The last one: about 100 KB, which are read and hashed in half a millisecond.
    pub(super) of_last: usize,
}

/// What is written.
pub(in crate::store) const AT_MOST: AtMost = AtMost {
    rows: 10_000,
    of_last: 500,
};

impl AtMost {
    /// How many rows each event says of so many. At least one event.
    fn sizes(self, rows: usize) -> impl Iterator<Item = usize> {
        let before = rows.saturating_sub(self.of_last);
        let full = std::iter::repeat_n(self.rows, before / self.rows);
        let rest = before % self.rows;
        full.chain((rest > 0).then_some(rest))
            .chain([rows - before])
    }
}

/// Rows by their tables, one by one.
fn one_by_one(rows: BTreeMap<String, Vec<Row>>) -> impl Iterator<Item = (String, Row)> {
    let rows = rows.into_iter();
    rows.flat_map(|(name, rows)| rows.into_iter().map(move |row| (name.clone(), row)))
}

impl Change {
    /// The same in pieces, which are to be applied in their order.
    pub(in crate::store) fn into_pieces(self, at_most: AtMost) -> impl Iterator<Item = Self> {
        let rows = [&self.removed, &self.set].into_iter().flatten();
        let rows: usize = rows.map(|(_, rows)| rows.len()).sum();
        let (mut removed, mut set) = (one_by_one(self.removed), one_by_one(self.set));
        at_most.sizes(rows).map(move |size| {
            let mut piece = Self::default();
            for _ in 0..size {
                if let Some((name, row)) = removed.next() {
                    piece.removed.entry(name).or_default().push(row);
                } else if let Some((name, row)) = set.next() {
                    piece.set.entry(name).or_default().push(row);
                }
            }
            piece
        })
    }
}

impl Rows {
    /// All rows in pieces: what a log is told that knows none. At least one.
    pub(in crate::store) fn into_base(self, at_most: AtMost) -> impl Iterator<Item = Change> {
        let rows: usize = self.0.values().map(BTreeMap::len).sum();
        let of = at_most.sizes(rows).count();
        let all = self.0.into_iter();
        let mut all = all.flat_map(|(name, rows)| rows.into_values().map(move |row| (name, row)));
        (1..).zip(at_most.sizes(rows)).map(move |(part, size)| {
            let mut change = Change {
                base: Some(Base { of, part }),
                ..Change::default()
            };
            for (name, text) in all.by_ref().take(size) {
                let rows = change.set.entry(name.to_owned()).or_default();
                rows.push(row_of(&text));
            }
            change
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_event_is_short() {
        let of = |rows| AT_MOST.sizes(rows).collect::<Vec<_>>();
        assert_eq!(of(0), [0]);
        assert_eq!(of(500), [500]);
        assert_eq!(of(501), [1, 500]);
        assert_eq!(of(10_500), [10_000, 500]);
        assert_eq!(of(20_501), [10_000, 10_000, 1, 500]);
    }

    #[test]
    fn pieces_say_what_the_whole_says() {
        let row = |id: usize| Row::from([("id".to_owned(), id.into())]);
        let rows = |name: &str, ids: std::ops::Range<usize>| {
            BTreeMap::from([(name.to_owned(), ids.map(row).collect::<Vec<_>>())])
        };
        let whole = Change {
            base: None,
            removed: rows("users", 0..300),
            set: rows("clusters", 0..11_000),
        };
        let pieces: Vec<Change> = whole.clone().into_pieces(AT_MOST).collect();
        assert_eq!(pieces.len(), 3);
        let mut together = Change::default();
        for piece in pieces {
            for (from, to) in [
                (piece.removed, &mut together.removed),
                (piece.set, &mut together.set),
            ] {
                for (name, rows) in from {
                    to.entry(name).or_default().extend(rows);
                }
            }
        }
        assert_eq!(together, whole);
    }
}
