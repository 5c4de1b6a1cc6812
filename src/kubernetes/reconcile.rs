//! Reconcile: make one cluster's objects equal to what the store says. Observe, plan, apply, verify.
//!
//! What must end was taken before, by name ([`super::take`]); here it is seen to be in order. Each
//! object succeeds or is refused by itself: a policy in one namespace is that namespace's matter.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions};

use super::connection::Connection;
use super::error::Error;
use super::issuer;
use super::leaving::{Further, still_let_in};
use super::lists::{List, called, gone};
use super::objects;
use super::observe::{Look, Seen};
use crate::domain::Timestamp;
use crate::domain::account_name;
use crate::domain::plan::{self, Account, Desired, Object, Place, Plan, Step};
use crate::domain::power::RoleRef;

/// How many calls run at once, over one HTTP/2 connection.
pub(super) const CONCURRENCY: usize = 32;
/// How many things are given before it is asked again whether the cluster's lock still stands.
const GIVEN_AT_ONCE: usize = 256;
/// How often a plan is made anew when the cluster changed under it.
const ROUNDS_MAX: usize = 5;

/// What a reconcile did.
#[derive(Debug, Default)]
pub(crate) struct ClusterChanges {
    /// What was changed.
    pub(crate) changed: Vec<Step>,
    /// What could not be made so, and why: each about one object.
    pub(crate) refused: BTreeMap<Object, Error>,
    /// Those of them from which something could not be taken: it is still given there.
    pub(crate) kept: BTreeSet<Object>,
    /// Whether all that write rests upon was looked at.
    pub(crate) looked: bool,
    /// When that was, if everything is as it should be since.
    pub(crate) looked_at_write: Option<Timestamp>,
    /// Whether somebody is still on a list which they are to leave for another.
    pub(crate) is_moving: bool,
    /// What the login may not make so: an issuer's does less than the manager's.
    pub(crate) beyond: BTreeSet<Object>,
}

impl ClusterChanges {
    /// Whether an object is as it should be, as far as was seen.
    pub(crate) fn is_done(&self, object: &Object) -> bool {
        !self.refused.contains_key(object) && !self.beyond.contains(object)
    }

    /// Whether a list or a role is not as it should be, which the login may not change. Accounts that it
    /// does not look at are no such thing.
    pub(crate) fn leaves_lists(&self) -> bool {
        let is_account = |object: &Object| matches!(object, Object::Account(_));
        !self.beyond.iter().all(is_account)
    }
}

/// Looks, and says what would be done; changes nothing.
pub(crate) async fn preview(
    connection: &Connection,
    desired: &Desired,
    look: &Look<'_>,
) -> Result<(Seen, Plan), Error> {
    let seen = connection.observe(look).await?;
    let mut plan = plan::plan(desired, &seen.observed);
    plan.leave_out(|step| !look.has(&step.object()) || !connection.looks_at(&step.object()));
    Ok((seen, plan))
}

/// Makes the cluster equal to `desired`, as far as nobody refuses; what was changed was read back.
///
/// The error is of the whole: the cluster cannot be read, or not be talked to.
pub(crate) async fn reconcile(
    connection: &Connection,
    desired: &Desired,
    look: &Look<'_>,
) -> Result<ClusterChanges, Error> {
    let mut done = ClusterChanges::default();
    // What may go well when it is looked at again, and its last answer.
    let mut again: BTreeMap<Object, Error> = BTreeMap::new();
    // Kept from round to round: who left a list in a round that ended in a conflict is verified too.
    let mut left = Vec::new();
    let mut further = None;
    let theirs = desired.accounts.iter();
    let theirs = theirs.map(|it| Object::Account(it.name.clone()));
    done.beyond = theirs.filter(|it| !connection.looks_at(it)).collect();
    for _ in 0..ROUNDS_MAX {
        let (seen, mut plan) = preview(connection, desired, look).await?;
        plan.leave_out(|step| done.refused.contains_key(&step.object()));
        if connection.is_issuer {
            plan.empty_instead(&seen.observed);
        }
        let beyond = plan.steps().filter(|step| !connection.may(step));
        let beyond = beyond.map(Step::object);
        // What let an account renew one that is gone gives nothing: the manager's next look removes it.
        let beyond = beyond.filter(|it| !plan::is_renewal(&connection.installation, it));
        done.beyond.extend(beyond);
        plan.leave_out(|step| !connection.may(step));
        done.kept.retain(|object| done.refused.contains_key(object));
        again.clear();
        done.is_moving = plan.is_moving;
        if plan.is_empty() {
            break;
        }
        let lists = plan::wanted_lists(desired, &seen.observed);
        left.extend(connection.leaving(&plan, &seen.observed, &lists).await?);
        if !left.is_empty() && further.is_none() {
            further = Some(Further::open(connection));
        }
        for (step, result) in apply(connection, &plan).await {
            let Err(error) = result else {
                done.changed.push(step);
                continue;
            };
            if plan.takes(&step) {
                done.kept.insert(step.object());
            }
            if error.is_conflict() || error.is_not_found() || error.is_terminating() {
                again.insert(step.object(), error);
            } else if error.is_of_one_object() {
                done.refused.insert(step.object(), error);
            } else {
                return Err(error);
            }
        }
        if again.is_empty() && !plan.takes_anything() && !plan.is_moving {
            // Each answer was the stored object itself, and was compared.
            break;
        }
    }
    done.refused.extend(again);
    done.kept.retain(|object| done.refused.contains_key(object));
    let Some(further) = further else {
        return Ok(done);
    };
    for item in still_let_in(connection, &further, &left).await?.let_in {
        let why = format!(
            "the API server still lets account '{}' in by {}",
            item.account,
            item.list()
        );
        done.kept.insert(item.list());
        done.refused
            .entry(item.list())
            .or_insert_with(|| Error::inconsistent(&why));
    }
    Ok(done)
}

