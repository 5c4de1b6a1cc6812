//! Committing effects: the only place where what was decided becomes rows.

use super::{
    Result, WriteTxn, bindings, blocks, clusters, credentials, damaged, grants, managers, meta,
    projects, provider_tokens, sessions, ssh_keys, users,
};
use crate::domain::Timestamp;
use crate::domain::account_name::{AccountName, Home};
use crate::domain::cluster::ClusterId;
use crate::domain::credential::Subject;
use crate::domain::effect::Effect;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::ssh::SshKeyEffect;
use crate::domain::user::UserId;

/// When, by whom, and with what randomness effects are committed.
pub(crate) struct Committing<'a> {
    /// When.
    pub(crate) now: Timestamp,
    /// Whose key it was.
    pub(crate) holder: UserId,
    /// Whose rights they were.
    pub(crate) user: UserId,
    /// Bytes that nobody can guess, for the names of accounts.
    pub(crate) random: &'a dyn Fn() -> [u8; 4],
}

/// Commits one effect. `on` is the cluster that it is about, as it was before.
///
/// `false` where a version was to end and had ended before.
pub(crate) fn effect(
    tx: &WriteTxn<'_>,
    effect: &Effect,
    on: Option<&ClusterSnapshot>,
    by: &Committing<'_>,
) -> Result<bool> {
    match effect {
        Effect::PutGrant(grant) => grants::put(tx, grant)?,
        Effect::RemoveGrant { cluster, user } => grants::remove(tx, *cluster, *user, by.now)?,
        Effect::EndVersion {
            credential,
            because,
            ..
        } => return credentials::end(tx, *credential, because, by.now),
        Effect::BeginVersion {
            cluster,
            subject,
            power,
            version,
            shard,
        } => {
            let home = on.map_or(Home::Own, |on| on.home_of_next(*subject, *power));
            let account = account_of(on, *subject, *version, home, by)?;
            let new = credentials::NewCredential {
                cluster: *cluster,
                subject: *subject,
                version: *version,
                account: &account,
                power: *power,
                shard: *shard,
                created_at: by.now,
            };
            credentials::insert(tx, &new)?;
        }
        Effect::Renew {
            cluster,
            subject,
            version,
            renews,
        } => credentials::set_renews(tx, *cluster, *subject, *version, *renews)?,
        Effect::MoveToShard {
            cluster,
            credential,
            shard,
        } => {
            credentials::set_shard(tx, *credential, *shard)?;
            clusters::set_reach_pending(tx, *cluster)?;
        }
        Effect::PutBlock {
            cluster,
            user,
            reason,
        } => blocks::put(tx, *cluster, *user, by.holder, by.now, reason)?,
        Effect::LiftBlock { cluster, user } => {
            blocks::remove(tx, *cluster, *user)?;
        }
        Effect::Bind(new) => bindings::insert(tx, new)?,
        Effect::Unbind { binding, .. } => {
            let mut all = on.into_iter().flat_map(|on| &on.bindings);
            if let Some(binding) = all.find(|it| it.id == *binding) {
                bindings::remove(tx, binding, by.now)?;
            }
        }
        Effect::SetProtected { cluster, protected } => {
            clusters::set_protected(tx, *cluster, *protected)?;
        }
        Effect::SetState { cluster, state } => clusters::set_state(tx, *cluster, *state)?,
        Effect::Set { cluster, setting } => clusters::set(tx, *cluster, setting.clone())?,
        Effect::ReplaceManager { cluster, former } => managers::add_former(tx, *cluster, former)?,
        Effect::ReplaceIssuer { cluster, former } => {
            managers::add_former(tx, *cluster, &[former.as_str().into()])?;
            // Whoever had it may have put others on the lists.
            clusters::set_reach_pending(tx, *cluster)?;
        }
        // What is sealed or minted is no plain data: the change itself writes it, with the record of
        // when it ends.
        Effect::SetProviderToken { .. } | Effect::Deliver { .. } | Effect::AddCluster(_) => {}
        Effect::SshKey { change, .. } => of_ssh_key(tx, change)?,
        Effect::RemoveProviderToken { cluster } => {
            provider_tokens::remove(tx, *cluster)?;
        }
        Effect::BeginDelete { cluster, at } => clusters::begin_delete(tx, *cluster, *at)?,
        Effect::RemoveCluster { cluster } => remove_cluster(tx, *cluster, by)?,
        Effect::SetOwner { cluster, owner } => {
            clusters::set_owner(tx, *cluster, Some(*owner))?;
            // Lists come where nobody is on them, or go.
            if on.is_some_and(|on| on.changes_lists(*owner)) {
                clusters::set_reach_pending(tx, *cluster)?;
            }
        }
        Effect::KeepShared {
            credential,
            user,
            kept,
            ..
        } => credentials::set_kept(tx, *credential, *user, *kept)?,
        Effect::AddUser(_)
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
        | Effect::RemoveMember { .. } => of_people(tx, effect, by)?,
    }
    Ok(true)
}

