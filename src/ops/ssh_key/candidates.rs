//! Which nodes: those that a person names; else those that the cluster names, as far as they are
//! believed and somebody agreed to them; and for a rotation those that are recorded.
//!
//! What a cluster says of its nodes is what each node says of itself. An address that could be
//! anybody's is left out, one line of the report, and keeps nobody else from the key. One that
//! was not there before is asked for: the key lets whoever may take it in there.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use futures::future::join_all;

use super::roll_out::RollOutRequest;
use crate::domain::Confirmed;
use crate::domain::cluster::Cluster;
use crate::domain::name::ClusterName;
use crate::domain::node_address::{Taken, believe};
use crate::domain::ssh::NodeKey;
use crate::domain::text::{self, clean};
use crate::domain::user::User;
use crate::kubernetes::error::Error as ClusterError;
use crate::kubernetes::nodes::NodeAddress;
use crate::nodes::{Login, Node, addresses_of, is_own};
use crate::ops::{Error, find};
use crate::session::{App, Session};
use crate::store;

/// How long the cluster is waited for.
const ADDRESSES_WAIT: Duration = Duration::from_secs(5);
/// Who logs in where nothing else is said or known.
const USUAL_LOGIN: &str = "root";

/// A place for the key: a node, and who logs in there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target {
    /// The node, with the port that is meant.
    pub(crate) node: Node,
    /// Who logs in.
    pub(crate) login: String,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.login, self.node)
    }
}

impl Target {
    /// Whether a record is about this place, whoever logs in there.
    fn is_at(&self, held: &NodeKey) -> bool {
        (&held.address, held.port) == (&self.node.address, self.node.port)
    }
}

/// A node of the cluster that gets no key, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// The node's name in the cluster.
    pub(crate) name: String,
    /// The reason.
    pub(crate) why: String,
}

/// Whether somebody agreed to nodes that are new.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Consent {
    /// Nobody was asked yet.
    Unasked,
    /// A person said yes.
    Given(Confirmed),
    /// A person said no, or nobody was there to ask: the others go on.
    Refused,
}

/// The nodes that are meant.
#[derive(Debug, Default)]
pub(super) struct Meant {
    /// Those that are named or known.
    pub(super) targets: Vec<Target>,
    /// Those that the cluster names and that were never recorded, with their names there.
    pub(super) new: Vec<(String, Target)>,
    /// Those that get no key.
    pub(super) left_out: Vec<LeftOut>,
    /// Whether the cluster was to say which.
    pub(super) is_of_cluster: bool,
    /// Why the cluster could not say it.
    pub(super) unasked: Option<String>,
}

impl Meant {
    /// Takes the new ones in, or leaves them out, as somebody said.
    pub(super) fn agree(&mut self, cluster: &ClusterName, consent: Consent) -> Result<(), Error> {
        let new = std::mem::take(&mut self.new);
        match consent {
            _ if new.is_empty() => {}
            Consent::Given(_) => self
                .targets
                .extend(new.into_iter().map(|(_, target)| target)),
            Consent::Refused => {
                self.left_out
                    .extend(new.into_iter().map(|(name, target)| LeftOut {
                        name,
                        why: format!("{target} is new, and nobody agreed to it"),
                    }));
            }
            Consent::Unasked => {
                let words = |(name, target): &(String, Target)| {
                    let address = target.node.address.parse();
                    // A node may well be where this is run; a laptop is seldom one.
                    let here = if address.is_ok_and(is_own) {
                        ", which is this very machine"
                    } else {
                        ""
                    };
                    format!("'{name}' at {target}{here}")
                };
                return Err(Error::NewNodes {
                    cluster: cluster.clone(),
                    nodes: new.iter().map(words).collect(),
                    others: self.targets.len(),
                });
            }
        }
        Ok(())
    }

    /// Whether there is nothing to do and nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.new.is_empty() && self.left_out.is_empty()
    }

    /// What a dry run says of those that need a word.
    pub(super) fn remarks(&self) -> Vec<String> {
        let new = self.new.iter();
        let new = new.map(|(name, target)| format!("ask whether node '{name}' at {target} is new"));
        let left = self.left_out.iter();
        let left = left.map(|left| format!("leave node '{}' out: {}", left.name, left.why));
        new.chain(left).collect()
    }
}

