//! What the store says of one cluster, and what a cluster should hold for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::Timestamp;
use crate::domain::access::{self, Power};
use crate::domain::binding::{Binding, Bound};
use crate::domain::cluster::{Cluster, ClusterId, FormerManager, WriteScope};
use crate::domain::credential::{Credential, CredentialId, State};
use crate::domain::installation::InstallationId;
use crate::domain::name::ProjectName;
use crate::domain::plan::{self, Desired, Object};
use crate::domain::project::ProjectId;
use crate::domain::user::{User, UserId};
use crate::kubernetes::converge::Converged;
use crate::kubernetes::take::{self, Taken};
use crate::store::{self, ReadTxn};

/// What the store says of one cluster, read in one look.
#[derive(Debug)]
pub(in crate::ops) struct Picture {
    /// This installation's id.
    pub(in crate::ops) installation: InstallationId,
    /// Everything that is not revoked.
    pub(in crate::ops) credentials: Vec<Credential>,
    /// Roles bound to users, and those unbound and not yet seen to be gone.
    pub(in crate::ops) bindings: Vec<Binding>,
    /// Whether where write reaches was changed here and not yet seen on the cluster.
    pub(in crate::ops) reach_owed: bool,
    /// Whether logins of the manager from before the stored one may still work.
    pub(in crate::ops) older_logins: bool,
    /// Accounts that were the manager's, or are to be no longer, and were not seen to be gone.
    pub(in crate::ops) former: Vec<FormerManager>,
    /// Whether the cluster may hold what was issued after the backup that was restored.
    pub(in crate::ops) orphans_owed: bool,
    /// All users.
    pub(in crate::ops) users: BTreeMap<UserId, User>,
    /// The names of all projects.
    pub(in crate::ops) projects: BTreeMap<ProjectId, ProjectName>,
    /// Shells that carry less than their user has: no bound role either.
    lowered: BTreeSet<CredentialId>,
}

impl Picture {
    /// A user's name.
    pub(super) fn name_of(&self, user: UserId) -> Option<&str> {
        self.users.get(&user).map(|user| user.name.as_str())
    }

    /// What the cluster should hold.
    pub(in crate::ops) fn desired(&self, cluster: &Cluster) -> Desired {
        Desired {
            installation: self.installation.clone(),
            accounts: self
                .credentials
                .iter()
                .filter(|credential| credential.state.is_live())
                .map(|credential| plan::Account {
                    name: credential.account.to_string(),
                    user: credential.owner.clone(),
                    credential: credential.id,
                    power: credential.power,
                })
                .collect(),
            bound: self.bound(),
            write_cluster_wide: cluster.write_scope == WriteScope::Cluster,
            keep: [cluster.manager.clone()].into(),
        }
    }

    /// The accounts that carry each bound role: every live one of the users who have it, shells
    /// as well as kubeconfigs; a shell that was wished for with less carries none.
    fn bound(&self) -> BTreeMap<Bound, BTreeSet<String>> {
        let mut lists: BTreeMap<Bound, BTreeSet<String>> = BTreeMap::new();
        for binding in self.bindings.iter().filter(|binding| !binding.is_removed) {
            for credential in &self.credentials {
                let has_it = credential.subject.user() == Some(binding.user);
                let carries = credential.state.is_live() && !self.lowered.contains(&credential.id);
                if has_it && carries {
                    let list = lists.entry(binding.bound.clone()).or_default();
                    list.insert(credential.account.to_string());
                }
            }
        }
        lists
    }