/// Carries out a plan, phase by phase. Within a phase all steps are tried, whatever fails. Nothing
/// is given to an object from which something could not be taken.
async fn apply(connection: &Connection, plan: &Plan) -> Vec<(Step, Result<(), Error>)> {
    let mut results = run(connection, plan.take.iter()).await;
    // Even where a list could not be written, ending the account takes power away.
    results.extend(run(connection, plan.end.iter()).await);
    let failed: BTreeSet<Object> = results
        .iter()
        .filter(|(_, result)| result.is_err())
        .map(|(step, _)| step.object())
        .collect();
    let give = plan
        .give
        .iter()
        .filter(|step| !failed.contains(&step.object()));
    results.extend(given(connection, give).await);
    results
}

/// Carries out steps that give, batch by batch, as long as the lock is held.
async fn given(
    connection: &Connection,
    steps: impl Iterator<Item = &Step>,
) -> Vec<(Step, Result<(), Error>)> {
    let steps: Vec<&Step> = steps.collect();
    let mut results = Vec::new();
    for batch in steps.chunks(GIVEN_AT_ONCE) {
        if let (Some(first), Err(lost)) = (batch.first(), connection.must_hold()) {
            results.push(((*first).clone(), Err(lost)));
            break;
        }
        results.extend(run(connection, batch.iter().copied()).await);
    }
    results
}

async fn run(
    connection: &Connection,
    steps: impl Iterator<Item = &Step>,
) -> Vec<(Step, Result<(), Error>)> {
    stream::iter(steps)
        .map(|step| async move { (step.clone(), connection.apply_step(step).await) })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await
}

fn with_uid(uid: &str) -> Preconditions {
    Preconditions {
        uid: Some(uid.to_owned()),
        ..Preconditions::default()
    }
}

impl Connection {
    /// Whether an object is in a namespace whose accounts are looked at.
    fn looks_at(&self, object: &Object) -> bool {
        match object {
            Object::Account(account) => self.homes.contains(&account_name::parts(account).0),
            Object::Binding(..) | Object::Role(_) => true,
        }
    }

    /// Whether the login may take a step: an issuer handles accounts, and the lists that are there.
    fn may(&self, step: &Step) -> bool {
        !self.is_issuer
            || match step {
                Step::CreateAccount(_) | Step::DeleteAccount { .. } => true,
                Step::SetBinding { place, name, .. } => {
                    match plan::list_of(&self.installation, name) {
                        Some(("edit", shard)) => issuer::names(shard),
                        Some(("view", shard)) => place.is_none() && issuer::names(shard),
                        _ => false,
                    }
                }
                Step::CreateBinding { .. }
                | Step::DeleteBinding { .. }
                | Step::SetRole { .. }
                | Step::DeleteRole { .. } => false,
            }
    }

    async fn apply_step(&self, step: &Step) -> Result<(), Error> {
        match step {
            Step::CreateAccount(account) => self.create_account(account).await,
            Step::DeleteAccount { name, uid, held } => {
                if *held {
                    let meta = ObjectMeta {
                        uid: Some(uid.clone()),
                        ..ObjectMeta::default()
                    };
                    self.free_account(name, &meta).await?;
                }
                let params = DeleteParams::default().preconditions(with_uid(uid));
                let (accounts, label) = self.account(name);
                let deleted = accounts.delete(label, &params).await.map(drop);
                gone(deleted, &Object::Account(name.clone()).to_string())
            }
            Step::CreateBinding {
                place,
                name,
                role,
                accounts,
            } => self.create_binding(place, name, role, accounts).await,
            Step::SetBinding {
                place,
                name,
                accounts,
                resource_version,
            } => {
                // The version makes the write conditional: what changed meanwhile is read first.
                let written = self
                    .write_list(place, name, accounts, resource_version)
                    .await?;
                same_list(&written, accounts, &called(place, name))
            }
            Step::SetRole { name, rules } => self.set_role(name, rules).await,
            Step::DeleteRole { name } => self.delete_role(name).await,
            Step::DeleteBinding {
                place,
                name,
                uid,
                empty_first,
            } => {
                if *empty_first {
                    self.empty_list(place, name, uid).await?;
                }
                self.delete_list(place, name, with_uid(uid)).await
            }
        }
    }

