//! Handing a kubeconfig over: issue on the first download, mint, write, record.

use std::path::PathBuf;

use super::{Case, Way, begin_version};
use crate::artifact::file::Overwrite;
use crate::artifact::file::{check_writable_destination, write_private};
use crate::artifact::kubeconfig::{KubeconfigFields, render};
use crate::domain::Timestamp;
use crate::domain::access::Power;
use crate::domain::audit::Phase;
use crate::domain::credential::{
    Credential, CredentialId, Delivery, State, Subject, TTL_DAYS_DEFAULT, TTL_SECONDS_MIN,
};
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::{Denial, OrganizationAction};
use crate::domain::project::ProjectRole;
use crate::kubernetes::token::Minted;
use crate::ops::{Done, Error, Mode, find, reseal, settle};
use crate::secrets::{ExposeSecret, Recipient, SecretString, seal_file};
use crate::session::Session;
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
}

/// A download that is wished for.
#[derive(Debug)]
pub(crate) struct DownloadWish {
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
}

/// A hand-over.
pub(crate) struct Downloaded {
    /// Where.
    pub(crate) cluster: ClusterName,
    /// Whose: `bob`, or `shop/read` where it is a project's.
    pub(crate) user: String,
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
    /// When the token in it really ends.
    pub(crate) expires_at: Timestamp,
    /// The lifetime that was asked for, where the server gave less, in seconds.
    pub(crate) shortened_from: Option<i64>,
    /// When the grant ends, where that made the lifetime shorter.
    pub(crate) grant_ends_at: Option<Timestamp>,
}

