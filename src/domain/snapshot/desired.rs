//! What a cluster should hold, as its rows say.

use std::collections::{BTreeMap, BTreeSet};

use super::ClusterSnapshot;
use crate::domain::Timestamp;
use crate::domain::access::{self, Power};
use crate::domain::account_name::AccountName;
use crate::domain::binding::Bound;
use crate::domain::cluster::WriteScope;
use crate::domain::credential::{Credential, Renews};
use crate::domain::plan::{self, Desired};

impl ClusterSnapshot {
    /// What the cluster should hold.
    pub(crate) fn desired(&self) -> Desired {
        let live = self.credentials.iter().filter(|it| it.state.is_live());
        Desired {
            installation: self.installation.clone(),
            accounts: live
                .flat_map(|credential| {
                    let account = |name: &AccountName, power| plan::Account {
                        name: name.to_string(),
                        user: credential.owner.clone(),
                        credential: credential.id,
                        power,
                        shard: credential.shard,
                    };
                    // Who renews is on no list.
                    let renewer = credential.renewer().map(|it| account(&it, Power::Bound));
                    let own = account(&credential.account, credential.power);
                    [own].into_iter().chain(renewer)
                })
                .collect(),
            renewers: self.renewers(),
            bound: self.bound_accounts(),
            write_cluster_wide: self.cluster.write_scope == WriteScope::Cluster,
            keep: {
                let issuer = self.cluster.issuer.iter().map(|it| it.account.clone());
                [self.cluster.manager.clone()]
                    .into_iter()
                    .chain(issuer)
                    .collect()
            },
            keeps_lists: self.works_by_issuer() && self.cluster.deleting_at.is_none(),
        }
    }

    /// The accounts that mint for others.
    fn renewers(&self) -> Vec<plan::Renewer> {
        let live = self.credentials.iter().filter(|it| it.state.is_live());
        let renewers = live.filter_map(|it| {
            Some(plan::Renewer {
                account: it.renewer()?.to_string(),
                of: it.account.to_string(),
                is_rolling: it.renews == Some(Renews::Rolling),
            })
        });
        renewers.collect()
    }

    /// The accounts that carry each bound role: every live one of the users who have it, shells
    /// as well as kubeconfigs; a shell that was asked for with less carries none.
    fn bound_accounts(&self) -> BTreeMap<Bound, BTreeSet<String>> {
        let mut lists: BTreeMap<Bound, BTreeSet<String>> = BTreeMap::new();
        for binding in self.bindings.iter().filter(|binding| !binding.is_removed) {
            for credential in self.live_of(binding.user) {
                if !self.is_lowered(credential) {
                    let list = lists.entry(binding.bound.clone()).or_default();
                    list.insert(credential.account.to_string());
                }
            }
        }
        lists
    }

    /// Whether it is a shell that carries less than its user has.
    fn is_lowered(&self, credential: &Credential) -> bool {
        let user = credential.subject.user();
        let user = user.and_then(|user| self.people.users.get(&user));
        let Some(user) = user.filter(|_| credential.is_shell()) else {
            return false;
        };
        // A grant that has ended ends the shell by another rule: here it counts as it was given.
        let grant = self.grants.get(&user.id);
        let access = access::effective(user, &self.cluster, grant, Timestamp::MIN_UTC);
        access.power() > Some(credential.power)
    }
}
