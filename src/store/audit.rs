//! The audit log: append-only, each row carrying the hash of the one before.
//!
//! The last event of a transaction also carries the state that the transaction left (see
//! [`integrity`]); so an event is inserted when the next one comes, or at commit, when that state
//! is known. Events from before schema 5 have no state; after one that has, all have.
//!
//! Whoever acts signs the hash of each event with their identity, from schema 13 on: who knows this program, and holds
//! nobody's identity, appends nothing ([`verify`](mod@verify) says by whose keys). Only the event of the upgrade to that
//! schema has no signature, and after it every other must have one. With the state the last event of a transaction
//! also carries what changed ([`recorded`]).
//!
//! A chain alone does not notice that its end is missing, or that all of it was written anew: for
//! that a [`Head`] is kept where whoever can write the store cannot, and compared ([`against`]).

mod entries;
mod fields;
pub(crate) mod verify;

use std::sync::Arc;

use self::fields::{Fields, stored_hash, stored_signature};
use super::engine::{self, Connection, Row, ToValue};
use super::recorded::{self, Base, Change, Tables};
use super::{Error, ReadTxn, Result, WriteTxn, integrity, meta};
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::audit::{Event, EventSeq, Head, Phase};
use crate::domain::user::UserId;
use crate::secrets::{Signer, Verifier};

pub(crate) use entries::{Filter, each};
pub(crate) use verify::{Verdict, verify};

const GENESIS: &str = "kubegrant audit v1";
/// What signatures under events are for, as `ssh-keygen -Y verify -n` wants it.
pub(crate) const NAMESPACE: &str = "kubegrant-audit";
/// The schema since which events are signed and say what changed.
pub(super) const SIGNED_SINCE: i64 = 13;

/// An event that waits for what else its transaction does.
#[derive(Debug)]
pub(super) struct Pending {
    seq: EventSeq,
    prev: String,
    /// The state before.
    state: Option<String>,
    event: Event,
    /// Who signs it; nobody where this program itself records an upgrade.
    signer: Option<Arc<Signer>>,
}

impl Pending {
    fn insert(&self, sql: &Connection, state: &str, change: Option<&str>) -> Result<String> {
        let event = &self.event;
        let signer = self.signer.as_deref().map(Signer::key);
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
            signer: signer.map(str::as_bytes),
            change: change.map(str::as_bytes),
        };
        let hash = fields.hash();
        let signature = self
            .signer
            .as_ref()
            .and_then(|it| it.sign(NAMESPACE, &hash));
        let signature = signature.as_ref().map(<[u8; 64]>::as_slice);
        let (action, phase) = (event.action.as_str(), event.phase.as_str());
        let values: Vec<&dyn ToValue> = vec![
            &self.seq,
            &fields.at,
            &event.actor,
            &event.acting_as,
            &action,
            &phase,
            &event.cluster,
            &event.user,
            &event.detail,
            &event.request,
            &self.prev,
            &hash,
            &state,
            &signer,
            &change,
            &signature,
        ];
        sql.execute(
            "INSERT INTO audit (seq, at, actor, acting_as, action, phase, cluster, user, detail,
               request, prev, hash, state, signer, change, signature)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            values,
        )?;
        Ok(hash)
    }
}

