//! Clusters: what the store knows of one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use chrono::TimeDelta;

use super::Timestamp;
use super::level::Allowed;
use super::mark::Marks;
use super::name::ClusterName;
use super::project::ProjectId;
use super::user::UserId;

/// A cluster's row number in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClusterId(pub(crate) i64);

/// Whether a cluster takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// In use.
    Active,
    /// Issues, rotates and hands out nothing; revoking works.
    Archived,
}

impl State {
    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How far `write` reaches on a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum WriteScope {
    /// `view` everywhere and `edit` in every namespace that is not excluded.
    Namespaces,
    /// Kubernetes' plain cluster-wide `edit`: its holder can escalate to cluster-admin.
    Cluster,
}

impl WriteScope {
    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Cluster => "cluster",
        }
    }
}

/// Whether developers serve themselves on a cluster: what the key of a server opens of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) enum SelfService {
    /// Nothing.
    #[default]
    Off,
    /// The issuer's login.
    On,
    /// The issuer's login, and the SSH key of its nodes.
    WithSshKey,
}

impl SelfService {
    /// All of them, the least first.
    pub(crate) const ALL: [Self; 3] = [Self::Off, Self::On, Self::WithSshKey];

    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::WithSshKey => "on,ssh-key",
        }
    }
}

impl std::str::FromStr for SelfService {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.as_str() == input).ok_or_else(|| {
            format!(
                "'{}' is neither off, on nor on,ssh-key",
                input.escape_default()
            )
        })
    }
}

impl fmt::Display for SelfService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the tool logs in to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ManagerKind {
    /// A `TokenRequest` token of the manager account.
    Token,
    /// A `kubernetes.io/service-account-token` Secret of the manager account.
    Secret,
    /// The operator's own credential (`--keep-credential`).
    Operator,
}

impl ManagerKind {
    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Secret => "secret",
            Self::Operator => "operator",
        }
    }
}

/// An account that was a cluster's manager, or was to be, and must go; or the present one, where
/// another is to take its place first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FormerManager {
    /// Its name.
    pub(crate) name: String,
    /// Its UID, where it is known: an account that was made later under its name is another one.
    pub(crate) uid: Option<String>,
}

impl fmt::Display for FormerManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.uid {
            None => f.write_str(&self.name),
            // No name of an account has a colon.
            Some(uid) => write!(f, "{}:{uid}", self.name),
        }
    }
}

impl From<&str> for FormerManager {
    fn from(text: &str) -> Self {
        match text.split_once(':') {
            None => Self {
                name: text.to_owned(),
                uid: None,
            },
            Some((name, uid)) => Self {
                name: name.to_owned(),
                uid: Some(uid.to_owned()),
            },
        }
    }
}

/// The account through which a cluster's owner works there, who must not become cluster-admin by it: it
/// handles the accounts of namespace `kubegrant-users`, and the lists of `view` and `edit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issuer {
    /// The ServiceAccount, in namespace `kubegrant`.
    pub(crate) account: String,
    /// What its login is.
    pub(crate) kind: ManagerKind,
    /// Counts its logins; part of the sealed record's name.
    pub(crate) generation: u32,
    /// When its login ends, if it does.
    pub(crate) expires_at: Option<Timestamp>,
}

/// How to reach the API server, and what proves that it is the one that was registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// `https://host:port[/path]`.
    pub(crate) server: String,
    /// The CA certificates in PEM; `None` uses the system's.
    pub(crate) ca_pem: Option<String>,
    /// The name to expect in the certificate instead of the host.
    pub(crate) tls_server_name: Option<String>,
    /// A proxy from the kubeconfig.
    pub(crate) proxy_url: Option<String>,
}

/// An address that files carry instead of the registered one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicAddress {
    /// `https://host:port[/path]`.
    pub(crate) server: String,
    /// The name to expect in the certificate instead of the host.
    pub(crate) tls_server_name: Option<String>,
}

impl PublicAddress {
    /// The address with everything else as it was registered.
    pub(crate) fn over(&self, address: &Address) -> Address {
        Address {
            server: self.server.clone(),
            tls_server_name: self.tls_server_name.clone(),
            ..address.clone()
        }
    }
}

/// The host of an address, without the brackets of IPv6.
pub(crate) fn host_of(server: &str) -> Option<&str> {
    let rest = server.strip_prefix("https://")?;
    let authority = rest.split('/').next()?;
    match authority.strip_prefix('[') {
        Some(inside) => inside.split(']').next(),
        None => authority.split(':').next(),
    }
}

