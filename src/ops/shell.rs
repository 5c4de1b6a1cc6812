//! A shell: a short-lived credential of its own, for one command or one sitting.
//!
//! It begins like a download and ends when the command ends, however that ends. While it lives its
//! process holds a lock; whoever brings the cluster up to date and finds the lock free, or its
//! time over, ends it.

mod asked;
mod child;
mod end;

use std::ffi::OsString;
use std::path::PathBuf;

use chrono::TimeDelta;

pub(crate) use child::{Exit, Seat};

use self::asked::{Asked, ask, record, refuse_for_nobody};
pub(crate) use self::end::end;
use self::end::forget;
use super::journal::Journal;
use super::kubeconfig::{self, mint_and_try};
use super::{Done, Error, Intent, Obstacle, Planned, Unasked, excess, find, reconciling, reseal};
use crate::artifact::file::{Overwrite, ensure_private_dir, read_bounded, write_private};
use crate::artifact::kubeconfig::{KubeconfigFields, Login, render};
use crate::domain::access::{Level, Power};
use crate::domain::account_name::AccountName;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::Cluster;
use crate::domain::credential::{CredentialId, Delivery, State, Subject, TTL_SECONDS_MIN};
use crate::domain::effect::Facts;
use crate::domain::name::ClusterName;
use crate::domain::refusal::Refusal;
use crate::domain::subject::SubjectName;
use crate::domain::text;
use crate::domain::text::rfc3339;
use crate::domain::user::Role;
use crate::domain::{Confirmed, Timestamp};
use crate::kubernetes::connection::Connection;
use crate::kubernetes::observe::Look;
use crate::secrets::{ExposeSecret, Recipient, SecretString, seal_file};
use crate::session::{App, Principal, SHELL_FOLDER, Session, ShellLife};
use crate::store::shells::NewShell;
use crate::store::{self};

/// The largest kubeconfig of a shell, in bytes: one cluster with its authorities.
const BYTES_MAX: usize = 1024 * 1024;
/// How long a shell may live at most, in hours.
pub(crate) const TTL_HOURS_MAX: i64 = 24;

/// A shell that is asked for.
#[derive(Debug)]
pub(crate) struct ShellRequest {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// With less than the user has.
    pub(crate) level: Option<Level>,
    /// For how long at most, in seconds.
    pub(crate) ttl_seconds: i64,
    /// The namespace to begin in.
    pub(crate) namespace: Option<String>,
    /// The command; nothing for the user's shell.
    pub(crate) command: Vec<OsString>,
    /// Whether somebody insists, where it carries more than it says on that cluster.
    pub(crate) insists: Option<Confirmed>,
}

/// A shell's credential and its files, while it lives.
#[derive(Debug)]
pub(crate) struct Begun {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// Its number among the user's shells there.
    pub(crate) version: u32,
    /// What it carries.
    pub(crate) power: Power,
    /// When its token ends.
    pub(crate) expires_at: Timestamp,
    /// Where it carries more than it says: agreed to.
    pub(crate) excess: Vec<String>,
    /// The folder of its files.
    folder: PathBuf,
    /// To whom it is sealed, where it goes to another machine.
    sealed_to: Option<Recipient>,
    id: CredentialId,
    account: AccountName,
    journal: Journal,
    request: EventSeq,
    life: ShellLife,
    /// What people should know of the cluster beside, a sentence each.
    pub(crate) notes: Vec<String>,
}

impl Begun {
    fn seat(&self) -> Seat {
        Seat {
            folder: self.folder.clone(),
            cluster: self.cluster.name.clone(),
        }
    }
}