    /// Empties a list, and takes off what would keep it: what is deleted and kept goes on giving.
    async fn empty_list(&self, place: &Place, name: &str, uid: &str) -> Result<(), Error> {
        let change = serde_json::json!({
            "metadata": { "uid": uid, "finalizers": null }, "subjects": null,
        });
        match self.patch_list(place, name, change).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }

    /// Creates an account; one that stands there is adopted only if it is this very credential's, by
    /// its labels or its annotation where somebody took the other off.
    pub(super) async fn create_account(&self, account: &Account) -> Result<(), Error> {
        let what = format!("account '{}'", account.name);
        let (accounts, name) = self.account(&account.name);
        let namespace = account_name::parts(&account.name).0.namespace();
        let wanted = objects::service_account(account, self.meta(name, Some(namespace)));
        let created = accounts.create(&PostParams::default(), &wanted).await;
        match created.map_err(|error| Error::from_kube(error, &what)) {
            Err(error) if error.is_already_exists() => {
                let found = accounts.get(name).await;
                let found = found.map_err(|error| Error::from_kube(error, &what))?;
                let meta = &found.metadata;
                let is_labelled = objects::is_ours(meta, &self.installation);
                let is_noted = objects::credential_of(meta) == Some(account.credential);
                let is_ours = match objects::credential_of(meta) {
                    None => is_labelled,
                    Some(_) => is_noted && !self.is_of_another_installation(meta),
                };
                if meta.deletion_timestamp.is_some() {
                    Err(Error::terminating(&what))
                } else if !is_ours {
                    Err(Error::foreign(&what))
                } else if is_labelled && is_noted {
                    Ok(())
                } else {
                    self.mark_account(account, meta.uid.as_deref(), &wanted.metadata)
                        .await
                }
            }
            other => other.map(drop),
        }
    }

    /// Puts our labels and annotations back on an account of ours.
    async fn mark_account(
        &self,
        account: &Account,
        uid: Option<&str>,
        wanted: &ObjectMeta,
    ) -> Result<(), Error> {
        let patch = Patch::Merge(serde_json::json!({ "metadata": {
            "uid": uid, "labels": wanted.labels, "annotations": wanted.annotations,
        } }));
        let (accounts, name) = self.account(&account.name);
        let marked = accounts
            .patch_metadata(name, &PatchParams::default(), &patch)
            .await;
        let what = format!("account '{}'", account.name);
        marked
            .map(drop)
            .map_err(|error| Error::from_kube(error, &what))
    }

    async fn create_binding(
        &self,
        place: &Place,
        name: &str,
        role: &RoleRef,
        accounts: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let what = called(place, name);
        match self.create_list(place, name, role, accounts).await {
            Err(error) if error.is_already_exists() => {
                let found = self.list_at(place, name).await?;
                match found {
                    Some(found) if !self.is_our_list(&found) => Err(Error::foreign(&what)),
                    // Without our labels it was not seen: it gets them back.
                    Some(found)
                        if found.role == *role && found.meta.deletion_timestamp.is_none() =>
                    {
                        let version = found.version();
                        let written = self.write_list(place, name, accounts, version).await?;
                        same_list(&written, accounts, &what)
                    }
                    // Look again and plan anew.
                    _ => Err(Error::changed_meanwhile(&what)),
                }
            }
            other => same_list(&other?, accounts, &what),
        }
    }

    /// Whether a list of our name is ours: by its labels, or where somebody took them off, by an account
    /// of ours on it, or by its role.
    pub(super) fn is_our_list(&self, list: &List) -> bool {
        objects::is_ours(&list.meta, &self.installation)
            || list.accounts().next().is_some()
            || list
                .meta
                .name
                .as_deref()
                .is_some_and(|name| plan::is_list(&self.installation, name, &list.role))
    }
}

/// Checks that the server stored the list that it was sent.
fn same_list(stored: &List, wanted: &BTreeSet<String>, what: &str) -> Result<(), Error> {
    let accounts: BTreeSet<String> = stored.accounts().collect();
    if stored.subjects.len() == accounts.len() && accounts == *wanted {
        Ok(())
    } else {
        Err(Error::changed_meanwhile(what))
    }
}
