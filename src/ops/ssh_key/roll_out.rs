//! Bringing the public half to the nodes.
//!
//! For one node the order is: record that the new line will be there, add it, log in with the new
//! key and no other, and only then remove old lines, through that very login. So a node accepts a
//! proven key at every moment, wherever a run is cut off. The first proof makes the new key the
//! cluster's key; a node that could not be reached keeps the old one, and is pending.

use std::cell::Cell;
use std::path::PathBuf;

use futures::{StreamExt, stream};

use super::candidates::{Meant, Target};
use super::outcome::NodeOutcome;
use crate::artifact::file::read_bounded;
use crate::domain::audit::Phase;
use crate::domain::cluster::Cluster;
use crate::domain::name::ClusterName;
use crate::domain::sealed::SealedSecret;
use crate::domain::ssh::{KeyPair, KeyPlace, NodeKey, SshKeyId};
use crate::nodes::{Added, Login, Node, NodeError, PublicLine, Reach, Removed, Ssh};
use crate::ops::journal::Journal;
use crate::ops::{Error, find};
use crate::secrets::{KEY_BYTES_MAX, SshKey, SshKeyKind};
use crate::session::Session;
use crate::store;

/// How many nodes are worked on at once.
const NODES_AT_ONCE: usize = 8;

/// What is asked of the nodes.
#[derive(Debug, Clone)]
pub(crate) struct RollOutRequest {
    /// Whose nodes.
    pub(crate) cluster: ClusterName,
    /// Which; empty is all that the cluster names.
    pub(crate) nodes: Vec<Node>,
    /// Nodes that are gone for good.
    pub(crate) forget: Vec<Node>,
    /// A private key of the operator that the nodes accept.
    pub(crate) identity_file: Option<PathBuf>,
    /// Who logs in; `None` is who did before, else root.
    pub(crate) login: Option<Login>,
    /// Who logs in by the operator's own way instead, and becomes root with sudo.
    pub(crate) sudo_from: Option<Login>,
    /// The port of nodes that name none.
    pub(crate) port: Option<u16>,
    /// Which kind of key a rotation makes.
    pub(crate) kind: SshKeyKind,
}

/// What came of one node.
#[derive(Debug)]
pub(crate) struct NodeReport {
    /// Which: its address, or its name in the cluster where the address is not believed.
    pub(crate) node: String,
    /// Who logs in there.
    pub(crate) login: Option<String>,
    /// What is true there now, in a sentence; or why it is not.
    pub(crate) outcome: Result<NodeOutcome, NodeError>,
}

/// What came of all nodes.
#[derive(Debug)]
pub(crate) struct RollOut {
    /// Whose nodes.
    pub(crate) cluster: ClusterName,
    /// The key that was brought.
    pub(crate) fingerprint: String,
    /// Whether an earlier rotation was finished, instead of beginning one.
    pub(crate) resumed: bool,
    /// What came of each node.
    pub(crate) reports: Vec<NodeReport>,
    /// Why the cluster could not say which nodes there are.
    pub(crate) unasked: Option<String>,
    /// What is pending.
    pub(crate) pending: Vec<String>,
}

/// What is told while the work goes on.
#[derive(Debug)]
pub(crate) enum ProgressEvent<'a> {
    /// How many nodes there are.
    Begins(usize),
    /// One is finished.
    Finished(&'a NodeReport),
}

/// A key with what can be done with it here.
pub(super) struct Ready {
    pub(super) pair: KeyPair,
    line: PublicLine,
    /// The private half: sealed in the store, or in the file that was given.
    private: Option<SshKey>,
}

/// Everything that the work on one node needs.
pub(super) struct Work<'a> {
    pub(super) session: &'a Session,
    pub(super) cluster: &'a Cluster,
    pub(super) journal: &'a Journal,
    pub(super) wanted: &'a RollOutRequest,
    pub(super) new: Ready,
    /// Old keys, whose lines go; empty for an installation.
    pub(super) old: Vec<Ready>,
    /// Whether the new key is not yet the cluster's key.
    pub(super) waits: Cell<bool>,
}

