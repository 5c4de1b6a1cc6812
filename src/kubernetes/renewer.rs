//! The accounts that renew kubeconfigs: each may mint tokens of one other account, and do nothing else
//! (docs/design.md, "Kubeconfigs that renew themselves").
//!
//! An account that could mint for itself would turn a stolen token of minutes into one of years; so it is
//! another one that mints, and its token lies sealed. What was minted dies with the account that works.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::rbac::v1 as rbac;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta};
use secrecy::SecretString;
use tokio::time::Instant;

use super::connection::Connection;
use super::error::Error;
use super::levels::policy_rule;
use super::list::Scope;
use super::objects;
use super::trial::NEWS_MAX;
use crate::domain::credential::TTL_SECONDS_MIN;
use crate::domain::plan::{Account, Desired, Renewer, binding_name};
use crate::domain::power::Rule;

/// The pause before it is asked again what a renewer may.
const PAUSE: Duration = Duration::from_millis(20);

impl Connection {
    fn roles_in(&self, namespace: &str) -> Api<rbac::Role> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Makes an account that renews, and lets it mint; may be repeated without harm.
    pub(crate) async fn put_renewer(
        &self,
        renewer: &Renewer,
        account: &Account,
    ) -> Result<(), Error> {
        let (name, namespace) = (renewer.role(&self.installation), renewer.namespace());
        let role = self.renewers_role(renewer);
        let binding = rbac::RoleBinding {
            metadata: self.meta(&name, Some(namespace)),
            role_ref: rbac::RoleRef {
                api_group: super::manager::RBAC.to_owned(),
                kind: "Role".to_owned(),
                name: name.clone(),
            },
            subjects: Some(objects::subjects(&[renewer.account.clone()].into())),
        };
        let (roles, bindings) = (self.roles_in(namespace), self.role_bindings(namespace));
        let (stored, _, ()) = futures::try_join!(
            self.put(&roles, &name, &role),
            self.put(&bindings, &name, &binding),
            self.create_account(account),
        )?;
        if objects::rules(stored.rules) == renewer.rules() {
            return Ok(());
        }
        // What somebody keeps wider than it was written is no pair.
        self.remove_renewal(namespace, &name).await;
        Err(Error::changed_meanwhile(&format!("Role '{name}'")))
    }

    /// Mints a token for the account that works with the renewer's own, as its holder will; the rights of a
    /// new one arrive in moments.
    pub(crate) async fn prove_renewer(
        &self,
        token: &SecretString,
        renewer: &Renewer,
    ) -> Result<(), Error> {
        let holder = self.with_token(token)?;
        let started = Instant::now();
        loop {
            match holder.mint(&renewer.of, TTL_SECONDS_MIN).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_forbidden() && started.elapsed() < NEWS_MAX => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes what lets an account renew another, as far as the login may: without the other, it gives
    /// nothing, and a whole look finds it.
    pub(super) async fn remove_renewal(&self, namespace: &str, name: &str) {
        let (roles, bindings) = (self.roles_in(namespace), self.role_bindings(namespace));
        let params = DeleteParams::default();
        let (_, _) = futures::join!(bindings.delete(name, &params), roles.delete(name, &params));
    }

    /// Removes Roles of pairs that are no more, as far as nobody refuses: they give nothing. Makes those anew
    /// that somebody deleted, and gives their names. Their bindings are lists, and go and come as such.
    pub(crate) async fn mend_renewals(&self, desired: &Desired) -> Result<Vec<String>, Error> {
        let mended = self
            .homes
            .iter()
            .map(|home| self.mend_renewals_in(home.namespace(), desired));
        let mended = futures::future::try_join_all(mended).await?;
        Ok(mended.into_iter().flatten().collect())
    }

    async fn mend_renewals_in(
        &self,
        namespace: &'static str,
        desired: &Desired,
    ) -> Result<Vec<String>, Error> {
        let wanted = desired.renewers.iter();
        let wanted = wanted.filter(|it| it.namespace() == namespace);
        let mut missing: BTreeMap<String, &Renewer> =
            wanted.map(|it| (it.role(&self.installation), it)).collect();
        let ours = ListParams::default().labels(&objects::selector(&self.installation));
        let prefix = binding_name(&self.installation, "renew:");
        let name = |meta: ObjectMeta| meta.name.filter(|name| name.starts_with(&prefix));
        let there = Scope::Namespace(namespace);
        let mut over = self
            .list_metadata::<rbac::Role, _>("our Roles", there, &ours, name)
            .await?;
        over.retain(|name| missing.remove(name).is_none());
        let roles = &self.roles_in(namespace);
        let params = &DeleteParams::default();
        join_all(over.iter().map(|name| roles.delete(name, params))).await;
        for (name, renewer) in &missing {
            let role = self.renewers_role(renewer);
            self.put(roles, name, &role).await?;
        }
        Ok(missing.into_keys().collect())
    }

    fn renewers_role(&self, renewer: &Renewer) -> rbac::Role {
        let name = renewer.role(&self.installation);
        rbac::Role {
            metadata: self.meta(&name, Some(renewer.namespace())),
            rules: Some(renewer.rules().iter().map(policy_rule).collect()),
        }
    }
}

/// What a pair's Role gives beyond minting for one account.
pub(super) fn excess<'a>(rules: &'a [Rule], renewer: Option<&Renewer>) -> Vec<&'a Rule> {
    let wanted = renewer.map(Renewer::rules).unwrap_or_default();
    rules.iter().filter(|rule| !wanted.contains(rule)).collect()
}
