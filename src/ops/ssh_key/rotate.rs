//! Replacing the key on every node, or going on with a replacement that was cut off.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::roll_out::{
    Heard, RollOut, RollOutWish, Work, close, failures, file_key, meant, no_nodes, ready, unique,
};
use super::{Case, NewKey, case, hand_out, insert, make, none, retire};
use crate::domain::audit::Phase;
use crate::domain::policy::ClusterAction;
use crate::domain::ssh::{KeyPair, NodeKey, Place};
use crate::nodes::Node;
use crate::ops::{Done, Error, Mode};
use crate::secrets::SshKeyKind;
use crate::session::Session;
use crate::store;

/// The keys of a cluster in their parts.
struct Keys {
    current: KeyPair,
    next: Option<KeyPair>,
    old: Vec<KeyPair>,
}

fn keys(session: &Session, case: &Case, mode: Mode) -> Result<Keys, Error> {
    let all = session
        .store()?
        .read(|tx| store::ssh_keys::list(tx, case.cluster.id))?;
    let mut by_place: BTreeMap<&str, Vec<KeyPair>> = BTreeMap::new();
    for pair in all {
        let pair = match mode {
            Mode::Plan => pair,
            Mode::Do => hand_out::resolve(session, &case.journal, &pair)?,
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
fn holders(session: &Session, keys: &[&KeyPair]) -> Result<Vec<NodeKey>, Error> {
    session.store()?.read(|tx| {
        let mut found = Vec::new();
        for key in keys {
            found.extend(store::ssh_keys::nodes(tx, key.id)?);
        }
        found.retain(NodeKey::may_hold);
        Ok(found)
    })
}

/// Marks nodes that are gone for good, so that nobody waits for them.
fn forget(session: &Session, case: &Case, nodes: &[Node]) -> Result<(), Error> {
    if nodes.is_empty() {
        return Ok(());
    }
    session.store()?.write(|tx| {
        for pair in store::ssh_keys::list(tx, case.cluster.id)? {
            for held in store::ssh_keys::nodes(tx, pair.id)? {
                let named = nodes.iter().any(|node| {
                    node.address == held.address && (node.port.is_none() || node.port == held.port)
                });
                if named && held.may_hold() {
                    let removed_at = Some(session.now());
                    store::ssh_keys::set_node(tx, &NodeKey { removed_at, ..held })?;
                }
            }
        }
        let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
        let detail = format!("nodes that are gone: {}", names.join(", "));
        case.journal
            .record(session, tx, Phase::Done, detail, None)?;
        Ok(())
    })
}

/// Replaces the cluster's key on every node, or goes on with a rotation that was cut off.
pub(crate) async fn rotate(
    session: &Session,
    wish: RollOutWish,
    mode: Mode,
    hear: &mut dyn FnMut(Heard<'_>),
) -> Result<Done<RollOut>, Error> {
    let words = "ssh-key rotate";
    let before = case(session, words, &wish.cluster, ClusterAction::ManageSshKey)?;
    let _lock = session.lock_ssh_keys(&before.cluster).await?;
    let case = case(session, words, &wish.cluster, ClusterAction::ManageSshKey)?;
    let found = keys(session, &case, mode)?;
    if mode == Mode::Do {
        forget(session, &case, &wish.forget)?;
    }
    let everywhere: Vec<&KeyPair> = std::iter::once(&found.current)
        .chain(&found.next)
        .chain(&found.old)
        .collect();
    let recorded = holders(session, &everywhere)?;
    let mut nodes = match meant(session, &case, &wish).await {
        // The nodes that hold a key are known: the cluster itself may be away.
        Err(Error::Cluster { .. } | Error::Session(_)) if !recorded.is_empty() => vec![],
        meant => meant?,
    };
    for held in recorded {
        let login_is_ours = held.login == wish.login.to_string();
        if let Some(node) = held.address.parse().ok().filter(|_| login_is_ours) {
            let node: Node = node;
            nodes.push(Node {
                port: held.port,
                ..node
            });
        }
    }
    let nodes = unique(nodes, wish.port);
    if nodes.is_empty() {
        return Err(no_nodes(&wish.cluster));
    }
    let unfinished = holders(session, &found.old.iter().collect::<Vec<_>>())?;
    // Nodes are forgotten to end a rotation, not to begin another.
    let forgets = !wish.forget.is_empty() && !found.old.is_empty();
    let resumed = found.next.is_some() || !unfinished.is_empty() || forgets;
    if mode == Mode::Plan {
        return Ok(Done::Planned(plan(&found, resumed, &nodes)));
    }
    let (new, old) = match (found.next, resumed) {
        (Some(next), _) => (next, with(found.old, found.current)),
        (None, true) => (found.current, found.old),
        (None, false) => (
            begin(session, &case, wish.kind)?,
            with(found.old, found.current),
        ),
    };
    let file = file_key(session, &wish)?;
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
        wish: &wish,
    };
    let fingerprint = work.new.pair.fingerprint.clone();
    let detail = format!("key {fingerprint} to {} nodes", nodes.len());
    let journal = &case.journal;
    let request = journal.record_alone(session, Phase::Requested, detail, None)?;
    let reports = work.bring_all(nodes, hear).await?;
    let mut owed = failures(&reports);
    owed.extend(finish(session, &case, &work)?);
    owed.sort();
    owed.dedup();
    close(session, &case, request, &reports, &owed)?;
    Ok(Done::Did(RollOut {
        cluster: case.cluster.name.clone(),
        fingerprint,
        resumed,
        reports,
        owed,
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

/// Puts aside the old keys that no node holds any more, with their sealed halves.
fn finish(session: &Session, case: &Case, work: &Work<'_>) -> Result<Vec<String>, Error> {
    if work.waits.get() {
        return Ok(vec![format!(
            "SSH key {} is on no node yet; the old one stays the cluster's key",
            work.new.pair.fingerprint
        )]);
    }
    let owed = session.store()?.write(|tx| {
        let detail = format!("key {} has taken its place", work.new.pair.fingerprint);
        case.journal
            .record(session, tx, Phase::Done, detail, None)?;
        for old in &work.old {
            retire(tx, &old.pair)?;
            let nodes = store::ssh_keys::nodes(tx, old.pair.id)?;
            if !nodes.iter().any(NodeKey::may_hold) {
                store::ssh_keys::destroy(tx, old.pair.id)?;
            }
        }
        Ok::<_, store::Error>(super::debts(tx, &case.cluster)?.all())
    })?;
    session.store()?.empty_log()?;
    Ok(owed)
}

fn plan(found: &Keys, resumed: bool, nodes: &[Node]) -> Vec<String> {
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
    lines.extend(nodes.iter().map(|node| {
        format!("put the new key on node {node}, log in with it, and remove the old one there")
    }));
    lines
}
