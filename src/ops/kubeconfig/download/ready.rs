//! A version that stands on its cluster, with a token of it that is to be handed over.

use chrono::TimeDelta;

use super::{DownloadRequest, ask, terms};
use crate::artifact::renewal::Renewal;
use crate::domain::Timestamp;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::credential::{
    Credential, CredentialId, RENEWED_TTL_SECONDS, State, Subject, TTL_DAYS_DEFAULT,
    TTL_SECONDS_MIN,
};
use crate::domain::effect::Effect;
use crate::domain::project::ProjectRole;
use crate::domain::text::{self, rfc3339};
use crate::kubernetes::token::Minted;
use crate::ops::kubeconfig::form::{address_note, plain_edit_note};
use crate::ops::kubeconfig::issue::issue;
use crate::ops::kubeconfig::renewing::SelfRenewing;
use crate::ops::kubeconfig::trial::{self, mint_and_try};
use crate::ops::kubeconfig::{Asked, live, overtaken};
use crate::ops::locked::LockedCluster;
use crate::ops::{Error, excess, find, reconciling};
use crate::session::{App, Session};
use crate::store;

/// Reads a version back; it must be active, or somebody took it away meanwhile.
fn active(app: &App, case: &Asked, id: CredentialId) -> Result<Credential, Error> {
    let found = app.store()?.read(|tx| store::credentials::get(tx, id))?;
    found
        .filter(|credential| credential.state == State::Active)
        .ok_or_else(|| overtaken(case))
}

/// The lifetime to ask for: what was asked for, but not beyond the grant's end.
fn lifetime(app: &App, case: &Asked, wanted: &DownloadRequest) -> (i64, Option<Timestamp>) {
    let asked = wanted.ttl_seconds.unwrap_or(TTL_DAYS_DEFAULT * 24 * 3600);
    // A token's lifetime is counted by the cluster's clock.
    let now = app.now_on(&case.cluster);
    match case.ends_at {
        Some(end) if (end - now).num_seconds() < asked => {
            ((end - now).num_seconds().max(TTL_SECONDS_MIN), Some(end))
        }
        _ => (asked, None),
    }
}

/// A version that stands on its cluster, with a fresh token of it in our hands and nobody else's.
pub(in crate::ops::kubeconfig) struct Ready {
    pub(in crate::ops::kubeconfig) case: Asked,
    pub(in crate::ops::kubeconfig) request: EventSeq,
    pub(in crate::ops::kubeconfig) credential: Credential,
    pub(in crate::ops::kubeconfig) minted: Minted,
    /// What renews it, if it does: the token is the renewer's then.
    pub(super) renewal: Option<Renewal>,
    ttl: i64,
    pub(in crate::ops::kubeconfig) grant_ends_at: Option<Timestamp>,
    /// Where it carries more than it says: agreed to.
    pub(in crate::ops::kubeconfig) excess: Vec<String>,
    /// What people should know of the cluster beside, a sentence each.
    pub(in crate::ops::kubeconfig) notes: Vec<String>,
    /// When it was looked at where write reaches, if not now.
    pub(in crate::ops::kubeconfig) looked_at: Option<Timestamp>,
    /// The cluster's lock, until the file is handed over.
    locked: Option<LockedCluster>,
}

impl Ready {
    /// Gives the cluster's lock back.
    pub(in crate::ops::kubeconfig) fn unlocked(mut self) -> Self {
        drop(self.locked.take());
        self
    }

    /// The lifetime that was asked for, where the server gave less.
    pub(in crate::ops::kubeconfig) fn shortened_from(&self, app: &App) -> Option<i64> {
        let now = app.now_on(&self.case.cluster);
        let given = (self.minted.expires_at - now).num_seconds();
        // A few seconds pass between asking and reading.
        (given < self.ttl - 60).then_some(self.ttl)
    }
}

