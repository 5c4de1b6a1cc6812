//! A connection to one cluster, with what may be asked through it.

mod review;

pub(crate) use self::review::{Question, Right};

use std::sync::{Arc, Mutex};

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{Api, ListParams, ObjectMeta};
use serde::Deserialize;

use super::client::{self, Again, Endpoint, Limits, Login, ServerTime};
use super::error::Error;
use super::list::{Kept, Scope};
use super::objects;
use super::observe::Seen;
use super::witness::OurNamespace;
use crate::domain::Timestamp;
use crate::domain::account_name::{self, Home};
use crate::domain::audit::Head;
use crate::domain::installation::InstallationId;
use crate::domain::mark::Marks;
use crate::domain::plan::{NAMESPACE, Place, USERS_NAMESPACE};
use crate::domain::power::{RoleRef, Rule};
use crate::secrets::{MacKey, SecretString};

/// The one connection to a cluster of a run.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(super) client: kube::Client,
    pub(super) installation: InstallationId,
    /// The head of our log that the cluster holds, as it was read when we connected.
    pub(super) witnessed: Option<Head>,
    /// What was seen ahead, until it is looked for.
    pub(super) ahead: Arc<Mutex<Option<(String, Seen)>>>,
    /// The key of the heads on this cluster; only where the login is the manager's.
    pub(super) heads: Option<MacKey>,
    /// What the operator wants on everything that we make.
    pub(super) marks: Arc<Marks>,
    /// Of our namespaces the one that stood worst when we connected.
    pub(super) namespace: OurNamespace,
    /// The namespaces whose accounts may be looked at.
    pub(super) homes: &'static [Home],
    /// Whether the login is an issuer's.
    pub(super) is_issuer: bool,
    /// Whether lists of the levels stay where nobody is on them any more.
    pub(super) keeps_lists: bool,
    /// Asked before each batch of what is given.
    still_held: Option<StillHeld>,
    again: Option<Again>,
    /// Where it leads.
    endpoint: Option<Endpoint>,
    /// Whether a client certificate says who we are: then no token does on this connection.
    by_certificate: bool,
    /// What time the cluster says that it is.
    time: ServerTime,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// Whether whoever works on a cluster still has its lock.
pub(crate) type StillHeld = Arc<dyn Fn() -> bool + Send + Sync>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    git_version: String,
}

impl Connection {
    /// Makes a connection. Nothing is sent before the first question.
    pub(crate) fn open(
        endpoint: &Endpoint,
        login: Login,
        installation: &InstallationId,
    ) -> Result<Self, Error> {
        Self::open_within(endpoint, login, installation, Limits::default())
    }

    /// [`Connection::open`] with other limits, where somebody else waits for the answer.
    pub(crate) fn open_within(
        endpoint: &Endpoint,
        login: Login,
        installation: &InstallationId,
        limits: Limits,
    ) -> Result<Self, Error> {
        let by_certificate = matches!(login, Login::ClientCertificate { .. });
        let (client, again) = client::dial(endpoint, login, limits)?;
        Ok(Self {
            time: again.time(),
            again: Some(again),
            endpoint: Some(endpoint.clone()),
            by_certificate,
            ..Self::new(client, installation)
        })
    }

    /// Wraps a client.
    fn new(client: kube::Client, installation: &InstallationId) -> Self {
        Self {
            client,
            installation: installation.clone(),
            witnessed: None,
            ahead: Arc::default(),
            heads: None,
            marks: Arc::default(),
            namespace: OurNamespace::there(NAMESPACE),
            homes: &[Home::Own],
            is_issuer: false,
            keeps_lists: false,
            still_held: None,
            again: None,
            endpoint: None,
            by_certificate: false,
            time: ServerTime::default(),
        }
    }

    /// Puts an operator's labels and annotations on everything that is made from here on.
    pub(crate) fn with_marks(mut self, marks: Marks) -> Self {
        self.marks = Arc::new(marks);
        self
    }

    /// Gives nothing where the cluster's lock is lost: somebody else may have it by then, and know better.
    pub(crate) fn giving_while(mut self, still_held: Option<StillHeld>) -> Self {
        self.still_held = still_held;
        self
    }

    /// Refuses to give where the lock is lost.
    pub(super) fn must_hold(&self) -> Result<(), Error> {
        match &self.still_held {
            Some(still_held) if !still_held() => Err(Error::LockLost),
            _ => Ok(()),
        }
    }

    /// Looks at the accounts that an issuer may handle too.
    pub(crate) fn with_users(mut self) -> Self {
        self.homes = &[Home::Own, Home::Users];
        self
    }

    /// Works with an issuer's login.
    pub(crate) fn with_issuer(mut self) -> Self {
        self.homes = &[Home::Users];
        self.is_issuer = true;
        self
    }

    /// The same connection, on which lists of the levels stay where nobody is on them any more.
    pub(super) fn keeping_lists(&self, keeps_lists: bool) -> Self {
        Self {
            keeps_lists,
            ..self.clone()
        }
    }

    /// Whether the accounts of a namespace are looked at.
    pub(crate) fn sees(&self, home: Home) -> bool {
        self.homes.contains(&home)
    }

