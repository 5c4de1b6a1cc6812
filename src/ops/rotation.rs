//! `cluster rotate-manager`, `rotate-credentials` and `rotate-accounts`: what is to be known to nobody any more.
//!
//! Whoever could open a manager's login could have minted tokens of its account. Whoever had full
//! access to a cluster could have minted tokens of every account there. The first ends with another
//! manager, the second with another manager and new versions of all accounts.

mod credentials;
#[cfg(test)]
mod tests;

pub(crate) use self::credentials::{CredentialsRotated, RotateCredentials, rotate_credentials};

use super::change::{self, About, Change, Decision, Recorded, Target, Who};
use super::journal::Journal;
use super::lifecycle::Changed;
use super::manager::{self, Canary};
use super::project::shared::may_take;
use super::{Applied, Done, Error, Intent, Pending, Unasked, cluster as clusters, reconciling};
use crate::domain::Confirmed;
use crate::domain::action::Action;
use crate::domain::audit::EventSeq;
use crate::domain::cluster::{Cluster, FormerManager, ManagerKind};
use crate::domain::credential::{Credential, Subject};
use crate::domain::effect::Effect;
use crate::domain::name::ClusterName;
use crate::domain::policy::ClusterAction;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::subject::SubjectName;
use crate::domain::text;
use crate::kubernetes::connection::Connection;
use crate::session::{App, Session};
use crate::store::{self, ReadTxn};

/// Another manager, as far as it came.
struct Replaced {
    /// The cluster as it is now.
    cluster: Cluster,
    /// Why the account before may still be let in.
    trouble: Option<String>,
    /// What tells when the API server has forgotten it.
    canary: Option<Canary>,
    /// The connection as the manager that is now.
    connection: Connection,
}

impl Replaced {
    /// Waits until the API server remembers no login from before, and records that there is none.
    async fn wait(&mut self, app: &App, journal: &Journal, request: EventSeq) -> Result<(), Error> {
        if self.trouble.is_some() {
            return Ok(());
        }
        self.trouble = match self.canary.take() {
            None => None,
            Some(canary) => match canary.is_forgotten().await {
                Ok(true) => None,
                Ok(false) => Some("the API server still lets an ended account log in".to_owned()),
                Err(error) => Some(text::chain(&error)),
            },
        };
        if self.trouble.is_none() {
            reconciling::no_older_logins(app, &self.cluster, journal, Some(request))?;
        }
        Ok(())
    }
}

/// Makes another account the manager, and another the issuer, and ends those before with everything that was minted for
/// it. From the first record on it stands: what could not be done is pending.
async fn replace(
    session: &Session,
    cluster: &Cluster,
    connection: Connection,
    journal: &Journal,
    request: EventSeq,
) -> Result<Replaced, Error> {
    if connection.is_issuer() {
        let beyond = Error::NeedsManager {
            cluster: cluster.name.clone(),
        };
        return Ok(Replaced {
            cluster: cluster.clone(),
            trouble: Some(text::chain(&beyond)),
            canary: None,
            connection,
        });
    }
    let renewed = manager::renew(session, cluster, &connection, journal, Some(request));
    let (after, new) = match Box::pin(renewed).await {
        Ok(renewed) => renewed,
        Err(error) if error.is_distrust() => return Err(error),
        Err(error) => {
            // What was made for it goes again, now or with `reconcile`, which tries anew.
            let left = manager::end_former(session, cluster, &connection, journal, Some(request));
            let _ended = left.await;
            return Ok(Replaced {
                cluster: cluster.clone(),
                trouble: Some(text::chain(&error)),
                canary: None,
                connection,
            });
        }
    };
    let canary = Canary::of(session, &after, &new, &cluster.manager).await;
    let renewed = manager::renew_issuer(session, &after, &new, journal, Some(request)).await;
    let (after, unrenewed) = match renewed {
        Ok(renewed) => (renewed, None),
        // It is still on the list of those that must go: `reconcile` tries anew.
        Err(error) => (after, Some(error)),
    };
    let ended = async {
        manager::end_former(session, &after, &new, journal, Some(request)).await?;
        manager::retire_logins(session, &after, &new).await?;
        Ok::<_, Error>(())
    };
    let trouble = Box::pin(ended).await.err().or(unrenewed);
    Ok(Replaced {
        trouble: trouble.map(|error| text::chain(&error)),
        cluster: after,
        canary,
        connection: new,
    })
}

