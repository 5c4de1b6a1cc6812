//! The SSH key of a cluster's nodes: make, import, show, hand out once, bring to the nodes.
//!
//! A key's private half goes `available → claimed → downloaded`, or is destroyed; the store's
//! triggers refuse every other step. All of it happens under the lock of the cluster's SSH keys,
//! which is not the cluster's own: nodes may be slow, and a revocation never waits for them.

mod candidates;
mod giving;
mod hand_out;
mod install;
mod keys;
mod outcome;
mod pending;
pub(crate) mod received;
mod roll_out;
mod rotate;
#[cfg(test)]
mod tests;

use candidates::Candidates;
pub(crate) use candidates::Consent;
pub(crate) use hand_out::{Destination, HandOut, HandedOut, download};
pub(crate) use install::install;
pub(super) use keys::insert_first;
pub(crate) use keys::{AddKey, FirstKey, Origin, Reset, add, make, may_add, read_file, reset};
pub(super) use pending::{
    left_behind, once_open_anywhere, once_open_to, pending_on, resolve_claim,
};
pub(crate) use roll_out::{ProgressEvent, RollOut, RollOutRequest};
pub(crate) use rotate::rotate;

pub(crate) use crate::nodes::{Login, Node};
pub(crate) use crate::secrets::{SecretString, SshKey, SshKeyKind};

use super::journal::Journal;
use super::{Error, find};
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::cluster::Cluster;
use crate::domain::name::ClusterName;
use crate::domain::policy::ClusterAction;
use crate::domain::refusal::SshKeyRefusal;
use crate::domain::ssh::{Custody, KeyPair, KeyPlace, NodeKey};
use crate::session::{App, Principal, Session};
use crate::store;

/// A question about a cluster's SSH key, after the rules were asked.
struct AskedKey {
    actor: Principal,
    journal: Journal,
    cluster: Cluster,
}

fn case(session: &Session, action: Action, name: &ClusterName) -> Result<AskedKey, Error> {
    let (actor, journal) = find::acting(session, action)?;
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::See)?;
    Ok(AskedKey {
        actor,
        journal: journal.cluster(&found.cluster),
        cluster: found.cluster,
    })
}

fn none(name: &ClusterName) -> Error {
    Error::from(SshKeyRefusal::None(name.clone()))
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

fn look(app: &App, cluster: &Cluster) -> Result<Option<Shown>, Error> {
    app.store()?.read(|tx| {
        let Some(pair) = store::ssh_keys::find(tx, cluster.id, KeyPlace::Current)? else {
            return Ok(None);
        };
        let claim = pair.claim.as_ref();
        let taken = claim
            .filter(|_| pair.custody == Custody::Downloaded)
            .map(|claim| {
                Ok::<_, store::Error>(Taken {
                    to: store::users::name(tx, claim.to)?,
                    by: store::users::name(tx, claim.by)?,
                    at: claim.at,
                })
            })
            .transpose()?;
        let mut nodes = store::ssh_keys::nodes(tx, pair.id)?;
        nodes.retain(|node| node.installed_at.is_some() && node.may_hold());
        Ok(Some(Shown {
            cluster: cluster.name.clone(),
            made_by: store::users::name(tx, pair.made_by)?,
            taken,
            nodes,
            pending: pending_on(tx, cluster)?.all(),
            warning: None,
            pair,
        }))
    })
}

/// Shows a cluster's key. A hand-out that was cut off is resolved first.
pub(crate) async fn show(session: &Session, name: &ClusterName) -> Result<Shown, Error> {
    let case = case(session, Action::SshKeyShow, name)?;
    resolve_claim(session, &case.cluster, &case.journal).await?;
    look(session, &case.cluster)?.ok_or_else(|| none(name))
}

/// The stanzas for `ssh_config`: one for each node that is known.
pub(crate) async fn config(session: &Session, name: &ClusterName) -> Result<Config, Error> {
    let case = case(session, Action::SshKeyConfig, name)?;
    let shown = look(session, &case.cluster)?.ok_or_else(|| none(name))?;
    let nodes = if shown.nodes.is_empty() {
        let recorded = candidates::recorded(session, &case.cluster)?;
        let candidates = Candidates {
            session,
            cluster: &case.cluster,
            actor: &case.actor.user,
            recorded: &recorded,
        };
        let (good, _) = candidates.believed(None).await.unwrap_or_default();
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
