//! The rows that a change decides on, and what effects mean on them.

use std::sync::Arc;

use super::cluster::{Cluster, ClusterId, State};
use super::credential::CredentialId;
use super::effect::{Effect, Facts};
use super::oidc::Provider;
use super::people::People;
use super::policy::Denial;
use super::project::{Project, ProjectId};
use super::refusal::{Refusal, SshKeyRefusal};
use super::setting::Setting;
use super::snapshot::ClusterSnapshot;
use super::ssh::{KeyPair, KeyPlace, NodeKey, SshKeyEffect};
use super::user::UserId;

/// The rows that a change decides on.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// The people.
    pub(crate) people: Arc<People>,
    /// The project that it is about, if it is about one.
    pub(crate) project: Option<Project>,
    /// The clusters that it may be about.
    pub(crate) clusters: Vec<ClusterSnapshot>,
    /// All clusters, where it must be none of them that it registers.
    pub(crate) registered: Vec<Cluster>,
    /// The cluster's SSH keys, oldest first, where it is about them.
    pub(crate) ssh_keys: Vec<KeyPair>,
    /// The nodes that hold one of them, or held it.
    pub(crate) ssh_nodes: Vec<NodeKey>,
}

impl Rows {
    /// One cluster's rows.
    pub(crate) fn of(snapshot: ClusterSnapshot) -> Self {
        Self {
            people: snapshot.people.clone(),
            project: None,
            clusters: vec![snapshot],
            registered: vec![],
            ssh_keys: vec![],
            ssh_nodes: vec![],
        }
    }

    /// The rows as they are after a change.
    pub(crate) fn after(&self, effects: &[Effect]) -> Self {
        let mut after = self.clone();
        let mut people = People::clone(&after.people);
        for effect in effects {
            people.apply(effect);
        }
        after.people = Arc::new(people);
        for snapshot in &mut after.clusters {
            snapshot.people = after.people.clone();
            for effect in effects.iter().filter(|it| it.cluster().is_some()) {
                snapshot.apply(effect);
            }
        }
        after
    }

    /// The snapshot of a cluster.
    pub(crate) fn cluster(&self, id: ClusterId) -> Option<&ClusterSnapshot> {
        self.clusters.iter().find(|it| it.cluster.id == id)
    }

    /// The one cluster that the change is about; it is not there for whoever may not see it.
    pub(crate) fn only(&self) -> Result<&ClusterSnapshot, Refusal> {
        let denied = Refusal::Denied(Denial::UnknownCluster);
        self.clusters.first().ok_or(denied)
    }

    /// The project that the change is about; it is not there for whoever may not see it.
    pub(crate) fn the_project(&self) -> Result<&Project, Refusal> {
        let denied = Refusal::Denied(Denial::UnknownProject);
        self.project.as_ref().ok_or(denied)
    }

    /// The cluster's SSH key, if it has one.
    pub(crate) fn ssh_key(&self) -> Option<&KeyPair> {
        let mut keys = self.ssh_keys.iter();
        keys.find(|it| it.place == KeyPlace::Current)
    }

    /// The same, or the refusal that there is none.
    pub(crate) fn the_ssh_key(&self) -> Result<&KeyPair, Refusal> {
        let name = &self.only()?.cluster.name;
        let none = || SshKeyRefusal::None(name.clone()).into();
        self.ssh_key().ok_or_else(none)
    }

    /// An effect with names in the place of row numbers.
    pub(crate) fn facts(&self, effect: &Effect) -> Facts {
        let on = effect.cluster().and_then(|id| self.cluster(id));
        let facts = Facts {
            effect: effect.kind(),
            cluster: on.map(|on| on.cluster.name.to_string()),
            ..Facts::default()
        };
        match on {
            Some(on) => self.facts_on(on, effect, facts),
            None => self.facts_of_people(effect, facts),
        }
    }

    fn name(&self, user: UserId) -> Option<String> {
        let user = self.people.users.get(&user)?;
        Some(user.name.to_string())
    }