/// Issues the version where there is none, brings it to the cluster, and mints a token.
pub(in crate::ops::kubeconfig) async fn prepare(
    session: &Session,
    wanted: &DownloadRequest,
) -> Result<Ready, Error> {
    let (case, mut recorded) = issue(session, || ask(session, wanted), terms(wanted)).await?;
    let begun = recorded.effects().iter().any(
        |effect| matches!(effect, Effect::BeginVersion { subject, .. } if *subject == case.of),
    );
    let seen = recorded.take_seen().unwrap_or_default();
    let mut excess = seen.excess;
    let stands = live(session, &case)?;
    let ready = (recorded.request(), seen.connection, stands);
    let (Some(request), Some(connection), Some(stands)) = ready else {
        let error = overtaken(&case);
        let (why, request) = (text::chain(&error), recorded.request());
        case.journal
            .record_alone(session, Phase::Failed, why, request)?;
        return Err(error);
    };
    let id = stands.id;
    let live = (!begun).then_some(stands.account);
    let asked = async {
        match &live {
            None => Ok(vec![]),
            Some(live) => {
                excess::of_account(&connection, &case.cluster, case.power, live.as_str()).await
            }
        }
    };
    let reconciling = Box::pin(reconciling::run_on(
        session,
        &case.cluster,
        connection.clone(),
        &case.journal,
        Some(request),
        reconciling::Depth::Version(id),
    ));
    let (reconciled, asked) = futures::join!(reconciling, asked);
    let reconciled = match reconciled {
        Ok(reconciled) => reconciled,
        Err(error) => return Err(half_done(session, &case, request, error)),
    };
    let version = IssuedVersion {
        case: &case,
        id,
        request,
    };
    let again = trial::another_if_deleted(session, version, connection, reconciled);
    let (id, mut reconciled) = Box::pin(again)
        .await
        .map_err(|error| half_done(session, &case, request, error))?;
    if let Some(trouble) = reconciled.trouble.take() {
        let credential = session
            .store()?
            .read(|tx| store::credentials::get(tx, id))?;
        if credential.is_some_and(|it| it.state == State::Pending) {
            return Err(half_done(session, &case, request, trouble));
        }
        // Somebody else's trouble: this version stands.
        if case.is_by_manager() {
            reconciled.notes.push(text::chain(&trouble));
        }
    }
    let minted = match asked.and_then(|found| excess::agreed(found, wanted.insists)) {
        Ok(found) => {
            excess.extend(found);
            let version = IssuedVersion { id, ..version };
            Box::pin(mint(session, wanted, version, &reconciled)).await
        }
        Err(error) => Err(error),
    };
    match minted {
        Ok(handed) => Ok(Ready {
            request,
            credential: handed.credential,
            minted: handed.minted,
            renewal: handed.renewal,
            ttl: handed.ttl,
            grant_ends_at: handed.grant_ends_at,
            excess,
            notes: notes_of(&case, reconciled.notes),
            looked_at: reconciled.relied_on,
            case,
            locked: recorded.take_locked(),
        }),
        Err(error) => {
            case.journal.record_alone(
                session,
                Phase::Failed,
                text::chain(&error),
                Some(request),
            )?;
            Err(not_handed_over(session, &case, id, error))
        }
    }
}

/// What people should know of the file, and of the cluster beside.
fn notes_of(case: &Asked, reconciled: Vec<String>) -> Vec<String> {
    let of_file = address_note(case).into_iter().chain(plain_edit_note(case));
    of_file.chain(reconciled).collect()
}

/// A failure after the version was seen on the cluster: something did change, and it is said.
fn not_handed_over(app: &App, case: &Asked, id: CredentialId, error: Error) -> Error {
    if !matches!(error, Error::Cluster { .. }) {
        return error;
    }
    let found = app
        .store()
        .and_then(|store| store.read(|tx| store::credentials::get(tx, id)));
    match found {
        Ok(Some(credential)) => Error::NotHandedOver {
            version: credential.version,
            user: case.owner.to_string(),
            cluster: case.cluster.name.clone(),
            source: Box::new(error),
        },
        _ => error,
    }
}

