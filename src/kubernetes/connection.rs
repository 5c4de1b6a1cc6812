//! A connection to one cluster, with what may be asked through it.

use std::sync::{Arc, Mutex};

use futures::future::try_join_all;
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec, SubjectAccessReview, SubjectAccessReviewSpec,
    SubjectAccessReviewStatus,
};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{Api, ListParams, ObjectMeta, PostParams};
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
use crate::domain::plan::{NAMESPACE, Place, USERS_NAMESPACE, level_of};
use crate::domain::power::{RoleRef, Rule};
use crate::domain::role_summary::Probe;
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

/// A question about an account's rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Verb.
    pub(crate) verb: String,
    /// API group, "" for core.
    pub(crate) group: String,
    /// Resource.
    pub(crate) resource: String,
    /// Subresource, or "".
    pub(crate) subresource: String,
    /// Namespace; `None` for the whole cluster.
    pub(crate) namespace: Option<String>,
}

/// Stands for the installation's id in the name of a right.
pub(super) const INSTALLATION: &str = "<installation>";

/// A right to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Right {
    /// Verb.
    pub(crate) verb: &'static str,
    /// API group.
    pub(crate) group: &'static str,
    /// Resource.
    pub(crate) resource: &'static str,
    /// Subresource or "".
    pub(crate) subresource: &'static str,
    /// Namespace, or "" for all.
    pub(crate) namespace: &'static str,
    /// Object name, or "".
    pub(crate) name: &'static str,
}

impl Right {
    /// The right in words, with the real name of what is this installation's.
    pub(crate) fn named(&self, installation: &InstallationId) -> String {
        self.to_string()
            .replace(INSTALLATION, installation.as_str())
    }
}

impl std::fmt::Display for Right {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.subresource.is_empty() {
            write!(f, "/{}", self.subresource)?;
        }
        if !self.name.is_empty() {
            write!(f, " '{}'", self.name)?;
        }
        if self.namespace == USERS_NAMESPACE {
            write!(f, " in namespace '{USERS_NAMESPACE}'")?;
        }
        Ok(())
    }
}

/// What a review is about.
enum About {
    Object(Box<ResourceAttributes>),
    Url(NonResourceAttributes),
}

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

    /// Asks which of these rights the login lacks.
    pub(crate) async fn missing_rights(&self, rights: &[Right]) -> Result<Vec<Right>, Error> {
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let asked = rights.iter().map(|right| {
            let api = api.clone();
            async move {
                let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                let review = SelfSubjectAccessReview {
                    spec: SelfSubjectAccessReviewSpec {
                        resource_attributes: Some(ResourceAttributes {
                            verb: text(right.verb),
                            group: text(right.group),
                            resource: text(right.resource),
                            subresource: text(right.subresource),
                            namespace: text(right.namespace),
                            name: text(
                                &right.name.replace(INSTALLATION, self.installation.as_str()),
                            ),
                            ..ResourceAttributes::default()
                        }),
                        ..SelfSubjectAccessReviewSpec::default()
                    },
                    ..SelfSubjectAccessReview::default()
                };
                let answer = api
                    .create(&PostParams::default(), &review)
                    .await
                    .map_err(|error| Error::from_kube(error, "an access review"))?;
                let allowed = answer.status.is_some_and(|status| status.allowed);
                Ok::<_, Error>((!allowed).then_some(*right))
            }
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    /// Asks the API server itself what still lets an account in where a list of ours did.
    ///
    /// The answer names the first binding that allows it: power from anywhere else is not ours to
    /// take. The question is one that the list's own role allows and no weaker list of ours does:
    /// else a list that is heard of later would hide behind another.
    pub(super) async fn let_in_by(
        &self,
        account: &str,
        place: &Place,
        binding: &str,
    ) -> Result<Option<String>, Error> {
        let (verb, resource) = match level_of(&self.installation, binding) {
            Some("cluster-admin") => ("get", "secrets"),
            Some("edit") => ("update", "configmaps"),
            _ => ("get", "configmaps"),
        };
        let attributes = ResourceAttributes {
            verb: Some(verb.to_owned()),
            resource: Some(resource.to_owned()),
            namespace: Some(place.clone().unwrap_or_else(|| NAMESPACE.to_owned())),
            ..ResourceAttributes::default()
        };
        let status = self
            .review(account, About::Object(Box::new(attributes)))
            .await?;
        Ok(status.allowed.then(|| status.reason.unwrap_or_default()))
    }

    /// Asks the API server one question about a bound role; what still lets the account in.
    pub(super) async fn let_in_to(
        &self,
        account: &str,
        place: &Place,
        probe: &Probe,
    ) -> Result<Option<String>, Error> {
        let about = match probe {
            Probe::Url { verb, path } => About::Url(NonResourceAttributes {
                verb: Some(verb.clone()),
                path: Some(path.clone()),
            }),
            Probe::Object {
                verb,
                group,
                resource,
                subresource,
                name,
            } => {
                let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                About::Object(Box::new(ResourceAttributes {
                    verb: text(verb),
                    group: text(group),
                    resource: text(resource),
                    subresource: text(subresource),
                    name: text(name),
                    namespace: place.clone(),
                    ..ResourceAttributes::default()
                }))
            }
        };
        let status = self.review(account, about).await?;
        Ok(status.allowed.then(|| status.reason.unwrap_or_default()))
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

    /// Asks the API server what an account of ours may do.
    pub(crate) async fn may_account(
        &self,
        account: &str,
        question: &Question,
    ) -> Result<(bool, String), Error> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let attributes = ResourceAttributes {
            verb: text(&question.verb),
            group: text(&question.group),
            resource: text(&question.resource),
            subresource: text(&question.subresource),
            namespace: question.namespace.clone(),
            ..ResourceAttributes::default()
        };
        let status = self
            .review(account, About::Object(Box::new(attributes)))
            .await?;
        let reason = crate::domain::text::clean(&status.reason.unwrap_or_default());
        Ok((status.allowed, reason))
    }

    async fn review(
        &self,
        account: &str,
        about: About,
    ) -> Result<SubjectAccessReviewStatus, Error> {
        let (resource_attributes, non_resource_attributes) = match about {
            About::Object(attributes) => (Some(*attributes), None),
            About::Url(attributes) => (None, Some(attributes)),
        };
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(account_name::login_name(account)),
                groups: Some(vec![
                    "system:serviceaccounts".to_owned(),
                    account_name::group(account),
                    "system:authenticated".to_owned(),
                ]),
                resource_attributes,
                non_resource_attributes,
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let what = "an access review";
        let answer = Api::<SubjectAccessReview>::all(self.client.clone())
            .create(&PostParams::default(), &review)
            .await
            .map_err(|error| Error::from_kube(error, what))?;
        answer
            .status
            .ok_or_else(|| Error::garbled(what, "it has no status"))
    }
}