/// What is pending about the manager, with the reason.
fn pending(app: &App, replaced: &Replaced) -> Result<Vec<Pending>, Error> {
    let Some(why) = &replaced.trouble else {
        return Ok(vec![]);
    };
    let cluster = &replaced.cluster;
    let (former, older) = app.store()?.read(|tx| {
        let former = store::managers::former(tx, cluster.id)?;
        Ok::<_, store::Error>((former, store::clusters::has_older_logins(tx, cluster.id)?))
    })?;
    let mut pending = reconciling::former_managers(cluster, &former);
    if older || pending.is_empty() {
        pending.push(reconciling::older_logins(cluster, None));
    }
    Ok(reconciling::because(pending, why))
}

/// What was seen of a manager that is to be replaced.
pub(crate) struct Present {
    connection: Connection,
    account: FormerManager,
}

/// Connects as the manager, which must be able to make another one.
async fn present(session: &Session, rows: &Rows) -> Result<Option<Present>, Error> {
    let on = rows.only().map_err(Error::Refused)?;
    let connection = session.connect(&on.cluster, &on.installation).await?;
    if connection.is_issuer() {
        // It is decided, and waits for somebody who may.
        return Ok(Some(Present {
            connection,
            account: on.cluster.manager.as_str().into(),
        }));
    }
    manager::may_renew(&on.cluster, &connection).await?;
    let account = manager::present(session, &on.cluster, &on.installation, &connection).await?;
    Ok(Some(Present {
        connection,
        account,
    }))
}

/// The effects that other accounts take the places of the manager and the issuer. Cut off after it,
/// `reconcile` replaces them.
fn replacing(on: &ClusterSnapshot, seen: Option<&Present>) -> Vec<Effect> {
    let account = seen.map(|seen| seen.account.clone());
    let account = account.unwrap_or_else(|| on.cluster.manager.as_str().into());
    let cluster = on.cluster.id;
    let manager = Effect::ReplaceManager {
        cluster,
        former: vec![account],
    };
    let issuer = on.cluster.issuer.iter().map(|it| Effect::ReplaceIssuer {
        cluster,
        former: it.account.clone(),
    });
    [manager].into_iter().chain(issuer).collect()
}

/// What a change was recorded with, for what goes on from it.
fn begun(recorded: &mut Recorded<Option<Present>>) -> Result<(Present, EventSeq), Error> {
    let seen = recorded.take_seen().flatten();
    let changed = || Error::Refused(Refusal::ChangedMeanwhile(None));
    seen.zip(recorded.request()).ok_or_else(changed)
}

/// Another account becomes the manager, with another login; the one before ends.
#[derive(Debug)]
pub(crate) struct RotateManager {
    /// Of which cluster.
    pub(crate) cluster: ClusterName,
}

impl Change for RotateManager {
    type Seen = Option<Present>;
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        About::gives(
            Action::ClusterRotateManager,
            Target::on(&self.cluster, ClusterAction::Sensitive),
        )
    }

    fn looks_for_preview(&self) -> bool {
        false
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<Option<Present>, Error> {
        present(session, rows).await
    }

    fn decide(&self, rows: &Rows, _: &Who, seen: &Option<Present>) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        if on.cluster.manager_kind == ManagerKind::Operator {
            return Err(Refusal::OperatorsLogin(on.cluster.name.clone()));
        }
        Ok(Decision {
            effects: replacing(on, seen.as_ref()),
            detail: "another account for the manager".to_owned(),
            reaches_clusters: true,
            ..Decision::default()
        })
    }
}

