//! The SSH key of a cluster's nodes: make, import, show, hand out once, bring to the nodes.
//!
//! A key's private half goes `available → claimed → downloaded`, or is destroyed; the store's
//! triggers refuse every other step. All of it happens under the lock of the cluster's SSH keys,
//! which is not the cluster's own: nodes may be slow, and a revocation never waits for them.

mod candidates;
mod giving;
mod hand_out;
mod outcome;
mod roll_out;
mod rotate;

pub(crate) use candidates::Consent;
pub(crate) use hand_out::{Destination, HandOut, HandedOut, download};
pub(crate) use roll_out::{Heard, RollOut, RollOutWish, install};
pub(crate) use rotate::rotate;

pub(crate) use crate::nodes::{Login, Node};
pub(crate) use crate::secrets::{SecretString, SshKey, SshKeyKind};

use std::path::Path;

use zeroize::Zeroizing;

use super::journal::Journal;
use super::{Done, Error, Intent, Unasked, find, reseal};
use crate::domain::Timestamp;
use crate::domain::audit::Phase;
use crate::domain::cluster::Cluster;
use crate::domain::name::ClusterName;
use crate::domain::policy::ClusterAction;
use crate::domain::sealed::{SealedSecret, Which};
use crate::domain::ssh::{Custody, KeyPair, NodeKey, Place, SshKeyId};
use crate::domain::user::UserId;
use crate::secrets::KEY_BYTES_MAX;
use crate::session::{App, Principal, Session};
use crate::store::ssh_keys::NewSshKey;
use crate::store::{self, WriteTxn};

/// A wish about a cluster's SSH key, after the rules were asked.
struct Case {
    actor: Principal,
    journal: Journal,
    cluster: Cluster,
}

fn case(
    session: &Session,
    words: &'static str,
    name: &ClusterName,
    action: ClusterAction,
) -> Result<Case, Error> {
    let actor = find::principal(session, words)?;
    let journal = Journal::new(&actor, words);
    let found = find::cluster(session, &actor, &journal, name, action)?;
    let journal = journal.cluster(&found.cluster);
    Ok(Case {
        actor,
        journal,
        cluster: found.cluster,
    })
}

/// The comment of a cluster's keys.
fn comment(name: &ClusterName) -> String {
    format!("kubegrant:{name}")
}

/// Makes a pair for a cluster, in memory.
pub(crate) fn make(app: &App, name: &ClusterName, kind: SshKeyKind) -> Result<SshKey, Error> {
    let seed = Zeroizing::new(app.random());
    SshKey::generate(kind, &seed, &comment(name)).map_err(Error::SshKey)
}

/// Reads a private key from a file, in memory; `ask` gives its passphrase.
pub(crate) fn read_file(
    session: &Session,
    name: &ClusterName,
    path: &Path,
    ask: &mut dyn FnMut() -> Option<SecretString>,
) -> Result<SshKey, Error> {
    let given = session.workspace.read_given(path, KEY_BYTES_MAX)?;
    SshKey::import(&given.bytes, &comment(name), ask).map_err(|source| Error::SshKeyFile {
        path: path.to_owned(),
        source,
    })
}

/// Where a new key came from, and which part it will play.
struct NewKey<'a> {
    key: &'a SshKey,
    imported: bool,
    place: Place,
}

/// Seals a key and inserts it, in the transaction that decides it.
fn insert(
    app: &App,
    tx: &WriteTxn<'_>,
    (cluster, actor): (&Cluster, &Principal),
    given: &NewKey<'_>,
) -> Result<SshKeyId, Error> {
    let installation = store::meta::installation(tx)?;
    let new = NewSshKey {
        cluster: cluster.id,
        generation: store::ssh_keys::next_generation(tx, cluster.id)?,
        place: given.place,
        kind: given.key.kind(),
        public: given.key.public_line().map_err(Error::SshKey)?,
        fingerprint: given.key.fingerprint(),
        imported: given.imported,
        made_at: app.now(),
        made_by: actor.holder.id,
    };
    // Also one that was replaced here before: it may be in anybody's hands.
    let known = store::ssh_keys::list(tx, cluster.id)?;
    if known.iter().any(|it| it.fingerprint == new.fingerprint) {
        return Err(Error::Exists {
            what: format!(
                "key {} of cluster '{}', today or from before,",
                new.fingerprint, cluster.name
            ),
            hint: format!("run `kubegrant ssh-key show {}`", cluster.name),
        });
    }
    let text = given.key.to_file().map_err(Error::SshKey)?;
    let id = store::ssh_keys::insert(tx, &new, |id| {
        let secret = SealedSecret {
            cluster: cluster.id,
            on: cluster.name.clone(),
            which: Which::SshKey {
                id,
                fingerprint: new.fingerprint.clone(),
            },
            generation: new.generation,
        };
        reseal::seal_to_openers(tx, cluster, &secret, &installation, &text)
    })?;
    reseal::note_readers(tx, cluster, id)?;
    Ok(id)
}

