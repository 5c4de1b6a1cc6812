//! `access explain`: the path that gives a right, or the rule that refuses it.

use super::project::{self, kept::Kept};
use super::{Error, find, reconciling};
use crate::domain::access::{Access, Level, strongest};
use crate::domain::account_name::AccountName;
use crate::domain::action::Action;
use crate::domain::cluster::State;
use crate::domain::credential::Subject;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::{self, ClusterAction};
use crate::domain::project::ProjectRole;
use crate::domain::text::rfc3339;
use crate::kubernetes::connection::Question as Asked;
use crate::session::{self, Session};
use crate::store;

/// A verb and a resource to ask the API server about.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Such as `get`.
    pub(crate) verb: String,
    /// Such as `pods`, `pods/exec`, `deployments.apps`.
    pub(crate) resource: String,
    /// In which namespace; everywhere if none.
    pub(crate) namespace: Option<String>,
}

impl Question {
    fn description(&self) -> String {
        let place = match &self.namespace {
            Some(namespace) => format!("in namespace '{namespace}'"),
            None => "everywhere".to_owned(),
        };
        format!("{} {} {place}", self.verb, self.resource)
    }
}

/// One path, whether it counts or not.
#[derive(Debug)]
pub(crate) struct Path {
    /// Which, in the words of the documentation.
    pub(crate) through: &'static str,
    /// What it gives, if it counts.
    pub(crate) gives: Option<&'static str>,
    /// A sentence about it.
    pub(crate) what: String,
}

/// What the API server answers.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What was asked.
    pub(crate) question: String,
    /// Whether it is allowed; `None` where there is no live credential to ask about.
    pub(crate) allowed: Option<bool>,
    /// The API server's own words.
    pub(crate) reason: String,
}

/// Why a user has what they have on a cluster.
#[derive(Debug)]
pub(crate) struct Explained {
    /// The user's name.
    pub(crate) user: String,
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// What they have by themselves: the strongest path that counts.
    pub(crate) access: Access,
    /// What they are in the cluster's project.
    pub(crate) project: Option<ProjectRole>,
    /// The shared version that they keep without being entitled to it.
    pub(crate) kept: Option<Kept>,
    /// All paths, strongest first.
    pub(crate) paths: Vec<Path>,
    /// Whether a kubeconfig can be downloaded, and if not, which rule refuses.
    pub(crate) download: Result<(), String>,
    /// The live version, if there is one.
    pub(crate) version: Option<u32>,
    /// What the API server answers.
    pub(crate) answer: Option<Answer>,
}

/// Explains a user's access to a cluster; everybody may ask about themselves.
pub(crate) async fn explain(
    session: &Session,
    user: &UserRef,
    cluster: &ClusterName,
    question: Option<Question>,
) -> Result<Explained, Error> {
    let (actor, journal) = find::acting(session, Action::AccessExplain)?;
    let journal = journal.user_name(&user.to_string());
    let own = match user {
        UserRef::Name(name) => *name == actor.user.name,
        UserRef::Email(email) => actor.user.email.as_ref() == Some(email),
    };
    let action = if own {
        ClusterAction::See
    } else {
        ClusterAction::ExplainOthers
    };
    let found = find::cluster(session, &actor, &journal, cluster, action)?;
    let cluster = found.cluster;
    let user = if own {
        actor.user.clone()
    } else {
        find::user(session, user)?
    };
    let now = session.now();
    let kept = session.store()?.read(project::kept::all)?.into_iter();
    let mut kept: Vec<Kept> = kept
        .filter(|it| it.cluster_id == cluster.id && it.user_id == user.id)
        .collect();
    kept.sort_by_key(|kept| kept.power);
    let (grant, bindings, access, blocked, role, name, live) = session.store()?.read(|tx| {
        let access = find::access_of(tx, session, &user, &cluster)?;
        let role = find::project_role(tx, &user, &cluster)?;
        let names = store::projects::names(tx)?;
        let subject = match (role, cluster.project) {
            (Some(role), Some(project)) if strongest(access, Some(role)).1 == "project" => {
                let level = role.level();
                Subject::Shared { project, level }
            }
            _ => Subject::Personal(user.id),
        };
        let live = store::credentials::versions_of(tx, cluster.id, subject)?
            .into_iter()
            .find(|credential| credential.state.is_live());
        Ok::<_, store::Error>((
            store::grants::find(tx, cluster.id, user.id)?,
            store::bindings::of_user(tx, cluster.id, user.id)?,
            access,
            store::blocks::contains(tx, cluster.id, user.id)?,
            role,
            cluster.project.and_then(|id| names.get(&id).cloned()),
            live,
        ))
    })?;
    let mut paths = vec![
        organization_path(&user),
        Path {
            through: "cluster owner",
            gives: (cluster.owner == Some(user.id) && user.active).then_some("write"),
            what: if cluster.owner == Some(user.id) {
                format!("'{}' owns cluster '{}'", user.name, cluster.name)
            } else {
                format!("'{}' does not own cluster '{}'", user.name, cluster.name)
            },
        },
        project_path(&user, role, name.as_ref()),
        grant_path(&user, grant.as_ref(), now),
    ];
    paths.extend(binding_paths(&user, &bindings));
    paths.extend(kept.iter().rev().map(kept_path));
    if !user.active {
        paths.insert(0, disabled_path(&user));
    }
    let has_a_way = policy::sees(access, role);
    let download = download(&user, &cluster, has_a_way, blocked);
    let answer = match question {
        None => None,
        Some(question) => {
            let account = live.as_ref().map(|live| live.account.clone());
            let asked = ask(session, &cluster, account, question.clone()).await;
            Some(match asked {
                // Whoever asks about themselves rarely has a key that opens the login: the rest
                // of the answer stands.
                Err(Error::Session(session::Error::NotForYou(_))) => Answer {
                    question: question.description(),
                    allowed: None,
                    reason: format!(
                        "your key does not open the manager login: ask {} to run this for you",
                        find::admins(session)?
                    ),
                },
                asked => asked?,
            })
        }
    };
    Ok(Explained {
        user: user.name.to_string(),
        cluster: cluster.name,
        access,
        project: role,
        kept: kept.pop(),
        paths,
        download,
        version: live.map(|live| live.version),
        answer,
    })
}