/// Commits what becomes of an SSH key, as far as it is plain data.
fn of_ssh_key(tx: &WriteTxn<'_>, change: &SshKeyEffect) -> Result<()> {
    match change {
        SshKeyEffect::Retire { key, is_in_use, .. } => {
            ssh_keys::destroy(tx, *key)?;
            if *is_in_use {
                ssh_keys::put_aside(tx, *key)?;
            }
            Ok(())
        }
        // The change itself writes it.
        SshKeyEffect::Add { .. } | SshKeyEffect::HandOut { .. } | SshKeyEffect::Bring { .. } => {
            Ok(())
        }
    }
}

/// Commits an effect on people and projects; any other is none of these.
fn of_people(tx: &WriteTxn<'_>, effect: &Effect, by: &Committing<'_>) -> Result<()> {
    match effect {
        Effect::AddUser(new) => {
            users::insert(tx, new)?;
        }
        Effect::SetKey { user, key } => {
            users::set_key(tx, *user, key, by.holder, by.now)?;
            sessions::end_of(tx, *user)?;
        }
        Effect::SetOidc { user, link } => {
            users::set_oidc(tx, *user, link.as_ref())?;
            sessions::end_of(tx, *user)?;
        }
        Effect::SetProvider(provider) => {
            meta::set_provider(tx, provider.as_ref())?;
            sessions::end_oidc(tx)?;
        }
        Effect::SetRole { user, role } => users::set_role(tx, *user, *role)?,
        Effect::SetActive { user, active } => {
            users::set_active(tx, *user, *active)?;
            sessions::end_of(tx, *user)?;
        }
        Effect::CreateProject { name, description } => {
            projects::insert(tx, name, description, by.user, by.now)?;
        }
        Effect::RenameProject { project, name } => projects::rename(tx, *project, name)?,
        Effect::DescribeProject { project, text } => projects::describe(tx, *project, text)?,
        Effect::RemoveProject { project } => projects::remove(tx, *project, by.now)?,
        Effect::PutMember {
            project,
            user,
            role,
        } => projects::put_member(tx, *project, *user, *role, by.user, by.now)?,
        Effect::RemoveMember { project, user } => projects::remove_member(tx, *project, *user)?,
        _ => {}
    }
    Ok(())
}

/// The name of the account of a version that begins.
fn account_of(
    on: Option<&ClusterSnapshot>,
    subject: Subject,
    version: u32,
    home: Home,
    by: &Committing<'_>,
) -> Result<AccountName> {
    let owner = on.and_then(|on| on.subject_name(subject));
    let owner = owner.ok_or_else(|| damaged("credential")("it is nobody's".to_owned()))?;
    Ok(AccountName::new(&owner, (by.random)(), version, home))
}

/// Removes a cluster. What is still revoking was on a cluster whose manager has proven to be gone, or is
/// given up.
fn remove_cluster(tx: &WriteTxn<'_>, cluster: ClusterId, by: &Committing<'_>) -> Result<()> {
    for credential in credentials::unfinished(tx, cluster)? {
        credentials::end(tx, credential.id, "the cluster was deleted", by.now)?;
        credentials::set_gone(tx, credential.id, by.now)?;
    }
    bindings::remove_all(tx, cluster, by.now)?;
    clusters::remove(tx, cluster, by.now)
}
