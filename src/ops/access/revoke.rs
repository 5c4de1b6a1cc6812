//! `access revoke`: taking a developer's level on a cluster away.

use std::collections::BTreeSet;

use super::{AccessOutcome, refuse_pointless};
use crate::domain::Confirmed;
use crate::domain::access::Access;
use crate::domain::action::Action;
use crate::domain::credential::Subject;
use crate::domain::effect::Effect;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::ClusterAction;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::ops::change::{self, About, Carried, Change, Decision, Target, Who};
use crate::ops::{Done, Error, Intent};
use crate::session::Session;

/// A developer loses their grant on a cluster, with the credential that it gave. Role bindings are
/// no grant: they stay, and so may a kubeconfig that carries them alone.
#[derive(Debug, Clone)]
pub(crate) struct RevokeAccess {
    /// Who loses it.
    pub(crate) user: UserRef,
    /// On which cluster.
    pub(crate) cluster: ClusterName,
}

impl Change for RevokeAccess {
    type Seen = ();
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        About::takes(
            Action::AccessRevoke,
            Target::on(&self.cluster, ClusterAction::Grant),
        )
        .user(&self.user)
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let user = rows.people.user(&self.user)?;
        refuse_pointless(user, &on.cluster)?;
        let has_grant = on.grants.contains_key(&user.id);
        let remove = has_grant.then_some(Effect::RemoveGrant {
            cluster: on.cluster.id,
            user: user.id,
        });
        // What somebody has without a grant ends too: whoever revokes must not hear that all is well.
        let stray = on.live_of(user.id);
        let stray =
            stray.filter(|it| !has_grant && it.must_end(on.access_of(user, who.now)).is_some());
        let ends = stray.map(|it| on.end_of(it, "access ended"));
        let mut all = on.credentials.iter();
        let holds = all.any(|it| it.subject == Subject::Personal(user.id));
        let effects: Vec<Effect> = remove.into_iter().chain(ends).collect();
        Ok(Decision {
            detail: format!("access of '{}' removed", user.name),
            user: Some(user.id),
            // Also where an earlier end is still pending: it is tried again.
            reaches_clusters: holds || !effects.is_empty(),
            effects,
            ..Decision::default()
        })
    }
}

/// Takes a developer's access to a cluster away.
pub(crate) async fn revoke(
    session: &Session,
    change: &RevokeAccess,
    intent: &Intent,
) -> Result<Done<AccessOutcome>, Error> {
    let done = change::run(session, change, intent).await?;
    Ok(done.map(|carried| outcome(change, &carried)))
}

fn outcome(change: &RevokeAccess, carried: &Carried) -> AccessOutcome {
    let user = carried.user();
    let bound = user.zip(carried.cluster());
    let bound = bound.is_some_and(|(user, on)| on.is_bound(user.id));
    AccessOutcome {
        user: carried.user_name(),
        cluster: change.cluster.clone(),
        access: user.map_or(Access::None, |user| Access::None.or_bound(user, bound)),
        unchanged: carried.is_unchanged(),
        has_key: user.is_some_and(|user| user.key.is_some()),
        included: BTreeSet::new(),
        excess: vec![],
        applied: carried.applied.clone(),
    }
}