    /// What an effect on a cluster is about.
    fn facts_on(&self, on: &ClusterSnapshot, effect: &Effect, facts: Facts) -> Facts {
        let version =
            |id: CredentialId, facts: Facts| match on.credentials.iter().find(|it| it.id == id) {
                Some(it) => Facts {
                    of: Some(it.owner.to_string()),
                    version: Some(it.version),
                    ..facts
                },
                None => facts,
            };
        let about = |user: UserId, to: Option<String>| Facts {
            user: self.name(user),
            to,
            ..facts.clone()
        };
        let becomes = |to: String| Facts {
            to: Some(to),
            ..facts.clone()
        };
        match effect {
            Effect::PutGrant(grant) => about(grant.user, Some(grant.level.to_string())),
            Effect::RemoveGrant { user, .. }
            | Effect::PutBlock { user, .. }
            | Effect::LiftBlock { user, .. } => about(*user, None),
            Effect::EndVersion { credential, .. } | Effect::MoveToShard { credential, .. } => {
                version(*credential, facts)
            }
            Effect::BeginVersion {
                subject,
                power,
                version,
                ..
            } => Facts {
                of: on.subject_name(*subject).map(|it| it.to_string()),
                version: Some(*version),
                to: Some(power.to_string()),
                ..facts
            },
            Effect::Deliver {
                subject,
                version,
                user,
                ..
            } => Facts {
                of: on.subject_name(*subject).map(|it| it.to_string()),
                version: Some(*version),
                ..about(*user, None)
            },
            Effect::Bind(new) => about(new.user, Some(new.bound.to_string())),
            Effect::Unbind { binding, .. } => {
                let found = on.bindings.iter().find(|it| it.id == *binding);
                found.map_or(facts.clone(), |it| {
                    about(it.user, Some(it.bound.to_string()))
                })
            }
            Effect::SetProtected { protected, .. } => becomes(protected.to_string()),
            Effect::SetState { state, .. } => becomes(state.to_string()),
            Effect::Set { setting, .. } => self.facts_of_setting(on, setting, facts),
            Effect::ReplaceManager { .. } => Facts {
                from: Some(on.cluster.manager.clone()),
                ..facts
            },
            Effect::ReplaceIssuer { former, .. } => Facts {
                from: Some(former.clone()),
                ..facts
            },
            Effect::Renew { renews, .. } => becomes(renews.as_str().to_owned()),
            Effect::SshKey { change, .. } => Facts {
                of: change.fingerprint().map(str::to_owned),
                user: match change {
                    SshKeyEffect::HandOut { user, .. } => self.name(*user),
                    _ => None,
                },
                ..facts
            },
            Effect::SetOwner { owner, .. } => Facts {
                from: on.cluster.owner.and_then(|it| self.name(it)),
                ..about(*owner, None)
            },
            Effect::KeepShared {
                credential,
                user,
                kept,
                ..
            } => version(*credential, about(*user, Some(kept.to_string()))),
            // On people and projects, or with nothing to say beside what they are.
            _ => facts,
        }
    }

    /// What a setting is from now on; a project also, what it was.
    fn facts_of_setting(&self, on: &ClusterSnapshot, setting: &Setting, facts: Facts) -> Facts {
        let name = |id: Option<ProjectId>| Some(self.people.projects.get(&id?)?.to_string());
        let Setting::Project(project) = setting else {
            return Facts {
                to: setting.value(),
                ..facts
            };
        };
        Facts {
            project: name(*project),
            from: name(on.cluster.project),
            ..facts
        }
    }

