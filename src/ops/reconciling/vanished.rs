//! Versions whose accounts somebody deleted on their cluster: they end.
//!
//! The tokens died with the account, and an account of the same name would not bring them back: to
//! make it anew would only hide that. What is believed is not one answer. The list of our accounts
//! is without it, a question by its name says that there is none, and so does a list of that name;
//! and the manager's own account stands in a namespace that is not going. Where that one is gone
//! too, the namespace was deleted: nothing ends by itself, and `cluster relink` makes another manager
//! first. What is being deleted, and held by a finalizer, says so itself.

use std::collections::BTreeSet;

use super::commit;
use super::run::Reconciling;
use super::snapshot::{ended, snapshot};
use crate::domain::credential::{Credential, CredentialId, State};
use crate::domain::effect::Effect;
use crate::domain::plan::{Object, Step};
use crate::domain::snapshot::ClusterSnapshot;
use crate::kubernetes::observe::{Look, Seen};
use crate::kubernetes::take::{Ended, Taken};
use crate::ops::Error;

/// Why such a version ended.
pub(in crate::ops) const ACCOUNT_DELETED: &str = "its account was deleted on the cluster";

/// What the store says after versions ended so, and what of them was seen to be gone.
pub(super) struct Vanished {
    pub(super) snapshot: ClusterSnapshot,
    pub(super) taken: Taken,
}

impl Reconciling<'_> {
    /// Ends the versions whose accounts are gone from the cluster; nothing where all are there.
    pub(super) async fn end_vanished(
        &self,
        before: &ClusterSnapshot,
        look: &Look<'_>,
    ) -> Result<Option<Vanished>, Error> {
        let (app, connection, cluster) = (self.app, self.connection, &before.cluster);
        let failed = |source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        };
        let seen = connection.observe(look).await.map_err(failed)?;
        let is_looked_at = |it: &&Credential| {
            look.has(&Object::Account(it.account.to_string())) && connection.sees(it.account.home())
        };
        let missing = without_account(before, &seen).filter(is_looked_at);
        let missing: Vec<&Credential> = missing.collect();
        if missing.is_empty() {
            connection.keep_ahead(look, seen);
            return Ok(None);
        }
        let (deleting, absent): (Vec<&Credential>, Vec<&Credential>) = missing
            .into_iter()
            .partition(|it| seen.observed.accounts.contains_key(it.account.as_str()));
        let names: Vec<&str> = absent.iter().map(|it| it.account.as_str()).collect();
        let gone = connection.accounts_gone(&cluster.manager, &names).await;
        let gone = gone.map_err(failed)?;
        let absent = absent
            .into_iter()
            .filter(|it| gone.contains(it.account.as_str()));
        let ending: Vec<&Credential> = deleting.into_iter().chain(absent).collect();
        if ending.is_empty() {
            connection.keep_ahead(look, seen);
            return Ok(None);
        }
        let after = app.store()?.write(|tx| {
            let effects = ending
                .iter()
                .flat_map(|it| before.ending(it, ACCOUNT_DELETED));
            let effects: Vec<Effect> = effects.collect();
            commit(app, tx, before, &effects, self.journal, self.request)?;
            snapshot(tx, cluster.id)
        })?;
        let ids: BTreeSet<CredentialId> = ending.iter().map(|it| it.id).collect();
        let accounts: BTreeSet<&str> = ending.iter().map(|it| it.account.as_str()).collect();
        let all = ended(&after);
        let theirs = Ended {
            also: all.also.clone(),
            accounts: all
                .accounts
                .iter()
                .filter(|it| ids.contains(&it.credential))
                .copied()
                .collect(),
            bound: all
                .bound
                .iter()
                .filter(|it| accounts.contains(it.account))
                .copied()
                .collect(),
        };
        let mut taken = Box::pin(connection.take(&theirs, &after.desired())).await;
        taken.notes.extend(ending.iter().map(|it| {
            let owner = &it.owner;
            format!(
                "version {} of '{owner}' ended: {ACCOUNT_DELETED} (account '{}'); the next download begins \
                 another",
                it.version, it.account
            )
        }));
        Ok(Some(Vanished {
            snapshot: after,
            taken,
        }))
    }
}

/// The versions that stood on the cluster and have no account there now, or one that is going.
fn without_account<'a>(
    snapshot: &'a ClusterSnapshot,
    seen: &'a Seen,
) -> impl Iterator<Item = &'a Credential> {
    let active = snapshot.credentials.iter();
    let active = active.filter(|credential| credential.state == State::Active);
    active.filter(|credential| {
        let found = seen.observed.accounts.get(credential.account.as_str());
        found.is_none_or(|found| found.deleting)
    })
}

/// The version that stood on the cluster, where a plan would make its account anew: it ends instead.
pub(in crate::ops) fn vanished<'a>(
    step: &Step,
    snapshot: &'a ClusterSnapshot,
) -> Option<&'a Credential> {
    let Step::CreateAccount(account) = step else {
        return None;
    };
    let mut all = snapshot.credentials.iter();
    all.find(|it| it.account.as_str() == account.name && it.state == State::Active)
}

/// A step of a plan in words; an account that stood there is not made again.
pub(in crate::ops) fn describe_step(step: &Step, snapshot: &ClusterSnapshot) -> String {
    match vanished(step, snapshot) {
        Some(credential) => format!(
            "end version {} of '{}': {ACCOUNT_DELETED} (account '{}')",
            credential.version, credential.owner, credential.account
        ),
        None => step.to_string(),
    }
}
