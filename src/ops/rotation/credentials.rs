//! The rotation of all credentials of a cluster.

use super::{Exchanged, all_exchanged, exchanged};
use crate::domain::Confirmed;
use crate::domain::action::Action;
use crate::domain::name::ClusterName;
use crate::domain::policy::ClusterAction;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::ops::change::{self, About, Change, Decision, Target, Who};
use crate::ops::{Applied, Done, Error, Intent};
use crate::session::Session;

/// Everybody's credentials on a cluster are replaced, as after a leak: kubeconfigs, shared ones too, and
/// shells, which end.
#[derive(Debug)]
pub(crate) struct RotateCredentials {
    /// Of which cluster.
    pub(crate) cluster: ClusterName,
}

impl Change for RotateCredentials {
    type Seen = ();
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        About::gives(
            Action::ClusterRotateCredentials,
            Target::on(&self.cluster, ClusterAction::Sensitive),
        )
    }

    fn looks_for_preview(&self) -> bool {
        false
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<(), Error> {
        // Who cannot open the cluster's login cannot finish: nothing is begun.
        let on = rows.only().map_err(Error::Refused)?;
        session.login(&on.cluster, &on.installation)?;
        Ok(())
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        if on.orphans_pending {
            return Err(Refusal::RestoredSince(on.cluster.name.clone()));
        }
        let because = "all credentials of the cluster were rotated";
        Ok(Decision {
            effects: all_exchanged(on, who, because),
            detail: "new versions of all credentials".to_owned(),
            reaches_clusters: true,
            concerns_all: true,
            ..Decision::default()
        })
    }
}

/// What came of rotating everybody's credentials.
#[derive(Debug)]
pub(crate) struct CredentialsRotated {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// What ended, and what began.
    pub(crate) exchanged: Vec<Exchanged>,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

/// Replaces everybody's credentials on a cluster.
pub(crate) async fn rotate_credentials(
    session: &Session,
    change: &RotateCredentials,
    intent: &Intent,
) -> Result<Done<CredentialsRotated>, Error> {
    match Box::pin(change::run(session, change, intent)).await? {
        Done::Planned(planned) => Ok(Done::Planned(planned)),
        Done::Did(carried) => {
            let before = carried.before.only().map_err(Error::Refused)?;
            let exchanged = exchanged(session, before, &carried.effects)?;
            Ok(Done::Did(CredentialsRotated {
                cluster: before.cluster.name.clone(),
                exchanged,
                applied: carried.applied,
            }))
        }
    }
}
