//! What the rows say after an effect.

use std::sync::Arc;

use super::ClusterSnapshot;
use crate::domain::binding::BindingId;
use crate::domain::credential::{CredentialId, State};
use crate::domain::effect::Effect;
use crate::domain::sealed::Which;
use crate::domain::shard::Shard;

impl ClusterSnapshot {
    /// Does to the rows what the store does to the tables.
    ///
    /// A version or binding that begins has no row number yet: it gets none here either, and counts
    /// as pending.
    pub(crate) fn apply(&mut self, effect: &Effect) {
        let Some(cluster) = effect.cluster() else {
            Arc::make_mut(&mut self.people).apply(effect);
            return;
        };
        if cluster != self.cluster.id {
            return;
        }
        match effect {
            Effect::PutGrant(grant) => {
                Arc::make_mut(&mut self.grants).insert(grant.user, grant.clone());
            }
            Effect::RemoveGrant { user, .. } => {
                Arc::make_mut(&mut self.grants).remove(user);
            }
            Effect::PutBlock { user, .. } => {
                self.blocks.insert(*user);
            }
            Effect::LiftBlock { user, .. } => {
                self.blocks.remove(user);
            }
            Effect::EndVersion { credential, .. } => self.end_version(*credential),
            Effect::Renew {
                subject,
                version,
                renews,
                ..
            } => {
                let mut all = Arc::make_mut(&mut self.credentials).iter_mut();
                let it = all.find(|it| it.subject == *subject && it.version == *version);
                if let Some(it) = it {
                    it.renews = Some(*renews);
                }
            }
            Effect::MoveToShard {
                credential, shard, ..
            } => self.move_to(*credential, *shard),
            Effect::BeginVersion {
                subject, version, ..
            } => {
                self.numbers.insert(*subject, *version);
            }
            Effect::Unbind { binding, .. } => self.unbind(*binding),
            Effect::SetProtected { protected, .. } => self.cluster.protected = *protected,
            Effect::SetState { state, .. } => self.cluster.state = *state,
            Effect::Set { setting, .. } => {
                self.reach_pending |= setting.reaches_cluster();
                setting.clone().put(&mut self.cluster);
            }
            Effect::SetOwner { owner, .. } => {
                self.reach_pending |= self.changes_lists(*owner);
                self.cluster.owner = Some(*owner);
            }
            Effect::KeepShared {
                credential,
                user,
                kept,
                ..
            } => {
                let holders = self.holders.get_mut(credential).into_iter().flatten();
                for holder in holders.filter(|holder| holder.user == *user) {
                    holder.kept = *kept;
                }
            }
            Effect::BeginDelete { at, .. } => {
                self.cluster.deleting_at.get_or_insert(*at);
            }
            Effect::RemoveCluster { .. } => {
                self.credentials = Arc::default();
                self.bindings.clear();
                self.grants = Arc::default();
                self.blocks.clear();
            }
            Effect::RemoveProviderToken { .. } => {
                self.secrets.retain(|it| it.which != Which::ProviderToken);
            }
            Effect::ReplaceManager { former, .. } => self.former.extend(former.iter().cloned()),
            Effect::ReplaceIssuer { former, .. } => {
                self.former.push(former.as_str().into());
                self.reach_pending = true;
            }
            Effect::Bind(_)
            | Effect::Deliver { .. }
            | Effect::SetProviderToken { .. }
            | Effect::SshKey { .. }
            | Effect::AddCluster(_)
            | Effect::AddUser(_)
            | Effect::SetKey { .. }
            | Effect::SetOidc { .. }
            | Effect::SetProvider(_)
            | Effect::SetRole { .. }
            | Effect::SetActive { .. }
            | Effect::CreateProject { .. }
            | Effect::RenameProject { .. }
            | Effect::DescribeProject { .. }
            | Effect::RemoveProject { .. }
            | Effect::PutMember { .. }
            | Effect::RemoveMember { .. } => {}
        }
    }

    fn end_version(&mut self, id: CredentialId) {
        let mut all = Arc::make_mut(&mut self.credentials).iter_mut();
        if let Some(credential) = all.find(|it| it.id == id && it.state.is_live()) {
            credential.state = State::Revoking;
        }
    }

    fn move_to(&mut self, id: CredentialId, shard: Shard) {
        self.reach_pending = true;
        let mut all = Arc::make_mut(&mut self.credentials).iter_mut();
        if let Some(credential) = all.find(|it| it.id == id) {
            credential.shard = shard;
        }
    }

    fn unbind(&mut self, id: BindingId) {
        let mut all = self.bindings.iter_mut();
        if let Some(binding) = all.find(|it| it.id == id) {
            binding.is_removed = true;
        }
    }
}
