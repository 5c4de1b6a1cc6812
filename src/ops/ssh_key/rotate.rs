//! Replacing the key on every node, or going on with a replacement that was cut off.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::candidates::{Consent, Meant, meant, recorded};
use super::roll_out::{
    Heard, RollOut, RollOutWish, Work, close, failures, file_key, forget, no_nodes, ready,
};
use super::{Case, NewKey, case, hand_out, insert, make, none, retire};
use crate::domain::audit::Phase;
use crate::domain::policy::ClusterAction;
use crate::domain::ssh::{KeyPair, NodeKey, Place};
use crate::ops::{Done, Error, Intent, Unasked};
use crate::secrets::SshKeyKind;
use crate::session::{App, Session};
use crate::store;

/// The keys of a cluster in their parts.
struct Keys {
    current: KeyPair,
    next: Option<KeyPair>,
    old: Vec<KeyPair>,
}

fn keys(app: &App, case: &Case, intent: Intent<Unasked>) -> Result<Keys, Error> {
    let all = app
        .store()?
        .read(|tx| store::ssh_keys::list(tx, case.cluster.id))?;
    let mut by_place: BTreeMap<&str, Vec<KeyPair>> = BTreeMap::new();
    for pair in all {
        let pair = match intent {
            Intent::Preview => pair,
            Intent::Perform(_) => hand_out::resolve(app, &case.journal, &pair)?,
        };
        by_place.entry(pair.place.as_str()).or_default().push(pair);
    }
    let mut take = |place: Place| by_place.remove(place.as_str()).unwrap_or_default();
    Ok(Keys {
        current: take(Place::Current)
            .pop()
            .ok_or_else(|| none(&case.cluster.name))?,
        next: take(Place::Next).pop(),
        old: take(Place::Old),
    })
}

/// The nodes that may hold one of these keys, as far as is recorded.
fn holders(app: &App, keys: &[&KeyPair]) -> Result<Vec<NodeKey>, Error> {
    app.store()?.read(|tx| {
        let mut found = Vec::new();
        for key in keys {
            found.extend(store::ssh_keys::nodes(tx, key.id)?);
        }
        found.retain(NodeKey::may_hold);
        Ok(found)
    })
}

