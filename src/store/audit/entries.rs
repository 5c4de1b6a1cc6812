//! Events as they are listed and exported.

use std::ops::ControlFlow;

use super::COLUMNS;
use crate::domain::Timestamp;
use crate::domain::audit::{Entry, EventSeq};
use crate::store::columns::{Time, of_row, time};
use crate::store::engine::{self, Row};
use crate::store::{Error, ReadTxn};

/// What to list.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// About this user, or by this user.
    pub(crate) user: Option<String>,
    /// About this cluster.
    pub(crate) cluster: Option<String>,
    /// Actions that begin with this.
    pub(crate) action: Option<String>,
    /// Not before.
    pub(crate) since: Option<Timestamp>,
    /// Before.
    pub(crate) until: Option<Timestamp>,
    /// At most so many, the newest.
    pub(crate) limit: Option<u32>,
    /// From this event on.
    pub(crate) since_seq: Option<EventSeq>,
}

fn entry(row: &Row<'_>) -> engine::Result<Entry> {
    Ok(Entry {
        seq: row.get(0)?,
        at: time(row, 1)?,
        actor: row.get(2)?,
        acting_as: row.get(3)?,
        action: row.get(4)?,
        phase: row.get(5)?,
        cluster: row.get(6)?,
        user: row.get(7)?,
        detail: row.get(8)?,
        request: row.get(9)?,
        prev: row.get(10)?,
        hash: row.get(11)?,
        state: row.get(12)?,
        signer: row.get(13)?,
        change: row.get(14)?,
        signature: row.get(15)?,
    })
}

/// Hands entries over one by one, oldest first.
pub(crate) fn each<E: From<Error>>(
    tx: &ReadTxn<'_>,
    filter: &Filter,
    mut hand: impl FnMut(Entry) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let chosen = format!(
        "SELECT {COLUMNS} FROM audit
         WHERE (CAST(?1 AS TEXT) IS NULL OR user = ?1 OR actor = ?1 OR acting_as = ?1)
           AND (CAST(?2 AS TEXT) IS NULL OR cluster = ?2)
           AND (CAST(?3 AS TEXT) IS NULL OR action = ?3
             OR lower(action) LIKE lower(?3) || ' %' ESCAPE '\\')
           AND (CAST(?4 AS BIGINT) IS NULL OR at >= ?4) AND (CAST(?5 AS BIGINT) IS NULL OR at < ?5)
           AND (CAST(?7 AS BIGINT) IS NULL OR seq >= ?7)"
    );
    // Only the newest few must be turned round; all others come in their order.
    let sql = if filter.limit.is_some() {
        format!("SELECT * FROM ({chosen} ORDER BY seq DESC LIMIT ?6) AS newest ORDER BY seq")
    } else {
        format!("{chosen} ORDER BY seq LIMIT ?6")
    };
    let given = (
        &filter.user,
        &filter.cluster,
        &filter.action,
        filter.since.map(Time),
        filter.until.map(Time),
        filter.limit.map_or(i64::MAX, i64::from),
        filter.since_seq,
    );
    tx.sql()
        .each(&sql, given, |row| {
            let entry = entry(row).map_err(|error| Failed::Store(of_row("event", error)));
            hand(entry?).map_err(Failed::Hand)?;
            Ok(ControlFlow::Continue(()))
        })
        .map_err(|failed| match failed {
            Failed::Store(error) => error.into(),
            Failed::Hand(error) => error,
        })
}

/// Why entries were not handed over.
enum Failed<E> {
    /// They could not be read.
    Store(Error),
    /// Whoever they were handed to would not have them.
    Hand(E),
}

impl<E> From<engine::Error> for Failed<E> {
    fn from(error: engine::Error) -> Self {
        Self::Store(error.into())
    }
}