/// Gives a cluster that is being registered its key, in the same transaction.
pub(super) fn insert_first(
    app: &App,
    tx: &WriteTxn<'_>,
    (cluster, actor): (&Cluster, &Principal),
    journal: &Journal,
    (key, imported): (&SshKey, bool),
) -> Result<(), Error> {
    let new = NewKey {
        key,
        imported,
        place: Place::Current,
    };
    insert(app, tx, (cluster, actor), &new)?;
    let detail = format!("SSH key {} ({})", key.fingerprint(), key.kind());
    journal.record(app, tx, Phase::Done, detail, None)?;
    Ok(())
}

/// Where a new key comes from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// It is made here.
    Generate(SshKeyKind),
    /// It was read from a file.
    Import(Box<SshKey>),
}

/// Asks the rules before a passphrase is asked for.
pub(crate) fn may_add(session: &Session, name: &ClusterName) -> Result<(), Error> {
    let case = case(session, "ssh-key import", name, ClusterAction::ManageSshKey)?;
    refuse_second(session, &case.cluster)
}

fn refuse_second(app: &App, cluster: &Cluster) -> Result<(), Error> {
    let found = app
        .store()?
        .read(|tx| store::ssh_keys::find(tx, cluster.id, Place::Current))?;
    match found {
        None => Ok(()),
        Some(pair) => Err(Error::Exists {
            what: format!("SSH key {} of cluster '{}'", pair.fingerprint, cluster.name),
            hint: format!(
                "replace it on the nodes with `kubegrant ssh-key rotate {0}`, or here with \
                 `kubegrant ssh-key reset {0}`",
                cluster.name
            ),
        }),
    }
}

/// Gives a cluster its key.
pub(crate) async fn add(
    session: &Session,
    name: &ClusterName,
    origin: Origin,
    intent: &Intent<Unasked>,
) -> Result<Done<Shown>, Error> {
    let words = match origin {
        Origin::Generate(_) => "ssh-key generate",
        Origin::Import(_) => "ssh-key import",
    };
    let before = case(session, words, name, ClusterAction::ManageSshKey)?;
    refuse_second(session, &before.cluster)?;
    if intent.is_preview() {
        return Ok(Done::planned(vec![match &origin {
            Origin::Generate(_) => format!("make an SSH key for cluster '{name}'"),
            Origin::Import(key) => {
                format!("take SSH key {} for cluster '{name}'", key.fingerprint())
            }
        }]));
    }
    // An RSA key takes seconds: before the lock.
    let (key, imported) = match origin {
        Origin::Generate(kind) => (make(session, name, kind)?, false),
        Origin::Import(key) => (*key, true),
    };
    let _lock = session.lock_ssh_keys(&before.cluster).await?;
    let case = case(session, words, name, ClusterAction::ManageSshKey)?;
    refuse_second(session, &case.cluster)?;
    session.store()?.write(|tx| {
        let new = NewKey {
            key: &key,
            imported,
            place: Place::Current,
        };
        insert(session, tx, (&case.cluster, &case.actor), &new)?;
        let detail = format!("key {} ({})", key.fingerprint(), key.kind());
        case.journal
            .record(session, tx, Phase::Done, detail, None)?;
        Ok::<_, Error>(())
    })?;
    let warning = key.warning();
    let mut shown = look(session, &case.cluster)?.ok_or_else(|| none(name))?;
    shown.warning = warning;
    Ok(Done::Did(shown))
}

