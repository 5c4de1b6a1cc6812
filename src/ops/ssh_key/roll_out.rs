//! Bringing the public half to the nodes: install, and rotate.
//!
//! For one node the order is: record that the new line will be there, add it, log in with the new
//! key and no other, and only then remove old lines, through that very login. So a node accepts a
//! proven key at every moment, wherever a run is cut off. The first proof makes the new key the
//! cluster's key; a node that could not be reached keeps the old one, and is owed.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use futures::{StreamExt, stream};

use super::{Case, case, hand_out, none};
use crate::artifact::file::read_bounded;
use crate::domain::audit::Phase;
use crate::domain::cluster::Cluster;
use crate::domain::name::ClusterName;
use crate::domain::policy::ClusterAction;
use crate::domain::ssh::{KeyPair, NodeKey, Place, SshKeyId};
use crate::kubernetes::nodes::NodeAddress;
use crate::nodes::{Added, Login, Node, NodeError, PublicLine, Reach, Removed, Ssh};
use crate::ops::{Done, Error, Mode, find, reseal};
use crate::secrets::{KEY_BYTES_MAX, SshKey, SshKeyKind};
use crate::session::Session;
use crate::store;

pub(crate) use crate::kubernetes::nodes::NodeAddress as Address;

/// How many nodes are worked on at once.
const NODES_AT_ONCE: usize = 8;
/// How long the cluster is waited for, where its answer is only a convenience.
const ADDRESSES_WAIT: Duration = Duration::from_secs(5);

/// What is wished of the nodes.
#[derive(Debug)]
pub(crate) struct RollOutWish {
    /// Whose nodes.
    pub(crate) cluster: ClusterName,
    /// Which; empty is all that the cluster names.
    pub(crate) nodes: Vec<Node>,
    /// Nodes that are gone for good.
    pub(crate) forget: Vec<Node>,
    /// A private key of the operator that the nodes accept.
    pub(crate) identity_file: Option<PathBuf>,
    /// Who logs in.
    pub(crate) login: Login,
    /// The port of nodes that name none.
    pub(crate) port: Option<u16>,
    /// Which kind of key a rotation makes.
    pub(crate) kind: SshKeyKind,
}

/// What came of one node.
#[derive(Debug)]
pub(crate) struct NodeReport {
    /// Which.
    pub(crate) node: Node,
    /// What is true there now, in a sentence; or why it is not.
    pub(crate) outcome: Result<NodeOutcome, NodeError>,
}

/// What is true on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodeOutcome {
    /// Whether the line was there before.
    pub(crate) present: bool,
    /// Whether a login with the key was seen to work.
    pub(crate) proven: bool,
    /// How many old lines were removed.
    pub(crate) removed: usize,
    /// Whether an old line stays, because the new key could not be proven.
    pub(crate) keeps_old: bool,
}

impl NodeOutcome {
    /// In words.
    pub(crate) fn words(self) -> String {
        let mut words = vec![if self.present {
            "was installed already"
        } else {
            "is installed"
        }];
        words.push(if self.proven {
            "proven by a login"
        } else {
            "not proven: its private half is not here"
        });
        if self.removed > 0 {
            words.push("the old key is removed");
        }
        if self.keeps_old {
            words.push("the old key stays");
        }
        words.join(", ")
    }
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
    /// What is owed.
    pub(crate) owed: Vec<String>,
}

/// What is heard while the work goes on.
#[derive(Debug)]
pub(crate) enum Heard<'a> {
    /// How many nodes there are.
    Begins(usize),
    /// One is finished.
    Finished(&'a NodeReport),
}

/// The addresses of a cluster's nodes, where it answers soon.
pub(super) async fn addresses(
    session: &Session,
    cluster: &Cluster,
) -> Result<Vec<NodeAddress>, Error> {
    let ask = async {
        let installation = find::installation(session)?;
        let connection = session.connect(cluster, &installation).await?;
        connection.nodes().await.map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })
    };
    match tokio::time::timeout(ADDRESSES_WAIT, ask).await {
        Ok(found) => found,
        Err(_) => Ok(vec![]),
    }
}

/// The nodes that are meant: those named, else those that the cluster names.
pub(super) async fn meant(
    session: &Session,
    case: &Case,
    wish: &RollOutWish,
) -> Result<Vec<Node>, Error> {
    if !wish.nodes.is_empty() {
        return Ok(wish.nodes.clone());
    }
    let found = addresses(session, &case.cluster).await?;
    found
        .into_iter()
        .map(|found| {
            found.address.parse().map_err(|_| Error::Input {
                why: format!(
                    "node '{}' has an address that is none: '{}'",
                    found.name,
                    found.address.escape_default()
                ),
                hint: "name the nodes with `--node ADDRESS`".to_owned(),
            })
        })
        .collect()
}

