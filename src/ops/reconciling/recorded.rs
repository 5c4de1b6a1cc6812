//! What was seen to be true on a cluster, put down in the store.

use super::run::Reconciling;
use super::snapshot::{is_off, is_on, reaches, stands};
use crate::domain::audit::Phase;
use crate::domain::cluster::Cluster;
use crate::domain::credential::{Credential, State};
use crate::domain::snapshot::ClusterSnapshot;
use crate::kubernetes::reconcile::ClusterChanges;
use crate::kubernetes::take::Taken;
use crate::ops::Error;
use crate::store::{self, WriteTxn};

/// What the store said, and what was read back from the cluster.
#[derive(Clone, Copy)]
pub(super) struct ReadBack<'a> {
    /// What the store said before.
    pub(super) snapshot: &'a ClusterSnapshot,
    /// What was taken.
    pub(super) taken: &'a Taken,
    /// What was changed beside, where it came as far as that.
    pub(super) changes: Option<&'a ClusterChanges>,
    /// Whether the login sees all that is ours there.
    pub(super) looked_whole: bool,
}

impl Reconciling<'_> {
    /// Records what was read back, each by itself: pending versions are active, revoking ones revoked.
    pub(super) fn record_read_back(
        &self,
        tx: &WriteTxn<'_>,
        seen: &ReadBack<'_>,
    ) -> store::Result<Vec<Credential>> {
        let Self {
            app,
            cluster,
            journal,
            request,
            ..
        } = *self;
        let ReadBack {
            snapshot,
            taken,
            changes: reconciled,
            looked_whole,
        } = *seen;
        let now = app.now();
        let mut ended = Vec::new();
        for credential in snapshot.credentials.iter() {
            let user = &credential.owner;
            let journal = journal.clone().user_name(user);
            let version = credential.version;
            match credential.state {
                State::Pending => {
                    let stands = reconciled.is_some_and(|it| stands(snapshot, credential, it));
                    if stands && store::credentials::activate(tx, credential.id, now)? {
                        let detail = format!("version {version} of '{user}' is on the cluster");
                        journal.record(app, tx, Phase::Done, detail, request)?;
                    }
                }
                State::Revoking => {
                    let gone = taken.ended.contains(&credential.id);
                    if gone && store::credentials::set_gone(tx, credential.id, now)? {
                        if credential.is_shell() && !app.shell_lives(&credential.account) {
                            app.bury_shell(&credential.account);
                        }
                        let detail = format!(
                            "version {version} of '{user}' is gone, read back from the cluster"
                        );
                        journal.record(app, tx, Phase::Done, detail, request)?;
                        ended.push(credential.clone());
                    }
                }
                State::Active | State::Revoked => {}
            }
        }
        for binding in snapshot
            .bindings
            .iter()
            .filter(|binding| binding.is_pending)
        {
            let reconciled = if binding.is_removed {
                is_off(snapshot, binding, taken)
            } else {
                reconciled.is_some_and(|it| is_on(snapshot, binding, it))
            };
            if reconciled {
                let user = snapshot.people.users.get(&binding.user);
                let user = user.map(|user| user.name.to_string()).unwrap_or_default();
                let done = if binding.is_removed {
                    "is gone"
                } else {
                    "is there"
                };
                store::bindings::set_gone(tx, binding)?;
                let detail = format!("{} {done}, read back from the cluster", binding.bound);
                let journal = journal.clone().user_name(&user);
                journal.record(app, tx, Phase::Done, detail, request)?;
            }
        }
        if snapshot.reach_pending && reconciled.is_some_and(|it| reaches(snapshot, it)) {
            store::clusters::clear_reach_pending(tx, cluster.id)?;
            let detail = "write reaches on the cluster what the settings say";
            journal.record(app, tx, Phase::Done, detail, request)?;
        }
        let is_beyond = reconciled.is_some_and(ClusterChanges::leaves_lists);
        if is_beyond && !snapshot.reach_pending {
            store::clusters::set_reach_pending(tx, cluster.id)?;
            let detail = "what the issuer may not change on the cluster is left to the manager";
            journal.record(app, tx, Phase::Pending, detail, request)?;
        }
        let is_whole = |it: &ClusterChanges| it.refused.is_empty() && it.beyond.is_empty();
        if reconciled.is_some_and(is_whole) && looked_whole && snapshot.orphans_pending {
            store::clusters::clear_orphans_pending(tx, cluster.id)?;
            let detail = "nothing is left of what was issued after the backup".to_owned();
            journal.record(app, tx, Phase::Done, detail, request)?;
        }
        store::clusters::set_reached(tx, cluster.id, now)?;
        if let Some(at) = reconciled.and_then(|it| it.looked_at_write) {
            store::clusters::set_looked(tx, cluster.id, at)?;
        }
        Ok(ended)
    }

    /// Notes the versions that a cluster holds and the store does not know, before they are ended:
    /// no number is used twice.
    pub(super) async fn learn_versions(&self, cluster: &Cluster) -> Result<(), Error> {
        let held = self.connection.versions_held().await;
        let held = held.map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })?;
        self.app.store()?.write(|tx| {
            let on = super::snapshot(tx, cluster.id)?;
            let held: Vec<_> = held
                .iter()
                .filter(|(owner, version)| on.may_have_issued(owner, *version))
                .collect();
            for (owner, version) in &held {
                store::credentials::raise_floor(tx, cluster.id, owner, *version)?;
            }
            if !held.is_empty() {
                let detail = format!(
                    "{} versions are on the cluster; none is used again",
                    held.len()
                );
                let (journal, request) = (self.journal, self.request);
                journal.record(self.app, tx, Phase::Done, detail, request)?;
            }
            Ok::<_, store::Error>(())
        })?;
        Ok(())
    }
}
