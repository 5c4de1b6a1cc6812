//! Reading the audit log.

use super::{Error, find};
use crate::domain::audit::Entry;
use crate::domain::policy::OrganizationAction;
use crate::session::Session;
use crate::store;

pub(crate) use crate::store::audit::{Filter, Verdict};

/// Lists events. For organization owners and admins.
pub(crate) fn list(session: &Session, filter: &Filter) -> Result<Vec<Entry>, Error> {
    let actor = find::actor(session, "audit list")?;
    let journal = super::journal::Journal::new(&actor, "audit list");
    find::allow(session, &actor, &journal, OrganizationAction::ReadAudit)?;
    Ok(session.store()?.read(|tx| store::audit::list(tx, filter))?)
}

/// Checks that no event was changed, removed or inserted.
pub(crate) fn verify(session: &Session) -> Result<Verdict, Error> {
    Ok(session.store()?.read(store::audit::verify)?)
}
