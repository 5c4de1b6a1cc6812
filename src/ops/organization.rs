//! The organization: what it is called, and whom people log in with.

use super::change::{self, About, Change, Decision, Target, Who};
use super::{Done, Error, Intent, Unasked, find};
use crate::domain::action::Action;
use crate::domain::effect::Effect;
use crate::domain::installation::InstallationId;
use crate::domain::oidc::{LinkKind, Provider};
use crate::domain::policy::OrganizationAction;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::session::Session;
use crate::store;

/// The organization, for people.
#[derive(Debug)]
pub(crate) struct Organization {
    /// Its name.
    pub(crate) name: String,
    /// Of which installation.
    pub(crate) installation: InstallationId,
    /// Whom people log in with.
    pub(crate) provider: Option<Provider>,
    /// The address of the server that was started last.
    pub(crate) server: Option<String>,
}

/// Shows the organization.
pub(crate) fn show(session: &Session) -> Result<Organization, Error> {
    find::acting(session, Action::OrganizationShow)?;
    let installation = find::installation(session)?;
    Ok(session.store()?.read(|tx| {
        Ok::<_, store::Error>(Organization {
            name: store::meta::find(tx, store::meta::ORGANIZATION)?.unwrap_or_default(),
            installation,
            provider: store::meta::provider(tx)?,
            server: store::meta::find(tx, store::meta::PUBLIC_URL)?,
        })
    })?)
}

/// Whom people log in with changes.
#[derive(Debug)]
pub(crate) struct SetProvider {
    /// From now on; none: people have their keys alone.
    pub(crate) provider: Option<Provider>,
}

impl Change for SetProvider {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        let target = Target::Organization(OrganizationAction::SetProvider);
        About::gives(Action::OrganizationSetOidc, target)
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        if rows.people.provider == self.provider {
            return Ok(Decision::default());
        }
        let detail = match &self.provider {
            Some(it) => format!("people log in at {} as {}", it.issuer, it.client_id),
            None => "people log in with their keys alone".to_owned(),
        };
        Ok(Decision {
            effects: vec![Effect::SetProvider(self.provider.clone())],
            detail,
            ..Decision::default()
        })
    }
}

/// What a change of whom people log in with came to.
#[derive(Debug)]
pub(crate) struct Changed {
    /// The organization as it is now.
    pub(crate) organization: Organization,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// Who logged in with the one before, and cannot any more.
    pub(crate) left_out: Vec<String>,
}

/// Changes whom people log in with.
pub(crate) async fn set_provider(
    session: &Session,
    change: &SetProvider,
    intent: &Intent<Unasked>,
) -> Result<Done<Changed>, Error> {
    let carried = match change::run(session, change, intent).await? {
        Done::Planned(planned) => return Ok(Done::Planned(planned)),
        Done::Did(carried) => carried,
    };
    let issuer = change.provider.as_ref().map(|it| &it.issuer);
    let before = carried.before.people.provider.as_ref();
    let before = before.filter(|it| Some(&it.issuer) != issuer);
    let left_out = match before {
        None => vec![],
        Some(before) => session
            .store()?
            .read(|tx| store::users::of_issuer(tx, &before.issuer, LinkKind::Person))?,
    };
    Ok(Done::Did(Changed {
        organization: show(session)?,
        unchanged: carried.is_unchanged(),
        left_out: left_out.iter().map(|it| it.name.to_string()).collect(),
    }))
}