/// Runs the command, or the user's shell, to its end: here, or where whoever asked a server is.
pub(crate) async fn run(
    session: &Session,
    begun: &Begun,
    wanted: &ShellRequest,
) -> Result<Exit, Error> {
    let seat = begun.seat();
    if !session.workspace.is_for_sitting() {
        return child::run(session, &seat, &wanted.command).await;
    }
    let file = read_bounded(&seat.kubeconfig(), BYTES_MAX)?;
    // It is needed elsewhere alone.
    forget(&begun.folder);
    let sealed = begun.sealed_to.as_ref().map(|key| {
        seal_file(&file, std::slice::from_ref(key)).map_err(|source| Error::Seal {
            what: "the shell's kubeconfig".to_owned(),
            source,
        })
    });
    let sealed = sealed.transpose()?;
    let file = sealed.as_deref().unwrap_or(&file);
    session.workspace.sit(file, begun.expires_at).await;
    Ok(Exit { code: 0 })
}

/// Runs a command, or the user's shell, with a kubeconfig that a server handed over: its files are gone with it.
pub(crate) async fn run_received(
    session: &Session,
    cluster: &ClusterName,
    file: &[u8],
    command: &[OsString],
) -> Result<Exit, Error> {
    let label = text::hex(&session.random::<8>());
    let seat = Seat {
        folder: make_folder(session, &label)?,
        cluster: cluster.clone(),
    };
    let fields = kubeconfig::received_fields(session, file)?;
    let bytes = render(&fields)?;
    let written = write_private(
        &seat.kubeconfig(),
        bytes.expose_secret().as_bytes(),
        Overwrite::Never,
    );
    let ran = match written {
        Ok(()) => child::run(session, &seat, command).await,
        Err(error) => Err(error.into()),
    };
    forget(&seat.folder);
    // A folder that holds something else stays.
    let _removed = std::fs::remove_dir(&seat.folder);
    ran
}

/// Issues a credential for one shell, and writes its kubeconfig where only the user can read it.
pub(crate) async fn begin(
    session: &Session,
    wanted: &ShellRequest,
    intent: &Intent<Unasked>,
) -> Result<Done<Begun>, Error> {
    let asked = ask(session, wanted)?;
    if intent.is_preview() {
        return Box::pin(plan(session, &asked, wanted))
            .await
            .map(Done::Planned);
    }
    refuse_for_nobody(session, &asked)?;
    let lock = session.lock(&asked.cluster).await?;
    // Asked again under the lock: who lost their access while we waited gets nothing.
    let asked = ask(session, wanted)?;
    let (cluster, user) = (&asked.cluster, &asked.actor.user);
    let installation = find::installation(session)?;
    // Before anything is recorded: where the cluster cannot be reached, nothing changes.
    let connection = session.connect(cluster, &installation).await?;
    let excess = Box::pin(excess_of(session, &asked, &connection)).await?;
    let excess = excess::agreed(excess, wanted.insists)?;
    let (now, left) = (session.now(), asked.ends_at.map(|end| end - session.now()));
    let ttl = left.map_or(wanted.ttl_seconds, |left| {
        left.num_seconds().min(wanted.ttl_seconds)
    });
    let (version, home) = session.store()?.read(|tx| {
        let on = reconciling::snapshot(tx, cluster.id)?;
        let home = on.home_of_next(Subject::Shell(user.id), asked.power);
        Ok::<_, store::Error>((store::shells::next_version(tx, cluster.id, user.id)?, home))
    })?;
    let owner = SubjectName::Shell(user.name.clone());
    let account = AccountName::new(&owner, session.random(), version, home);
    let sealed_to = sealed_to(session, &asked.actor)?;
    let folder = make_folder(session, account.label())?;
    // It lives before it is recorded: nobody who reads of it may find it dead.
    let life = session
        .live_shell(&account, &folder)
        .map_err(|source| Error::Child {
            command: "the shell's lock".to_owned(),
            source,
        })?;
    let new = NewShell {
        cluster: cluster.id,
        user: user.id,
        version,
        account: &account,
        power: asked.power,
        created_at: now,
        until: now + TimeDelta::seconds(ttl),
    };
    let recorded = record(session, &asked, &new, &excess);
    let recorded = recorded.inspect_err(|_| session.bury_shell(&account))?;
    let Some((id, request)) = recorded else {
        session.bury_shell(&account);
        // Which rule it was is found and recorded by asking once more.
        let changed = Error::Refused(Refusal::ChangedMeanwhile(Some(cluster.name.clone())));
        return Err(ask(session, wanted).err().unwrap_or(changed));
    };
    let mut begun = Begun {
        version,
        power: asked.power,
        expires_at: now,
        excess,
        folder,
        sealed_to,
        id,
        account,
        journal: asked.journal.clone(),
        request,
        life,
        notes: vec![],
        cluster: cluster.clone(),
    };
    let begins = async {
        let mut reconciled = reconciling::run_on(
            session,
            cluster,
            connection,
            &asked.journal,
            Some(request),
            reconciling::Depth::Version(id),
        )
        .await?;
        begun.notes = std::mem::take(&mut reconciled.notes);
        if let Some(trouble) = reconciled.trouble.take() {
            begun.notes.push(not_ours(session, begun.id, trouble)?);
        }
        deliver(session, &asked, wanted, &mut begun, ttl, &reconciled).await
    };
    if let Err(error) = begins.await {
        // Nobody holds it: it goes, now or with the next command on the cluster.
        let journal = begun.journal.clone();
        journal.record_alone(session, Phase::Failed, text::chain(&error), Some(request))?;
        drop(lock);
        let (name, who) = (cluster.name.clone(), user.name.clone());
        return Err(match end(session, begun).await {
            Ok(ended) if ended.applied.pending.is_empty() => error,
            _ => Error::Pending {
                what: format!("the end of a shell of '{who}'"),
                then: ", then begin again",
                cluster: name,
                source: Box::new(error),
            },
        });
    }
    Ok(Done::Did(begun))
}

