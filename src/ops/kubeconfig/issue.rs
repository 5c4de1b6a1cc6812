//! Issuing: the version that is to be handed out stands, or the next begins.

#[cfg(test)]
mod tests;

use super::{Asked, overtaken, trial};
use crate::domain::Confirmed;
use crate::domain::access::Power;
use crate::domain::account_name::Home;
use crate::domain::action::Action;
use crate::domain::credential::{Renews, State, Subject};
use crate::domain::effect::Effect;
use crate::domain::people::Named;
use crate::domain::policy::ClusterAction;
use crate::domain::project::ProjectRole;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::snapshot::{Circumstances, ClusterSnapshot};
use crate::kubernetes::connection::Connection;
use crate::kubernetes::observe::Look;
use crate::ops::change::{self, About, Change, Decision, Recorded, Target, Who};
use crate::ops::{Error, Obstacle, Unasked, excess, reconciling};
use crate::session::{ClusterLogin, Session};

/// How often it is begun anew where what somebody has changes while it waits.
const TRIES: usize = 3;

/// On what terms a version is issued.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    /// The live version ends all the same, and the next begins (`kubeconfig rotate`).
    pub(super) anew: bool,
    /// Whether it is handed over too.
    pub(super) hands_over: bool,
    /// Whether its kubeconfig is to renew itself.
    pub(super) renews: bool,
    /// Who agreed that it carries more than it says.
    pub(super) insists: Option<Confirmed>,
}

/// A version is to be handed out: the live one, or the next, which begins.
pub(super) struct Issue<'a> {
    /// What was asked for, after the rules were.
    pub(super) case: &'a Asked,
    /// On what terms.
    pub(super) terms: Terms,
}

/// What was seen before a version is issued.
#[derive(Default)]
pub(super) struct IssueSeen {
    /// The connection, where it is handed over.
    pub(super) connection: Option<Connection>,
    circumstances: Option<Circumstances>,
    /// What the next version would carry more than it says; agreed to, where it is recorded.
    pub(super) excess: Vec<String>,
}

impl Issue<'_> {
    /// Whether everything is as it was when the rules were asked: the user has what the version
    /// carries, and nobody blocked it.
    fn is_as_asked(&self, rows: &Rows, on: &ClusterSnapshot, who: &Who) -> bool {
        let users = &rows.people.users;
        let Some(user) = users.get(&self.case.subject.id).filter(|it| it.active) else {
            return false;
        };
        let power = match self.case.of {
            Subject::Personal(_) => on.access_of(user, who.now).power(),
            Subject::Shell(_) => None,
            Subject::Shared { project, level } => {
                let role = on.role_of(user).map(ProjectRole::level);
                let has_it = on.cluster.project == Some(project) && role == Some(level);
                has_it.then(|| level.power())
            }
        };
        power == Some(self.case.power) && !on.blocks.contains(&user.id)
    }

    /// Refuses a next version for which the issuer could mint nothing, before anything is recorded.
    fn refuse_beyond_issuer(&self, on: &ClusterSnapshot) -> Result<(), Error> {
        match on.home_of_next(self.case.of, self.case.power) {
            Home::Users => Ok(()),
            Home::Own => Err(Error::Obstacle(Obstacle::MintedByManager {
                cluster: on.cluster.name.clone(),
                user: self.case.owner.to_string(),
            })),
        }
    }

    /// Why the live version ends, if it does.
    fn ending(&self, on: &ClusterSnapshot, circumstances: &Circumstances) -> Option<&'static str> {
        let live = on.live(self.case.of)?;
        if self.terms.anew {
            return Some("rotated");
        }
        on.why_it_ends(live, circumstances)
    }

    /// Whether the next version begins.
    fn begins(&self, on: &ClusterSnapshot, circumstances: &Circumstances) -> bool {
        on.live(self.case.of).is_none() || self.ending(on, circumstances).is_some()
    }
}