/// A cluster's key as it stands.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Whose nodes.
    pub(crate) cluster: ClusterName,
    /// The cluster's key.
    pub(crate) pair: KeyPair,
    /// Who made or imported it.
    pub(crate) made_by: String,
    /// The hand-out: to whom, by whom, when.
    pub(crate) taken: Option<Taken>,
    /// The nodes it is on.
    pub(crate) nodes: Vec<NodeKey>,
    /// What is not done yet: a hand-out, a rotation, an old line on a node.
    pub(crate) pending: Vec<String>,
    /// What a person should know.
    pub(crate) warning: Option<String>,
}

/// A hand-out, with names.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    /// Into whose hands.
    pub(crate) to: String,
    /// Who carried it out.
    pub(crate) by: String,
    /// When.
    pub(crate) at: Timestamp,
}

fn none(name: &ClusterName) -> Error {
    Error::NotThere {
        what: format!("SSH key of cluster '{name}'"),
        hint: format!(
            "make one with `kubegrant ssh-key generate {name}`, or take one with `kubegrant \
             ssh-key import {name} FILE`"
        ),
    }
}

/// What is pending about a cluster's keys.
#[derive(Debug, Default)]
pub(super) struct PendingKeys {
    /// What `reconcile` finds out: hand-outs that were cut off.
    pub(super) here: Vec<String>,
    /// What a rotation does: what is not yet true on nodes.
    pub(super) on_nodes: Vec<String>,
    /// Nodes that have not got the key yet, or were left out.
    pub(super) wanted: Vec<String>,
}

impl PendingKeys {
    fn all(self) -> Vec<String> {
        [self.here, self.on_nodes, self.wanted].concat()
    }
}

/// A node of a key, as words name it: with the login, for it is part of the place.
fn place(node: &NodeKey) -> String {
    format!("{}@{}", node.login, node.node())
}