/// A failure after the decision was recorded: pending, and said so.
fn half_done(app: &App, case: &Asked, request: EventSeq, error: Error) -> Error {
    match reconciling::record_pending(app, &case.cluster, &case.journal, Some(request), &error) {
        Ok(pending) if pending.is_empty() => error,
        Ok(_) => Error::Pending {
            what: format!("the kubeconfig of '{}'", case.owner),
            then: ", then download again",
            cluster: case.cluster.name.clone(),
            source: Box::new(error),
        },
        Err(worse) => worse,
    }
}

/// Mints and records, and `deliver` writes and records: in this order, so that no token is in
/// anybody's hands before the store knows until when it lives.
async fn mint(
    app: &App,
    wanted: &DownloadRequest,
    version: IssuedVersion<'_>,
    reconciled: &reconciling::Reconciled,
) -> Result<Handed, Error> {
    let IssuedVersion { case, id, request } = version;
    let credential = active(app, case, id)?;
    let (ttl, grant_ends_at) = lifetime(app, case, wanted);
    let (connection, account) = (&reconciled.connection, credential.account.as_str());
    let (minted, renewal) = if wanted.renew {
        let renewing = SelfRenewing {
            app,
            case,
            credential: &credential,
            request,
        };
        let (minted, renewal) = Box::pin(renewing.mint(connection, ttl)).await?;
        (minted, Some(renewal))
    } else {
        let minted = mint_and_try(connection, &case.cluster, account, ttl).await?;
        (minted, None)
    };
    // What it mints at its very end outlives it.
    let more = TimeDelta::seconds(renewal.as_ref().map_or(0, |_| RENEWED_TTL_SECONDS));
    app.store()?.write(|tx| {
        store::credentials::set_token_expiry(tx, id, minted.expires_at + more)?;
        hold(app, tx, case, id)?;
        let detail = format!(
            "a token for version {} of '{}', until {}",
            credential.version,
            case.owner,
            rfc3339(minted.expires_at)
        );
        let journal = &case.journal;
        journal.record(app, tx, Phase::Requested, detail, Some(request))?;
        Ok::<_, Error>(())
    })?;
    Ok(Handed {
        credential,
        minted,
        renewal,
        ttl,
        grant_ends_at,
    })
}

/// A version that was issued to somebody.
#[derive(Clone, Copy)]
pub(in crate::ops::kubeconfig) struct IssuedVersion<'a> {
    pub(in crate::ops::kubeconfig) case: &'a Asked,
    pub(in crate::ops::kubeconfig) id: CredentialId,
    /// The event that asked for it.
    pub(in crate::ops::kubeconfig) request: EventSeq,
}

/// A token that is to be handed over, and its version.
struct Handed {
    credential: Credential,
    minted: Minted,
    /// What renews it, where something does.
    renewal: Option<Renewal>,
    /// The lifetime that was asked for, in seconds.
    ttl: i64,
    grant_ends_at: Option<Timestamp>,
}

/// Counts the recipient of a shared version among its holders, before they have it: from here on
/// their leaving ends it. Who left in the meantime gets nothing.
fn hold(app: &App, tx: &store::WriteTxn<'_>, case: &Asked, id: CredentialId) -> Result<(), Error> {
    let Subject::Shared { level, .. } = case.of else {
        return Ok(());
    };
    let found = store::clusters::find(tx, &case.cluster.name)?;
    let user = store::users::get(tx, case.subject.id)?;
    let Some((cluster, user)) = found.zip(user) else {
        return Err(overtaken(case));
    };
    let role = find::project_role(tx, &user, &cluster)?;
    let blocked = store::blocks::contains(tx, cluster.id, user.id)?;
    let same = cluster.id == case.cluster.id && cluster.project == case.cluster.project;
    if !same || blocked || role.map(ProjectRole::level) != Some(level) {
        return Err(overtaken(case));
    }
    store::credentials::hold(tx, id, user.id, app.now())?;
    Ok(())
}