impl Change for Issue<'_> {
    type Seen = IssueSeen;
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        let command = if self.terms.anew {
            Action::KubeconfigRotate
        } else {
            Action::KubeconfigDownload
        };
        let target = Target::on(&self.case.cluster.name, self.case.action);
        About::gives(command, target)
            .name(self.case.owner.to_string())
            .names(Named::Number(self.case.subject.id))
    }

    fn insists(&self) -> Option<Confirmed> {
        self.terms.insists
    }

    // A preview of a download needs no cluster that answers; who cannot open its login learns that
    // from a preview of a rotation too.
    fn looks_for_preview(&self) -> bool {
        self.terms.anew
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<IssueSeen, Error> {
        let on = rows.only().map_err(Error::Refused)?;
        if self.terms.anew {
            // Who cannot open the cluster's login cannot finish: nothing is begun.
            let login = session.login(&on.cluster, &on.installation)?;
            if matches!(login, ClusterLogin::Issuer(_)) {
                self.refuse_beyond_issuer(on)?;
            }
            if self.terms.renews && matches!(login, ClusterLogin::Issuer(_)) {
                let cluster = on.cluster.name.clone();
                return Err(Error::Obstacle(Obstacle::RenewsByManager(cluster)));
            }
            return Ok(IssueSeen {
                circumstances: Some(reconciling::circumstances(session, on)),
                ..IssueSeen::default()
            });
        }
        // Before anything is recorded: where the cluster cannot be reached, nothing changes.
        let connection = trial::connect(session, &on.cluster).await?;
        if self.terms.renews && connection.is_issuer() {
            let cluster = on.cluster.name.clone();
            return Err(Error::Obstacle(Obstacle::RenewsByManager(cluster)));
        }
        // The issuer mints nothing where those stand who have more than write, or a role of their own.
        let live = on.live(self.case.of).filter(|it| it.state == State::Active);
        if connection.is_issuer() && live.is_some_and(|it| !connection.sees(it.account.home())) {
            return Err(Error::Obstacle(Obstacle::MintedByManager {
                cluster: on.cluster.name.clone(),
                user: self.case.owner.to_string(),
            }));
        }
        let circumstances = reconciling::circumstances(session, on);
        if connection.is_issuer() && self.begins(on, &circumstances) {
            self.refuse_beyond_issuer(on)?;
        }
        let excess = if self.begins(on, &circumstances) {
            Box::pin(excess_of_new(self.case, on, &connection)).await?
        } else {
            vec![]
        };
        Ok(IssueSeen {
            connection: Some(connection),
            circumstances: Some(circumstances),
            excess,
        })
    }

    fn decide(&self, rows: &Rows, who: &Who, seen: &IssueSeen) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let (cluster, of) = (on.cluster.id, self.case.of);
        if !self.is_as_asked(rows, on, who) {
            return Err(Refusal::ChangedMeanwhile(Some(on.cluster.name.clone())));
        }
        let circumstances = seen.circumstances.clone();
        let circumstances = circumstances.unwrap_or_else(|| Circumstances::at(who.now));
        let live = on.live(of);
        let begins = self.begins(on, &circumstances);
        if begins && on.orphans_pending {
            return Err(Refusal::RestoredSince(on.cluster.name.clone()));
        }
        let ends = live.zip(self.ending(on, &circumstances));
        let version = match live {
            Some(live) if !begins => live.version,
            _ => on.next_version(of),
        };
        let deliver = Effect::Deliver {
            cluster,
            subject: of,
            version,
            user: self.case.subject.id,
        };
        let renews = live.filter(|_| !begins).and_then(|live| live.renews);
        let renew = self.terms.renews && renews.is_none();
        let renew = renew.then_some(Effect::Renew {
            cluster,
            subject: of,
            version,
            renews: Renews::Fixed,
        });
        let verb = if self.terms.anew { "rotate the " } else { "" };
        Ok(Decision {
            effects: ends
                .map(|(live, because)| on.end_of(live, because))
                .into_iter()
                .chain(begins.then(|| on.begin(of, self.case.power)))
                .chain(renew)
                .collect(),
            later: self
                .terms
                .hands_over
                .then_some(deliver)
                .into_iter()
                .collect(),
            detail: format!("{verb}kubeconfig of '{}'", self.case.owner),
            needs_consent: seen.excess.clone(),
            although: seen.excess.clone(),
            reaches_clusters: true,
            ..Decision::default()
        })
    }
}

/// What the version that is about to begin would have beyond what it carries.
async fn excess_of_new(
    case: &Asked,
    on: &ClusterSnapshot,
    connection: &Connection,
) -> Result<Vec<String>, Error> {
    let user = case.of.user();
    let only = reconciling::named_for_next(on, case.power, case.of);
    let desired = on.desired();
    let mut theirs = on.bindings.iter();
    let has_places =
        theirs.any(|it| !it.is_removed && Some(it.user) == user && it.bound.place.is_some());
    let look = Look {
        with_write: only.is_none() && (desired.has_writers() || case.power == Power::Write),
        with_places: only.is_none() && (desired.has_places() || has_places),
        only,
        cluster: Some(&on.cluster),
    };
    excess::of_new_version(connection, &on.cluster, case.power, &look).await
}

/// Records that a version is issued, with what was asked for as it is then: who lost their access
/// while this waited gets nothing, and is told why.
pub(super) async fn issue(
    session: &Session,
    ask: impl Fn() -> Result<Asked, Error>,
    terms: Terms,
) -> Result<(Asked, Recorded<IssueSeen>), Error> {
    let mut case = ask()?;
    for _ in 0..TRIES {
        match Box::pin(change::record(session, &Issue { case: &case, terms })).await {
            Err(Error::Refused(Refusal::ChangedMeanwhile(_))) => {}
            Err(error) => return Err(error),
            Ok(recorded) => {
                // Settings, address and the grant's end are those of the rows under the lock.
                case.bring_up_to(recorded.before()?, session.now());
                return Ok((case, recorded));
            }
        }
        let now = ask()?;
        if now.of != case.of || now.cluster.id != case.cluster.id {
            break;
        }
        case = now;
    }
    Err(overtaken(&case))
}

/// Which action of the rules a kubeconfig asks for.
pub(super) fn asked(own: bool, shared: bool) -> ClusterAction {
    match (own, shared) {
        (true, false) => ClusterAction::OwnKubeconfig,
        (true, true) => ClusterAction::SharedKubeconfig,
        (false, _) => ClusterAction::KubeconfigFor,
    }
}