/// What nobody is entitled to, and lets in all the same.
fn kept_path(kept: &Kept) -> Path {
    Path {
        through: "kept",
        gives: Some(kept.power.as_str()),
        what: format!(
            "'{}' keeps version {} of the shared kubeconfig of project '{}', until `kubegrant \
             project rotate {}`",
            kept.user, kept.version, kept.project, kept.project
        ),
    }
}

/// What closes all other paths.
fn disabled_path(user: &crate::domain::user::User) -> Path {
    Path {
        through: "disabled",
        gives: None,
        what: format!("'{}' is disabled and has nothing", user.name),
    }
}

/// Whether a kubeconfig can be downloaded, and if not, which rule refuses.
fn download(
    user: &crate::domain::user::User,
    cluster: &crate::domain::cluster::Cluster,
    has_a_way: bool,
    blocked: bool,
) -> Result<(), String> {
    let (name, on) = (&user.name, &cluster.name);
    if !has_a_way {
        Err(format!("'{name}' has no access to cluster '{on}'"))
    } else if cluster.state == State::Archived {
        Err(format!("cluster '{on}' is archived"))
    } else if blocked {
        Err(format!(
            "Access Revoked: an admin revoked the kubeconfig of '{name}'"
        ))
    } else {
        Ok(())
    }
}

fn organization_path(user: &crate::domain::user::User) -> Path {
    let counts = user.role.is_admin() && user.active;
    Path {
        through: if user.role.is_admin() {
            Access::Full(user.role).path()
        } else {
            "organization role"
        },
        gives: counts.then_some("full"),
        what: format!("'{}' is organization {}", user.name, user.role),
    }
}

/// One path for each bound role: they add up.
fn binding_paths(
    user: &crate::domain::user::User,
    bindings: &[crate::domain::binding::Binding],
) -> Vec<Path> {
    let path = |gives, what| Path {
        through: Access::Bound.path(),
        gives,
        what,
    };
    if bindings.is_empty() {
        let what = format!("'{}' has no role binding", user.name);
        return vec![path(None, what)];
    }
    let one = |binding: &crate::domain::binding::Binding| {
        let what = format!("{} is bound to '{}'", binding.bound, user.name);
        path(user.active.then_some("bound"), what)
    };
    bindings.iter().map(one).collect()
}

/// The path through the cluster's project.
fn project_path(
    user: &crate::domain::user::User,
    role: Option<ProjectRole>,
    name: Option<&crate::domain::name::ProjectName>,
) -> Path {
    let user = &user.name;
    Path {
        through: "project",
        gives: role.map(|role| role.level().power().as_str()),
        what: match (role, name) {
            (Some(role), Some(name)) => format!(
                "'{user}' is {role} of project '{name}', which shares a kubeconfig ({})",
                role.level()
            ),
            (_, Some(name)) => format!("'{user}' is no member of project '{name}'"),
            (_, None) => "the cluster is in no project".to_owned(),
        },
    }
}

