//! What a server may do for whoever logged in, and what its key opens.

use super::ClusterAction;
use crate::domain::action::Action;
use crate::domain::cluster::{Cluster, SelfService};
use crate::domain::sealed::Which;

/// Whether a server may do this for somebody who may: what an issuer can make true, on a cluster whose people
/// serve themselves; and whatever only looks, or takes away. More would be made true by the next admin who
/// reconciles, and a stolen server is to give nobody more than write.
pub(crate) fn is_served(command: Action, asked: ClusterAction, self_service: SelfService) -> bool {
    use ClusterAction as A;
    let gives = match asked {
        A::See | A::UnbindLevel | A::UnbindRole | A::ExplainOthers | A::TeamList => return true,
        A::Grant if command == Action::AccessRevoke => return true,
        A::TeamRevoke if command == Action::TeamRevoke => return true,
        // Root on the nodes: only where somebody said that the server may have it.
        A::SshKey => return self_service == SelfService::WithSshKey,
        A::OwnKubeconfig | A::KubeconfigFor | A::Grant | A::TeamRotate | A::TeamRevoke => true,
        // A project's shared file reaches further than one person's; a role further than a level.
        A::SharedKubeconfig
        | A::ChangeSettings
        | A::ManageSshKey
        | A::BindLevel
        | A::BindRole
        | A::Protect
        | A::Archive
        | A::Unarchive
        | A::Delete
        | A::Sensitive
        | A::WidenWrite
        | A::Transfer
        | A::Operate => false,
    };
    gives && self_service != SelfService::Off
}

/// What a server's key opens: never what could become cluster-admin.
pub(crate) fn server_opens(cluster: &Cluster, which: &Which) -> bool {
    match which {
        Which::IssuerLogin => cluster.self_service >= SelfService::On,
        Which::SshKey { .. } => cluster.self_service == SelfService::WithSshKey,
        Which::ManagerLogin | Which::ProviderToken => false,
    }
}