    /// What an effect on people and projects is about.
    fn facts_of_people(&self, effect: &Effect, facts: Facts) -> Facts {
        let project = |id: ProjectId| self.people.projects.get(&id).map(ToString::to_string);
        let about = |user: UserId, to: Option<String>| Facts {
            user: self.name(user),
            to,
            ..facts.clone()
        };
        match effect {
            Effect::AddCluster(new) => Facts {
                cluster: Some(new.name.to_string()),
                user: new.owner.and_then(|it| self.name(it)),
                project: new.project.and_then(project),
                to: Some(new.server.clone()),
                ..facts
            },
            Effect::AddUser(new) => Facts {
                user: Some(new.name.to_string()),
                to: Some(new.role.to_string()),
                ..facts
            },
            Effect::SetKey { user, key } => about(*user, Some(key.clone())),
            Effect::SetOidc { user, link } => Facts {
                from: self
                    .people
                    .users
                    .get(user)
                    .and_then(|it| it.oidc.as_ref())
                    .map(ToString::to_string),
                ..about(*user, link.as_ref().map(ToString::to_string))
            },
            Effect::SetProvider(provider) => {
                let name = |it: &Provider| format!("{} as {}", it.issuer, it.client_id);
                Facts {
                    from: self.people.provider.as_ref().map(name),
                    to: provider.as_ref().map(name),
                    ..facts
                }
            }
            Effect::SetRole { user, role } => Facts {
                from: self.people.users.get(user).map(|it| it.role.to_string()),
                ..about(*user, Some(role.to_string()))
            },
            Effect::SetActive { user, active } => about(*user, Some(active.to_string())),
            Effect::CreateProject { name, .. } => Facts {
                project: Some(name.to_string()),
                ..facts
            },
            Effect::RenameProject { project: id, name } => Facts {
                project: project(*id),
                to: Some(name.to_string()),
                ..facts
            },
            Effect::DescribeProject { project: id, text } => Facts {
                project: project(*id),
                to: Some(text.clone()),
                ..facts
            },
            Effect::RemoveProject { project: id } => Facts {
                project: project(*id),
                ..facts
            },
            Effect::PutMember {
                project: id,
                user,
                role,
            } => Facts {
                project: project(*id),
                from: self
                    .people
                    .roles
                    .get(&(*id, *user))
                    .map(ToString::to_string),
                ..about(*user, Some(role.to_string()))
            },
            Effect::RemoveMember { project: id, user } => Facts {
                project: project(*id),
                ..about(*user, None)
            },
            // On clusters.
            _ => facts,
        }
    }