/// Adds what is pending of the manager; both would tell of it.
fn merge_pending(applied: &mut Applied, of_manager: Vec<Pending>) {
    let is_told = |it: &Pending| of_manager.iter().any(|other| other.what == it.what);
    applied.pending.retain(|it| !is_told(it));
    applied.pending.extend(of_manager);
}

/// Makes another account the manager.
pub(crate) async fn rotate_manager(
    session: &Session,
    change: &RotateManager,
    intent: &Intent<Unasked>,
) -> Result<Done<Changed>, Error> {
    if intent.is_preview() {
        return change::planned(session, change).await.map(Done::Planned);
    }
    let mut recorded = change::record(session, change).await?;
    let (seen, request) = begun(&mut recorded)?;
    let cluster = &recorded.before()?.cluster;
    let journal = recorded.journal();
    let mut replaced = replace(session, cluster, seen.connection, journal, request).await?;
    replaced.wait(session, journal, request).await?;
    // What ended by itself with the record is seen to be gone too.
    let mut applied = recorded.reconcile_locked(session).await?;
    merge_pending(&mut applied, pending(session, &replaced)?);
    recorded.close(session, &applied)?;
    Ok(Done::Did(Changed {
        cluster: replaced.cluster,
        unchanged: false,
        applied,
    }))
}

/// A version that ended because all do.
#[derive(Debug, Clone)]
pub(crate) struct Exchanged {
    /// Whose version it is: a user's, or a project's level.
    pub(crate) owner: SubjectName,
    /// Which.
    pub(crate) ended: u32,
    /// The version that began in its place.
    pub(crate) begun: Option<u32>,
    /// Who must download again.
    pub(crate) again: Vec<String>,
}

/// What came of rotating all accounts.
#[derive(Debug)]
pub(crate) struct Rotated {
    /// The cluster as it is now.
    pub(crate) cluster: Cluster,
    /// What ended, and what began.
    pub(crate) exchanged: Vec<Exchanged>,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
    /// What others made there, in words: to be looked at.
    pub(crate) foreign: Vec<String>,
    /// Why it could not be looked for.
    pub(crate) not_looked: Option<String>,
}

/// Who must download again when a version has ended.
fn again(tx: &ReadTxn<'_>, cluster: &Cluster, ended: &Credential) -> store::Result<Vec<String>> {
    let mut names = Vec::new();
    let Subject::Shared { .. } = ended.subject else {
        let handed = store::credentials::deliveries(tx, ended.id)?;
        let user = ended.subject.user().filter(|_| !ended.is_shell());
        if let Some(user) = user.filter(|id| handed.iter().any(|it| it.to == *id)) {
            names.push(store::users::name(tx, user)?);
        }
        return Ok(names);
    };
    for holder in store::credentials::holders(tx, ended.id)? {
        if let Some(user) = store::users::get(tx, holder.user)?
            && may_take(tx, cluster, &user, ended.subject)?
        {
            names.push(user.name.to_string());
        }
    }
    Ok(names)
}

/// All accounts of a cluster are replaced, the manager's too: nothing works any more that anybody
/// minted there before.
#[derive(Debug)]
pub(crate) struct RotateAccounts {
    /// Of which cluster.
    pub(crate) cluster: ClusterName,
}

