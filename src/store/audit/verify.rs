//! Going through a log from its first event: whether it is whole, by whose keys it is signed, and what it tells.
//!
//! Whose key is whose the log itself says: the first event brings its first user, who signs it; the event of an upgrade
//! to the first schema that knows signatures has all users as they stood; and from there on whoever changes a key says
//! so in an event that is signed with a key of before. An event is good whose signature is of the key that was its
//! actor's then. So a key that was replaced stays good for what it signed, and for nothing after it. And nobody makes
//! themselves an owner by an event of their own: who changes the users was an owner or admin before.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::fields::{Fields, stored_hash, stored_signature};
use super::{COLUMNS, GENESIS, NAMESPACE};
use crate::domain::Timestamp;
use crate::domain::audit::EventSeq;
use crate::secrets::Verifier;
use crate::store::recorded::{Base, Change, Part, Row, Rows, UNTOLD};
use crate::store::{ReadTxn, Result, engine};

/// What a check of the whole log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every event is as it was written and signed; the last hash, if there is an event.
    Whole {
        /// How many events.
        rows: i64,
        /// The last hash.
        head: Option<String>,
        /// From which event on all are signed, and the log tells the rows that decide something: the first after an
        /// upgrade that began it. `None` while there is no event.
        signed_from: Option<EventSeq>,
    },
    /// The first event that is not as it was written.
    Broken {
        /// Its number, or the missing one.
        seq: EventSeq,
        /// What is wrong.
        why: &'static str,
    },
}

/// Until when a log is asked what it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// The end.
    End,
    /// The state after this event.
    Seq(EventSeq),
    /// The state after the last event that is not later than this.
    Time(Timestamp),
}

/// What a log tells.
#[derive(Debug)]
pub(crate) struct Told {
    /// Whether it is whole.
    pub(crate) verdict: Verdict,
    /// The rows that it tells at the end of what was asked for; `None` where events did not say any yet.
    pub(crate) rows: Option<Rows>,
    /// The last event that counts for that.
    pub(crate) at: Option<(EventSeq, Timestamp)>,
}

/// Checks the log from its first event to its last.
pub(crate) fn verify(tx: &ReadTxn<'_>) -> Result<Verdict> {
    Ok(told(tx, Until::End)?.verdict)
}