    /// What was decided to end, to be seen to have.
    pub(super) fn ended(&self) -> take::Ended<'_> {
        let mut ended = take::Ended::default();
        for credential in &self.credentials {
            let account = credential.account.as_str();
            let is_ending = credential.state == State::Revoking;
            if is_ending {
                ended.accounts.push(take::Ending {
                    account,
                    credential: credential.id,
                    power: credential.power,
                });
            }
            let bindings = self.bindings.iter();
            for binding in bindings.filter(|it| credential.subject.user() == Some(it.user)) {
                let again = |it: &Binding| {
                    !it.is_removed && it.user == binding.user && it.bound == binding.bound
                };
                if is_ending || (binding.is_removed && !self.bindings.iter().any(again)) {
                    ended.bound.push((account, &binding.bound));
                }
            }
        }
        ended
    }

    /// Whether all that is pending is to be taken away, and is known by name.
    pub(super) fn only_takes(&self) -> bool {
        let gives = |binding: &Binding| binding.is_owed && !binding.is_removed;
        !self.reach_owed
            && !self.orphans_owed
            && !self.bindings.iter().any(gives)
            && !self
                .credentials
                .iter()
                .any(|credential| credential.state == State::Pending)
    }

    /// Whether a version's account and the lists of its level are on the cluster.
    pub(super) fn stands(
        &self,
        cluster: &Cluster,
        credential: &Credential,
        converged: &Converged,
    ) -> bool {
        let list = |role| Object::Binding(None, plan::binding_name(&self.installation, role));
        // Where our own role of a level cannot be kept, nobody comes onto its lists.
        let role = |role| Object::Role(plan::binding_name(&self.installation, role));
        let is_there = |object: &Object| !converged.refused.contains_key(object);
        let lists = match credential.power {
            Power::Bound => vec![],
            Power::Read => vec![list("view"), role("view")],
            Power::Full => vec![list("cluster-admin")],
            Power::Write if cluster.write_scope == WriteScope::Cluster => {
                vec![list("view"), list("edit")]
            }
            Power::Write => vec![list("view"), role("view"), role("edit")],
        };
        is_there(&Object::Account(credential.account.to_string())) && lists.iter().all(is_there)
    }

    /// Whether every account of a binding's user was seen to be off its list.
    pub(super) fn is_off(&self, binding: &Binding, taken: &Taken) -> bool {
        self.ended()
            .bound
            .into_iter()
            .filter(|(_, bound)| **bound == binding.bound)
            .all(|(account, bound)| taken.off.contains(&(account.to_owned(), bound.clone())))
    }

    /// Whether the list of a binding is on the cluster.
    pub(super) fn is_on(&self, binding: &Binding, converged: &Converged) -> bool {
        let name = binding.bound.list_name(&self.installation);
        let list = Object::Binding(binding.bound.place.clone(), name);
        !converged.refused.contains_key(&list)
    }

    pub(super) fn owes(&self) -> bool {
        self.credentials
            .iter()
            .any(|credential| credential.state.is_debt())
            || self.bindings.iter().any(|binding| binding.is_owed)
            || self.reach_owed
            || self.orphans_owed
    }
}

/// Reads what the store says of one cluster.
pub(in crate::ops) fn picture(tx: &ReadTxn<'_>, cluster: ClusterId) -> store::Result<Picture> {
    let credentials = store::credentials::unfinished(tx, cluster)?;
    Ok(Picture {
        installation: store::meta::installation(tx)?,
        lowered: lowered(tx, cluster, &credentials)?,
        credentials,
        bindings: store::bindings::unfinished(tx, cluster)?,
        reach_owed: store::clusters::owes_reach(tx, cluster)?,
        older_logins: store::clusters::has_older_logins(tx, cluster)?,
        former: store::managers::former(tx, cluster)?,
        orphans_owed: store::clusters::owes_orphans(tx, cluster)?,
        users: users(tx)?,
        projects: store::projects::names(tx)?,
    })
}

/// The shells that carry less than their user has.
fn lowered(
    tx: &ReadTxn<'_>,
    cluster: ClusterId,
    credentials: &[Credential],
) -> store::Result<BTreeSet<CredentialId>> {
    let mut lowered = BTreeSet::new();
    let shells: Vec<&Credential> = credentials.iter().filter(|it| it.is_shell()).collect();
    if shells.is_empty() {
        return Ok(lowered);
    }
    let users = users(tx)?;
    let clusters = store::clusters::list(tx)?;
    let Some(cluster) = clusters.iter().find(|it| it.id == cluster) else {
        return Ok(lowered);
    };
    for shell in shells {
        let Some(user) = shell.subject.user().and_then(|user| users.get(&user)) else {
            continue;
        };
        // A grant that has ended ends the shell by another rule: here it counts as it was given.
        let grant = store::grants::find(tx, cluster.id, user.id)?;
        let access = access::effective(user, cluster, grant.as_ref(), Timestamp::MIN_UTC);
        if access.power() > Some(shell.power) {
            lowered.insert(shell.id);
        }
    }
    Ok(lowered)
}

pub(super) fn users(tx: &ReadTxn<'_>) -> store::Result<BTreeMap<UserId, User>> {
    let users = store::users::list(tx)?.into_iter();
    Ok(users.map(|user| (user.id, user)).collect())
}
