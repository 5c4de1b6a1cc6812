//! The ClusterRoles of ours that stand in for the cluster's `view` and `edit`, where those hold
//! what a level must not carry.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1 as rbac;
use kube::api::{Api, DeleteParams, Patch, PatchParams};

use super::connection::Connection;
use super::error::Error;
use super::objects::{self, KUBEGRANT};
use crate::domain::installation::InstallationId;
use crate::domain::level::{self, Allowed, LeftOut, Part, carried};
use crate::domain::plan::{LevelRole, binding_name};
use crate::domain::power::{Roles, Rule};

/// What the levels are made of, and what they leave out.
#[derive(Debug, Default)]
pub(super) struct Levels {
    pub(super) roles: BTreeMap<Part, LevelRole>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Judges the cluster's `view` and `edit`, as far as they were read.
pub(super) fn levels(
    roles: &Roles,
    allowed: &BTreeSet<Allowed>,
    installation: &InstallationId,
) -> Levels {
    let mut levels = Levels::default();
    for part in [Part::Read, Part::Write] {
        let carried = carried(part, roles, allowed);
        let ours = binding_name(installation, part.role());
        let found = roles.cluster.get(&ours).cloned().map(level::in_order);
        let wanted = (!carried.left_out.is_empty()).then_some(carried.rules);
        if wanted.is_some() || found.is_some() {
            levels.roles.insert(part, LevelRole { wanted, found });
        }
        levels.left_out.extend(carried.left_out);
    }
    levels
}

/// A rule as Kubernetes has it.
pub(super) fn policy_rule(rule: &Rule) -> rbac::PolicyRule {
    let list = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    rbac::PolicyRule {
        api_groups: list(&rule.groups),
        resources: list(&rule.resources),
        resource_names: list(&rule.names),
        non_resource_urls: list(&rule.urls),
        verbs: rule.verbs.clone(),
    }
}

impl Connection {
    fn cluster_roles(&self) -> Api<rbac::ClusterRole> {
        Api::all(self.client.clone())
    }

    /// Reads what concerns the levels where nobody writes: `view`, and our own roles.
    pub(super) async fn roles_of_levels(&self) -> Result<Roles, Error> {
        let [read, write] = [Part::Read, Part::Write].map(Part::role);
        let ours = |role| binding_name(&self.installation, role);
        let names = [read.to_owned(), ours(read), ours(write)];
        let found = names.map(|name| async move {
            let found = self.cluster_roles().get_opt(&name).await;
            let what = format!("ClusterRole '{name}'");
            let found = found.map_err(|error| Error::from_kube(error, &what))?;
            Ok::<_, Error>(found.map(|found| (name, objects::rules(found.rules))))
        });
        let mut roles = Roles::default();
        let found = futures::future::try_join_all(found).await?;
        roles.cluster.extend(found.into_iter().flatten());
        Ok(roles)
    }

    /// Writes a role of ours; the manager may do so under this name alone.
    pub(super) async fn set_role(&self, name: &str, rules: &[Rule]) -> Result<(), Error> {
        let wanted = rbac::ClusterRole {
            metadata: self.meta(name, None),
            rules: Some(rules.iter().map(policy_rule).collect()),
            aggregation_rule: None,
        };
        let params = PatchParams::apply(KUBEGRANT).force();
        let what = format!("ClusterRole '{name}'");
        let applied = self
            .cluster_roles()
            .patch(name, &params, &Patch::Apply(&wanted))
            .await;
        let applied = applied.map_err(|error| Error::from_kube(error, &what))?;
        let is_ours = applied.aggregation_rule.is_none();
        if is_ours && level::in_order(objects::rules(applied.rules)) == rules {
            return Ok(());
        }
        // Somebody made it so that it does not stay as it was written: it is made anew.
        self.delete_role(name).await?;
        Err(Error::changed_meanwhile(&what))
    }

    /// Removes a role of ours.
    pub(super) async fn delete_role(&self, name: &str) -> Result<(), Error> {
        let deleted = self
            .cluster_roles()
            .delete(name, &DeleteParams::default())
            .await;
        match deleted.map_err(|error| Error::from_kube(error, &format!("ClusterRole '{name}'"))) {
            Err(error) if error.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }
}
