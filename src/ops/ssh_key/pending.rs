//! What is not done yet about a cluster's SSH keys, and what they leave behind.

use sha2::{Digest, Sha256};

use crate::artifact::file::{FileError, read_bounded};
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::cluster::Cluster;
use crate::domain::rows::Rows;
use crate::domain::ssh::{Custody, KeyPair, KeyPlace, NodeKey};
use crate::domain::text;
use crate::domain::user::UserId;
use crate::ops::Error;
use crate::ops::journal::Journal;
use crate::secrets::KEY_BYTES_MAX;
use crate::session::{App, Session};
use crate::store;

/// What is pending about a cluster's keys.
#[derive(Debug, Default)]
pub(in crate::ops) struct PendingKeys {
    /// What `reconcile` finds out: hand-outs that were cut off.
    pub(in crate::ops) here: Vec<String>,
    /// What a rotation does: what is not yet true on nodes.
    pub(in crate::ops) on_nodes: Vec<String>,
    /// Nodes that have not got the key yet, or were left out.
    pub(in crate::ops) wanted: Vec<String>,
}

impl PendingKeys {
    pub(super) fn all(self) -> Vec<String> {
        [self.here, self.on_nodes, self.wanted].concat()
    }
}

/// A node of a key, as words name it: with the login, for it is part of the place.
fn place(node: &NodeKey) -> String {
    format!("{}@{}", node.login, node.node())
}

/// What is pending about a cluster's keys, in words.
pub(in crate::ops) fn pending_on(
    tx: &store::ReadTxn<'_>,
    cluster: &Cluster,
) -> store::Result<PendingKeys> {
    let mut pending = PendingKeys::default();
    let name = &cluster.name;
    let keys = store::ssh_keys::list(tx, cluster.id)?;
    let is_rotating = keys
        .iter()
        .any(|pair| matches!(pair.place, KeyPlace::Next | KeyPlace::Old));
    let verb = if is_rotating { "rotate" } else { "install" };
    for pair in &keys {
        let print = &pair.fingerprint;
        if pair.custody == Custody::Claimed {
            let path = pair.claim.as_ref().and_then(|claim| claim.path.clone());
            pending.here.push(format!(
                "the hand-out of SSH key {print} to `{}` was cut off",
                path.unwrap_or_default().display()
            ));
        }
        if pair.place == KeyPlace::Next {
            pending.on_nodes.push(format!(
                "SSH key {print} is on no node yet: `kubegrant ssh-key rotate {name}` goes on"
            ));
        }
        for node in store::ssh_keys::nodes(tx, pair.id)? {
            if !node.may_hold() {
                continue;
            }
            let place = place(&node);
            // Where the private half is here, it was tried, or should have been.
            let is_seen = node.proven_at.is_some()
                || (node.installed_at.is_some() && !pair.custody.is_held());
            match pair.place {
                KeyPlace::Old => pending.on_nodes.push(format!(
                    "node {place} may still accept the old SSH key {print}: `kubegrant ssh-key \
                     rotate {name}` goes on"
                )),
                KeyPlace::Current if !is_seen => pending.wanted.push(format!(
                    "SSH key {print} is not seen to work on node {place}: `kubegrant ssh-key \
                     {verb} {name}` goes on"
                )),
                KeyPlace::Current | KeyPlace::Next | KeyPlace::Gone => {}
            }
        }
    }
    for (node, why) in store::ssh_keys::left_out(tx, cluster.id)? {
        let what = if node.is_empty() {
            format!("the cluster could not be asked which nodes it has: {why}")
        } else {
            format!("node '{node}' was left out of the SSH key: {why}")
        };
        pending
            .wanted
            .push(format!("{what}; `kubegrant ssh-key {verb} {name}` goes on"));
    }
    Ok(pending)
}

/// The SSH keys of a cluster that somebody could once open here, and can again with a backup: taken
/// or destroyed since, and still accepted by nodes. In words.
pub(in crate::ops) fn once_open_to(
    tx: &store::ReadTxn<'_>,
    cluster: &Cluster,
    user: UserId,
) -> store::Result<Vec<String>> {
    let mut words = Vec::new();
    for pair in store::ssh_keys::list(tx, cluster.id)? {
        let is_over = pair.custody.is_held() || pair.place == KeyPlace::Gone;
        if is_over || !store::ssh_keys::recipients(tx, pair.id)?.contains(&user) {
            continue;
        }
        words.push(format!(
            "SSH key {} of cluster '{1}', and still can with a backup from before it was taken \
             (`kubegrant ssh-key rotate {1}` replaces it)",
            pair.fingerprint, cluster.name
        ));
    }
    Ok(words)
}