/// Whether an address leads whoever uses it to their own machine.
pub(crate) fn is_ones_own(server: &str) -> bool {
    let Some(host) = host_of(server) else {
        return false;
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(address) => {
            let address = address.to_canonical();
            address.is_loopback() || address.is_unspecified()
        }
        Err(_) => {
            host == "localhost"
                || host.ends_with(".localhost")
                || host == "localhost.localdomain"
                // Docker Desktop's name for it, in its own kubeconfig.
                || host == "kubernetes.docker.internal"
        }
    }
}

/// How long a version that carries write relies on the last look, where nothing else is set: the schema has it
/// too.
pub(crate) const SCAN_EVERY_DEFAULT: TimeDelta = TimeDelta::minutes(10);

/// A registered cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// Row number.
    pub(crate) id: ClusterId,
    /// The cluster's name.
    pub(crate) name: ClusterName,
    /// Active or archived.
    pub(crate) state: State,
    /// A protected cluster cannot be deleted or archived.
    pub(crate) protected: bool,
    /// The user it is assigned to.
    pub(crate) owner: Option<UserId>,
    /// The project that it is in.
    pub(crate) project: Option<ProjectId>,
    /// One line for people.
    pub(crate) description: String,
    /// Labels for people.
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels and annotations of what we make on it. Not those for people, which a developer may
    /// change: a label can aggregate a role into another.
    pub(crate) marks: Marks,
    /// How to reach it.
    pub(crate) address: Address,
    /// What files carry instead.
    pub(crate) public: Option<PublicAddress>,
    /// UID of the `kube-system` namespace at registration.
    pub(crate) kube_system_uid: String,
    /// The version the server gave last.
    pub(crate) version: String,
    /// The manager's ServiceAccount.
    pub(crate) manager: String,
    /// How the tool logs in.
    pub(crate) manager_kind: ManagerKind,
    /// Counts the manager's secrets; part of the sealed record's name.
    pub(crate) manager_generation: u32,
    /// When the manager's token ends, if it does.
    pub(crate) manager_expires_at: Option<Timestamp>,
    /// The issuer; clusters that an earlier version registered have none until they are relinked.
    pub(crate) issuer: Option<Issuer>,
    /// How far `write` reaches.
    pub(crate) write_scope: WriteScope,
    /// Namespaces the operator holds back from `write`.
    pub(crate) excluded: BTreeSet<String>,
    /// Namespaces that `write` reaches on purpose, though it should not.
    pub(crate) included: BTreeSet<String>,
    /// What `write` carries of the resources that others aggregated into `edit`, on purpose.
    pub(crate) write_allow: BTreeSet<Allowed>,
    /// When all that write rests upon there was looked at last, if it ever was.
    pub(crate) looked_at: Option<Timestamp>,
    /// How long a version that carries write relies on that look.
    pub(crate) scan_every: TimeDelta,
    /// Whether developers serve themselves there.
    pub(crate) self_service: SelfService,
    /// When it was registered.
    pub(crate) created_at: Timestamp,
    /// When the API server last answered us.
    pub(crate) reached_at: Option<Timestamp>,
    /// Since when it is being deleted, if it is: only the deletion goes on.
    pub(crate) deleting_at: Option<Timestamp>,
}

impl Cluster {
    /// Whether nothing of it was changed since but who owns it, and when it was reached.
    pub(crate) fn is_as_it_was(&self, before: &Self) -> bool {
        let comparable = Self {
            owner: before.owner,
            reached_at: before.reached_at,
            looked_at: before.looked_at,
            ..self.clone()
        };
        comparable == *before
    }

    /// Whether what write rests upon was looked at so lately that a version which stands relies on it.
    pub(crate) fn is_looked_at(&self, now: Timestamp) -> bool {
        let is_young = |at: Timestamp| (TimeDelta::zero()..self.scan_every).contains(&(now - at));
        self.looked_at.is_some_and(is_young)
    }

    /// The address that a file for somebody carries.
    pub(crate) fn address_in_files(&self) -> Address {
        match &self.public {
            Some(public) => public.over(&self.address),
            None => self.address.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_leads_to_the_readers_own_machine_is_known() {
        for own in [
            "https://127.0.0.1:6443",
            "https://127.8.8.8",
            "https://0.0.0.0:6443",
            "https://localhost:6443/a",
            "https://LOCALHOST.",
            "https://x.localhost:1",
            "https://[::1]:6443",
            "https://[::]:6443",
            "https://[::ffff:127.0.0.1]",
            "https://kubernetes.docker.internal:6443",
        ] {
            assert!(is_ones_own(own), "{own}");
        }
        for other in [
            "https://192.168.1.2:6443",
            "https://localhost.example.net",
            "https://[2001:db8::1]:6443",
            "https://k.example/127.0.0.1",
            "https://128.0.0.1",
        ] {
            assert!(!is_ones_own(other), "{other}");
        }
    }
}