pub(super) fn no_nodes(name: &ClusterName) -> Error {
    Error::NotThere {
        what: format!("known node of cluster '{name}'"),
        hint: "name the nodes with `--node ADDRESS`".to_owned(),
    }
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
    pub(super) case: &'a Case,
    pub(super) wish: &'a RollOutWish,
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
    let text = reseal::open_ssh_key(session, cluster, &installation, pair)?;
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
pub(super) fn file_key(session: &Session, wish: &RollOutWish) -> Result<Option<SshKey>, Error> {
    let Some(path) = &wish.identity_file else {
        return Ok(None);
    };
    let bytes = read_bounded(&session.env.current_dir.join(path), KEY_BYTES_MAX)?;
    // What we cannot read, `ssh` may: it asks its agent.
    Ok(SshKey::import(&bytes, "", &mut || None).ok())
}

impl Work<'_> {
    fn ssh(&self, login: &Login) -> Result<Ssh, NodeError> {
        let file = self.wish.identity_file.as_ref();
        let reach = Reach {
            login: Some(login.clone()),
            port: self.wish.port,
            identity_file: file.map(|path| self.session.env.current_dir.join(path)),
        };
        Ssh::find(&self.session.env, reach)
    }

    fn record(&self, key: SshKeyId, node: &Node) -> NodeKey {
        NodeKey {
            key,
            address: node.address.clone(),
            port: node.port.or(self.wish.port),
            login: self.wish.login.to_string(),
            installed_at: None,
            proven_at: None,
            removed_at: None,
        }
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
        let mut refused = None;
        for way in ways {
            let key = way.map(SshKey::private_key);
            match ssh.add_line(node, &self.new.line, key).await {
                Err(error @ (NodeError::Denied { .. } | NodeError::KeyRefused { .. })) => {
                    // The person's own way is the one that they can mend.
                    refused.get_or_insert(error);
                }
                other => return other,
            }
        }
        Err(refused.unwrap_or(NodeError::NotInstalled))
    }

    /// Brings the key to one node.
    async fn bring(&self, node: &Node) -> Result<Result<NodeOutcome, NodeError>, Error> {
        let store = self.session.store()?;
        let mut record = self.record(self.new.pair.id, node);
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
                let journal = &self.case.journal;
                journal.record(self.session, tx, Phase::Requested, detail, None)?;
            }
            Ok::<_, store::Error>(())
        })?;
        let ssh = match self.ssh(&self.wish.login) {
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
            proven: false,
            removed: 0,
            keeps_old: !self.old.is_empty(),
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
            let key = private.private_key();
            let removed = match ssh.remove_line(node, &old.line, Some(key)).await {
                Ok(removed) => removed,
                Err(error) => return Ok(Err(error)),
            };
            match removed {
                Removed::Removed => outcome.removed += 1,
                Removed::Absent => {}
                Removed::Last => return Ok(Ok(outcome)),
            }
            let gone = NodeKey {
                installed_at: record.installed_at,
                removed_at: Some(now()),
                ..self.record(old.pair.id, node)
            };
            store.write(|tx| {
                let known = store::ssh_keys::nodes(tx, gone.key)?;
                let known = known.iter().find(|it| same_place(it, &gone));
                if let Some(known) = known {
                    store::ssh_keys::set_node(tx, &gone)?;
                    if known.may_hold() {
                        let print = &old.pair.fingerprint;
                        let detail = format!("the line of {print} is gone from node {node}");
                        let journal = &self.case.journal;
                        journal.record(self.session, tx, Phase::Done, detail, None)?;
                    }
                }
                Ok::<_, store::Error>(())
            })?;
        }
        outcome.keeps_old = false;
        Ok(Ok(outcome))
    }

    /// The first proof makes the new key the cluster's key.
    fn promote(&self, tx: &store::WriteTxn<'_>) -> store::Result<()> {
        if !self.waits.replace(false) {
            return Ok(());
        }
        if let Some(old) = store::ssh_keys::find(tx, self.case.cluster.id, Place::Current)? {
            store::ssh_keys::set_place(tx, old.id, Place::Old)?;
        }
        store::ssh_keys::set_place(tx, self.new.pair.id, Place::Current)?;
        let detail = format!("key {} is the cluster's key now", self.new.pair.fingerprint);
        self.case
            .journal
            .record(self.session, tx, Phase::Done, detail, None)?;
        Ok(())
    }

    /// Brings the key to all nodes, several at once.
    pub(super) async fn bring_all(
        &self,
        nodes: Vec<Node>,
        hear: &mut dyn FnMut(Heard<'_>),
    ) -> Result<Vec<NodeReport>, Error> {
        hear(Heard::Begins(nodes.len()));
        let mut work = stream::iter(nodes)
            .map(|node| async move {
                let outcome = self.bring(&node).await?;
                Ok::<_, Error>(NodeReport { node, outcome })
            })
            .buffer_unordered(NODES_AT_ONCE);
        let mut reports = Vec::new();
        while let Some(report) = work.next().await {
            let report = report?;
            hear(Heard::Finished(&report));
            reports.push(report);
        }
        reports.sort_by_key(|report| report.node.to_string());
        Ok(reports)
    }
}