    /// An effect in a sentence for people, with the names that these rows have.
    pub(crate) fn describe(&self, effect: &Effect) -> String {
        let facts = self.facts(effect);
        let or_nothing = |text: &Option<String>| text.clone().unwrap_or_default();
        let (cluster, user) = (or_nothing(&facts.cluster), or_nothing(&facts.user));
        let (to, project) = (or_nothing(&facts.to), or_nothing(&facts.project));
        let instead = match &facts.from {
            Some(from) => format!(" instead of {from}"),
            None => String::new(),
        };
        let version = format!(
            "version {} of '{}' on cluster '{cluster}'",
            facts.version.unwrap_or_default(),
            or_nothing(&facts.of)
        );
        match effect {
            Effect::PutGrant(_) => format!("give '{user}' {to} on cluster '{cluster}'"),
            Effect::RemoveGrant { .. } => {
                format!("take the access of '{user}' to cluster '{cluster}'")
            }
            Effect::EndVersion { .. } => format!("end {version}"),
            Effect::BeginVersion { .. } => format!("begin {version}"),
            Effect::MoveToShard { .. } => format!("move {version} to another list"),
            Effect::Renew { .. } => format!("let the kubeconfig of {version} renew itself"),
            Effect::Deliver { .. } => format!("hand {version} to '{user}'"),
            Effect::PutBlock { .. } => {
                format!("block the kubeconfig of '{user}' on cluster '{cluster}'")
            }
            Effect::LiftBlock { .. } => {
                format!("lift the block of '{user}' on cluster '{cluster}'")
            }
            Effect::Bind(_) => format!("bind {to} to '{user}' on cluster '{cluster}'"),
            Effect::Unbind { .. } => format!("unbind {to} from '{user}' on cluster '{cluster}'"),
            Effect::SetProtected { protected, .. } => {
                let verb = if *protected { "protect" } else { "unprotect" };
                format!("{verb} cluster '{cluster}'")
            }
            Effect::SetState { state, .. } => match state {
                State::Archived => format!("archive cluster '{cluster}'"),
                State::Active => format!("take cluster '{cluster}' out of the archive"),
            },
            Effect::Set { setting, cluster } => {
                let registered = self.cluster(*cluster).map(|on| &on.cluster.address.server);
                let registered = registered.map(String::as_str).unwrap_or_default();
                setting.description(registered, facts.project.as_deref())
            }
            Effect::ReplaceManager { former, .. } => {
                let from = or_nothing(&facts.from);
                // On a cluster that was rebuilt there is none to end.
                let is_there = former.iter().any(|it| it.name == from);
                let end = if is_there {
                    format!(", and end account '{from}'")
                } else {
                    String::new()
                };
                format!("make another account the manager of cluster '{cluster}'{end}")
            }
            Effect::ReplaceIssuer { former, .. } => format!(
                "make another account the issuer of cluster '{cluster}', and end account '{former}'"
            ),
            Effect::SetProviderToken { .. } => {
                format!("set the provider token of cluster '{cluster}'")
            }
            Effect::RemoveProviderToken { .. } => {
                format!("remove the provider token of cluster '{cluster}'")
            }
            Effect::SshKey { change, .. } => change.description(&cluster, &user),
            Effect::BeginDelete { .. } => {
                format!("remove everything of ours from cluster '{cluster}'")
            }
            Effect::RemoveCluster { .. } => {
                format!("remove cluster '{cluster}' with its sealed login")
            }
            Effect::AddCluster(_) => registering(&facts),
            Effect::SetOwner { .. } => {
                let from = facts
                    .from
                    .map_or("nobody".to_owned(), |it| format!("'{it}'"));
                format!("transfer cluster '{cluster}' from {from} to '{user}'")
            }
            Effect::AddUser(_) => format!("add user '{user}' as {to}"),
            Effect::SetKey { .. } => format!("make {to} the key of '{user}'"),
            Effect::SetOidc { .. } | Effect::SetProvider(_) => logging_in(effect, &facts),
            Effect::SetRole { .. } => format!("make '{user}' {to}{instead}"),
            Effect::SetActive { active, .. } => {
                let verb = if *active { "enable" } else { "disable" };
                format!("{verb} '{user}'")
            }
            Effect::CreateProject { .. } => format!("make project '{project}'"),
            Effect::RenameProject { .. } => format!("rename project '{project}' to '{to}'"),
            Effect::DescribeProject { .. } => format!("describe project '{project}' as '{to}'"),
            Effect::RemoveProject { .. } => format!("delete project '{project}'"),
            Effect::PutMember { .. } => {
                format!("make '{user}' {to} of project '{project}'{instead}")
            }
            Effect::RemoveMember { .. } => {
                format!("remove '{user}' from project '{project}'")
            }
            Effect::KeepShared { kept, .. } => {
                let verb = if *kept { "keep" } else { "do not keep" };
                format!("{verb} {version}")
            }
        }
    }
}

/// What becomes of how people log in.
fn logging_in(effect: &Effect, facts: &Facts) -> String {
    let user = facts.user.clone().unwrap_or_default();
    let instead = facts
        .from
        .as_ref()
        .map(|from| format!(" instead of {from}"));
    let instead = instead.unwrap_or_default();
    match (effect, &facts.to) {
        (Effect::SetOidc { .. }, Some(to)) => {
            format!("let '{user}' log in by tokens with {to}{instead}")
        }
        (Effect::SetOidc { .. }, None) => {
            format!("let '{user}' log in by no token any more{instead}")
        }
        (_, Some(to)) => format!("let people log in at {to}{instead}"),
        (_, None) => format!("let people log in with their keys alone{instead}"),
    }
}

/// That a cluster is registered, in words.
fn registering(facts: &Facts) -> String {
    let [cluster, server] = [&facts.cluster, &facts.to].map(|it| it.as_deref().unwrap_or_default());
    let owner = facts.user.as_ref();
    let owner = owner.map_or(String::new(), |it| format!(", assigned to '{it}'"));
    let inside = facts.project.as_ref();
    let inside = inside.map_or(String::new(), |it| format!(", in project '{it}'"));
    format!(
        "make the manager's account on {server}, and register it as cluster '{cluster}'{owner}{inside}"
    )
}