/// What is pending about a cluster's keys, in words.
pub(super) fn pending_on(tx: &store::ReadTxn<'_>, cluster: &Cluster) -> store::Result<PendingKeys> {
    let mut pending = PendingKeys::default();
    let name = &cluster.name;
    let keys = store::ssh_keys::list(tx, cluster.id)?;
    let is_rotating = keys
        .iter()
        .any(|pair| matches!(pair.place, Place::Next | Place::Old));
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
        if pair.place == Place::Next {
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
                Place::Old => pending.on_nodes.push(format!(
                    "node {place} may still accept the old SSH key {print}: `kubegrant ssh-key \
                     rotate {name}` goes on"
                )),
                Place::Current if !is_seen => pending.wanted.push(format!(
                    "SSH key {print} is not seen to work on node {place}: `kubegrant ssh-key \
                     {verb} {name}` goes on"
                )),
                Place::Current | Place::Next | Place::Gone => {}
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
pub(super) fn once_open_to(
    tx: &store::ReadTxn<'_>,
    cluster: &Cluster,
    user: UserId,
) -> store::Result<Vec<String>> {
    let mut words = Vec::new();
    for pair in store::ssh_keys::list(tx, cluster.id)? {
        let is_over = pair.custody.is_held() || pair.place == Place::Gone;
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
pub(super) fn once_open_anywhere(app: &App, user: UserId) -> Result<Vec<String>, Error> {
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
pub(super) fn left_behind(
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

fn look(app: &App, cluster: &Cluster) -> Result<Option<Shown>, Error> {
    app.store()?.read(|tx| {
        let Some(pair) = store::ssh_keys::find(tx, cluster.id, Place::Current)? else {
            return Ok(None);
        };
        let users = store::users::list(tx)?;
        let name = |id| {
            let found = users.iter().find(|user| user.id == id);
            found.map(|user| user.name.to_string()).unwrap_or_default()
        };
        let taken = pair
            .claim
            .as_ref()
            .filter(|_| pair.custody == Custody::Downloaded)
            .map(|claim| Taken {
                to: name(claim.to),
                by: name(claim.by),
                at: claim.at,
            });
        let mut nodes = store::ssh_keys::nodes(tx, pair.id)?;
        nodes.retain(|node| node.installed_at.is_some() && node.may_hold());
        Ok(Some(Shown {
            cluster: cluster.name.clone(),
            made_by: name(pair.made_by),
            taken,
            nodes,
            pending: pending_on(tx, cluster)?.all(),
            warning: None,
            pair,
        }))
    })
}

/// Shows a cluster's key. A hand-out that was cut off is settled first.
pub(crate) async fn show(session: &Session, name: &ClusterName) -> Result<Shown, Error> {
    let case = case(session, "ssh-key show", name, ClusterAction::See)?;
    settle_claim(session, &case.cluster, &case.journal).await?;
    look(session, &case.cluster)?.ok_or_else(|| none(name))
}

/// Settles a hand-out that was cut off, under the lock; what cannot be told stays claimed.
pub(super) async fn settle_claim(
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
        hand_out::resolve(app, journal, &pair)?;
    }
    Ok(())
}

/// Gives a cluster a new key at once, and destroys the private half of the old one.
///
/// The nodes still accept the old one, wherever it is; [`rotate()`] brings them the new one.
pub(crate) async fn reset(
    session: &Session,
    name: &ClusterName,
    kind: SshKeyKind,
    intent: &Intent,
) -> Result<Done<Shown>, Error> {
    let words = "ssh-key reset";
    let before = case(session, words, name, ClusterAction::ManageSshKey)?;
    if look(session, &before.cluster)?.is_none() {
        return Err(none(name));
    }
    if intent.is_preview() {
        return Ok(Done::planned(vec![
            format!("destroy the private half of the SSH key of cluster '{name}'"),
            format!("make a new SSH key for cluster '{name}'"),
        ]));
    }
    let key = make(session, name, kind)?;
    let _lock = session.lock_ssh_keys(&before.cluster).await?;
    let case = case(session, words, name, ClusterAction::ManageSshKey)?;
    // A file that a cut-off hand-out left complete is in somebody's hands, and not destroyed.
    let known = session
        .store()?
        .read(|tx| store::ssh_keys::list(tx, case.cluster.id))?;
    for pair in &known {
        hand_out::resolve(session, &case.journal, pair)?;
    }
    session.store()?.write(|tx| {
        for pair in store::ssh_keys::list(tx, case.cluster.id)? {
            store::ssh_keys::destroy(tx, pair.id)?;
            if matches!(pair.place, Place::Current | Place::Next) {
                retire(tx, &pair)?;
            }
        }
        let new = NewKey {
            key: &key,
            imported: false,
            place: Place::Current,
        };
        insert(session, tx, (&case.cluster, &case.actor), &new)?;
        let detail = format!("new key {} ({})", key.fingerprint(), key.kind());
        case.journal
            .record(session, tx, Phase::Done, detail, None)?;
        Ok::<_, Error>(())
    })?;
    session.store()?.empty_log()?;
    let shown = look(session, &case.cluster)?;
    Ok(Done::Did(shown.ok_or_else(|| none(name))?))
}

/// Puts a replaced key aside: `old` while a node may accept it, else `gone`.
fn retire(tx: &WriteTxn<'_>, pair: &KeyPair) -> store::Result<()> {
    let nodes = store::ssh_keys::nodes(tx, pair.id)?;
    let place = if nodes.iter().any(NodeKey::may_hold) {
        Place::Old
    } else {
        Place::Gone
    };
    store::ssh_keys::set_place(tx, pair.id, place)
}

/// The stanzas for `ssh_config`: one for each node that is known.
pub(crate) async fn config(session: &Session, name: &ClusterName) -> Result<Config, Error> {
    let case = case(session, "ssh-key config", name, ClusterAction::See)?;
    let shown = look(session, &case.cluster)?.ok_or_else(|| none(name))?;
    let nodes = if shown.nodes.is_empty() {
        let recorded = candidates::recorded(session, &case.cluster)?;
        let believed = candidates::believed(session, &case, &recorded, None).await;
        let (good, _) = believed.unwrap_or_default();
        good.into_iter()
            .map(|(name, node)| (name, node.address, None, "root".to_owned()))
            .collect()
    } else {
        shown
            .nodes
            .iter()
            .map(|node| {
                let alias = node.node().replace(['[', ']'], "").replace([':', '%'], "-");
                (alias, node.address.clone(), node.port, node.login.clone())
            })
            .collect()
    };
    let key_file = shown.pair.claim.and_then(|claim| claim.path);
    Ok(Config {
        cluster: case.cluster.name,
        nodes,
        key_file,
    })
}

/// What the stanzas for `ssh_config` say.
#[derive(Debug)]
pub(crate) struct Config {
    /// Whose nodes.
    pub(crate) cluster: ClusterName,
    /// Alias, address, port and login of each.
    pub(crate) nodes: Vec<(String, String, Option<u16>, String)>,
    /// Where the key was written.
    pub(crate) key_file: Option<std::path::PathBuf>,
}