/// The private half of a key, if it is at hand.
fn private(
    session: &Session,
    cluster: &Cluster,
    pair: &KeyPair,
    file: Option<&SshKey>,
) -> Result<Option<SshKey>, Error> {
    if let Some(file) = file.filter(|file| file.fingerprint() == pair.fingerprint) {
        return Ok(Some(file.clone()));
    }
    if !pair.custody.is_held() {
        return Ok(None);
    }
    let installation = find::installation(session)?;
    let text = session.open_secret(&SealedSecret::ssh_key(cluster, pair), &installation)?;
    SshKey::from_file(&text).map(Some).map_err(Error::SshKey)
}

pub(super) fn ready(
    session: &Session,
    cluster: &Cluster,
    pair: KeyPair,
    file: Option<&SshKey>,
) -> Result<Ready, Error> {
    let private = private(session, cluster, &pair, file)?;
    let line = PublicLine::parse(&pair.public).map_err(|_| store::Error::Damaged {
        what: "SSH key",
        why: "its public line is none".to_owned(),
    })?;
    Ok(Ready {
        pair,
        line,
        private,
    })
}

/// The key in the file that was given, where it has no passphrase: it may be the one in question.
pub(super) fn file_key(
    session: &Session,
    wanted: &RollOutRequest,
) -> Result<Option<SshKey>, Error> {
    let Some(path) = &wanted.identity_file else {
        return Ok(None);
    };
    let bytes = read_bounded(&session.workspace.env.current_dir.join(path), KEY_BYTES_MAX)?;
    // What we cannot read, `ssh` may: it asks its agent.
    Ok(SshKey::import(&bytes, "", &mut || None).ok())
}

