//! `rbac unbind`: a role of the cluster's own is a user's no more.

use super::{BindOutcome, existing};
use crate::domain::Confirmed;
use crate::domain::action::Action;
use crate::domain::binding::Bound;
use crate::domain::effect::Effect;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::ClusterAction;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::ops::change::{self, About, Change, Decision, Target, Who};
use crate::ops::{Done, Error, Intent};
use crate::session::Session;

/// A role is unbound. It takes effect at once; who has nothing else left loses the credential too.
#[derive(Debug, Clone)]
pub(crate) struct Unbind {
    /// The user, by name or e-mail.
    pub(crate) user: UserRef,
    /// On which cluster.
    pub(crate) cluster: ClusterName,
    /// Which role, and where there.
    pub(crate) bound: Bound,
}

impl Change for Unbind {
    type Seen = ();
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        let action = if self.bound.is_a_level() {
            ClusterAction::UnbindLevel
        } else {
            ClusterAction::UnbindRole
        };
        About::takes(Action::RbacUnbind, Target::on(&self.cluster, action)).user(&self.user)
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let user = rows.people.user(&self.user)?;
        let unbind = existing(on, user.id, &self.bound).map(|it| Effect::Unbind {
            cluster: on.cluster.id,
            binding: it.id,
        });
        Ok(Decision {
            effects: unbind.into_iter().collect(),
            detail: format!("{} of '{}'", self.bound, user.name),
            user: Some(user.id),
            reaches_clusters: true,
            ..Decision::default()
        })
    }
}

/// Unbinds a role.
pub(crate) async fn unbind(
    session: &Session,
    change: &Unbind,
    intent: &Intent,
) -> Result<Done<BindOutcome>, Error> {
    match change::run(session, change, intent).await? {
        Done::Planned(planned) => Ok(Done::Planned(planned)),
        Done::Did(carried) => BindOutcome::of(session, &change.bound, &carried).map(Done::Did),
    }
}
