//! Ending many accounts at once: what is there is seen in one list before, and in one after.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use kube::api::{DeleteParams, ListParams, ObjectMeta, Preconditions};
use tokio::time::Instant;

use super::account::finalizers;
use super::{Ending, Gone};
use crate::domain::account_name;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error;
use crate::kubernetes::kept;
use crate::kubernetes::objects;
use crate::kubernetes::reconcile::CONCURRENCY;

/// More than these are ended together.
pub(super) const FEW: usize = CONCURRENCY;

impl Connection {
    /// Deletes accounts, whoever would keep them; gives of each, in their order, when it was seen to be gone.
    pub(super) async fn end_accounts(&self, ending: &[Ending<'_>]) -> Vec<Result<Gone, Error>> {
        let gone = if ending.len() > FEW {
            self.end_listed(ending).await
        } else {
            BTreeMap::new()
        };
        stream::iter(ending)
            .map(|it| {
                let gone = gone.get(it.account).copied();
                async move {
                    match gone {
                        Some(gone) => Ok(gone),
                        None => self.end_account(it).await,
                    }
                }
            })
            .buffered(CONCURRENCY)
            .collect()
            .await
    }

    /// Deletes those that a list shows and nothing holds, and gives all that the next list does not show any
    /// more. Whatever stays out of it is looked at by itself.
    async fn end_listed<'a>(&self, ending: &[Ending<'a>]) -> BTreeMap<&'a str, Gone> {
        let Ok(before) = self.all_accounts().await else {
            return BTreeMap::new();
        };
        // What an issuer does not list is not gone for that.
        let looked_at = |it: &&Ending<'_>| self.sees(account_name::parts(it.account).0);
        let free = ending.iter().filter(looked_at).filter_map(|it| {
            let meta = before.get(it.account)?;
            let is_free = meta.deletion_timestamp.is_none()
                && finalizers(meta).is_empty()
                && !self.is_of_another_installation(meta);
            is_free.then(|| (it.account, meta.uid.clone()))
        });
        let deleting = free.map(|(account, uid)| async move {
            let params = DeleteParams::default().preconditions(Preconditions {
                uid,
                ..Preconditions::default()
            });
            let (accounts, name) = self.account(account);
            // What became of it the list says.
            drop(accounts.delete(name, &params).await);
        });
        let mut deleting = stream::iter(deleting).buffer_unordered(CONCURRENCY);
        while deleting.next().await.is_some() {}
        let Ok(after) = self.all_accounts().await else {
            return BTreeMap::new();
        };
        let since = Instant::now();
        let gone = ending.iter().filter(looked_at);
        let gone = gone.filter(|it| !after.contains_key(it.account));
        gone.map(|it| {
            let by_us = before.contains_key(it.account);
            (it.account, Gone { since, by_us })
        })
        .collect()
    }

    /// The accounts of our namespaces, with our labels or without.
    async fn all_accounts(&self) -> Result<BTreeMap<String, ObjectMeta>, Error> {
        let all = ListParams::default();
        let keep = |_, meta| Some(kept::slim(meta));
        let listed = self.list_accounts(&all, keep).await?;
        let named = |meta: ObjectMeta| Some((objects::account(&meta)?, meta));
        Ok(listed.into_iter().filter_map(named).collect())
    }
}
