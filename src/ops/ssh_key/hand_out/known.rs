//! What is told beside a private key: where it is, and who could ever open it.

use super::super::candidates::{self, Candidates};
use crate::domain::cluster::Cluster;
use crate::domain::ssh::KeyPair;
use crate::domain::user::User;
use crate::nodes::Node;
use crate::ops::Error;
use crate::session::{App, Session};
use crate::store;

/// The nodes to name in the command to copy: those recorded, and those that the cluster names and
/// that are believed. One that is not does not come into a command.
pub(super) async fn known_nodes(
    session: &Session,
    cluster: &Cluster,
    actor: &User,
    pair: &KeyPair,
) -> Result<Vec<(String, Node)>, Error> {
    let recorded = candidates::recorded(session, cluster)?;
    let store = session.store()?;
    let current = store.read(|tx| store::ssh_keys::nodes(tx, pair.id))?;
    let mut nodes = Vec::new();
    for held in current.iter().filter(|held| held.may_hold()) {
        if let Ok(node) = held.address.parse::<Node>() {
            let port = held.port;
            nodes.push((held.login.clone(), Node { port, ..node }));
        }
    }
    let candidates = Candidates {
        session,
        cluster,
        actor,
        recorded: &recorded,
    };
    let (good, _) = candidates.believed(None).await.unwrap_or_default();
    for (_, node) in good {
        if nodes.iter().all(|(_, known)| known.address != node.address) {
            nodes.push(("root".to_owned(), node));
        }
    }
    Ok(nodes)
}

/// The names of those who could ever open a key's private half.
pub(super) fn readers(app: &App, pair: &KeyPair) -> Result<Vec<String>, Error> {
    let names = app.store()?.read(|tx| {
        let ids = store::ssh_keys::recipients(tx, pair.id)?;
        let users = store::users::get_each(tx, &ids.into_iter().collect())?;
        let mut names: Vec<String> = users.values().map(|user| user.name.to_string()).collect();
        names.sort();
        Ok::<_, store::Error>(names)
    })?;
    Ok(names)
}