/// The nodes as the cluster names them, unjudged.
async fn proposed(session: &Session, cluster: &Cluster) -> Result<Vec<NodeAddress>, Error> {
    let failed = |source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    };
    let ask = async {
        let installation = find::installation(session)?;
        let connection = session.connect(cluster, &installation).await?;
        connection.nodes().await.map_err(failed)
    };
    let Ok(found) = tokio::time::timeout(ADDRESSES_WAIT, ask).await else {
        // Silence is no answer: neither "no node" nor "all of them".
        return Err(failed(ClusterError::Timeout {
            server: cluster.address.server.clone(),
            seconds: ADDRESSES_WAIT.as_secs(),
        }));
    };
    found
}

/// The nodes that may be meant on a cluster, for somebody.
pub(super) struct Candidates<'a> {
    pub(super) session: &'a Session,
    pub(super) cluster: &'a Cluster,
    pub(super) actor: &'a User,
    /// What is recorded of the nodes of its keys.
    pub(super) recorded: &'a [NodeKey],
}

impl Candidates<'_> {
    /// The nodes that the cluster names, judged: name and place of each, and those that are left out.
    ///
    /// A place that is recorded for this very cluster was agreed to before, whoever else has it.
    pub(super) async fn believed(
        &self,
        port: Option<u16>,
    ) -> Result<(Vec<(String, Node)>, Vec<LeftOut>), Error> {
        let Self {
            session,
            cluster,
            actor,
            recorded,
        } = *self;
        let found = proposed(session, cluster).await?;
        let taken = taken(session, cluster, actor).await?;
        let (mut good, mut left_out) = (Vec::new(), Vec::new());
        for NodeAddress { name, address } in found {
            let name = clean(&name);
            let ours = address
                .as_deref()
                .and_then(|text| text.parse().ok())
                .map(|ip: IpAddr| ip.to_canonical())
                .filter(|ip| {
                    let ip = ip.to_string();
                    recorded
                        .iter()
                        .any(|held| held.address == ip && held.port == port)
                });
            let mut others = taken.clone();
            if let Some(ours) = ours {
                others.remove(&ours);
            }
            match believe(address.as_deref(), &others) {
                Ok(address) => {
                    let address = address.to_string();
                    good.push((name, Node { address, port }));
                }
                Err(why) => left_out.push(LeftOut {
                    name,
                    why: why.to_string(),
                }),
            }
        }
        Ok((good, left_out))
    }

    /// The nodes that are meant. A rotation goes to all that are recorded too, and does without the
    /// cluster's word where it has them.
    pub(super) async fn meant(
        &self,
        wanted: &RollOutRequest,
        is_rotation: bool,
    ) -> Result<Meant, Error> {
        let recorded = self.recorded;
        let mut meant = Meant::default();
        for node in &wanted.nodes {
            let port = node.port.or(wanted.port);
            let node = Node {
                port,
                ..node.clone()
            };
            meant
                .targets
                .extend(targets_at(&node, wanted.login.as_ref(), recorded));
        }
        let ours = recorded.iter().filter(|held| {
            let login = wanted.login.as_ref().map(Login::to_string);
            is_rotation && login.is_none_or(|login| login == held.login)
        });
        for held in ours {
            if let Ok(node) = held.address.parse::<Node>() {
                meant.targets.push(Target {
                    node: Node {
                        port: held.port,
                        ..node
                    },
                    login: held.login.clone(),
                });
            }
        }
        if wanted.nodes.is_empty() {
            meant.is_of_cluster = true;
            match self.believed(wanted.port).await {
                Ok((good, left_out)) => {
                    add_believed(&mut meant, good, left_out, wanted, recorded, is_rotation);
                }
                Err(error @ (Error::Cluster { .. } | Error::Session(_)))
                    if is_rotation && !meant.targets.is_empty() && !error.is_distrust() =>
                {
                    meant.unasked = Some(text::chain(&error));
                }
                Err(error) => return Err(error),
            }
        }
        let mut seen = BTreeSet::new();
        meant.targets.retain(|target| seen.insert(target.clone()));
        meant.new.retain(|(_, target)| seen.insert(target.clone()));
        Ok(meant)
    }
}

