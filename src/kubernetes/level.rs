//! What the API server lets an account of ours do beyond its level.

use futures::future::try_join_all;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::{Api, PostParams};

use super::connection::Connection;
use super::error::Error;
use crate::domain::access::Power;
use crate::domain::account_name::{self, Home};
use crate::domain::excess::{ANYTHING, MustNot, must_not_have};
use crate::domain::plan::binding_name;
use crate::domain::text::clean;

/// The account that is asked about where there is none yet: no binding names it, so whatever it
/// may do, every account may.
pub(crate) const ANY_ACCOUNT: &str = "kubegrant-any-account";

/// Something that accounts are allowed beyond their level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excess {
    /// Why, in the API server's words: the binding that allows it. Empty where it names none.
    pub(crate) reason: String,
    /// What it allows.
    pub(crate) allowed: Vec<&'static MustNot>,
}

impl Excess {
    /// Whether it allows everything.
    pub(crate) fn is_everything(&self) -> bool {
        self.allowed.contains(&&ANYTHING)
    }

    /// What of it is too much for write as well.
    pub(crate) fn of_write(&self) -> Option<Self> {
        let allowed = self.allowed.iter().filter(|it| !it.is_writing);
        let allowed: Vec<_> = allowed.copied().collect();
        (!allowed.is_empty()).then(|| Self {
            reason: self.reason.clone(),
            allowed,
        })
    }
}

/// The groups that an account is in. One that is not there yet comes to stand in either namespace of ours.
fn groups(account: &str) -> Vec<String> {
    let homes = match account {
        ANY_ACCOUNT => vec![Home::Own, Home::Users],
        _ => vec![account_name::parts(account).0],
    };
    let of_homes = homes
        .into_iter()
        .map(|home| account_name::group(&home.account(account)));
    let of_all = [
        "system:serviceaccounts",
        "system:authenticated",
        // Who leaves the token away is that, and has what it has.
        "system:unauthenticated",
    ];
    of_homes.chain(of_all.map(str::to_owned)).collect()
}

impl Connection {
    /// Asks the authorizer what an account of this power is allowed beyond it. What a list of ours
    /// gives is meant, and no excess.
    pub(crate) async fn excess(&self, account: &str, power: Power) -> Result<Vec<Excess>, Error> {
        let ours = format!("\"{}", binding_name(&self.installation, ""));
        let is_meant =
            |reason: &str| reason.contains(&ours) && reason.contains(" to ServiceAccount \"");
        let asked = must_not_have(power).map(|question| async move {
            let reason = self.allows(account, question).await?;
            Ok::<_, Error>((question, reason))
        });
        let mut found: Vec<Excess> = Vec::new();
        for (question, reason) in try_join_all(asked).await? {
            let Some(reason) = reason.filter(|reason| !is_meant(reason)) else {
                continue;
            };
            let reason = clean(&reason);
            match found.iter_mut().find(|excess| excess.reason == reason) {
                Some(excess) => excess.allowed.push(question),
                None => found.push(Excess {
                    reason,
                    allowed: vec![question],
                }),
            }
        }
        Ok(found)
    }

    /// Why the account is allowed something; `None` where it is not.
    async fn allows(&self, account: &str, question: &MustNot) -> Result<Option<String>, Error> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(account_name::login_name(account)),
                groups: Some(groups(account)),
                resource_attributes: Some(ResourceAttributes {
                    verb: text(question.verb),
                    group: text(question.group),
                    resource: text(question.resource),
                    subresource: text(question.subresource),
                    namespace: text(question.namespace),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let what = "an access review";
        let answer = Api::<SubjectAccessReview>::all(self.client.clone())
            .create(&PostParams::default(), &review)
            .await
            .map_err(|error| Error::from_kube(error, what))?;
        let status = answer
            .status
            .ok_or_else(|| Error::garbled(what, "it has no status"))?;
        Ok(status.allowed.then(|| status.reason.unwrap_or_default()))
    }
}
