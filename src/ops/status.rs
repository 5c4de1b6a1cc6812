//! `status`: what is owed, what is blocked, what ends soon. Asks no cluster.

use chrono::TimeDelta;

use super::{Debt, Error, cluster, find, settle, ssh_key};
use crate::domain::Timestamp;
use crate::session::Session;
use crate::store;

/// What ends within so many days is said.
const SOON_DAYS: i64 = 7;
/// A manager's token is worth an earlier word.
const MANAGER_SOON_DAYS: i64 = 30;

/// Something that ends by itself.
#[derive(Debug)]
pub(crate) struct Ending {
    /// What.
    pub(crate) what: String,
    /// Where.
    pub(crate) cluster: String,
    /// When.
    pub(crate) at: Timestamp,
}

/// How things stand.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// What is owed.
    pub(crate) owed: Vec<Debt>,
    /// How much of it no cluster can pay, but only its nodes.
    pub(crate) on_nodes: usize,
    /// Who is blocked where.
    pub(crate) blocked: Vec<(String, String)>,
    /// What ends soon, soonest first.
    pub(crate) ending: Vec<Ending>,
}

/// Says how things stand on the clusters that the actor manages.
pub(crate) fn status(session: &Session) -> Result<Status, Error> {
    let actor = find::actor(session, "status")?;
    let now = session.now();
    let soon = now + TimeDelta::days(SOON_DAYS);
    let mut status = Status::default();
    for found in session.store()?.read(store::clusters::list)? {
        let manages = cluster::manages(session, &actor, &found)?;
        let name = found.name.to_string();
        if let Some(at) = found.manager_expires_at
            && manages
            && at < now + TimeDelta::days(MANAGER_SOON_DAYS)
        {
            let what = "the manager's token".to_owned();
            status.ending.push(Ending {
                what,
                cluster: name.clone(),
                at,
            });
        }
        session.store()?.read(|tx| {
            let picture = settle::picture(tx, found.id)?;
            let concerns = |user| manages || user == actor.user.id;
            if manages {
                status.owed.extend(settle::debts(&found, &picture));
                let keys = ssh_key::debts(tx, &found)?;
                status.on_nodes += keys.on_nodes.len() + keys.wanted.len();
                let owed = keys
                    .here
                    .into_iter()
                    .chain(keys.on_nodes)
                    .chain(keys.wanted);
                status.owed.extend(owed.map(|what| Debt {
                    cluster: found.name.clone(),
                    what,
                    why: None,
                    until: None,
                }));
            }
            for credential in picture.credentials.iter().filter(|c| c.state.is_live()) {
                let user = credential.subject.user();
                if !(manages || user.is_some_and(concerns)) {
                    continue;
                }
                let owner = picture.owner(credential);
                let users = &picture.users;
                let because = settle::why_it_must_end(session, tx, &found, users, credential)?;
                if let Some(because) = because.filter(|_| manages) {
                    let because = if credential.is_shell() || user.is_none() {
                        because
                    } else {
                        "its grant has ended"
                    };
                    status.owed.push(Debt {
                        cluster: found.name.clone(),
                        what: format!(
                            "version {} of '{owner}' must end: {because}",
                            credential.version
                        ),
                        why: None,
                        until: credential.token_expires_at,
                    });
                }
                if let Some(at) = credential
                    .token_expires_at
                    .filter(|at| *at > now && *at < soon)
                {
                    let version = credential.version;
                    let what = format!("the tokens of version {version} of '{owner}'");
                    status.ending.push(Ending {
                        what,
                        cluster: name.clone(),
                        at,
                    });
                }
            }
            for grant in store::grants::list(tx)? {
                let (Some(user), Some(at)) = (picture.users.get(&grant.user), grant.ends_at) else {
                    continue;
                };
                if grant.cluster == found.id && concerns(user.id) && at > now && at < soon {
                    let what = format!("the {} grant of '{}'", grant.level, user.name);
                    status.ending.push(Ending {
                        what,
                        cluster: name.clone(),
                        at,
                    });
                }
            }
            for (cluster, user) in store::blocks::list(tx)? {
                if let Some(user) = picture.users.get(&user)
                    && cluster == found.id
                    && concerns(user.id)
                {
                    status.blocked.push((user.name.to_string(), name.clone()));
                }
            }
            Ok::<_, Error>(())
        })?;
    }
    status.ending.sort_by_key(|ending| ending.at);
    Ok(status)
}