/// The same on all clusters.
pub(in crate::ops) fn once_open_anywhere(app: &App, user: UserId) -> Result<Vec<String>, Error> {
    let words = app.store()?.read(|tx| {
        let mut words = Vec::new();
        for cluster in store::clusters::list(tx)? {
            words.extend(once_open_to(tx, &cluster, user)?);
        }
        Ok::<_, store::Error>(words)
    })?;
    Ok(words)
}

/// What a deleted cluster's keys leave behind, in words.
pub(in crate::ops) fn left_behind(
    tx: &store::ReadTxn<'_>,
    cluster: &Cluster,
) -> store::Result<Vec<String>> {
    let mut left = Vec::new();
    for pair in store::ssh_keys::list(tx, cluster.id)? {
        for node in store::ssh_keys::nodes(tx, pair.id)? {
            if node.may_hold() {
                left.push(format!(
                    "SSH key {} on node {}",
                    pair.fingerprint,
                    place(&node)
                ));
            }
        }
    }
    Ok(left)
}

/// Resolves a hand-out that was cut off, under the lock; what cannot be told stays claimed.
pub(in crate::ops) async fn resolve_claim(
    app: &App,
    cluster: &Cluster,
    journal: &Journal,
) -> Result<(), Error> {
    let claimed = |tx: &store::ReadTxn<'_>| {
        let keys = store::ssh_keys::list(tx, cluster.id)?;
        Ok::<_, Error>(keys.into_iter().find(|it| it.custody == Custody::Claimed))
    };
    if app.store()?.read(claimed)?.is_none() {
        return Ok(());
    }
    let _lock = app.lock_ssh_keys(cluster).await?;
    if let Some(pair) = app.store()?.read(claimed)? {
        // What cannot be told is shown as pending, and refused where somebody wants the key.
        resolve(app, journal, &pair)?;
    }
    Ok(())
}

/// What tells a complete file from another.
pub(super) fn digest(bytes: &[u8]) -> String {
    text::hex(&Sha256::digest(bytes))
}

/// Resolves all hand-outs of a cluster's keys that were cut off. The caller holds the lock.
pub(super) fn resolve_all(session: &Session, command: Action, rows: &Rows) -> Result<(), Error> {
    let cluster = &rows.only().map_err(Error::Refused)?.cluster;
    let journal = Journal::new(&session.principal()?, command).cluster(cluster);
    for pair in &rows.ssh_keys {
        resolve(session, &journal, pair)?;
    }
    Ok(())
}

/// Resolves a hand-out that was cut off: the file that is there, or is not, says how far it came.
///
/// The caller holds the lock, so nobody is at it any more. Gives the key as it stands then.
pub(super) fn resolve(app: &App, journal: &Journal, pair: &KeyPair) -> Result<KeyPair, Error> {
    let (Custody::Claimed, Some(claim)) = (pair.custody, &pair.claim) else {
        return Ok(pair.clone());
    };
    let path = claim.path.clone().unwrap_or_default();
    let mut pair = pair.clone();
    match read_bounded(&path, 2 * KEY_BYTES_MAX) {
        Ok(bytes) if digest(&bytes) == claim.digest => {
            app.store()?.write(|tx| {
                store::ssh_keys::complete(tx, pair.id)?;
                let detail = format!(
                    "a hand-out that was cut off is complete: key {} is in `{}`",
                    pair.fingerprint,
                    path.display()
                );
                journal.record(app, tx, Phase::Done, detail, None)
            })?;
            app.store()?.empty_log()?;
            pair.custody = Custody::Downloaded;
        }
        Err(FileError::Missing { .. } | FileError::NoDirectory { .. }) => {
            app.store()?.write(|tx| {
                store::ssh_keys::release(tx, pair.id)?;
                let detail = format!(
                    "a hand-out that was cut off wrote nothing: there is no `{}`, and key {} can \
                     still be taken",
                    path.display(),
                    pair.fingerprint
                );
                journal.record(app, tx, Phase::Failed, detail, None)
            })?;
            pair.custody = Custody::Available;
            pair.claim = None;
        }
        // Another file, or one that cannot be read: it cannot be told. It stays claimed.
        Ok(_) | Err(_) => {}
    }
    Ok(pair)
}