impl Work<'_> {
    fn ssh(&self, login: &str) -> Result<Ssh, NodeError> {
        let file = self.wanted.identity_file.as_ref();
        let reach = Reach {
            login: login.parse().ok(),
            port: self.wanted.port,
            identity_file: file.map(|path| self.session.workspace.env.current_dir.join(path)),
            sudo_from: self.wanted.sudo_from.clone(),
        };
        Ssh::find(&self.session.workspace.env, reach)
    }

    /// Adds the new line, through whatever login the node accepts.
    async fn add(&self, ssh: &Ssh, node: &Node) -> Result<Added, NodeError> {
        // The person's own way in first, then old keys that nobody took, then the key itself,
        // which a run that was cut off may have put there.
        let own = std::iter::once(None);
        let old = self.old.iter().filter_map(|old| old.private.as_ref());
        let mut ways: Vec<Option<&SshKey>> = own.chain(old.map(Some)).collect();
        if let Some(new) = &self.new.private {
            ways.push(Some(new));
        }
        let mut refused: Option<NodeError> = None;
        for way in ways {
            let key = way.map(SshKey::private_key);
            let error = match ssh.add_line(node, &self.new.line, key).await {
                // In words, it may be this way alone: a login that is bound to a command, sudo.
                Err(error) if error.is_of_one_way() => error,
                other => return other,
            };
            // The person's own way is the one that they can mend, unless another came further.
            match &refused {
                Some(before) if !before.is_refusal() || error.is_refusal() => {}
                _ => refused = Some(error),
            }
        }
        Err(refused.unwrap_or(NodeError::NotInstalled))
    }

    /// Brings the key to one node.
    async fn bring(&self, target: &Target) -> Result<Result<NodeOutcome, NodeError>, Error> {
        let store = self.session.store()?;
        let node = &target.node;
        let mut record = record(self.new.pair.id, target);
        let now = || self.session.now();
        let known = store.read(|tx| store::ssh_keys::nodes(tx, record.key))?;
        let known = known.into_iter().find(|it| same_place(it, &record));
        let is_known = known.as_ref().is_some_and(NodeKey::may_hold);
        if let Some(known) = known {
            record = NodeKey {
                removed_at: None,
                ..known
            };
        }
        store.write(|tx| {
            store::ssh_keys::want_on_node(tx, &record, now())?;
            if !is_known {
                let detail = format!(
                    "the line of {} goes to node {node}",
                    self.new.pair.fingerprint
                );
                let journal = self.journal;
                journal.record(self.session, tx, Phase::Requested, detail, None)?;
            }
            Ok::<_, store::Error>(())
        })?;
        let ssh = match self.ssh(&target.login) {
            Ok(ssh) => ssh,
            Err(error) => return Ok(Err(error)),
        };
        let added = match self.add(&ssh, node).await {
            Ok(added) => added,
            Err(error) => return Ok(Err(error)),
        };
        record.installed_at.get_or_insert(now());
        store.write(|tx| store::ssh_keys::set_node(tx, &record))?;
        let mut outcome = NodeOutcome {
            present: added == Added::Present,
            keeps_old: !self.old.is_empty(),
            ..NodeOutcome::default()
        };
        let Some(private) = &self.new.private else {
            return Ok(Ok(outcome));
        };
        if let Err(error) = ssh.prove(node, private.private_key()).await {
            return Ok(Err(error));
        }
        outcome.proven = true;
        record.proven_at = Some(now());
        store.write(|tx| {
            store::ssh_keys::set_node(tx, &record)?;
            self.promote(tx)
        })?;
        for old in &self.old {
            match self
                .take_off(&ssh, target, old, private, &mut outcome)
                .await
            {
                Ok(true) => {}
                Ok(false) => return Ok(Ok(outcome)),
                Err(error) => return Ok(Err(error)),
            }
            let gone = NodeKey {
                installed_at: record.installed_at,
                removed_at: (!outcome.still_accepts).then(now),
                ..self::record(old.pair.id, target)
            };
            store.write(|tx| {
                let known = store::ssh_keys::nodes(tx, gone.key)?;
                let known = known.iter().find(|it| same_place(it, &gone));
                if outcome.still_accepts {
                    // Also where nobody knew: it is there, and must go.
                    store::ssh_keys::want_on_node(tx, &gone, now())?;
                }
                // That it is gone, and since when, may be recorded already.
                if outcome.still_accepts || known.is_some_and(NodeKey::may_hold) {
                    store::ssh_keys::set_node(tx, &gone)?;
                    let print = &old.pair.fingerprint;
                    let detail = if outcome.still_accepts {
                        format!("node {node} still accepts {print}")
                    } else {
                        format!("the line of {print} is gone from node {node}")
                    };
                    let journal = self.journal;
                    journal.record(self.session, tx, Phase::Done, detail, None)?;
                }
                Ok::<_, store::Error>(())
            })?;
            if outcome.still_accepts {
                return Ok(Ok(outcome));
            }
        }
        outcome.keeps_old = false;
        Ok(Ok(outcome))
    }

    /// Removes an old key's line, and sees whether it is refused, where it is at hand. `false` if
    /// the line stays, so that nobody is locked out.
    async fn take_off(
        &self,
        ssh: &Ssh,
        target: &Target,
        old: &Ready,
        new: &SshKey,
        outcome: &mut NodeOutcome,
    ) -> Result<bool, NodeError> {
        let removed = ssh.remove_line(&target.node, &old.line, Some(new.private_key()));
        match removed.await? {
            Removed::Removed => outcome.removed += 1,
            Removed::Absent => {}
            Removed::Last => return Ok(false),
        }
        let Some(private) = &old.private else {
            outcome.untried += 1;
            return Ok(true);
        };
        // sshd may read other files, ask a program, or have the line for everybody.
        if ssh.takes(&target.node, private.private_key()).await? {
            outcome.still_accepts = true;
        } else {
            outcome.refused += 1;
        }
        Ok(true)
    }

    /// The first proof makes the new key the cluster's key.
    fn promote(&self, tx: &store::WriteTxn<'_>) -> store::Result<()> {
        if !self.waits.replace(false) {
            return Ok(());
        }
        if let Some(old) = store::ssh_keys::find(tx, self.cluster.id, KeyPlace::Current)? {
            store::ssh_keys::set_place(tx, old.id, KeyPlace::Old)?;
        }
        store::ssh_keys::set_place(tx, self.new.pair.id, KeyPlace::Current)?;
        let detail = format!("key {} is the cluster's key now", self.new.pair.fingerprint);
        self.journal
            .record(self.session, tx, Phase::Done, detail, None)?;
        Ok(())
    }

    /// Brings the key to all nodes, several at once.
    pub(super) async fn bring_all(
        &self,
        meant: &Meant,
        on_progress: &mut dyn FnMut(ProgressEvent<'_>),
    ) -> Result<Vec<NodeReport>, Error> {
        on_progress(ProgressEvent::Begins(meant.targets.len()));
        let mut work = stream::iter(&meant.targets)
            .map(|target| async move {
                let outcome = self.bring(target).await?;
                Ok::<_, Error>(NodeReport {
                    node: target.node.to_string(),
                    login: Some(target.login.clone()),
                    outcome,
                })
            })
            .buffer_unordered(NODES_AT_ONCE);
        let mut reports = Vec::new();
        while let Some(report) = work.next().await {
            let report = report?;
            on_progress(ProgressEvent::Finished(&report));
            reports.push(report);
        }
        reports.extend(meant.left_out.iter().map(|left| NodeReport {
            node: left.name.clone(),
            login: None,
            outcome: Err(NodeError::LeftOut {
                name: left.name.clone(),
                reason: left.why.clone(),
            }),
        }));
        reports.sort_by(|a, b| (&a.node, &a.login).cmp(&(&b.node, &b.login)));
        if meant.is_of_cluster {
            self.note_left_out(meant)?;
        }
        Ok(reports)
    }

    /// Remembers which nodes of the cluster have not got the key, so that it is not forgotten.
    fn note_left_out(&self, meant: &Meant) -> Result<(), Error> {
        let left = meant.left_out.iter();
        let left = left.map(|left| (left.name.clone(), left.why.clone()));
        // The cluster itself has no name among its nodes.
        let unasked = meant.unasked.iter().map(|why| (String::new(), why.clone()));
        let left: Vec<_> = unasked.chain(left).collect();
        self.session
            .store()?
            .write(|tx| store::ssh_keys::set_left_out(tx, self.cluster.id, &left))?;
        Ok(())
    }
}