impl Change for RotateAccounts {
    type Seen = Option<Present>;
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        About::gives(
            Action::ClusterRotateAccounts,
            Target::on(&self.cluster, ClusterAction::Sensitive),
        )
    }

    fn looks_for_preview(&self) -> bool {
        false
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<Option<Present>, Error> {
        present(session, rows).await
    }

    fn decide(&self, rows: &Rows, who: &Who, seen: &Option<Present>) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        if on.orphans_pending {
            return Err(Refusal::RestoredSince(on.cluster.name.clone()));
        }
        let mut effects = replacing(on, seen.as_ref());
        let because = "all accounts of the cluster were rotated";
        effects.extend(all_exchanged(on, who, because));
        Ok(Decision {
            effects,
            detail: "another manager, and new versions of all accounts".to_owned(),
            reaches_clusters: true,
            ..Decision::default()
        })
    }
}

/// Every live version on a cluster ends, and with each that its subject still has begins the next.
fn all_exchanged(on: &ClusterSnapshot, who: &Who, because: &'static str) -> Vec<Effect> {
    let mut places = on.places();
    let mut effects = Vec::new();
    for live in on.credentials.iter().filter(|it| it.state.is_live()) {
        effects.push(on.end_of(live, because));
        effects.extend(on.next_of(&mut places, live, who.now));
    }
    effects
}

/// What ended with a change, and what began in its place.
fn exchanged(
    app: &App,
    before: &ClusterSnapshot,
    effects: &[Effect],
) -> Result<Vec<Exchanged>, Error> {
    let begun = |subject: Subject| {
        effects.iter().find_map(|effect| match effect {
            Effect::BeginVersion {
                subject: of,
                version,
                ..
            } if *of == subject => Some(*version),
            _ => None,
        })
    };
    let ended = effects.iter().filter_map(|effect| match effect {
        Effect::EndVersion { credential, .. } => Some(*credential),
        _ => None,
    });
    let ended = ended.filter_map(|id| before.credentials.iter().find(|it| it.id == id));
    Ok(app.store()?.read(|tx| {
        ended
            .map(|ended| {
                Ok(Exchanged {
                    owner: ended.owner.clone(),
                    ended: ended.version,
                    begun: begun(ended.subject),
                    again: again(tx, &before.cluster, ended)?,
                })
            })
            .collect::<store::Result<_>>()
    })?)
}

/// Replaces the manager and all accounts of a cluster, and says what others made.
pub(crate) async fn rotate_accounts(
    session: &Session,
    change: &RotateAccounts,
    intent: &Intent,
) -> Result<Done<Rotated>, Error> {
    if intent.is_preview() {
        return change::planned(session, change).await.map(Done::Planned);
    }
    let mut recorded = change::record(session, change).await?;
    let (seen, request) = begun(&mut recorded)?;
    let before = recorded.before()?;
    let journal = recorded.journal();
    let ending = before.credentials.iter().find(|it| it.state.is_live());
    let exchanged = exchanged(session, before, recorded.effects())?;
    // The manager first: with a token of it, what ends next could be made anew.
    let replacing = replace(session, &before.cluster, seen.connection, journal, request);
    let mut replaced = replacing.await?;
    if let Some(last) = ending {
        // The last of them to go are remembered longest.
        let (now, connection) = (&replaced.cluster, &replaced.connection);
        let canary = Canary::of(session, now, connection, last.account.as_str()).await;
        replaced.canary = canary.or(replaced.canary);
    }
    let mut applied = recorded.reconcile_locked(session).await?;
    if applied.pending.is_empty() {
        replaced.wait(session, journal, request).await?;
    }
    merge_pending(&mut applied, pending(session, &replaced)?);
    recorded.close_with(session, &applied, |tx| {
        if applied.pending.is_empty() {
            store::managers::set_accounts_rotated(tx, before.cluster.id, session.now())?;
        }
        Ok(())
    })?;
    let (foreign, not_looked) = match Box::pin(clusters::check(session, &change.cluster)).await {
        Ok(checked) => (checked.of_others(), None),
        Err(error) => (vec![], Some(text::chain(&error))),
    };
    Ok(Done::Did(Rotated {
        cluster: replaced.cluster,
        exchanged,
        applied,
        foreign,
        not_looked,
    }))
}
