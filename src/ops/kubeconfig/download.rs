//! Handing a kubeconfig over: issue on the first download, mint, write, record.

mod ready;

pub(super) use ready::{IssuedVersion, Ready, prepare};

use std::path::PathBuf;

use super::form::{Form, fields, form, mark};
use super::issue::{Issue, Terms};
use super::merge::{self, MergeNews};
use super::{Asked, Way, case};
use crate::artifact::file::Overwrite;
use crate::artifact::file::write_private;
use crate::artifact::kubeconfig::{Login, render};
use crate::artifact::merge::Addition;
use crate::domain::access::Power;
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::credential::{Delivery, Renews, Subject};
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::subject::SubjectName;
use crate::domain::text;
use crate::domain::text::rfc3339;
use crate::domain::user::Role;
use crate::domain::{Confirmed, Timestamp};
use crate::ops::change;
use crate::ops::{Done, Error, Intent, Unasked, credential, excess};
use crate::secrets::{ExposeSecret, SecretString, seal_file};
use crate::session::{App, Session};
use crate::store;

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
    /// The cluster's name.
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
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// Whose it is: a user's, or a project's level.
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
    let (action, way) = (Action::KubeconfigDownload, way(wanted));
    session.one_look(|| case(session, action, &wanted.cluster, user, way))
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
    if !intent.is_preview() {
        session.will_lock();
    }
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