/// The last event: its number, its hash, and the state it left.
fn last(sql: &Connection) -> Result<Option<(EventSeq, String, Option<String>)>> {
    let query = "SELECT seq, hash, state FROM audit ORDER BY seq DESC LIMIT 1";
    Ok(sql.first(query, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
}

/// Checks that whoever signs does so with the key that is their user's when the transaction begins.
fn check_key(tx: &WriteTxn<'_>, user: UserId, signer: &Signer) -> Result<()> {
    let mut checked = tx.signers.borrow_mut();
    if checked.contains(&user) {
        return Ok(());
    }
    let key = "SELECT key FROM users WHERE id = ?1";
    let key: Option<Option<String>> = tx.sql().first(key, [user], |row| row.get(0))?;
    if key.flatten().as_deref() != Some(signer.key()) {
        return Err(Error::KeyReplaced);
    }
    checked.insert(user);
    Ok(())
}

/// Appends an event of whoever holds this identity, who is this user; gives its sequence number.
///
/// The first event of a transaction comes before its user's key changes in it: it is signed with the key of before.
pub(crate) fn append(
    tx: &WriteTxn<'_>,
    event: &Event,
    user: UserId,
    signer: &Arc<Signer>,
) -> Result<EventSeq> {
    check_key(tx, user, signer)?;
    // Before anybody's key changes in it.
    vouched(tx)?;
    let (seq, prev, state) = match tx.pending.take() {
        Some(before) => {
            let state = match before.state.clone() {
                Some(state) => state,
                None => integrity::state(tx.sql())?,
            };
            let hash = before.insert(tx.sql(), &state, None)?;
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
        signer: Some(Arc::clone(signer)),
    }));
    Ok(seq)
}

/// Records that the store was brought to another schema, the state it has since, and all of its rows as they stand: from
/// here on the log says what changes, and who signs it. A log that has not begun begins with something else.
pub(super) fn append_upgrade(sql: &Connection, detail: &str, state: &str) -> Result<()> {
    let Some((mut seq, mut prev, _)) = last(sql)? else {
        return Ok(());
    };
    let at = Timestamp::from_timestamp(sql.now()?, 0).unwrap_or_default();
    for change in recorded::Rows::of_store(sql)?.into_base(recorded::AT_MOST) {
        seq = seq.next();
        let detail = match change.base {
            Some(Base { of, part }) if of > 1 => format!("{detail} ({part} of {of})"),
            _ => detail.to_owned(),
        };
        let upgrade = Pending {
            seq,
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
            signer: None,
        };
        prev = upgrade.insert(sql, state, Some(&change.to_text()?))?;
    }
    Ok(())
}

/// What a transaction recorded.
pub(super) struct Finished {
    /// Whether it has an event.
    pub(super) has_event: bool,
    /// The tables whose recorded rows it changed.
    pub(super) changed: Tables,
}

/// Inserts the last event of a transaction with the state that the transaction leaves, and what it changed.
pub(super) fn finish(tx: &WriteTxn<'_>, state: Option<String>) -> Result<Finished> {
    let change = recorded::take(tx.sql())?;
    let changed = change.as_ref().map(Change::tables).unwrap_or_default();
    let Some(pending) = tx.pending.take() else {
        return if state.is_some() || change.is_some() {
            Err(Error::Silent)
        } else {
            Ok(Finished {
                has_event: false,
                changed,
            })
        };
    };
    let finished = Finished {
        has_event: true,
        changed,
    };
    let state = match state.or_else(|| pending.state.clone()) {
        Some(state) => state,
        None => integrity::state(tx.sql())?,
    };
    if tx.accepted.get() {
        // What somebody else changed no event says: these say all that the log does not.
        insert_pieces(tx.sql(), pending, &state, verify::untold(tx)?)?;
        return Ok(finished);
    }
    let change = change.as_ref().map(Change::to_text).transpose()?;
    pending.insert(tx.sql(), &state, change.as_deref())?;
    Ok(finished)
}

/// Inserts an event that says much, as several: the first tells why.
///
/// Whoever signs them has the same key before and after them: what an owner accepts is not their own record.
fn insert_pieces(sql: &Connection, first: Pending, state: &str, change: Change) -> Result<()> {
    let mut next = first;
    for (part, piece) in (1..).zip(change.into_pieces(recorded::AT_MOST)) {
        if part > 1 {
            next.event.detail = format!("part {part} of what was accepted");
        }
        next.prev = next.insert(sql, state, Some(&piece.to_text()?))?;
        next.seq = next.seq.next();
    }
    Ok(())
}

/// The state that the last event before a transaction vouches for.
pub(super) fn vouched(tx: &ReadTxn<'_>) -> Result<Option<String>> {
    if let Some(vouched) = tx.vouched.get() {
        return Ok(vouched.clone());
    }
    let vouched = last_state(tx.sql(), || integrity::empty_state(tx.sql()))?;
    Ok(tx.vouched.get_or_init(|| vouched).clone())
}

/// The state that the last event vouches for; `None` if that event vouches for nothing, or nobody vouches for it. A log
/// that has not begun vouches for the `empty` store.
pub(super) fn last_state(
    sql: &Connection,
    empty: impl FnOnce() -> Result<String>,
) -> Result<Option<String>> {
    last_state_of(sql, SIGNED_SINCE, empty)
}

/// The last event, as far as it must be looked at to know whether it vouches for its state.
struct Last {
    /// Its state; none where it is not as it was written.
    state: Option<String>,
    hash: String,
    signer: Option<String>,
    signature: Option<Vec<u8>>,
    actor: String,
    change: Option<String>,
    begins_to_say: bool,
}

impl Last {
    fn of_row(row: &Row<'_>) -> engine::Result<Self> {
        let fields = Fields::of_row(row)?;
        let hash = fields.hash();
        let is_whole = hash.as_bytes() == stored_hash(row)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self {
            state: fields.state.filter(|_| is_whole).map(text),
            hash,
            signer: fields.signer.map(text),
            signature: stored_signature(row)?.map(<[u8]>::to_vec),
            actor: text(fields.actor),
            change: fields.change.map(text),
            begins_to_say: fields.begins_to_say(),
        })
    }
}