fn same_place(one: &NodeKey, other: &NodeKey) -> bool {
    (&one.address, one.port, &one.login) == (&other.address, other.port, &other.login)
}

pub(super) fn unique(nodes: Vec<Node>, port: Option<u16>) -> Vec<Node> {
    let mut seen = BTreeSet::new();
    nodes
        .into_iter()
        .filter(|node| seen.insert((node.address.clone(), node.port.or(port))))
        .collect()
}

pub(super) fn failures(reports: &[NodeReport]) -> Vec<String> {
    reports
        .iter()
        .filter_map(|report| match &report.outcome {
            Err(_) => Some(format!(
                "the SSH key is not seen to work on node {}",
                report.node
            )),
            Ok(outcome) if outcome.keeps_old => Some(format!(
                "node {} still accepts the old SSH key",
                report.node
            )),
            Ok(_) => None,
        })
        .collect()
}

/// Puts the cluster's public line on the nodes.
pub(crate) async fn install(
    session: &Session,
    wish: RollOutWish,
    mode: Mode,
    hear: &mut dyn FnMut(Heard<'_>),
) -> Result<Done<RollOut>, Error> {
    let words = "ssh-key install";
    let before = case(session, words, &wish.cluster, ClusterAction::ManageSshKey)?;
    let _lock = session.lock_ssh_keys(&before.cluster).await?;
    let case = case(session, words, &wish.cluster, ClusterAction::ManageSshKey)?;
    let pair = session
        .store()?
        .read(|tx| store::ssh_keys::find(tx, case.cluster.id, Place::Current))?
        .ok_or_else(|| none(&wish.cluster))?;
    let pair = match mode {
        Mode::Plan => pair,
        Mode::Do => hand_out::resolve(session, &case.journal, &pair)?,
    };
    let nodes = unique(meant(session, &case, &wish).await?, wish.port);
    if nodes.is_empty() {
        return Err(no_nodes(&wish.cluster));
    }
    let fingerprint = pair.fingerprint.clone();
    if mode == Mode::Plan {
        let line = |node| format!("put SSH key {fingerprint} on node {node}");
        return Ok(Done::Planned(nodes.iter().map(line).collect()));
    }
    let file = file_key(session, &wish)?;
    let work = Work {
        session,
        new: ready(session, &case.cluster, pair, file.as_ref())?,
        old: vec![],
        waits: Cell::new(false),
        case: &case,
        wish: &wish,
    };
    let detail = format!("key {fingerprint} to {} nodes", nodes.len());
    let journal = &case.journal;
    let request = journal.record_alone(session, Phase::Requested, detail, None)?;
    let reports = work.bring_all(nodes, hear).await?;
    let owed = failures(&reports);
    close(session, &case, request, &reports, &owed)?;
    Ok(Done::Did(RollOut {
        cluster: case.cluster.name.clone(),
        fingerprint,
        resumed: false,
        reports,
        owed,
    }))
}

/// Records what came of the nodes.
pub(super) fn close(
    session: &Session,
    case: &Case,
    request: i64,
    reports: &[NodeReport],
    owed: &[String],
) -> Result<(), Error> {
    let phase = if owed.is_empty() {
        Phase::Done
    } else {
        Phase::Owed
    };
    let words = reports.iter().map(|report| match &report.outcome {
        Ok(outcome) => format!("{}: {}", report.node, outcome.words()),
        Err(error) => format!("{}: {error}", report.node),
    });
    let detail = words.collect::<Vec<_>>().join("; ");
    case.journal
        .record_alone(session, phase, detail, Some(request))?;
    Ok(())
}
