//! Handing a kubeconfig over: issue on the first download, mint, write, record.

use std::path::PathBuf;

use chrono::TimeDelta;

use super::form::{Form, address_note, fields, form, mark, plain_edit_note};
use super::issue::{Issue, Terms, issue};
use super::merge::{self, MergeNews};
use super::renewing;
use super::trial::{self, mint_and_try};
use super::{Asked, Way, case, live, overtaken};
use crate::artifact::file::Overwrite;
use crate::artifact::file::write_private;
use crate::artifact::kubeconfig::{Login, render};
use crate::artifact::merge::Addition;
use crate::artifact::renewal::Renewal;
use crate::domain::access::Power;
use crate::domain::action::Action;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::credential::{
    Credential, CredentialId, Delivery, RENEWED_TTL_SECONDS, Renews, State, Subject,
    TTL_DAYS_DEFAULT, TTL_SECONDS_MIN,
};
use crate::domain::effect::Effect;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::project::ProjectRole;
use crate::domain::subject::SubjectName;
use crate::domain::text;
use crate::domain::text::rfc3339;
use crate::domain::user::Role;
use crate::domain::{Confirmed, Timestamp};
use crate::kubernetes::token::Minted;
use crate::ops::change;
use crate::ops::locked::LockedCluster;
use crate::ops::{Done, Error, Intent, Unasked, credential, excess, find, reconciling};
use crate::secrets::{ExposeSecret, SecretString, seal_file};
use crate::session::{App, Session};
use crate::store::{self};

/// Where a file goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Into the working directory, under its usual name.
    Usual,
    /// To this path.
    File(PathBuf),
    /// To standard output.
    Stdout,
    /// Merged into the user's kubeconfig, or into this one.
    Merge {
        /// Into which, if not kubectl's own.
        file: Option<PathBuf>,
        /// Whether it becomes the current context.
        set_current: bool,
    },
}

/// A download that is asked for.
#[derive(Debug, Clone)]
pub(crate) struct DownloadRequest {
    /// Where.
    pub(crate) cluster: ClusterName,
    /// For whom, if not for oneself.
    pub(crate) user: Option<UserRef>,
    /// The shared kubeconfig of the cluster's project, and not the user's own.
    pub(crate) shared: bool,
    /// Where the file goes.
    pub(crate) destination: Destination,
    /// Whether an existing file may be replaced.
    pub(crate) overwrite: Overwrite,
    /// The lifetime asked for, in seconds.
    pub(crate) ttl_seconds: Option<i64>,
    /// Not sealed, though for somebody else.
    pub(crate) plain: bool,
    /// The context's name in the file.
    pub(crate) context: Option<String>,
    /// The namespace in the file.
    pub(crate) namespace: Option<String>,
    /// Whether it is to renew itself.
    pub(crate) renew: bool,
    /// Whether somebody insists, where it carries more than it says on that cluster.
    pub(crate) insists: Option<Confirmed>,
}

/// A hand-over.
pub(crate) struct Downloaded {
    /// Where.
    pub(crate) cluster: ClusterName,
    /// Whose.
    pub(crate) user: SubjectName,
    /// Into whose hands, where the file is a project's.
    pub(crate) shared_with: Option<String>,
    /// Who can open it.
    pub(crate) to: String,
    /// Which version.
    pub(crate) version: u32,
    /// What it carries.
    pub(crate) power: Power,
    /// The file, unless it goes to standard output.
    pub(crate) path: Option<PathBuf>,
    /// What goes to standard output.
    bytes: Option<SecretString>,
    /// Whether it is sealed to the user.
    pub(crate) sealed: bool,
    /// How it renews itself, if it does.
    pub(crate) renews: Option<Renews>,
    /// When the token in it really ends.
    pub(crate) expires_at: Timestamp,
    /// The lifetime that was asked for, where the server gave less, in seconds.
    pub(crate) shortened_from: Option<i64>,
    /// When the grant ends, where that made the lifetime shorter.
    pub(crate) grant_ends_at: Option<Timestamp>,
    /// Where it carries more than it says: agreed to.
    pub(crate) excess: Vec<String>,
    /// What merging came to, where it was merged.
    pub(crate) merged: Option<MergeNews>,
    /// What people should know of the cluster beside, a sentence each.
    pub(crate) notes: Vec<String>,
    /// When it was looked at where write reaches, if not now.
    pub(crate) looked_at: Option<Timestamp>,
}

impl Downloaded {
    /// Gives the text to standard output, where that was asked for; says whether it was.
    pub(crate) fn hand_to_stdout<E>(
        &self,
        hand: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Some(bytes) = &self.bytes else {
            return Ok(false);
        };
        hand(bytes.expose_secret().as_bytes()).map(|()| true)
    }
}

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

/// Which way in a download is about.
fn way(wanted: &DownloadRequest) -> Way {
    if wanted.shared {
        Way::Shared
    } else {
        Way::Either
    }
}