/// The same of a store of an earlier schema.
pub(super) fn last_state_of(
    sql: &Connection,
    schema: i64,
    empty: impl FnOnce() -> Result<String>,
) -> Result<Option<String>> {
    let is_signed = schema >= SIGNED_SINCE;
    let columns = if is_signed { COLUMNS } else { COLUMNS_12 };
    let query = format!("SELECT {columns} FROM audit ORDER BY seq DESC LIMIT 1");
    let Some(last) = sql.first(&query, [], Last::of_row)? else {
        return empty().map(Some);
    };
    if is_signed && !is_vouched_for(sql, &last)? {
        return Ok(None);
    }
    Ok(last.state)
}

/// Whether the last event is signed with a key of its actor's, or is this program's own where nothing is signed yet.
///
/// Whose keys are whose is taken from the table here: that a log is whole, [`mod@verify`] tells.
fn is_vouched_for(sql: &Connection, last: &Last) -> Result<bool> {
    let Some(signer) = &last.signer else {
        let signed = "SELECT 1 FROM audit WHERE signer IS NOT NULL LIMIT 1";
        return Ok(last.begins_to_say && !sql.exists(signed, [])?);
    };
    let signature = last.signature.as_deref();
    let is_signed = Verifier::of(signer)
        .zip(signature)
        .is_some_and(|(key, signature)| key.has_signed(NAMESPACE, &last.hash, signature));
    if !is_signed {
        return Ok(false);
    }
    let user = "SELECT id, key FROM users WHERE name = ?1";
    let user: Option<(i64, Option<String>)> =
        sql.first(user, [&last.actor], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(user.is_some_and(|(id, key)| {
        let change = last.change.as_deref().and_then(Change::parse);
        // One that changes the key of whoever did it is signed with the one of before.
        key.as_ref() == Some(signer) || change.is_some_and(|it| verify::sets_key_of(id, &it))
    }))
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

const COLUMNS: &str = "seq, at, actor, acting_as, action, phase, cluster, user, detail, request, \
     prev, hash, state, signer, change, signature";
/// The same of a store in which nothing was signed yet.
const COLUMNS_12: &str = "seq, at, actor, acting_as, action, phase, cluster, user, detail, request, \
     prev, hash, state, NULL, NULL, NULL";

#[cfg(test)]
mod tests;
