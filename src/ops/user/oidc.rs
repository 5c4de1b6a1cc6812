//! By which tokens of an OpenID issuer a user logs in to a server.

use super::Changed;
use super::change::{MANAGE, outcome};
use crate::domain::action::Action;
use crate::domain::effect::Effect;
use crate::domain::name::UserRef;
use crate::domain::oidc::{IssuerUrl, LinkKind, OidcLink};
use crate::domain::people::Named;
use crate::domain::policy::OrganizationAction;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::user::{Role, User};
use crate::ops::change::{self, About, Change, Decision, Target, Who};
use crate::ops::{Done, Error, Intent, Unasked, find};
use crate::session::Session;
use crate::store;

/// The issuer with which people log in.
pub(crate) fn provider(session: &Session, action: Action) -> Result<IssuerUrl, Error> {
    find::acting(session, action)?;
    let provider = session.store()?.read(store::meta::provider)?;
    let provider = provider.ok_or(Error::Refused(Refusal::NoProvider))?;
    Ok(provider.issuer)
}

/// Refuses what is no way for this user to log in: a person's tokens are those of the organization's issuer, and
/// no two users have the same.
pub(super) fn check(rows: &Rows, user: Option<&User>, link: &OidcLink) -> Result<(), Refusal> {
    if user.is_some_and(|user| user.role == Role::Server) {
        return Err(Refusal::ServersStay);
    }
    let provider = rows.people.provider.as_ref().map(|it| &it.issuer);
    if link.kind == LinkKind::Person && provider != Some(&link.issuer) {
        return Err(Refusal::NoProvider);
    }
    match rows.people.of_link(link) {
        Some(found) if user.is_none_or(|user| user.id != found.id) => Err(Refusal::LinkTaken {
            user: found.name.clone(),
        }),
        _ => Ok(()),
    }
}

/// By which tokens a user logs in changes.
#[derive(Debug)]
pub(crate) struct SetOidc {
    /// The user, by name or e-mail.
    pub(crate) user: UserRef,
    /// By which from now on; none: by none.
    pub(crate) link: Option<OidcLink>,
}

impl Change for SetOidc {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        About::gives(Action::UserSetOidc, Target::Organization(MANAGE))
            .user(&self.user)
            .names(self.link.clone().map(Named::Oidc))
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        let user = rows.people.user(&self.user)?;
        who.may(OrganizationAction::ManageUser(user.role))?;
        let kind = |link: &Option<OidcLink>| link.as_ref().map(|it| it.kind);
        let is_job = kind(&user.oidc) == Some(LinkKind::Job);
        // A job that is disabled lets go of its claims: another may have them.
        let lets_go = is_job && self.link.is_none() && !user.active;
        if !lets_go && is_job != (kind(&self.link) == Some(LinkKind::Job)) {
            return Err(Refusal::OtherKind {
                user: user.name.clone(),
                is_job,
            });
        }
        if let Some(link) = &self.link {
            check(rows, Some(user), link)?;
        }
        let is_new = user.oidc != self.link;
        let set = Effect::SetOidc {
            user: user.id,
            link: self.link.clone(),
        };
        let detail = match &self.link {
            Some(link) => format!("'{}' logs in by tokens with {link}", user.name),
            None => format!("'{}' logs in by no token any more", user.name),
        };
        Ok(Decision {
            effects: is_new.then_some(set).into_iter().collect(),
            detail,
            user: Some(user.id),
            ..Decision::default()
        })
    }
}

/// Changes by which tokens a user logs in.
pub(crate) async fn set_oidc(
    session: &Session,
    change: &SetOidc,
    intent: &Intent<Unasked>,
) -> Result<Done<Changed>, Error> {
    outcome(session, change::run(session, change, intent).await?, false)
}