/// What would be done.
async fn plan(session: &Session, asked: &Asked, wanted: &ShellRequest) -> Result<Planned, Error> {
    let (cluster, user) = (&asked.cluster, &asked.actor.user);
    let excess = excess::of_level(session, cluster, asked.power).await;
    let lines = [
        format!(
            "issue a credential of its own on cluster '{}' ({}), for at most {} minutes",
            cluster.name,
            asked.power,
            wanted.ttl_seconds / 60
        ),
        "run the command with it, and end it when the command ends".to_owned(),
    ];
    let although = excess.iter().map(|what| format!("although {what}"));
    let version = session
        .store()?
        .read(|tx| store::shells::next_version(tx, cluster.id, user.id))?;
    let about = |effect| Facts {
        effect,
        cluster: Some(cluster.name.to_string()),
        of: Some(SubjectName::Shell(user.name.clone()).to_string()),
        version: Some(version),
        ..Facts::default()
    };
    let begin = Facts {
        to: Some(asked.power.to_string()),
        ..about("begin-version")
    };
    let deliver = Facts {
        user: Some(user.name.to_string()),
        ..about("deliver")
    };
    Ok(Planned {
        steps: lines.into_iter().chain(although).collect(),
        effects: vec![begin, deliver],
        ..Planned::default()
    })
}

/// What the shell would have beyond what it carries. Asked before anything is recorded, and beside
/// the look that follows.
async fn excess_of(
    app: &App,
    asked: &Asked,
    connection: &Connection,
) -> Result<Vec<String>, Error> {
    let cluster = &asked.cluster;
    let snapshot = app
        .store()?
        .read(|tx| reconciling::snapshot(tx, cluster.id))?;
    let user = asked.actor.user.id;
    let only = reconciling::named_for_next(&snapshot, asked.power, Subject::Shell(user));
    let desired = snapshot.desired();
    let mut theirs = snapshot
        .bindings
        .iter()
        .filter(|it| !it.is_removed && it.user == user);
    let look = Look {
        with_write: only.is_none() && (desired.has_writers() || asked.power == Power::Write),
        with_places: only.is_none()
            && (desired.has_places() || theirs.any(|it| it.bound.place.is_some())),
        only,
        cluster: Some(cluster),
    };
    excess::of_new_version(connection, cluster, asked.power, &look).await
}

