//! Refusals: their exit codes, and the way out of each.

use super::Kind;
use crate::domain::refusal::{Refusal, SshKeyRefusal};

/// The exit code of a refusal, and the way out.
pub(super) fn kind(refusal: &Refusal) -> (Kind, String) {
    let kind = match refusal {
        Refusal::Denied(_) | Refusal::DeniedTo { .. } => Kind::Denied,
        Refusal::UnknownUser(_)
        | Refusal::UnknownProject(_)
        | Refusal::IsNoMember { .. }
        | Refusal::SshKey(SshKeyRefusal::None(_) | SshKeyRefusal::NoNodes(_)) => Kind::NotFound,
        Refusal::EndIsPast | Refusal::TakesOver(_) => Kind::Usage,
        _ => Kind::State,
    };
    (kind, way_out(refusal))
}

fn way_out(refusal: &Refusal) -> String {
    match refusal {
        // Worded and recorded where the rules are asked.
        Refusal::Denied(_) | Refusal::DeniedTo { .. } => String::new(),
        Refusal::UnknownUser(_) => "run `kubegrant user list`".to_owned(),
        Refusal::UnknownProject(_) => "run `kubegrant project list`".to_owned(),
        Refusal::Disabled(user) => format!("run `kubegrant user enable {user}` first"),
        Refusal::HasFullAccess { user, .. } => {
            format!("to limit them, run `kubegrant user set-role {user} developer`")
        }
        Refusal::OwnsCluster { cluster, .. } => {
            format!("to change that, run `kubegrant cluster transfer {cluster} --to USER`")
        }
        Refusal::EndIsPast => {
            "give a later `--until`, or remove access with `kubegrant access revoke`".to_owned()
        }
        Refusal::NoIssuer(cluster) => {
            format!("run `kubegrant cluster relink {cluster} --kubeconfig FILE` first")
        }
        Refusal::IsServer(_) => "name a person or a job".to_owned(),
        Refusal::ServersStay => {
            "add another user: `kubegrant user add NAME --role server --key FILE`".to_owned()
        }
        Refusal::CannotOwn(user) => format!("run `kubegrant user enable {user}` first"),
        Refusal::LastOwner(_) => {
            "make somebody else an owner first: `kubegrant user set-role NAME owner`".to_owned()
        }
        Refusal::TakesOver(_) => "name somebody else with `--new-owner`".to_owned(),
        Refusal::WithoutOwner { user, .. } => {
            format!("run `kubegrant user offboard {user} --new-owner USER`")
        }
        Refusal::LocksOut(_) => "let another owner or admin do it".to_owned(),
        Refusal::UserExists(user) | Refusal::AddressTaken { user, .. } => {
            format!("run `kubegrant user show {user}`")
        }
        Refusal::KeyTaken { .. } => "every user has a key of their own".to_owned(),
        Refusal::LinkTaken { user } => {
            format!("let them log in otherwise first: `kubegrant user set-oidc {user} --none`")
        }
        Refusal::NoProvider => {
            "an owner names it: `kubegrant organization set-oidc --issuer URL --client-id ID`"
                .to_owned()
        }
        Refusal::OtherKind { is_job: true, user } => {
            format!("run `kubegrant user set-oidc {user} --issuer URL --claim NAME=VALUE`")
        }
        Refusal::OtherKind { .. } => {
            "add another user: `kubegrant user add NAME --job --issuer URL --claim NAME=VALUE`"
                .to_owned()
        }
        Refusal::ClusterExists(cluster) => format!(
            "choose another name, or renew its address and pins with `kubegrant cluster relink \
                 {cluster}`"
        ),
        Refusal::SameCluster(cluster) => format!("run `kubegrant cluster show {cluster}`"),
        Refusal::SameAddress(cluster) => {
            format!("if it was rebuilt, run `kubegrant cluster relink {cluster}`")
        }
        Refusal::ProjectExists(project) => format!("run `kubegrant project show {project}`"),
        Refusal::HasClusters { clusters, .. } => {
            let first = clusters.first().map(ToString::to_string);
            let first = first.unwrap_or_default();
            format!("take each out first: `kubegrant cluster set {first} --no-project`")
        }
        Refusal::IsMember {
            user,
            project,
            asked,
            ..
        } => format!(
            "change the role with `kubegrant project set-role {user} --project {project} \
                 --role {asked}`"
        ),
        Refusal::IsNoMember { user, project } => {
            format!("run `kubegrant project add-member {user} --project {project} --role viewer`")
        }
        Refusal::LastProjectOwner { project, .. } => format!(
            "make somebody else its owner first: `kubegrant project set-role USER --project \
                 {project} --role owner`"
        ),
        Refusal::BoundToNobody { cluster, .. } => {
            format!("`kubegrant rbac roles {cluster}` lists what can be bound")
        }
        Refusal::NoAccess { user, cluster } => {
            format!("run `kubegrant access grant {user} --cluster {cluster} --level read`")
        }
        Refusal::RestoredSince(cluster) => format!("run `kubegrant reconcile {cluster}` first"),
        Refusal::OperatorsLogin(cluster) => {
            format!("renew it with `kubegrant cluster relink {cluster} --kubeconfig FILE`")
        }
        Refusal::ArchivedShared(cluster) => format!(
            "run `kubegrant cluster unarchive {cluster}`, or end them with `kubegrant project \
                 revoke`"
        ),
        Refusal::SshKey(refusal) => way_out_of_ssh_key(refusal),
        Refusal::ChangedMeanwhile(_) | Refusal::SealedMeanwhile(_) => "try again".to_owned(),
    }
}

fn way_out_of_ssh_key(refusal: &SshKeyRefusal) -> String {
    use SshKeyRefusal as R;
    match refusal {
        R::None(cluster) => format!(
            "make one with `kubegrant ssh-key generate {cluster}`, or take one with `kubegrant \
                 ssh-key import {cluster} FILE`"
        ),
        R::Exists { cluster, .. } => format!(
            "replace it on the nodes with `kubegrant ssh-key rotate {cluster}`, or here with \
                 `kubegrant ssh-key reset {cluster}`"
        ),
        R::Known { cluster, .. } | R::Overtaken { cluster, .. } => {
            format!("run `kubegrant ssh-key show {cluster}`")
        }
        R::Doubted { cluster, .. } => format!(
            "put a new key on the nodes with `kubegrant ssh-key rotate {cluster}`, or make one \
                 with `kubegrant ssh-key reset {cluster}`"
        ),
        R::Taken { cluster, .. } | R::Gone(cluster) => format!(
            "put a new key on the nodes with `kubegrant ssh-key rotate {cluster}`; the new one can \
                 be taken once"
        ),
        R::CutOff { cluster, .. } => format!(
            "if nobody has the key, make a new one with `kubegrant ssh-key reset {cluster}`"
        ),
        R::NoNodes(_) | R::AllLeftOut(_) => "name the nodes with `--node ADDRESS`".to_owned(),
    }
}