/// Replaces the cluster's key on every node, or goes on with a rotation that was cut off.
pub(crate) async fn rotate(
    session: &Session,
    wish: &RollOutWish,
    intent: &Intent<Unasked>,
    consent: Consent,
    hear: &mut dyn FnMut(Heard<'_>),
) -> Result<Done<RollOut>, Error> {
    let words = "ssh-key rotate";
    let before = case(session, words, &wish.cluster, ClusterAction::ManageSshKey)?;
    let _lock = session.lock_ssh_keys(&before.cluster).await?;
    let case = case(session, words, &wish.cluster, ClusterAction::ManageSshKey)?;
    let found = keys(session, &case, *intent)?;
    if !intent.is_preview() {
        forget(session, &case, &wish.forget)?;
    }
    let recorded = recorded(session, &case.cluster)?;
    let mut meant = meant(session, &case, wish, &recorded, true).await?;
    if meant.is_empty() {
        return Err(no_nodes(&wish.cluster));
    }
    let unfinished = holders(session, &found.old.iter().collect::<Vec<_>>())?;
    // Nodes are forgotten to end a rotation, not to begin another.
    let forgets = !wish.forget.is_empty() && !found.old.is_empty();
    // A key that nobody has is still on its way to nodes that were away or left out.
    let is_fresh = found.current.custody.is_held() && !is_doubted(session, &found.current)?;
    let on_its_way = is_fresh && !found.old.is_empty();
    let resumed = found.next.is_some() || !unfinished.is_empty() || forgets || on_its_way;
    if intent.is_preview() {
        return Ok(Done::planned(plan(&found, resumed, &meant)));
    }
    meant.agree(&wish.cluster, consent)?;
    if meant.targets.is_empty() {
        // No key is made that nobody would get.
        let left = meant.left_out.iter();
        let left = left.map(|left| format!("node '{}' is left out: {}", left.name, left.why));
        return Err(Error::Forbidden {
            why: left.collect::<Vec<_>>().join("; "),
            hint: "name the nodes with `--node ADDRESS`".to_owned(),
        });
    }
    let (new, old) = match (found.next, resumed) {
        (Some(next), _) => (next, with(found.old, found.current)),
        (None, true) => (found.current, found.old),
        (None, false) => (
            begin(session, &case, wish.kind)?,
            with(found.old, found.current),
        ),
    };
    let file = file_key(session, wish)?;
    let old = old
        .into_iter()
        .map(|pair| ready(session, &case.cluster, pair, file.as_ref()))
        .collect::<Result<Vec<_>, _>>()?;
    let work = Work {
        session,
        waits: Cell::new(new.place == Place::Next),
        new: ready(session, &case.cluster, new, file.as_ref())?,
        old,
        case: &case,
        wish,
    };
    let fingerprint = work.new.pair.fingerprint.clone();
    let detail = format!("key {fingerprint} to {} nodes", meant.targets.len());
    let journal = &case.journal;
    let request = journal.record_alone(session, Phase::Requested, detail, None)?;
    let reports = work.bring_all(&meant, hear).await?;
    let mut pending = failures(&reports, &meant);
    let left = finish(session, &case, &work, pending.is_empty())?;
    pending.extend(left);
    pending.sort();
    pending.dedup();
    close(session, &case, request, &reports, &pending)?;
    Ok(Done::Did(RollOut {
        cluster: case.cluster.name.clone(),
        fingerprint,
        resumed,
        reports,
        unasked: meant.unasked,
        pending,
    }))
}

fn with(mut old: Vec<KeyPair>, current: KeyPair) -> Vec<KeyPair> {
    old.push(current);
    old
}

/// Makes the next key, known before any node can hold it.
fn begin(session: &Session, case: &Case, kind: SshKeyKind) -> Result<KeyPair, Error> {
    let key = make(session, &case.cluster.name, kind)?;
    session.store()?.write(|tx| {
        let new = NewKey {
            key: &key,
            imported: false,
            place: Place::Next,
        };
        insert(session, tx, (&case.cluster, &case.actor), &new)?;
        let detail = format!("new key {} ({})", key.fingerprint(), key.kind());
        case.journal
            .record(session, tx, Phase::Requested, detail, None)?;
        let next = store::ssh_keys::find(tx, case.cluster.id, Place::Next)?;
        next.ok_or_else(|| none(&case.cluster.name))
    })
}

/// Since a restore, or an owner's word for the store, nobody knows who has it.
fn is_doubted(app: &App, pair: &KeyPair) -> Result<bool, Error> {
    let doubted = app
        .store()?
        .read(|tx| store::ssh_keys::doubted_at(tx, pair.id))?;
    Ok(doubted.is_some())
}

/// Puts aside the old keys that no node holds any more, with their sealed halves; all of them, if
/// every node was seen.
fn finish(
    app: &App,
    case: &Case,
    work: &Work<'_>,
    is_everywhere: bool,
) -> Result<Vec<String>, Error> {
    if work.waits.get() {
        return Ok(vec![format!(
            "SSH key {} is on no node yet; the old one stays the cluster's key",
            work.new.pair.fingerprint
        )]);
    }
    let pending = app.store()?.write(|tx| {
        let detail = format!("key {} has taken its place", work.new.pair.fingerprint);
        case.journal.record(app, tx, Phase::Done, detail, None)?;
        for old in &work.old {
            if !is_everywhere {
                // A node that was not seen may hold it: by its image, or by somebody's hand.
                store::ssh_keys::set_place(tx, old.pair.id, Place::Old)?;
                continue;
            }
            retire(tx, &old.pair)?;
            let nodes = store::ssh_keys::nodes(tx, old.pair.id)?;
            if !nodes.iter().any(NodeKey::may_hold) {
                store::ssh_keys::destroy(tx, old.pair.id)?;
            }
        }
        // Those that have not got it yet are named with the reason already.
        let pending = super::pending_on(tx, &case.cluster)?;
        Ok::<_, store::Error>([pending.here, pending.on_nodes].concat())
    })?;
    app.store()?.empty_log()?;
    Ok(pending)
}

fn plan(found: &Keys, resumed: bool, meant: &Meant) -> Vec<String> {
    let mut lines = Vec::new();
    if resumed {
        let new = found.next.as_ref().unwrap_or(&found.current);
        lines.push(format!(
            "go on with the rotation to SSH key {}",
            new.fingerprint
        ));
    } else {
        lines.push("make a new SSH key".to_owned());
    }
    lines.extend(meant.targets.iter().map(|target| {
        format!("put the new key on node {target}, log in with it, and remove the old one there")
    }));
    lines.extend(meant.remarks());
    lines
}