/// Somebody else's trouble on the cluster, in words; the error itself where it is this shell's.
fn not_ours(app: &App, id: CredentialId, trouble: Error) -> Result<String, Error> {
    let found = app.store()?.read(|tx| store::credentials::get(tx, id))?;
    if found.is_some_and(|found| found.state == State::Active) {
        Ok(text::chain(&trouble))
    } else {
        Err(trouble)
    }
}

/// Mints, records, writes, records.
async fn deliver(
    app: &App,
    asked: &Asked,
    wanted: &ShellRequest,
    begun: &mut Begun,
    ttl: i64,
    reconciled: &reconciling::Reconciled,
) -> Result<(), Error> {
    let (cluster, user) = (&asked.cluster, &asked.actor.user);
    let (connection, ttl) = (&reconciled.connection, ttl.max(TTL_SECONDS_MIN));
    let minted = mint_and_try(connection, cluster, begun.account.as_str(), ttl).await?;
    begun.expires_at = minted.expires_at;
    app.store()?.write(|tx| {
        store::credentials::set_token_expiry(tx, begun.id, minted.expires_at)?;
        let detail = format!(
            "a token for shell {} of '{}', until {}",
            begun.version,
            user.name,
            rfc3339(minted.expires_at)
        );
        let (journal, request) = (&begun.journal, begun.request);
        journal.record(app, tx, Phase::Requested, detail, Some(request))?;
        Ok::<_, Error>(())
    })?;
    let fields = KubeconfigFields {
        cluster: format!("kubegrant-{}", cluster.name),
        user: format!(
            "kubegrant-{}@{}-s{}",
            user.name, cluster.name, begun.version
        ),
        context: format!("{}@{}", user.name, cluster.name),
        server: cluster.address.server.clone(),
        ca_pem: cluster.address.ca_pem.clone(),
        tls_server_name: cluster.address.tls_server_name.clone(),
        proxy_url: cluster.address.proxy_url.clone(),
        namespace: wanted.namespace.clone(),
        login: Login::Token(minted.token.clone()),
    };
    let text: SecretString = render(&fields)?;
    let bytes = text.expose_secret().as_bytes();
    write_private(&begun.seat().kubeconfig(), bytes, Overwrite::Never)?;
    app.store()?.write(|tx| {
        let delivery = Delivery {
            credential: begun.id,
            to: user.id,
            by: asked.actor.holder.id,
            at: app.now(),
            expires_at: minted.expires_at,
            jti: minted.jti.clone(),
            form: "shell".to_owned(),
        };
        store::credentials::deliver(tx, &delivery)?;
        let detail = format!("shell {} of '{}' has begun", begun.version, user.name);
        begun
            .journal
            .record(app, tx, Phase::Done, detail, Some(begun.request))?;
        Ok(())
    })
}

/// To whom the kubeconfig is sealed on its way to another machine; nobody where it stays here, or where nothing
/// could be opened.
fn sealed_to(session: &Session, actor: &Principal) -> Result<Option<Recipient>, Error> {
    if actor.holder.role != Role::Server || session.workspace.opens_nothing() {
        return Ok(None);
    }
    reseal::key(&actor.user)
}

/// Makes the folder of a shell's files: in memory where there is such a place.
fn make_folder(session: &Session, label: &str) -> Result<PathBuf, Error> {
    let env = &session.workspace.env;
    let name = format!("{SHELL_FOLDER}{label}");
    let places = [
        env.path_variable("XDG_RUNTIME_DIR"),
        Some(PathBuf::from("/dev/shm")),
        env.path_variable("TMPDIR"),
        Some(PathBuf::from("/tmp")),
    ];
    let mut failed = None;
    let absolute = |place: &PathBuf| place.is_absolute() && place.is_dir();
    for place in places.into_iter().flatten().filter(absolute) {
        let folder = place.join(&name);
        match ensure_private_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.map_or_else(|| Error::Obstacle(Obstacle::NoPlaceForShell), Error::File))
}