/// The addresses that are other clusters': of their API servers, and of their recorded nodes.
///
/// Whoever may not see another cluster does not learn its name here either.
async fn taken(app: &App, cluster: &Cluster, actor: &User) -> Result<Taken, Error> {
    let mut places = app.store()?.read(|tx| {
        let mut places = BTreeSet::new();
        for other in store::clusters::list(tx)? {
            if other.id == cluster.id {
                continue;
            }
            let sees = find::sees(tx, app, actor, &other)?;
            let whose = if sees {
                format!("cluster '{}'", other.name)
            } else {
                "another cluster".to_owned()
            };
            if let Some(host) = host_of(&other.address.server) {
                places.insert((host, format!("the API server of {whose}")));
            }
            for key in store::ssh_keys::list(tx, other.id)? {
                let held = store::ssh_keys::nodes(tx, key.id)?.into_iter();
                for held in held.filter(NodeKey::may_hold) {
                    places.insert((held.address, format!("a node of {whose}")));
                }
            }
        }
        Ok::<_, store::Error>(places)
    })?;
    let mut taken = Taken::new();
    places.retain(|(host, whose)| match host.parse::<IpAddr>() {
        Ok(address) => {
            taken.insert(address.to_canonical(), whose.clone());
            false
        }
        Err(_) => true,
    });
    let named = places.iter().map(|(host, _)| addresses_of(host));
    for (addresses, (_, whose)) in join_all(named).await.into_iter().zip(&places) {
        taken.extend(
            addresses
                .into_iter()
                .map(|address| (address, whose.clone())),
        );
    }
    Ok(taken)
}

/// The host in the address of an API server.
fn host_of(server: &str) -> Option<String> {
    let uri: http::Uri = server.parse().ok()?;
    Some(uri.host()?.trim_matches(['[', ']']).to_owned())
}

/// Everything that is recorded of the nodes of a cluster's keys and may be there.
pub(super) fn recorded(app: &App, cluster: &Cluster) -> Result<Vec<NodeKey>, Error> {
    app.store()?.read(|tx| {
        let mut found = Vec::new();
        for key in store::ssh_keys::list(tx, cluster.id)? {
            found.extend(store::ssh_keys::nodes(tx, key.id)?);
        }
        found.retain(NodeKey::may_hold);
        Ok(found)
    })
}

fn add_believed(
    meant: &mut Meant,
    good: Vec<(String, Node)>,
    left_out: Vec<LeftOut>,
    wanted: &RollOutRequest,
    recorded: &[NodeKey],
    is_rotation: bool,
) {
    let is_gone = |name: &str, address: &str| {
        let mut gone = wanted.forget.iter();
        gone.any(|node| node.address.eq_ignore_ascii_case(name) || node.address == address)
    };
    for (name, node) in good {
        if is_gone(&name, &node.address) {
            continue;
        }
        let here = targets_at(&node, wanted.login.as_ref(), recorded);
        let is_known = here
            .iter()
            .any(|it| recorded.iter().any(|held| it.is_at(held)));
        if !is_known {
            meant
                .new
                .extend(here.into_iter().map(|target| (name.clone(), target)));
            continue;
        }
        let is_recorded = |it: &Target| {
            let mut held = recorded.iter();
            held.any(|held| it.is_at(held) && held.login == it.login)
        };
        // Recorded under other logins alone: a rotation under this one has nothing to do there.
        let here = here
            .into_iter()
            .filter(|it| !is_rotation || is_recorded(it));
        meant.targets.extend(here);
    }
    let left_out = left_out.into_iter();
    meant
        .left_out
        .extend(left_out.filter(|left| !is_gone(&left.name, "")));
}

/// A node with each login that is meant there: the one that was named, else those recorded.
fn targets_at(node: &Node, login: Option<&Login>, recorded: &[NodeKey]) -> Vec<Target> {
    let target = |login: String| Target {
        node: node.clone(),
        login,
    };
    if let Some(login) = login {
        return vec![target(login.to_string())];
    }
    let bare = target(USUAL_LOGIN.to_owned());
    let held = recorded.iter().filter(|held| bare.is_at(held));
    let logins: BTreeSet<String> = held.map(|held| held.login.clone()).collect();
    if logins.is_empty() {
        return vec![bare];
    }
    logins.into_iter().map(target).collect()
}