    /// Whether the login is an issuer's, which may do less than the manager's.
    pub(crate) fn is_issuer(&self) -> bool {
        self.is_issuer
    }

    /// The namespace in which whoever's login it is keeps what they need.
    pub(super) fn own_namespace(&self) -> &'static str {
        if self.is_issuer {
            USERS_NAMESPACE
        } else {
            NAMESPACE
        }
    }

    /// The installation whose objects it works on.
    pub(crate) fn installation(&self) -> &InstallationId {
        &self.installation
    }

    /// Opens `count` connections to the same address, none of which shares anything with another:
    /// for a question whose answer must not hang on one of several API servers. See
    /// [`Again::open`] for what that does not prove.
    pub(crate) fn fresh(&self, count: usize) -> Vec<Self> {
        let fresh = self.again.iter().flat_map(|again| {
            std::iter::repeat_with(|| Self {
                client: again.open(),
                ..self.clone()
            })
            .take(count)
        });
        fresh.collect()
    }

    /// The address that it leads to.
    pub(super) fn server(&self) -> &str {
        self.endpoint.as_ref().map_or("", |it| it.server.as_str())
    }

    /// A connection to the same address that says by this token who it is: over the same TLS
    /// connection, unless that has a client certificate.
    pub(super) fn with_token(&self, token: &SecretString) -> Result<Self, Error> {
        match (&self.again, &self.endpoint) {
            (Some(again), _) if !self.by_certificate => Ok(Self {
                client: again.with_token(token)?,
                ..self.clone()
            }),
            (_, Some(endpoint)) => {
                let login = Login::Token(token.clone());
                Self::open(endpoint, login, &self.installation)
            }
            (_, None) => Err(Error::inconsistent("the connection has no address")),
        }
    }

    /// What time the server said that it is, by its last answer.
    pub(crate) fn server_time(&self) -> Option<Timestamp> {
        self.time.latest()
    }

    /// The accounts of our own namespace.
    pub(super) fn accounts(&self) -> Api<ServiceAccount> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// The accounts of the namespace that an account stands in, and its name there.
    pub(super) fn account<'a>(&self, account: &'a str) -> (Api<ServiceAccount>, &'a str) {
        let (home, name) = account_name::parts(account);
        let api = Api::namespaced(self.client.clone(), home.namespace());
        (api, name)
    }

    /// Lists the metadata of accounts, and keeps of each what `keep` says of where it stands and of it.
    pub(super) async fn list_accounts<T: Kept + Send>(
        &self,
        params: &ListParams,
        keep: impl Fn(Home, ObjectMeta) -> Option<T> + Sync,
    ) -> Result<Vec<T>, Error> {
        let keep = &keep;
        let listed = self.homes.iter().map(|&home| async move {
            let scope = Scope::Namespace(home.namespace());
            let keep = |meta| keep(home, meta);
            self.list_metadata::<ServiceAccount, _>("our accounts", scope, params, keep)
                .await
        });
        Ok(try_join_all(listed).await?.into_iter().flatten().collect())
    }

    pub(super) fn cluster_bindings(&self) -> Api<ClusterRoleBinding> {
        Api::all(self.client.clone())
    }

    pub(super) fn role_bindings(&self, namespace: &str) -> Api<RoleBinding> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Asks for the UID of `kube-system`: it names the cluster, and changes when it is rebuilt.
    pub(crate) async fn cluster_uid(&self) -> Result<String, Error> {
        let what = "namespace 'kube-system'";
        let found = Api::<Namespace>::all(self.client.clone())
            .get("kube-system")
            .await
            .map_err(|error| Error::from_kube(error, what))?;
        found
            .metadata
            .uid
            .ok_or_else(|| Error::garbled(what, "it has no UID"))
    }

    /// Asks for the server's version.
    pub(crate) async fn version(&self) -> Result<String, Error> {
        let request = http::Request::get("/version")
            .body(Vec::new())
            .map_err(|error| Error::garbled("the version", &error.to_string()))?;
        let version: Version = self
            .client
            .request(request)
            .await
            .map_err(|error| Error::from_kube(error, "the version"))?;
        Ok(crate::domain::text::clean(&version.git_version))
    }

    /// Reads the rules of a role; a role that is gone has none.
    pub(super) async fn rules(&self, role: &RoleRef, place: &Place) -> Result<Vec<Rule>, Error> {
        let (client, name) = (self.client.clone(), role.name());
        let found = match (role, place) {
            (RoleRef::Cluster(_), _) => {
                let found = Api::<ClusterRole>::all(client).get_opt(name).await;
                found.map(|found| found.and_then(|role| role.rules))
            }
            (RoleRef::Namespaced(_), Some(namespace)) => {
                let api = Api::<Role>::namespaced(client, namespace);
                let found = api.get_opt(name).await;
                found.map(|found| found.and_then(|role| role.rules))
            }
            (RoleRef::Namespaced(_), None) => Ok(None),
        };
        let found = found.map_err(|error| Error::from_kube(error, &format!("role '{name}'")))?;
        Ok(objects::rules(found))
    }
}
