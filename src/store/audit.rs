//! The audit log: append-only, each row carrying the hash of the one before.
//!
//! The last event of a transaction also carries the state that the transaction left (see
//! [`integrity`]); so an event is inserted when the next one comes, or at commit, when that state
//! is known. Events from before schema 5 have no state; after one that has, all have.
//!
//! A chain alone does not notice that its end is missing, or that all of it was written anew: for
//! that a [`Head`] is kept where whoever can write the store cannot, and compared ([`against`]).

use std::ops::ControlFlow;

use sha2::{Digest, Sha256};

use super::columns::{Time, of_row, time};
use super::engine::{self, Connection, Row, ValueRef};
use super::{Error, ReadTxn, Result, WriteTxn, integrity, meta};
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::audit::{Entry, Event, EventSeq, Head, Phase};
use crate::domain::text::hex;

const GENESIS: &str = "kubegrant audit v1";

/// An event that waits for what else its transaction does.
#[derive(Debug)]
pub(super) struct Pending {
    seq: EventSeq,
    prev: String,
    /// The state before.
    state: Option<String>,
    event: Event,
}

/// The columns that are hashed, as bytes, so that a check need not copy them.
struct Fields<'a> {
    seq: i64,
    at: i64,
    actor: &'a [u8],
    acting_as: Option<&'a [u8]>,
    action: &'a [u8],
    phase: &'a [u8],
    cluster: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    detail: &'a [u8],
    request: Option<i64>,
    state: Option<&'a [u8]>,
    prev: &'a [u8],
}

impl Fields<'_> {
    /// Hashes a row: every field length-prefixed, so that no two rows hash alike by shifting bytes.
    fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        field(self.prev);
        field(&self.seq.to_be_bytes());
        field(&self.at.to_be_bytes());
        for text in [
            Some(self.actor),
            self.acting_as,
            Some(self.action),
            Some(self.phase),
            self.cluster,
            self.user,
            Some(self.detail),
        ] {
            field(text.unwrap_or_default());
            field(&[u8::from(text.is_some())]);
        }
        field(&self.request.unwrap_or(0).to_be_bytes());
        if let Some(state) = self.state {
            // As far back as schema 5: before it, no request and request 0 were the same.
            field(&[u8::from(self.request.is_some())]);
            field(state);
        }
        hex(&hasher.finalize())
    }

    fn of_row<'a>(row: &Row<'a>) -> engine::Result<Fields<'a>> {
        let bytes = |column: usize| -> engine::Result<Option<&'a [u8]>> {
            Ok(match row.get_ref(column)? {
                ValueRef::Text(bytes) => Some(bytes),
                _ => None,
            })
        };
        Ok(Fields {
            seq: row.get(0)?,
            at: row.get(1)?,
            actor: bytes(2)?.unwrap_or_default(),
            acting_as: bytes(3)?,
            action: bytes(4)?.unwrap_or_default(),
            phase: bytes(5)?.unwrap_or_default(),
            cluster: bytes(6)?,
            user: bytes(7)?,
            detail: bytes(8)?.unwrap_or_default(),
            request: row.get(9)?,
            prev: bytes(10)?.unwrap_or_default(),
            state: bytes(12)?,
        })
    }
}

/// The hash that a row has, in its column.
fn stored_hash<'a>(row: &Row<'a>) -> engine::Result<&'a [u8]> {
    Ok(match row.get_ref(11)? {
        ValueRef::Text(bytes) => bytes,
        _ => &[],
    })
}

impl Pending {
    fn insert(&self, sql: &Connection, state: &str) -> Result<String> {
        let event = &self.event;
        let fields = Fields {
            seq: self.seq.0,
            at: event.at.timestamp(),
            actor: event.actor.as_bytes(),
            acting_as: event.acting_as.as_deref().map(str::as_bytes),
            action: event.action.as_str().as_bytes(),
            phase: event.phase.as_str().as_bytes(),
            cluster: event.cluster.as_deref().map(str::as_bytes),
            user: event.user.as_deref().map(str::as_bytes),
            detail: event.detail.as_bytes(),
            request: event.request.map(|request| request.0),
            state: Some(state.as_bytes()),
            prev: self.prev.as_bytes(),
        };
        let hash = fields.hash();
        sql.execute(
            "INSERT INTO audit (seq, at, actor, acting_as, action, phase, cluster, user, detail,
               request, prev, hash, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            (
                self.seq,
                fields.at,
                &event.actor,
                &event.acting_as,
                event.action.as_str(),
                event.phase.as_str(),
                &event.cluster,
                &event.user,
                &event.detail,
                event.request,
                &self.prev,
                &hash,
                state,
            ),
        )?;
        Ok(hash)
    }
}

