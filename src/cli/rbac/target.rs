//! Which role in which place on which cluster: what `bind` and `unbind` are about.

use crate::cli::completion;
use crate::domain::binding::{Bound, RoleName};
use crate::domain::name::{ClusterName, parse_namespace};
use crate::domain::power::RoleRef;

#[derive(clap::Args, Debug)]
pub(crate) struct RbacTargetArgs {
    /// On which cluster
    #[arg(short, long, add = completion::clusters())]
    pub(crate) cluster: ClusterName,
    #[command(flatten)]
    which: RbacRoleArgs,
    /// In which namespace; cluster-wide without
    #[arg(short, long, value_parser = parse_namespace)]
    namespace: Option<String>,
}

/// One of the two, and no more.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct RbacRoleArgs {
    /// A ClusterRole: cluster-wide, or with `-n` in one namespace
    #[arg(long, value_name = "NAME")]
    cluster_role: Option<RoleName>,
    /// A Role of the namespace given with `-n`
    #[arg(long, value_name = "NAME", requires = "namespace")]
    role: Option<RoleName>,
}

impl RbacTargetArgs {
    /// The role in its place.
    pub(crate) fn bound(&self) -> Bound {
        let name = |role: &RoleName| role.as_str().to_owned();
        let role = match (&self.which.cluster_role, &self.which.role) {
            (Some(role), _) => RoleRef::Cluster(name(role)),
            (None, role) => RoleRef::Namespaced(role.as_ref().map(name).unwrap_or_default()),
        };
        Bound {
            place: self.namespace.clone(),
            role,
        }
    }
}