/// Asks the rules what a download is of.
pub(super) fn ask(session: &Session, wanted: &DownloadRequest) -> Result<Asked, Error> {
    let user = wanted.user.as_ref();
    case(
        session,
        Action::KubeconfigDownload,
        &wanted.cluster,
        user,
        way(wanted),
    )
}

/// On what terms a download issues a version.
pub(super) fn terms(wanted: &DownloadRequest) -> Terms {
    Terms {
        anew: false,
        hands_over: true,
        renews: wanted.renew,
        insists: wanted.insists,
    }
}

/// Hands out a kubeconfig. The first download issues version 1; every download mints a fresh
/// token of the live version.
pub(crate) async fn download(
    session: &Session,
    wanted: DownloadRequest,
    intent: &Intent<Unasked>,
) -> Result<Done<Downloaded>, Error> {
    let case = ask(session, &wanted)?;
    let form = form(session, &case, &wanted)?;
    if intent.is_preview() {
        let asked = Box::pin(excess::of_level(session, &case.cluster, case.power));
        let excess = asked.await;
        let issue = Issue {
            case: &case,
            terms: terms(&wanted),
        };
        let mut planned = change::planned(session, &issue).await?;
        planned.steps.extend(form.step());
        planned
            .steps
            .extend(excess.iter().map(|what| format!("although {what}")));
        return Ok(Done::Planned(planned));
    }
    hand_out(session, &wanted, form).await.map(Done::Did)
}

/// The same after the rules were asked and the form is found.
pub(super) async fn hand_out(
    session: &Session,
    wanted: &DownloadRequest,
    form: Form,
) -> Result<Downloaded, Error> {
    let ready = prepare(session, wanted).await?;
    let outcome = deliver(session, wanted, form, &ready).await;
    let Ready { case, request, .. } = ready;
    if let Err(error) = &outcome {
        case.journal
            .record_alone(session, Phase::Failed, text::chain(error), Some(request))?;
    }
    outcome
}

/// A version that stands on its cluster, with a fresh token of it in our hands and nobody else's.
pub(super) struct Ready {
    pub(super) case: Asked,
    pub(super) request: EventSeq,
    pub(super) credential: Credential,
    pub(super) minted: Minted,
    /// What renews it, if it does: the token is the renewer's then.
    renewal: Option<Renewal>,
    ttl: i64,
    pub(super) grant_ends_at: Option<Timestamp>,
    /// Where it carries more than it says: agreed to.
    pub(super) excess: Vec<String>,
    /// What people should know of the cluster beside, a sentence each.
    pub(super) notes: Vec<String>,
    /// When it was looked at where write reaches, if not now.
    pub(super) looked_at: Option<Timestamp>,
    /// The cluster's lock, until the file is handed over.
    locked: Option<LockedCluster>,
}

impl Ready {
    /// Gives the cluster's lock back.
    pub(super) fn unlocked(mut self) -> Self {
        drop(self.locked.take());
        self
    }

    /// The lifetime that was asked for, where the server gave less.
    pub(super) fn shortened_from(&self, app: &App) -> Option<i64> {
        let now = app.now_on(&self.case.cluster);
        let given = (self.minted.expires_at - now).num_seconds();
        // A few seconds pass between asking and reading.
        (given < self.ttl - 60).then_some(self.ttl)
    }
}

