//! Refusals: their exit codes, and the way out of each.

use super::Kind;
use crate::domain::refusal::Refusal;

/// The exit code of a refusal, and the way out.
pub(super) fn kind(refusal: &Refusal) -> (Kind, String) {
    match refusal {
        // Worded and recorded where the rules are asked.
        Refusal::Denied(_) => (Kind::Denied, String::new()),
        Refusal::UnknownUser(_) => (Kind::NotFound, "run `kubegrant user list`".to_owned()),
        Refusal::UnknownProject(_) => (Kind::NotFound, "run `kubegrant project list`".to_owned()),
        Refusal::Disabled(user) => (
            Kind::State,
            format!("run `kubegrant user enable {user}` first"),
        ),
        Refusal::HasFullAccess { user, .. } => (
            Kind::State,
            format!("to limit them, run `kubegrant user set-role {user} developer`"),
        ),
        Refusal::OwnsCluster { cluster, .. } => (
            Kind::State,
            format!("to change that, run `kubegrant cluster transfer {cluster} --to USER`"),
        ),
        Refusal::EndIsPast => (
            Kind::Usage,
            "give a later `--until`, or remove access with `kubegrant access revoke`".to_owned(),
        ),
        Refusal::CannotOwn(user) => (
            Kind::State,
            format!("run `kubegrant user enable {user}` first"),
        ),
        Refusal::LastOwner(_) => (
            Kind::State,
            "make somebody else an owner first: `kubegrant user set-role NAME owner`".to_owned(),
        ),
        Refusal::TakesOver(_) => (
            Kind::Usage,
            "name somebody else with `--new-owner`".to_owned(),
        ),
        Refusal::WithoutOwner { user, .. } => (
            Kind::State,
            format!("run `kubegrant user offboard {user} --new-owner USER`"),
        ),
        Refusal::LocksOut(_) => (Kind::State, "let another owner or admin do it".to_owned()),
        Refusal::UserExists(user) | Refusal::AddressTaken { user, .. } => {
            (Kind::State, format!("run `kubegrant user show {user}`"))
        }
        Refusal::KeyTaken { .. } => (Kind::State, "every user has a key of their own".to_owned()),
        Refusal::ProjectExists(project) => (
            Kind::State,
            format!("run `kubegrant project show {project}`"),
        ),
        Refusal::HasClusters { clusters, .. } => {
            let first = clusters.first().map(ToString::to_string);
            let first = first.unwrap_or_default();
            (
                Kind::State,
                format!("take each out first: `kubegrant cluster set {first} --no-project`"),
            )
        }
        Refusal::IsMember {
            user,
            project,
            asked,
            ..
        } => (
            Kind::State,
            format!(
                "change the role with `kubegrant project set-role {user} --project {project} \
                 --role {asked}`"
            ),
        ),
        Refusal::IsNoMember { user, project } => (
            Kind::NotFound,
            format!("run `kubegrant project add-member {user} --project {project} --role viewer`"),
        ),
        Refusal::LastProjectOwner { project, .. } => (
            Kind::State,
            format!(
                "make somebody else its owner first: `kubegrant project set-role USER --project \
                 {project} --role owner`"
            ),
        ),
        Refusal::BoundToNobody { cluster, .. } => (
            Kind::State,
            format!("`kubegrant rbac roles {cluster}` lists what can be bound"),
        ),
        Refusal::NoAccess { user, cluster } => (
            Kind::State,
            format!("run `kubegrant access grant {user} --cluster {cluster} --level read`"),
        ),
        Refusal::RestoredSince(cluster) => (
            Kind::State,
            format!("run `kubegrant reconcile {cluster}` first"),
        ),
        Refusal::ArchivedShared(cluster) => (
            Kind::State,
            format!(
                "run `kubegrant cluster unarchive {cluster}`, or end them with `kubegrant project \
                 revoke`"
            ),
        ),
        Refusal::ChangedMeanwhile(_) | Refusal::SealedMeanwhile(_) => {
            (Kind::State, "try again".to_owned())
        }
    }
}
