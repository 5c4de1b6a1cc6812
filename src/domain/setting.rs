//! Settings of a cluster, each by itself: what `cluster set` changes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::cluster::{Address, Cluster, PublicAddress, SelfService, WriteScope};
use super::level::Allowed;
use super::project::ProjectId;

/// One setting, as it is from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setting {
    /// One line for people.
    Description(String),
    /// Labels for people.
    Labels(BTreeMap<String, String>),
    /// The address that files carry; `None`: the registered one.
    Public(Option<PublicAddress>),
    /// How far write reaches.
    WriteScope(WriteScope),
    /// Namespaces that the operator holds back from write.
    Excluded(BTreeSet<String>),
    /// Namespaces that write reaches on purpose, though it should not.
    Included(BTreeSet<String>),
    /// What write carries of the resources that others aggregated into `edit`.
    WriteAllow(BTreeSet<Allowed>),
    /// How long a version that carries write relies on the last look at all that it rests upon.
    ScanEvery(TimeDelta),
    /// Whether developers serve themselves there.
    SelfService(SelfService),
    /// The project that the cluster is in.
    Project(Option<ProjectId>),
    /// The address at which it is reached, with the CA that is pinned.
    Address(Address),
    /// The UID of its namespace `kube-system`, which is pinned: another one is another cluster.
    Identity(String),
}

impl Setting {
    /// Those that differ between two states of a cluster.
    pub(crate) fn between(before: &Cluster, after: &Cluster) -> Vec<Self> {
        let all = |of: &Cluster| {
            [
                Self::Description(of.description.clone()),
                Self::Labels(of.labels.clone()),
                Self::Public(of.public.clone()),
                Self::WriteScope(of.write_scope),
                Self::Excluded(of.excluded.clone()),
                Self::Included(of.included.clone()),
                Self::WriteAllow(of.write_allow.clone()),
                Self::ScanEvery(of.scan_every),
                Self::SelfService(of.self_service),
                Self::Project(of.project),
                Self::Address(of.address.clone()),
                Self::Identity(of.kube_system_uid.clone()),
            ]
        };
        let pairs = all(before).into_iter().zip(all(after));
        let new = pairs.filter_map(|(old, new)| (old != new).then_some(new));
        new.collect()
    }

    /// Puts it in the place of what a cluster has.
    pub(crate) fn put(self, cluster: &mut Cluster) {
        match self {
            Self::Description(description) => cluster.description = description,
            Self::Labels(labels) => cluster.labels = labels,
            Self::Public(public) => cluster.public = public,
            Self::WriteScope(scope) => cluster.write_scope = scope,
            Self::Excluded(namespaces) => cluster.excluded = namespaces,
            Self::Included(namespaces) => cluster.included = namespaces,
            Self::WriteAllow(allowed) => cluster.write_allow = allowed,
            Self::ScanEvery(every) => cluster.scan_every = every,
            Self::SelfService(how) => cluster.self_service = how,
            Self::Project(project) => cluster.project = project,
            Self::Address(address) => cluster.address = address,
            Self::Identity(uid) => cluster.kube_system_uid = uid,
        }
    }

    /// Whether write reaches or carries more with it, where that may lead to all power.
    pub(crate) fn widens_write(&self, before: &Cluster) -> bool {
        match self {
            Self::WriteScope(scope) => *scope == WriteScope::Cluster,
            Self::Included(included) => !included.is_subset(&before.included),
            Self::WriteAllow(allowed) => !allowed.is_subset(&before.write_allow),
            Self::Description(_)
            | Self::Labels(_)
            | Self::Public(_)
            | Self::Excluded(_)
            | Self::ScanEvery(_)
            | Self::SelfService(_)
            | Self::Project(_)
            | Self::Address(_)
            | Self::Identity(_) => false,
        }
    }

    /// Whether it changes where write reaches, or what it carries.
    pub(crate) fn moves_write(&self) -> bool {
        match self {
            Self::WriteScope(_) | Self::Excluded(_) | Self::Included(_) | Self::WriteAllow(_) => {
                true
            }
            Self::Description(_)
            | Self::Labels(_)
            | Self::Public(_)
            | Self::ScanEvery(_)
            | Self::SelfService(_)
            | Self::Project(_)
            | Self::Address(_)
            | Self::Identity(_) => false,
        }
    }

    /// Whether a cluster must be looked at with it: where write reaches, and which lists stand there though
    /// nobody is on them.
    pub(crate) fn reaches_cluster(&self) -> bool {
        self.moves_write() || matches!(self, Self::SelfService(_))
    }

    /// The word for it in a plan.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Description(_) => "set-description",
            Self::Labels(_) => "set-labels",
            Self::Public(_) => "set-public-server",
            Self::WriteScope(_) => "set-write-scope",
            Self::Excluded(_) => "set-excluded",
            Self::Included(_) => "set-included",
            Self::WriteAllow(_) => "set-write-allow",
            Self::ScanEvery(_) => "set-scan-every",
            Self::SelfService(_) => "set-self-service",
            Self::Project(_) => "set-project",
            Self::Address(_) => "set-address",
            Self::Identity(_) => "set-identity",
        }
    }

    /// What it is from now on, in words; nothing for a project, which has a name elsewhere, and where
    /// it is as it was registered.
    pub(crate) fn value(&self) -> Option<String> {
        let join = |all: Vec<&str>| Some(all.join(","));
        match self {
            Self::Description(description) => Some(description.clone()),
            Self::Labels(labels) => {
                let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
                Some(labels.collect::<Vec<_>>().join(","))
            }
            Self::Public(public) => public.as_ref().map(|it| it.server.clone()),
            Self::WriteScope(scope) => Some(scope.as_str().to_owned()),
            Self::Excluded(all) | Self::Included(all) => {
                join(all.iter().map(String::as_str).collect())
            }
            Self::WriteAllow(all) => {
                let all = all.iter().map(ToString::to_string);
                Some(all.collect::<Vec<_>>().join(","))
            }
            Self::ScanEvery(every) => Some(format!("{} s", every.num_seconds())),
            Self::SelfService(how) => Some(how.to_string()),
            Self::Project(_) => None,
            Self::Address(address) => Some(address.server.clone()),
            Self::Identity(uid) => Some(uid.clone()),
        }
    }

    /// It in a sentence for people; `registered` is the cluster's own address, `project` the name of
    /// the project that it is in from now on.
    pub(crate) fn description(&self, registered: &str, project: Option<&str>) -> String {
        let value = self.value().unwrap_or_default();
        match self {
            Self::Description(_) => format!("description: {value}"),
            Self::Labels(_) => format!("labels: {value}"),
            Self::Public(None) => format!("files carry {registered}, as registered"),
            Self::Public(Some(public)) => {
                let name = public.tls_server_name.as_ref();
                let name = name.map_or(String::new(), |name| format!(" (tls-server-name: {name})"));
                format!("files carry {value}{name}")
            }
            Self::WriteScope(_) => format!("write scope: {value}"),
            Self::Excluded(_) => format!("excluded from write: {value}"),
            Self::Included(_) => format!("included in write: {value}"),
            Self::WriteAllow(_) => format!("allowed to write: {value}"),
            Self::ScanEvery(_) => format!("what write rests upon is looked at every {value}"),
            Self::SelfService(_) => format!("self-service: {value}"),
            Self::Project(_) => format!("project: {}", project.unwrap_or("none")),
            Self::Address(_) => format!("address and CA: {value}"),
            Self::Identity(_) => format!("identity of the rebuilt cluster: {value}"),
        }
    }
}