/// Issues the version where there is none, brings it to the cluster, and mints a token.
pub(super) async fn prepare(session: &Session, wanted: &DownloadRequest) -> Result<Ready, Error> {
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
    let again = (&case, request, connection);
    let (id, mut reconciled) =
        Box::pin(trial::another_if_deleted(session, again, (id, reconciled)))
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
            Box::pin(mint(session, &case, wanted, (id, request), &reconciled)).await
        }
        Err(error) => Err(error),
    };
    match minted {
        Ok((credential, (minted, renewal), (ttl, grant_ends_at))) => Ok(Ready {
            request,
            credential,
            minted,
            renewal,
            ttl,
            grant_ends_at,
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

/// Mints and records, and [`deliver`] writes and records: in this order, so that no token is in
/// anybody's hands before the store knows until when it lives.
async fn mint(
    app: &App,
    case: &Asked,
    wanted: &DownloadRequest,
    (id, request): (CredentialId, EventSeq),
    reconciled: &reconciling::Reconciled,
) -> Result<(Credential, Handed, (i64, Option<Timestamp>)), Error> {
    let credential = active(app, case, id)?;
    let (ttl, grant_ends_at) = lifetime(app, case, wanted);
    let (connection, account) = (&reconciled.connection, credential.account.as_str());
    let (minted, renewal) = if wanted.renew {
        let pair = (case, &credential, request);
        let (minted, renewal) = Box::pin(renewing::mint(app, pair, connection, ttl)).await?;
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
    Ok((credential, (minted, renewal), (ttl, grant_ends_at)))
}

/// A token, and what renews with it.
type Handed = (Minted, Option<Renewal>);

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

/// Writes the file or merges it, and records the delivery.
async fn deliver(
    app: &Session,
    wanted: &DownloadRequest,
    form: Form,
    ready: &Ready,
) -> Result<Downloaded, Error> {
    let (case, credential) = (&ready.case, &ready.credential);
    let login = match &ready.renewal {
        None => Login::Token(ready.minted.token.clone()),
        Some(renewal) => Login::Renewing {
            renewal: renewal.name().to_string(),
        },
    };
    let fields = fields(app, case, wanted, credential.version, login);
    if let (Some(renewal), None) = (&ready.renewal, &form.seal_to) {
        // It lies there before anything asks for it.
        let key = app.identity()?.recipient();
        credential::put(&app.workspace, renewal, &key)
            .await
            .map_err(|error| Error::Renewal(Box::new(error)))?;
    }
    let mut merged = None;
    let mut bytes = None;
    if let (Some(set_current), Some(path)) = (form.merge, &form.path) {
        let mark = mark(app, case)?;
        let addition = Addition {
            fields: &fields,
            mark: &mark,
            context_is_chosen: wanted.context.is_some(),
        };
        merged = Some(merge::add(path, &[addition], set_current).await?);
    } else {
        let text = match (&ready.renewal, &form.seal_to) {
            // For somebody else it is what they put on their own machine.
            (Some(renewal), Some(_)) => renewal.text(),
            _ => render(&fields)?,
        };
        bytes = hand_over(&form, wanted, case, &text)?;
    }
    let how = form.description();
    let how = match &ready.renewal {
        None => how.to_owned(),
        Some(_) => format!("renewing {how}"),
    };
    record_delivery(app, ready, &how)?;
    Ok(Downloaded {
        renews: ready.renewal.as_ref().map(|renewal| {
            if renewal.is_rolling {
                Renews::Rolling
            } else {
                Renews::Fixed
            }
        }),
        cluster: case.cluster.name.clone(),
        user: case.owner.clone(),
        shared_with: matches!(case.of, Subject::Shared { .. })
            .then(|| case.subject.name.to_string()),
        to: case.subject.name.to_string(),
        version: credential.version,
        power: credential.power,
        bytes,
        path: form.path,
        // What a server seals to whoever it acts for is their own all the same.
        sealed: form.seal_to.is_some() && case.subject.id != case.actor.user.id,
        expires_at: ready.minted.expires_at,
        shortened_from: ready.shortened_from(app),
        grant_ends_at: ready.grant_ends_at,
        excess: ready.excess.clone(),
        merged,
        notes: ready.notes.clone(),
        looked_at: ready.looked_at,
    })
}

/// Writes a file, sealed or not; what goes to standard output is given back.
pub(super) fn hand_over(
    form: &Form,
    wanted: &DownloadRequest,
    case: &Asked,
    text: &SecretString,
) -> Result<Option<SecretString>, Error> {
    let bytes = match &form.seal_to {
        None => text.clone(),
        Some(key) => {
            let sealed = seal_file(text.expose_secret().as_bytes(), std::slice::from_ref(key));
            let sealed = sealed.map_err(|source| Error::Seal {
                what: format!("the kubeconfig of '{}'", case.subject.name),
                source,
            })?;
            SecretString::from(String::from_utf8_lossy(&sealed).into_owned())
        }
    };
    match &form.path {
        None => Ok(Some(bytes)),
        Some(path) => {
            write_private(path, bytes.expose_secret().as_bytes(), wanted.overwrite)?;
            Ok(None)
        }
    }
}

pub(super) fn record_delivery(app: &App, ready: &Ready, form: &str) -> Result<(), Error> {
    let Ready {
        case,
        credential,
        minted,
        request,
        excess,
        ..
    } = ready;
    app.store()?.write(|tx| {
        let delivery = Delivery {
            credential: credential.id,
            to: case.subject.id,
            by: match case.actor.holder.role {
                // What somebody takes at a server they take themselves; the log has the server's name too.
                Role::Server => case.actor.user.id,
                _ => case.actor.holder.id,
            },
            at: app.now(),
            expires_at: minted.expires_at,
            jti: minted.jti.clone(),
            form: form.to_owned(),
        };
        store::credentials::deliver(tx, &delivery)?;
        let to = match case.of {
            Subject::Shared { .. } => format!(" to '{}'", case.subject.name),
            Subject::Personal(_) | Subject::Shell(_) => String::new(),
        };
        let detail = format!(
            "version {} of '{}' handed over{to} ({form}), ends {}{}",
            credential.version,
            case.owner,
            rfc3339(minted.expires_at),
            excess::although(excess)
        );
        case.journal
            .record(app, tx, Phase::Done, detail, Some(*request))?;
        Ok(())
    })
}
