//! The audit log: append-only, each row carrying the hash of the one before.

use rusqlite::{OptionalExtension, Row};
use sha2::{Digest, Sha256};

use super::{ReadTxn, Result, WriteTxn, time};
use crate::domain::Timestamp;
use crate::domain::audit::{Entry, Event};

const GENESIS: &str = "kubegrant audit v1";

/// Hashes a row: every field length-prefixed, so that no two rows hash alike by shifting bytes.
fn hash(seq: i64, event: &Fields<'_>, prev: &str) -> String {
    let mut hasher = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    field(prev.as_bytes());
    field(&seq.to_be_bytes());
    field(&event.at.to_be_bytes());
    for text in [
        Some(event.actor),
        event.acting_as,
        Some(event.action),
        Some(event.phase),
    ] {
        field(text.map_or(&[][..], str::as_bytes));
        field(&[u8::from(text.is_some())]);
    }
    for text in [event.cluster, event.user, Some(event.detail)] {
        field(text.map_or(&[][..], str::as_bytes));
        field(&[u8::from(text.is_some())]);
    }
    field(&event.request.unwrap_or(0).to_be_bytes());
    hasher
        .finalize()
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            use std::fmt::Write as _;
            // Writing to a String cannot fail.
            let _written = write!(text, "{byte:02x}");
            text
        })
}

struct Fields<'a> {
    at: i64,
    actor: &'a str,
    acting_as: Option<&'a str>,
    action: &'a str,
    phase: &'a str,
    cluster: Option<&'a str>,
    user: Option<&'a str>,
    detail: &'a str,
    request: Option<i64>,
}

/// Appends an event; gives its sequence number.
pub(crate) fn append(tx: &WriteTxn<'_>, event: &Event) -> Result<i64> {
    let last: Option<(i64, String)> = tx
        .sql()
        .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (seq, prev) = last.map_or((1, GENESIS.to_owned()), |(seq, hash)| (seq + 1, hash));
    let fields = Fields {
        at: event.at.timestamp(),
        actor: &event.actor,
        acting_as: event.acting_as.as_deref(),
        action: event.action,
        phase: event.phase.as_str(),
        cluster: event.cluster.as_deref(),
        user: event.user.as_deref(),
        detail: &event.detail,
        request: event.request,
    };
    let hash = hash(seq, &fields, &prev);
    tx.sql()
        .prepare_cached(
            "INSERT INTO audit (seq, at, actor, acting_as, action, phase, cluster, user, detail,
               request, prev, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(rusqlite::params![
            seq,
            fields.at,
            fields.actor,
            fields.acting_as,
            fields.action,
            fields.phase,
            fields.cluster,
            fields.user,
            fields.detail,
            fields.request,
            prev,
            hash,
        ])?;
    Ok(seq)
}

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
}

fn raw(row: &Row<'_>) -> rusqlite::Result<(Entry, i64, String)> {
    let entry = Entry {
        seq: row.get(0)?,
        at: Timestamp::UNIX_EPOCH,
        actor: row.get(2)?,
        acting_as: row.get(3)?,
        action: row.get(4)?,
        phase: row.get(5)?,
        cluster: row.get(6)?,
        user: row.get(7)?,
        detail: row.get(8)?,
        request: row.get(9)?,
        hash: row.get(11)?,
    };
    Ok((entry, row.get(1)?, row.get(10)?))
}

const COLUMNS: &str = "seq, at, actor, acting_as, action, phase, cluster, user, detail, request, \
     prev, hash";

/// Lists entries, oldest first.
pub(crate) fn list(tx: &ReadTxn<'_>, filter: &Filter) -> Result<Vec<Entry>> {
    let sql = format!(
        "SELECT * FROM (SELECT {COLUMNS} FROM audit
         WHERE (?1 IS NULL OR user = ?1 OR actor = ?1 OR acting_as = ?1)
           AND (?2 IS NULL OR cluster = ?2)
           AND (?3 IS NULL OR action = ?3 OR action LIKE ?3 || ' %' ESCAPE '\\')
           AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR at < ?5)
         ORDER BY seq DESC LIMIT ?6) ORDER BY seq"
    );
    let mut statement = tx.sql().prepare_cached(&sql)?;
    let rows = statement
        .query_map(
            rusqlite::params![
                filter.user,
                filter.cluster,
                filter.action,
                filter.since.map(|at| at.timestamp()),
                filter.until.map(|at| at.timestamp()),
                filter.limit.map_or(-1, i64::from),
            ],
            raw,
        )?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    rows.into_iter()
        .map(|(entry, at, _)| {
            Ok(Entry {
                at: time(at)?,
                ..entry
            })
        })
        .collect()
}

/// What a check of the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every row is as it was written; the last hash, if there is a row.
    Whole {
        /// How many rows.
        rows: i64,
        /// The last hash.
        head: Option<String>,
    },
    /// The first row that is not as it was written.
    Broken {
        /// Its sequence number, or the missing one.
        seq: i64,
        /// What is wrong.
        why: &'static str,
    },
}

/// Checks the chain from its first row to its last.
pub(crate) fn verify(tx: &ReadTxn<'_>) -> Result<Verdict> {
    let sql = format!("SELECT {COLUMNS} FROM audit ORDER BY seq");
    let mut statement = tx.sql().prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let (mut next, mut last) = (1, GENESIS.to_owned());
    while let Some(row) = rows.next()? {
        let (entry, at, prev) = raw(row)?;
        if entry.seq != next {
            return Ok(Verdict::Broken {
                seq: next,
                why: "a row is missing",
            });
        }
        if prev != last {
            return Ok(Verdict::Broken {
                seq: next,
                why: "it does not follow the row before",
            });
        }
        let fields = Fields {
            at,
            actor: &entry.actor,
            acting_as: entry.acting_as.as_deref(),
            action: &entry.action,
            phase: &entry.phase,
            cluster: entry.cluster.as_deref(),
            user: entry.user.as_deref(),
            detail: &entry.detail,
            request: entry.request,
        };
        if hash(next, &fields, &prev) != entry.hash {
            return Ok(Verdict::Broken {
                seq: next,
                why: "it was changed",
            });
        }
        last = entry.hash;
        next += 1;
    }
    Ok(Verdict::Whole {
        rows: next - 1,
        head: (next > 1).then_some(last),
    })
}