/// The last event: its number, its hash, and the state it left.
fn last(sql: &Connection) -> Result<Option<(EventSeq, String, Option<String>)>> {
    let query = "SELECT seq, hash, state FROM audit ORDER BY seq DESC LIMIT 1";
    Ok(sql.first(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
}

/// Appends an event; gives its sequence number.
pub(crate) fn append(tx: &WriteTxn<'_>, event: &Event) -> Result<EventSeq> {
    let (seq, prev, state) = match tx.pending.take() {
        Some(before) => {
            let state = match before.state.clone() {
                Some(state) => state,
                None => integrity::state(tx.sql())?,
            };
            let hash = before.insert(tx.sql(), &state)?;
            (before.seq.next(), hash, Some(state))
        }
        None => match last(tx.sql())? {
            Some((seq, hash, state)) => (seq.next(), hash, state),
            None => (EventSeq::FIRST, GENESIS.to_owned(), None),
        },
    };
    tx.pending.replace(Some(Pending {
        seq,
        prev,
        state,
        event: event.clone(),
    }));
    Ok(seq)
}

/// Records that the store was brought to another schema, and the state it has since; a log that
/// has not begun begins with something else.
pub(super) fn append_upgrade(sql: &Connection, detail: String, state: &str) -> Result<()> {
    let Some((seq, prev, _)) = last(sql)? else {
        return Ok(());
    };
    let at = Timestamp::from_timestamp(sql.now()?, 0).unwrap_or_default();
    let upgrade = Pending {
        seq: seq.next(),
        prev,
        state: None,
        event: Event {
            at,
            actor: "kubegrant".to_owned(),
            acting_as: None,
            action: Action::Upgrade,
            phase: Phase::Done,
            cluster: None,
            user: None,
            detail,
            request: None,
        },
    };
    upgrade.insert(sql, state).map(drop)
}

/// Inserts the last event of a transaction with the state that the transaction leaves; `false` if
/// the transaction has no event.
pub(super) fn finish(tx: &WriteTxn<'_>, state: Option<String>) -> Result<bool> {
    let Some(pending) = tx.pending.take() else {
        return match state {
            Some(_) => Err(Error::Silent),
            None => Ok(false),
        };
    };
    let state = match state.or_else(|| pending.state.clone()) {
        Some(state) => state,
        None => integrity::state(tx.sql())?,
    };
    pending.insert(tx.sql(), &state)?;
    Ok(true)
}

/// The state that the last event vouches for; `None` if that event vouches for nothing. A log
/// that has not begun vouches for the `empty` store.
pub(super) fn last_state(
    sql: &Connection,
    empty: impl FnOnce() -> Result<String>,
) -> Result<Option<String>> {
    let query = format!("SELECT {COLUMNS} FROM audit ORDER BY seq DESC LIMIT 1");
    let found = sql.first(&query, [], |row| {
        let fields = Fields::of_row(row)?;
        if fields.hash().as_bytes() != stored_hash(row)? {
            return Ok(None);
        }
        let state = fields.state.map(String::from_utf8_lossy);
        Ok(state.map(std::borrow::Cow::into_owned))
    })?;
    match found {
        Some(state) => Ok(state),
        None => empty().map(Some),
    }
}

/// When an owner last accepted or restored the store, in the organization's record.
const EPOCH: &str = "epoch";

fn epoch(tx: &ReadTxn<'_>) -> Result<i64> {
    let found = meta::find(tx, EPOCH)?;
    Ok(found.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Begins a new epoch: heads from before it say nothing any more.
pub(crate) fn begin_epoch(tx: &WriteTxn<'_>, now: Timestamp, after: Option<&Head>) -> Result<()> {
    let before = epoch(tx)?.max(after.map_or(0, |head| head.epoch));
    let next = now.timestamp().max(before + 1);
    meta::set(tx, EPOCH, &next.to_string())
}

/// Where the log stands; `None` while it is empty.
pub(crate) fn head(tx: &ReadTxn<'_>) -> Result<Option<Head>> {
    let epoch = epoch(tx)?;
    Ok(last(tx.sql())?.map(|(seq, hash, _)| Head { epoch, seq, hash }))
}

/// How the log compares with a head that was kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Against {
    /// It goes on from there.
    Fits,
    /// An owner accepted or restored the store since.
    Superseded,
    /// It ends before, or says something else there.
    Differs {
        /// What is wrong.
        why: String,
    },
}

/// Compares the log with a head that was kept elsewhere.
pub(crate) fn against(tx: &ReadTxn<'_>, kept: &Head) -> Result<Against> {
    let epoch = epoch(tx)?;
    if kept.epoch < epoch {
        return Ok(Against::Superseded);
    }
    let query = "SELECT hash FROM audit WHERE seq = ?1";
    let found: Option<String> = tx.sql().first(query, [kept.seq], |row| row.get(0))?;
    let seq = kept.seq;
    Ok(match found {
        _ if kept.epoch > epoch => Against::Differs {
            why: "it is from before it was last restored or accepted".to_owned(),
        },
        Some(hash) if hash == kept.hash => Against::Fits,
        Some(_) => Against::Differs {
            why: format!("event {seq} is not the one that was recorded"),
        },
        None => {
            let last = last(tx.sql())?.map_or(0, |(seq, ..)| seq.0);
            Against::Differs {
                why: format!("its log ends at event {last}, and event {seq} was recorded"),
            }
        }
    })
}

/// Whether a head is one of this very log, in whatever epoch: the log goes on from there.
pub(crate) fn holds(tx: &ReadTxn<'_>, head: &Head) -> Result<bool> {
    let query = "SELECT 1 FROM audit WHERE seq = ?1 AND hash = ?2";
    Ok(tx.sql().exists(query, (head.seq, &head.hash))?)
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
    /// From this event on.
    pub(crate) since_seq: Option<EventSeq>,
}

const COLUMNS: &str = "seq, at, actor, acting_as, action, phase, cluster, user, detail, request, \
     prev, hash, state";

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
         WHERE (?1 IS NULL OR user = ?1 OR actor = ?1 OR acting_as = ?1)
           AND (?2 IS NULL OR cluster = ?2)
           AND (?3 IS NULL OR action = ?3
             OR lower(action) LIKE lower(?3) || ' %' ESCAPE '\\')
           AND (?4 IS NULL OR at >= ?4) AND (?5 IS NULL OR at < ?5)
           AND (?7 IS NULL OR seq >= ?7)"
    );
    // Only the newest few must be turned round; all others come in their order.
    let sql = if filter.limit.is_some() {
        format!("SELECT * FROM ({chosen} ORDER BY seq DESC LIMIT ?6) ORDER BY seq")
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

/// Lists entries, oldest first.
pub(crate) fn list(tx: &ReadTxn<'_>, filter: &Filter) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    each(tx, filter, |entry| {
        entries.push(entry);
        Ok::<_, Error>(())
    })?;
    Ok(entries)
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
        /// Its number, or the missing one.
        seq: EventSeq,
        /// What is wrong.
        why: &'static str,
    },
}

/// Checks the chain from its first row to its last.
pub(crate) fn verify(tx: &ReadTxn<'_>) -> Result<Verdict> {
    let sql = format!("SELECT {COLUMNS} FROM audit ORDER BY seq");
    let (mut next, mut last) = (1, GENESIS.to_owned());
    let mut has_state = false;
    let mut broken = None;
    tx.sql().each(&sql, [], |row| {
        let fields = Fields::of_row(row)?;
        let hash = fields.hash();
        broken = if fields.seq != next {
            Some("a row is missing")
        } else if fields.prev != last.as_bytes() {
            Some("it does not follow the row before")
        } else if hash.as_bytes() != stored_hash(row)? {
            Some("it was changed")
        } else if has_state && fields.state.is_none() {
            Some("it vouches for no state")
        } else {
            None
        };
        if broken.is_some() {
            return Ok::<_, engine::Error>(ControlFlow::Break(()));
        }
        has_state = fields.state.is_some();
        last = hash;
        next += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    if let Some(why) = broken {
        let seq = EventSeq(next);
        return Ok(Verdict::Broken { seq, why });
    }
    Ok(Verdict::Whole {
        rows: next - 1,
        head: (next > 1).then_some(last),
    })
}

#[cfg(test)]
mod tests;