fn same_place(one: &NodeKey, other: &NodeKey) -> bool {
    (&one.address, one.port, &one.login) == (&other.address, other.port, &other.login)
}

/// A record of a key at a place, of which nothing was seen yet.
fn record(key: SshKeyId, target: &Target) -> NodeKey {
    NodeKey {
        key,
        address: target.node.address.clone(),
        port: target.node.port,
        login: target.login.clone(),
        installed_at: None,
        proven_at: None,
        removed_at: None,
    }
}

impl NodeReport {
    /// The place as words name it.
    pub(super) fn place(&self) -> String {
        match &self.login {
            Some(login) => format!("{login}@{}", self.node),
            None => format!("'{}'", self.node),
        }
    }
}

pub(super) fn failures(reports: &[NodeReport], meant: &Meant) -> Vec<String> {
    let of_nodes = reports.iter().filter_map(|report| {
        let place = report.place();
        match &report.outcome {
            Err(NodeError::LeftOut { reason, .. }) => {
                Some(format!("node {place} is left out: {reason}"))
            }
            Err(_) => Some(format!("the SSH key is not seen to work on node {place}")),
            Ok(outcome) if outcome.keeps_old => {
                Some(format!("node {place} still accepts the old SSH key"))
            }
            Ok(_) => None,
        }
    });
    let unasked = meant.unasked.iter();
    let unasked = unasked.map(|why| format!("the cluster could not be asked for its nodes: {why}"));
    of_nodes.chain(unasked).collect()
}