fn grant_path(
    user: &crate::domain::user::User,
    grant: Option<&crate::domain::access::Grant>,
    now: crate::domain::Timestamp,
) -> Path {
    let name = &user.name;
    let time = |at: crate::domain::Timestamp| rfc3339(at);
    let (gives, what) = match grant {
        None => (None, format!("'{name}' has no grant")),
        Some(grant) if !grant.is_live(now) => {
            let end = grant.ends_at.map(time).unwrap_or_default();
            (
                None,
                format!("the {} grant of '{name}' ended on {end}", grant.level),
            )
        }
        Some(grant) => {
            let until = grant.ends_at.map(|end| format!(" until {}", time(end)));
            let what = format!(
                "'{name}' was granted {}{}",
                grant.level,
                until.unwrap_or_default()
            );
            let gives = match grant.level {
                Level::Read => "read",
                Level::Write => "write",
            };
            (user.active.then_some(gives), what)
        }
    };
    Path {
        through: "grant",
        gives,
        what,
    }
}

/// The API groups of the resources that come with Kubernetes, for `deployments` without a group.
fn group_of(resource: &str) -> &'static str {
    match resource {
        "deployments" | "daemonsets" | "statefulsets" | "replicasets" | "controllerrevisions" => {
            "apps"
        }
        "jobs" | "cronjobs" => "batch",
        "ingresses" | "networkpolicies" | "ingressclasses" => "networking.k8s.io",
        "roles" | "rolebindings" | "clusterroles" | "clusterrolebindings" => {
            "rbac.authorization.k8s.io"
        }
        "horizontalpodautoscalers" => "autoscaling",
        "poddisruptionbudgets" => "policy",
        "storageclasses" | "volumeattachments" | "csidrivers" | "csinodes" => "storage.k8s.io",
        "leases" => "coordination.k8s.io",
        "customresourcedefinitions" => "apiextensions.k8s.io",
        "validatingwebhookconfigurations" | "mutatingwebhookconfigurations" => {
            "admissionregistration.k8s.io"
        }
        "certificatesigningrequests" => "certificates.k8s.io",
        "endpointslices" => "discovery.k8s.io",
        "apiservices" => "apiregistration.k8s.io",
        "priorityclasses" => "scheduling.k8s.io",
        _ => "",
    }
}

/// Takes `deployments.apps/scale` apart.
fn parse(question: &Question) -> Asked {
    let (resource, subresource) = question
        .resource
        .split_once('/')
        .unwrap_or((question.resource.as_str(), ""));
    let (resource, group) = match resource.split_once('.') {
        Some((resource, group)) => (resource, group),
        None => (resource, group_of(resource)),
    };
    Asked {
        verb: question.verb.clone(),
        group: group.to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        namespace: question.namespace.clone(),
    }
}

async fn ask(
    session: &Session,
    cluster: &crate::domain::cluster::Cluster,
    account: Option<AccountName>,
    question: Question,
) -> Result<Answer, Error> {
    let words = question.description();
    let Some(account) = account else {
        return Ok(Answer {
            question: words,
            allowed: None,
            reason: "there is no live credential to ask about".to_owned(),
        });
    };
    let snapshot = session
        .store()?
        .read(|tx| reconciling::snapshot(tx, cluster.id))?;
    let connection = session.connect(cluster, &snapshot.installation).await?;
    let (allowed, reason) = connection
        .may_account(account.as_str(), &parse(&question))
        .await
        .map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })?;
    Ok(Answer {
        question: words,
        allowed: Some(allowed),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_taken_apart_as_kubectl_does() {
        let asked = |resource: &str| {
            let question = Question {
                verb: "get".into(),
                resource: resource.into(),
                namespace: None,
            };
            let Asked {
                group,
                resource,
                subresource,
                ..
            } = parse(&question);
            (group, resource, subresource)
        };
        let own = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(asked("pods"), own("", "pods", ""));
        assert_eq!(asked("pods/exec"), own("", "pods", "exec"));
        assert_eq!(
            asked("deployments/scale"),
            own("apps", "deployments", "scale")
        );
        assert_eq!(
            asked("widgets.example.com"),
            own("example.com", "widgets", "")
        );
    }
}
