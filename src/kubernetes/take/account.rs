//! Ending one account, and what renews it.

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, Preconditions};
use serde_json::json;
use tokio::time::Instant;

use super::{Ended, Ending};
use crate::domain::account_name::{self};
use crate::domain::plan::{self};
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error;
use crate::kubernetes::leaving::{FOLLOW_MAX, PAUSE, PAUSE_MAX};
use crate::kubernetes::list::Scope;
use crate::kubernetes::lists::gone;
use crate::kubernetes::objects;
use crate::kubernetes::reconcile::CONCURRENCY;

/// An account that is gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gone {
    pub(super) since: Instant,
    /// Whether it was still there when it was looked for.
    pub(super) by_us: bool,
}

impl Connection {
    /// Ends the accounts that mint for those that end; gives which could not be, by their place.
    pub(super) async fn end_renewers(&self, ended: &Ended<'_>) -> Vec<(usize, Error)> {
        let renewers = ended.accounts.iter().enumerate();
        let renewers = renewers.filter_map(|(at, it)| Some((at, it, it.renewer()?)));
        stream::iter(renewers)
            .map(|(at, it, renewer)| async move {
                let (home, label) = account_name::parts(&renewer);
                let role = plan::binding_name(&self.installation, &format!("renew:{label}"));
                self.remove_renewal(home.namespace(), &role).await;
                let account = Ending {
                    account: &renewer,
                    ..*it
                };
                self.end_account(&account)
                    .await
                    .err()
                    .map(|error| (at, error))
            })
            .buffer_unordered(CONCURRENCY)
            .filter_map(|failed| async { failed })
            .collect()
            .await
    }

    /// Deletes one account, whoever would keep it; gives when it was seen to be gone.
    pub(super) async fn end_account(&self, ending: &Ending<'_>) -> Result<Gone, Error> {
        let (accounts, name) = self.account(ending.account);
        let namespace = account_name::parts(ending.account).0.namespace();
        let what = format!("account '{name}' in namespace '{namespace}'");
        let started = Instant::now();
        let mut pause = PAUSE;
        let (mut held, mut by_us) = (None, false);
        loop {
            let found = accounts.get_metadata_opt(name).await;
            let found = found.map_err(|error| Error::from_kube(error, &what))?;
            let Some(found) = found else {
                // What we did not delete is gone when no list shows it, not when one answer says so.
                if !by_us && self.lists_account(ending.account).await? {
                    if started.elapsed() > FOLLOW_MAX {
                        return Err(Error::inconsistent(&format!("{what} is there and is not")));
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                    continue;
                }
                return Ok(Gone {
                    since: Instant::now(),
                    by_us,
                });
            };
            by_us = true;
            let meta = found.metadata;
            if self.is_of_another_installation(&meta) {
                return Err(Error::foreign(&what));
            }
            if started.elapsed() > FOLLOW_MAX {
                return Err(Error::held(&what, &finalizers(&meta), held));
            }
            if !finalizers(&meta).is_empty()
                && let Err(error) = self.free_account(ending.account, &meta).await
                && !error.is_conflict()
            {
                held = Some(error);
            }
            if meta.deletion_timestamp.is_none() {
                let uid = Preconditions {
                    uid: meta.uid,
                    ..Preconditions::default()
                };
                let params = DeleteParams::default().preconditions(uid);
                let deleted = accounts.delete(name, &params).await.map(drop);
                match gone(deleted, &what) {
                    Err(error) if error.is_conflict() => {}
                    other => other?,
                }
            } else {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }

    /// Whether a list shows an account.
    pub(in crate::kubernetes) async fn lists_account(&self, account: &str) -> Result<bool, Error> {
        let (home, name) = account_name::parts(account);
        let by_name = ListParams::default().fields(&format!("metadata.name={name}"));
        let there = Scope::Namespace(home.namespace());
        let keep = |meta: ObjectMeta| meta.name;
        let listed = self.list_metadata::<ServiceAccount, _>("our accounts", there, &by_name, keep);
        Ok(!listed.await?.is_empty())
    }

    /// Takes the finalizers off an account of ours.
    pub(in crate::kubernetes) async fn free_account(
        &self,
        account: &str,
        meta: &ObjectMeta,
    ) -> Result<(), Error> {
        let change = json!({ "metadata": { "uid": meta.uid, "finalizers": null } });
        let params = PatchParams {
            field_manager: Some(objects::KUBEGRANT.into()),
            ..PatchParams::default()
        };
        let what = format!("the finalizers of account '{account}'");
        let (accounts, name) = self.account(account);
        let change = Patch::Merge(change);
        let freed = accounts.patch_metadata(name, &params, &change).await;
        gone(freed.map(drop), &what)
    }
}

pub(super) fn finalizers(meta: &ObjectMeta) -> Vec<String> {
    meta.finalizers.clone().unwrap_or_default()
}
