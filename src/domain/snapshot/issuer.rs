//! What follows from who works with a cluster's issuer, and where accounts stand for it.

use super::ClusterSnapshot;
use crate::domain::access::Power;
use crate::domain::account_name::Home;
use crate::domain::cluster::SelfService;
use crate::domain::credential::{Credential, Subject};
use crate::domain::effect::Effect;
use crate::domain::policy;
use crate::domain::sealed::Which;
use crate::domain::user::UserId;

/// Why a version ends that must be out of an issuer's reach.
const OUT_OF_REACH: &str = "whoever works with the issuer must not hand out what it carries";

impl ClusterSnapshot {
    /// Whether somebody works on it with its issuer's login: its owner, who is no admin, or a server.
    pub(crate) fn works_by_issuer(&self) -> bool {
        self.would_work_by_issuer(self.cluster.owner)
    }

    /// Whether an owner would, or a server does.
    fn would_work_by_issuer(&self, owner: Option<UserId>) -> bool {
        let owner = owner.and_then(|owner| self.people.users.get(&owner));
        let is_served = self.cluster.self_service != SelfService::Off;
        let works = is_served || owner.is_some_and(|owner| !owner.role.is_admin());
        self.cluster.issuer.is_some() && works
    }

    /// Whether with another owner lists stand where nobody is on them, or do no longer.
    pub(crate) fn changes_lists(&self, owner: UserId) -> bool {
        self.would_work_by_issuer(Some(owner)) != self.works_by_issuer()
    }

    /// The issuer's account, where it is to be replaced.
    pub(crate) fn issuer_to_replace(&self) -> Option<&str> {
        let issuer = self.cluster.issuer.as_ref()?.account.as_str();
        let is_listed = self.former.iter().any(|it| it.name == issuer);
        is_listed.then_some(issuer)
    }

    /// What follows for whoever works with the issuer's login, where the owner changed since `before`.
    pub(crate) fn follows_for_issuer(&self, before: &Self) -> Vec<Effect> {
        let lost = self.issuer_lost(before);
        let exposed = self.works_by_issuer() && !before.works_by_issuer();
        let live = self.credentials.iter().filter(|it| it.state.is_live());
        let out = live.filter(|it| exposed && self.is_more_than_a_level(it));
        let out = out.map(|it| self.end_of(it, OUT_OF_REACH));
        lost.into_iter().chain(out).collect()
    }

    /// The end of what a user has where an issuer may handle it, once a role is theirs that no owner who is
    /// no admin may hand out.
    pub(crate) fn end_in_reach_of_issuer(&self, user: UserId) -> Vec<Effect> {
        let theirs = self
            .live_of(user)
            .filter(|it| it.account.home() == Home::Users);
        let theirs = theirs.filter(|_| self.works_by_issuer());
        theirs.map(|it| self.end_of(it, OUT_OF_REACH)).collect()
    }

    /// Whether a version carries a role beside its level, where an issuer may handle it.
    fn is_more_than_a_level(&self, credential: &Credential) -> bool {
        let user = credential.subject.user();
        let mut roles = self.bindings.iter().filter(|it| !it.is_removed);
        credential.account.home() == Home::Users
            && roles.any(|it| Some(it.user) == user && !it.bound.is_a_level())
    }

    /// The effect that another account becomes the issuer, where somebody could open its login `before` and
    /// is no admin, and may not now: they may have kept it.
    fn issuer_lost(&self, before: &Self) -> Option<Effect> {
        let issuer = before.cluster.issuer.as_ref()?;
        let opens = |on: &Self, user: UserId| {
            on.people.users.get(&user).is_some_and(|user| {
                let opens = policy::may_open(user, &on.cluster, &Which::IssuerLogin);
                opens && user.key.is_some() && !user.role.is_admin()
            })
        };
        let mut users = before.people.users.keys();
        let is_lost = users.any(|user| opens(before, *user) && !opens(self, *user));
        let is_listed = self.issuer_to_replace().is_some();
        (is_lost && !is_listed).then(|| Effect::ReplaceIssuer {
            cluster: self.cluster.id,
            former: issuer.account.clone(),
        })
    }

    /// In which namespace the next version of a subject stands: where an issuer may handle it, unless it
    /// carries more than write, or a role, which an issuer can give nobody.
    pub(crate) fn home_of_next(&self, subject: Subject, power: Power) -> Home {
        let has_role = subject.user().is_some_and(|user| self.is_bound(user));
        let is_level = matches!(power, Power::Read | Power::Write);
        if self.cluster.issuer.is_some() && is_level && !has_role {
            Home::Users
        } else {
            Home::Own
        }
    }
}