impl Downloaded {
    /// Gives the text to standard output, where that was wished; says whether it was.
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
fn active(session: &Session, case: &Case, id: CredentialId) -> Result<Credential, Error> {
    let found = session
        .store()?
        .read(|tx| store::credentials::get(tx, id))?;
    found
        .filter(|credential| credential.state == State::Active)
        .ok_or_else(|| overtaken(case))
}

fn overtaken(case: &Case) -> Error {
    Error::Overtaken {
        user: case.owner.clone(),
        cluster: case.cluster.name.clone(),
    }
}

/// The lifetime to ask for: what was wished, but not beyond the grant's end.
fn lifetime(session: &Session, case: &Case, wish: &DownloadWish) -> (i64, Option<Timestamp>) {
    let wished = wish.ttl_seconds.unwrap_or(TTL_DAYS_DEFAULT * 24 * 3600);
    match case.ends_at {
        Some(end) if (end - session.now()).num_seconds() < wished => (
            (end - session.now()).num_seconds().max(TTL_SECONDS_MIN),
            Some(end),
        ),
        _ => (wished, None),
    }
}

/// How the file is made: sealed to whom, and where it goes.
struct Form {
    seal_to: Option<Recipient>,
    path: Option<PathBuf>,
}

fn form(session: &Session, case: &Case, wish: &DownloadWish) -> Result<Form, Error> {
    let other = case.subject.id != case.actor.user.id;
    // A login in one's own hands is one's own power: nobody takes more of it than they have by
    // taking somebody else's. Sealed to its owner, it is not in one's hands.
    if other && wish.plain && Some(case.power) > case.actor_power {
        let denial = Denial::AdminsOnly(OrganizationAction::ActAs);
        let help = vec!["leave out `--plain`: the file is sealed to its owner then".to_owned()];
        let cluster = Some(&case.cluster.name);
        let who = &case.actor.user;
        return Err(case.journal.deny(session, denial, cluster, who, help));
    }
    let seal_to = if other && !wish.plain {
        let key = reseal::key(&case.subject)?.ok_or_else(|| Error::Forbidden {
            why: format!("'{}' has no key to seal the file to", case.subject.name),
            hint: format!(
                "run `kubegrant user set-key {} --key FILE`, or insist with `--plain`",
                case.subject.name
            ),
        })?;
        Some(key)
    } else {
        None
    };
    let path = match &wish.destination {
        Destination::Stdout => None,
        Destination::File(path) => Some(session.env.current_dir.join(path)),
        Destination::Usual => {
            let whose = match (other, case.of) {
                (false, Subject::Shared { .. }) => ".shared".to_owned(),
                (true, Subject::Shared { .. }) => format!(".{}.shared", case.subject.name),
                (false, _) => String::new(),
                (true, _) => format!(".{}", case.subject.name),
            };
            let sealed = if seal_to.is_some() { ".age" } else { "" };
            let name = format!("{}{whose}.kubeconfig{sealed}", case.cluster.name);
            Some(session.env.current_dir.join(name))
        }
    };
    if let Some(path) = &path {
        // Before anything is minted in vain.
        check_writable_destination(path, wish.overwrite)?;
    }
    Ok(Form { seal_to, path })
}

/// Hands out a kubeconfig. The first download issues version 1; every download mints a fresh
/// token of the live version.
pub(crate) async fn download(
    session: &Session,
    wish: DownloadWish,
    mode: Mode,
) -> Result<Done<Downloaded>, Error> {
    let way = if wish.shared {
        Way::Shared
    } else {
        Way::Either
    };
    let asked = |user| super::case(session, "kubeconfig download", &wish.cluster, user, way);
    let case = asked(wish.user.as_ref())?;
    let form = form(session, &case, &wish)?;
    if mode == Mode::Plan {
        return plan_download(session, &case, &form);
    }
    let lock = session.lock(&case.cluster).await?;
    // Asked again under the lock: who lost their access while we waited gets nothing.
    let again = asked(wish.user.as_ref())?;
    if again.of != case.of {
        return Err(overtaken(&case));
    }
    let case = again;
    // Before anything is recorded: where the cluster cannot be reached, nothing changes.
    let connection = session
        .connect(&case.cluster, &find::installation(session)?)
        .await?;
    let (id, request) = session.store()?.write(|tx| {
        let detail = format!("kubeconfig of '{}'", case.owner);
        let request = case
            .journal
            .record(session, tx, Phase::Requested, detail, None)?;
        settle::end_what_must(session, tx, &case.cluster, &case.journal, Some(request))?;
        let live = store::credentials::versions_of(tx, case.cluster.id, case.of)?
            .into_iter()
            .find(|credential| credential.state.is_live());
        let id = match live {
            Some(live) => live.id,
            None => begin_version(session, tx, &case, request)?,
        };
        Ok::<_, Error>((id, request))
    })?;
    let settled = settle::settle_on(
        session,
        &case.cluster,
        connection,
        &case.journal,
        Some(request),
    )
    .await;
    let settled = match settled {
        Ok(settled) => settled,
        Err(error) => return Err(half_done(session, &case, request, error)),
    };
    let outcome = deliver(session, &case, &wish, form, id, request, &settled).await;
    drop(lock);
    if let Err(error) = &outcome {
        case.journal
            .record_alone(session, Phase::Failed, settle::chain(error), Some(request))?;
    }
    outcome
        .map(Done::Did)
        .map_err(|error| not_handed_over(session, &case, id, error))
}

/// A failure after the version was seen on the cluster: something did change, and it is said.
fn not_handed_over(session: &Session, case: &Case, id: CredentialId, error: Error) -> Error {
    if !matches!(error, Error::Cluster { .. }) {
        return error;
    }
    let found = session
        .store()
        .and_then(|store| store.read(|tx| store::credentials::get(tx, id)));
    match found {
        Ok(Some(credential)) => Error::NotHandedOver {
            version: credential.version,
            user: case.owner.clone(),
            cluster: case.cluster.name.clone(),
            source: Box::new(error),
        },
        _ => error,
    }
}

/// A failure after the decision was recorded: owed, and said so.
fn half_done(session: &Session, case: &Case, request: i64, error: Error) -> Error {
    match settle::owed(session, &case.cluster, &case.journal, Some(request), &error) {
        Ok(debts) if debts.is_empty() => error,
        Ok(_) => Error::Owed {
            what: format!("the kubeconfig of '{}'", case.owner),
            cluster: case.cluster.name.clone(),
            source: Box::new(error),
        },
        Err(worse) => worse,
    }
}

fn plan_download(session: &Session, case: &Case, form: &Form) -> Result<Done<Downloaded>, Error> {
    let (versions, live) = session.store()?.read(|tx| {
        let versions = store::credentials::versions_of(tx, case.cluster.id, case.of)?;
        let live = match versions.iter().find(|it| it.state.is_live()) {
            Some(live) => {
                let users = settle::picture(tx, case.cluster.id)?.users;
                let ends = settle::why_it_must_end(session, tx, &case.cluster, &users, live)?;
                ends.is_none().then_some(live.version)
            }
            None => None,
        };
        Ok::<_, store::Error>((versions, live))
    })?;
    let mut lines = Vec::new();
    match live {
        Some(live) => lines.push(format!("mint a token of version {live}")),
        None => lines.push(format!(
            "issue version {} of '{}' on cluster '{}' ({})",
            versions.last().map_or(1, |last| last.version + 1),
            case.owner,
            case.cluster.name,
            case.power
        )),
    }
    if let Some(path) = &form.path {
        let sealed = if form.seal_to.is_some() {
            ", sealed"
        } else {
            ""
        };
        lines.push(format!("write `{}`{sealed}", path.display()));
    }
    Ok(Done::Planned(lines))
}

/// Mints, records, writes, records: in this order, so that no token is in anybody's hands before
/// the store knows until when it lives.
async fn deliver(
    session: &Session,
    case: &Case,
    wish: &DownloadWish,
    form: Form,
    id: CredentialId,
    request: i64,
    settled: &settle::Settled,
) -> Result<Downloaded, Error> {
    let credential = active(session, case, id)?;
    let (ttl, grant_ends_at) = lifetime(session, case, wish);
    let minted = settled
        .connection
        .mint(&credential.account, ttl)
        .await
        .map_err(|source| Error::Cluster {
            cluster: case.cluster.name.to_string(),
            source,
        })?;
    session.store()?.write(|tx| {
        store::credentials::set_token_expiry(tx, id, minted.expires_at)?;
        hold(session, tx, case, id)
    })?;
    let text = kubeconfig_text(case, wish, &credential, &minted)?;
    let bytes = match &form.seal_to {
        None => text,
        Some(key) => {
            let sealed = seal_file(text.expose_secret().as_bytes(), std::slice::from_ref(key));
            let sealed = sealed.map_err(|source| Error::Seal {
                what: format!("the kubeconfig of '{}'", case.subject.name),
                source,
            })?;
            SecretString::from(String::from_utf8_lossy(&sealed).into_owned())
        }
    };
    if let Some(path) = &form.path {
        write_private(path, bytes.expose_secret().as_bytes(), wish.overwrite)?;
    }
    record_delivery(session, case, &form, &credential, &minted, request)?;
    let given = (minted.expires_at - session.now()).num_seconds();
    Ok(Downloaded {
        cluster: case.cluster.name.clone(),
        user: case.owner.clone(),
        shared_with: matches!(case.of, Subject::Shared { .. })
            .then(|| case.subject.name.to_string()),
        to: case.subject.name.to_string(),
        version: credential.version,
        power: credential.power,
        bytes: form.path.is_none().then_some(bytes),
        path: form.path,
        sealed: form.seal_to.is_some(),
        expires_at: minted.expires_at,
        // A few seconds pass between asking and reading.
        shortened_from: (given < ttl - 60).then_some(ttl),
        grant_ends_at,
    })
}

/// Counts the recipient of a shared version among its holders, before they have it: from here on
/// their leaving ends it. Who left in the meantime gets nothing.
fn hold(
    session: &Session,
    tx: &store::WriteTxn<'_>,
    case: &Case,
    id: CredentialId,
) -> Result<(), Error> {
    let Subject::Shared { level, .. } = case.of else {
        return Ok(());
    };
    let found = store::clusters::find(tx, &case.cluster.name)?;
    let users = settle::picture(tx, case.cluster.id)?.users;
    let (Some(cluster), Some(user)) = (found, users.get(&case.subject.id)) else {
        return Err(overtaken(case));
    };
    let role = find::project_role(tx, user, &cluster)?;
    let blocked = store::blocks::contains(tx, cluster.id, user.id)?;
    let same = cluster.id == case.cluster.id && cluster.project == case.cluster.project;
    if !same || blocked || role.map(ProjectRole::level) != Some(level) {
        return Err(overtaken(case));
    }
    store::credentials::hold(tx, id, user.id, session.now())?;
    Ok(())
}

fn kubeconfig_text(
    case: &Case,
    wish: &DownloadWish,
    credential: &Credential,
    minted: &Minted,
) -> Result<SecretString, Error> {
    let (cluster, user) = (&case.cluster.name, &case.owner);
    let fields = KubeconfigFields {
        // Prefixed and numbered: merged files must never lend each other a token or an address.
        cluster: format!("kubegrant-{cluster}"),
        user: format!("kubegrant-{user}@{cluster}-v{}", credential.version),
        context: wish
            .context
            .clone()
            .unwrap_or_else(|| format!("{user}@{cluster}")),
        server: case.cluster.address.server.clone(),
        ca_pem: case.cluster.address.ca_pem.clone(),
        tls_server_name: case.cluster.address.tls_server_name.clone(),
        proxy_url: case.cluster.address.proxy_url.clone(),
        namespace: wish.namespace.clone(),
        token: minted.token.clone(),
    };
    Ok(render(&fields)?)
}

fn record_delivery(
    session: &Session,
    case: &Case,
    form: &Form,
    credential: &Credential,
    minted: &Minted,
    request: i64,
) -> Result<(), Error> {
    let form = match (form.seal_to.is_some(), form.path.is_some()) {
        (false, true) => "file",
        (false, false) => "stdout",
        (true, true) => "sealed file",
        (true, false) => "sealed stdout",
    };
    session.store()?.write(|tx| {
        let delivery = Delivery {
            credential: credential.id,
            to: case.subject.id,
            by: case.actor.holder.id,
            at: session.now(),
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
            "version {} of '{}' handed over{to} ({form}), ends {}",
            credential.version,
            case.owner,
            minted
                .expires_at
                .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        );
        case.journal
            .record(session, tx, Phase::Done, detail, Some(request))?;
        Ok(())
    })
}
