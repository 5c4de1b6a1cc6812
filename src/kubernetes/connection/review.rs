//! Questions to the authorizer: what a login, or an account, may do.

use futures::future::try_join_all;
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SelfSubjectAccessReview,
    SelfSubjectAccessReviewSpec, SubjectAccessReview, SubjectAccessReviewSpec,
    SubjectAccessReviewStatus,
};
use kube::api::{Api, PostParams};

use super::Connection;
use crate::domain::account_name;
use crate::domain::installation::InstallationId;
use crate::domain::plan::{NAMESPACE, Place, USERS_NAMESPACE, level_of};
use crate::domain::role_summary::Probe;
use crate::kubernetes::error::Error;

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
pub(in crate::kubernetes) const INSTALLATION: &str = "<installation>";

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

impl Connection {
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
    /// else a list that arrives later would hide behind another.
    pub(in crate::kubernetes) async fn let_in_by(
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
    pub(in crate::kubernetes) async fn let_in_to(
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