/// Checks the log from its first event to its last, and says what it tells.
pub(crate) fn told(tx: &ReadTxn<'_>, until: Until) -> Result<Told> {
    let sql = format!("SELECT {COLUMNS} FROM audit ORDER BY seq");
    let mut walk = Walk::default();
    let (mut told, mut at, mut is_over, mut broken) = (None, None, false, None);
    tx.sql().each(&sql, [], |row| {
        let fields = Fields::of_row(row)?;
        let seq = EventSeq(walk.events + 1);
        let time = Timestamp::from_timestamp(fields.at, 0).unwrap_or_default();
        is_over = is_over
            || match until {
                Until::End => false,
                Until::Seq(last) => seq > last,
                Until::Time(last) => time > last,
            };
        if is_over && told.is_none() {
            told = Some(walk.told());
        }
        if let Err(why) = walk.step(&fields, stored_hash(row)?, stored_signature(row)?) {
            broken = Some(Verdict::Broken { seq, why });
            return Ok::<_, engine::Error>(ControlFlow::Break(()));
        }
        if !is_over {
            at = Some((seq, time));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if let Some(verdict) = broken {
        let rows = told.flatten();
        return Ok(Told { verdict, rows, at });
    }
    let verdict = walk.verdict();
    let rows = match told {
        Some(told) => told,
        None => walk.into_told(),
    };
    Ok(Told { verdict, rows, at })
}

/// What the rows are more than the log tells.
pub(super) fn untold(tx: &ReadTxn<'_>) -> Result<Change> {
    let told = told(tx, Until::End)?.rows.unwrap_or_default();
    told.change_to_store(tx.sql())
}

/// The tables whose rows are not what the log tells.
pub(crate) fn differing(tx: &ReadTxn<'_>, told: Rows) -> Result<Vec<&'static str>> {
    told.differing(tx.sql())
}

/// Whether a change is one of a user's key.
pub(super) fn sets_key_of(user: i64, change: &Change) -> bool {
    let mut users = change.set.get("users").into_iter().flatten();
    let id = |row: &Row| row.get("id").and_then(serde_json::Value::as_i64);
    users.any(|row| row.contains_key("key") && id(row) == Some(user))
}

/// A walk through a log.
#[derive(Default)]
struct Walk {
    /// How many events there were.
    events: i64,
    /// The hash of the last.
    last: Option<String>,
    has_state: bool,
    /// From which event on all are signed, once that is known.
    signed_from: Option<i64>,
    /// The piece of all rows that was said last, while more must follow.
    base: Option<Base>,
    rows: Rows,
    /// The users by their numbers: their names and keys.
    users: BTreeMap<i64, (String, Option<String>)>,
    /// Their numbers by their names.
    numbers: BTreeMap<String, i64>,
    verifiers: BTreeMap<String, Option<Verifier>>,
}

impl Walk {
    fn step(
        &mut self,
        fields: &Fields<'_>,
        stored_hash: &[u8],
        signature: Option<&[u8]>,
    ) -> std::result::Result<(), &'static str> {
        let seq = self.events + 1;
        if fields.seq != seq {
            return Err("a row is missing");
        }
        if fields.prev != self.last.as_deref().unwrap_or(GENESIS).as_bytes() {
            return Err("it does not follow the row before");
        }
        let hash = fields.hash();
        if hash.as_bytes() != stored_hash {
            return Err("it was changed");
        }
        if self.has_state && fields.state.is_none() {
            return Err("it vouches for no state");
        }
        let change = match fields.change.map(str::from_utf8) {
            None => None,
            Some(Ok(text)) => Some(Change::parse(text).ok_or(UNTOLD)?),
            Some(Err(_)) => return Err(UNTOLD),
        };
        match fields.signer {
            Some(_) => self.signed(seq, fields, &hash, signature, change)?,
            None => self.unsigned(seq, fields, change)?,
        }
        self.has_state = fields.state.is_some();
        self.last = Some(hash);
        self.events = seq;
        Ok(())
    }

    /// An event without a signature: of before, or this program's own word on where signatures begin.
    fn unsigned(
        &mut self,
        seq: i64,
        fields: &Fields<'_>,
        change: Option<Change>,
    ) -> std::result::Result<(), &'static str> {
        if self.signed_from.is_some() {
            return Err("it is not signed");
        }
        let Some(change) = change else {
            let is_within = self.base.is_some();
            return if is_within { Err(UNTOLD) } else { Ok(()) };
        };
        let base = change.base.filter(|_| fields.begins_to_say());
        let base = base.ok_or("it is not signed")?;
        let before = self.base.unwrap_or(Base {
            of: base.of,
            part: 0,
        });
        if base.of != before.of || base.part != before.part + 1 || base.part > base.of {
            return Err(UNTOLD);
        }
        self.apply(change)?;
        self.base = Some(base);
        if base.part == base.of {
            (self.base, self.signed_from) = (None, Some(seq + 1));
        }
        Ok(())
    }

    /// An event that somebody signed.
    fn signed(
        &mut self,
        seq: i64,
        fields: &Fields<'_>,
        hash: &str,
        signature: Option<&[u8]>,
        change: Option<Change>,
    ) -> std::result::Result<(), &'static str> {
        if change.as_ref().is_some_and(|it| it.base.is_some()) {
            return Err(UNTOLD);
        }
        let change = if self.signed_from.is_none() {
            if seq != 1 {
                return Err("it is signed, and no event before it says whose key is whose");
            }
            // It brings the first user, who signs it.
            self.signed_from = Some(seq);
            self.apply(change.unwrap_or_default())?;
            None
        } else {
            change
        };
        let signer = fields.signer().unwrap_or_default();
        if self.key_of(fields.actor()) != Some(signer) {
            return Err("it is signed with a key that was not its actor's then");
        }
        let verifier = self
            .verifiers
            .entry(signer.to_owned())
            .or_insert_with(|| Verifier::of(signer));
        let is_good = verifier
            .as_ref()
            .zip(signature)
            .is_some_and(|(key, signature)| key.has_signed(NAMESPACE, hash, signature));
        if !is_good {
            return Err("its signature is not of the key that it names");
        }
        let Some(change) = change else {
            return Ok(());
        };
        let is_admins = self.is_admins(fields.actor()) && self.is_admins(fields.whose_rights());
        if !is_admins && !self.is_anybodys(fields, &change) {
            return Err(
                "it changes who the users are, and its actor was neither owner nor admin then",
            );
        }
        self.apply(change)
    }

    fn key_of(&self, name: &str) -> Option<&str> {
        self.users.get(self.numbers.get(name)?)?.1.as_deref()
    }

    /// Whether a user was an active owner or admin.
    fn is_admins(&self, name: &str) -> bool {
        let user = self.numbers.get(name).map(|id| [Part::Number(*id)]);
        let user = user.and_then(|key| self.rows.get("users", &key));
        user.is_some_and(|user| {
            let is_admin = ["admin", "owner"]
                .iter()
                .any(|role| user.get("role") == Some(&(*role).into()));
            is_admin && user.get("active") == Some(&1.into())
        })
    }

    /// Whether a change is one that needs no owner or admin: it leaves alone who the users are, what they are, and what
    /// is the organization's, but for somebody's own key, and the address that a server says of itself. Whoever acts for
    /// somebody else changes their key only as an owner or admin: a server does not.
    fn is_anybodys(&self, fields: &Fields<'_>, change: &Change) -> bool {
        let may_for_them = fields.acting_as.is_none() || self.is_admins(fields.actor());
        let is_own = |row: &Row| {
            let number = row.get("id").and_then(serde_json::Value::as_i64);
            let theirs = self.numbers.get(fields.whose_rights()).copied();
            number.is_some() && number == theirs && may_for_them
        };
        let holder = self
            .numbers
            .get(fields.actor())
            .map(|id| [Part::Number(*id)]);
        let is_server = holder.is_some_and(|key| self.rows.has("servers", &key));
        let mut of = [&change.set, &change.removed].into_iter().flatten();
        of.all(|(table, rows)| {
            rows.iter().all(|row| match table.as_str() {
                "users" => {
                    let is_key = |column: &String| column == "id" || column.starts_with("key");
                    // A row that goes has nothing but its key.
                    row.contains_key("key") && row.keys().all(is_key) && is_own(row)
                }
                "servers" | "oidc_links" => false,
                "meta" => is_server && row.get("key") == Some(&"public_url".into()),
                _ => true,
            })
        })
    }

    fn apply(&mut self, change: Change) -> std::result::Result<(), &'static str> {
        let number = |row: &Row| row.get("id").and_then(serde_json::Value::as_i64);
        let of_users = |rows: &BTreeMap<String, Vec<Row>>| -> Vec<i64> {
            rows.get("users")
                .into_iter()
                .flatten()
                .filter_map(number)
                .collect()
        };
        let touched = [of_users(&change.removed), of_users(&change.set)].concat();
        self.rows.apply(change)?;
        for id in &touched {
            // The name may be another's already, where one change is said in several events.
            if let Some((name, _)) = self.users.remove(id)
                && self.numbers.get(&name) == Some(id)
            {
                self.numbers.remove(&name);
            }
        }
        for id in touched {
            let Some(row) = self.rows.get("users", &[Part::Number(id)]) else {
                continue;
            };
            let text = |column: &str| {
                row.get(column)
                    .and_then(|it| it.as_str())
                    .map(str::to_owned)
            };
            let (name, key) = (text("name").ok_or(UNTOLD)?, text("key"));
            self.numbers.insert(name.clone(), id);
            self.users.insert(id, (name, key));
        }
        Ok(())
    }

    fn tells(&self) -> bool {
        self.signed_from.is_some()
    }

    /// What it tells so far.
    fn told(&self) -> Option<Rows> {
        self.tells().then(|| self.rows.clone())
    }

    fn into_told(self) -> Option<Rows> {
        self.tells().then_some(self.rows)
    }

    fn verdict(&self) -> Verdict {
        if self.base.is_some() {
            return Verdict::Broken {
                seq: EventSeq(self.events + 1),
                why: "the upgrade before it is not whole",
            };
        }
        if self.events > 0 && self.signed_from.is_none() {
            return Verdict::Broken {
                seq: EventSeq(self.events),
                why: "it is not signed",
            };
        }
        Verdict::Whole {
            rows: self.events,
            head: self.last.clone(),
            signed_from: self.signed_from.map(EventSeq),
        }
    }
}
