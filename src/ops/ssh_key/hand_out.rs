//! Handing the private key out: exactly once, also across crashes.
//!
//! `claim` is recorded with the digest of the complete file before the file can exist; the file
//! appears complete or not at all; then the hand-out is recorded and the sealed
//! half destroyed. Cut off in between, the file decides: it is there with that digest, or nothing
//! was handed out. Standard output cannot be looked at afterwards, so there the record comes first:
//! at most once.

mod known;

use std::path::PathBuf;

use super::giving::{self, Giving, unsure, vouched};
use super::pending::{digest, resolve};
use crate::artifact::file::{FileError, Overwrite, check_writable_destination};
use crate::domain::access::{self, Power};
use crate::domain::action::Action;
use crate::domain::cluster::Cluster;
use crate::domain::effect::Effect;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::people::Named;
use crate::domain::policy::{ClusterAction, Denial};
use crate::domain::refusal::{Refusal, SshKeyRefusal};
use crate::domain::rows::Rows;
use crate::domain::sealed::SealedSecret;
use crate::domain::ssh::{Claim, Custody, KeyPair, SshKeyEffect};
use crate::domain::user::{Role, User};
use crate::domain::{Confirmed, Timestamp};
use crate::kubernetes::connection::Connection;
use crate::nodes::Node;
use crate::ops::change::{self, About, Change, Decision, Target, Who};
use crate::ops::journal::Journal;
use crate::ops::{Done, Error, Intent, Obstacle, Unasked, find, reseal};
use crate::secrets::{ExposeSecret, SecretString, seal_file};
use crate::session::Session;
use crate::store::{self, WriteTxn};
use known::{known_nodes, readers};

const COMMAND: Action = Action::SshKeyDownload;

/// Where a private key goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Into the working directory, under its usual name.
    Usual,
    /// To this path.
    File(PathBuf),
    /// To standard output.
    Stdout,
}

/// The private key of a cluster's nodes is handed out, once.
#[derive(Debug, Clone)]
pub(crate) struct HandOut {
    /// Whose nodes.
    pub(crate) cluster: ClusterName,
    /// For whom, if not for oneself.
    pub(crate) user: Option<UserRef>,
    /// Where the file goes.
    pub(crate) destination: Destination,
    /// Who agreed to do it without the cluster as a witness.
    pub(crate) consent: Option<Confirmed>,
}

/// A hand-out that was done.
pub(crate) struct HandedOut {
    /// Whose nodes.
    pub(crate) cluster: ClusterName,
    /// Who has it now.
    pub(crate) user: String,
    /// Since when.
    pub(crate) at: Timestamp,
    /// Which key.
    pub(crate) fingerprint: String,
    /// The file, unless it goes to standard output.
    pub(crate) path: Option<PathBuf>,
    /// Whether it is sealed to the user.
    pub(crate) sealed: bool,
    /// What goes to standard output.
    bytes: Option<SecretString>,
    /// The nodes, as they are recorded, and as the cluster says: login, address and port.
    pub(crate) nodes: Vec<(String, Node)>,
    /// Who could open the private half until now, and still can with a backup.
    pub(crate) readers: Vec<String>,
    /// Why the cluster did not vouch for this store, where somebody took that upon themselves.
    pub(crate) unwitnessed: Option<String>,
    /// Whether a reader of the store keeps the sealed copy in its log until it ends.
    pub(crate) log_is_kept: bool,
    /// Whether an earlier run wrote the file, and only the record was missing.
    pub(crate) finished_earlier: bool,
    /// Whether a server hands it to whoever logged in.
    pub(crate) is_served: bool,
}

impl HandedOut {
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

impl HandOut {
    /// Into whose hands, after the rules were asked of them too.
    fn receiver<'a>(&self, rows: &'a Rows, who: &'a Who) -> Result<&'a User, Refusal> {
        let Some(name) = &self.user else {
            return Ok(&who.user);
        };
        let user = rows.people.user(name)?;
        if user.id == who.user.id {
            return Ok(user);
        }
        let on = rows.only()?;
        who.may_on(on, ClusterAction::KubeconfigFor)?;
        let (power, _) = access::strongest(on.access_of(user, who.now), on.role_of(user));
        let denial = if !user.active {
            Denial::Disabled
        } else if power < Some(Power::Write) {
            Denial::NotOnCluster(ClusterAction::SshKey)
        } else {
            return Ok(user);
        };
        let user = Box::new(user.clone());
        Err(Refusal::DeniedTo { user, denial })
    }

    /// The file, unless it goes to standard output.
    fn path(&self, session: &Session, sealed_to: Option<&User>) -> Option<PathBuf> {
        let path = match &self.destination {
            Destination::Stdout => return None,
            Destination::File(path) => path.clone(),
            Destination::Usual => PathBuf::from(match sealed_to {
                None => format!("ssh-key-{}.pem", self.cluster),
                Some(user) => format!("ssh-key-{}.{}.pem.age", self.cluster, user.name),
            }),
        };
        Some(session.workspace.env.current_dir.join(path))
    }
}

/// Whether a hand-out that was cut off, and whose file is complete, was this very one.
fn was(found: &KeyPair, user: &User, path: Option<&PathBuf>) -> bool {
    let claim = found.claim.as_ref();
    found.custody == Custody::Downloaded
        && claim.is_some_and(|claim| {
            claim.path.is_some() && claim.path.as_ref() == path && claim.to == user.id
        })
}

/// What was seen before a hand-out.
#[derive(Default)]
pub(crate) enum HandOutSeen {
    /// Nothing yet: one that was cut off is not resolved.
    #[default]
    Nothing,
    /// One that was cut off was resolved, and the key is not to be had.
    Resolved,
    /// The very hand-out that was cut off: its file is there, complete.
    Finished,
    /// The key is at hand.
    Ready(Box<Ready>),
}

/// A key that is at hand.
pub(crate) struct Ready {
    /// What goes out: the key as OpenSSH wants it, or sealed to somebody else.
    bytes: SecretString,
    /// What is claimed.
    pub(super) claim: Claim,
    /// The cluster as a witness, or why it was not asked.
    pub(super) vouched: Result<Connection, String>,
    /// Before the hand-out: nobody waits for the cluster with a key that is only in memory.
    nodes: Vec<(String, Node)>,
}

impl Change for HandOut {
    type Seen = HandOutSeen;
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        let target = Target::on(&self.cluster, ClusterAction::SshKey);
        About::gives(COMMAND, target)
            .names(self.user.clone().map(Named::As))
            .ssh_keys()
    }

    fn looks_for_preview(&self) -> bool {
        false
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<HandOutSeen, Error> {
        let cluster = &rows.only().map_err(Error::Refused)?.cluster;
        let actor = session.principal()?;
        let who = Who {
            holder: actor.holder.clone(),
            user: actor.user.clone(),
            now: session.now(),
        };
        let user = self.receiver(rows, &who).map_err(Error::Refused)?;
        let other = (user.id != who.user.id).then_some(user);
        let path = self.path(session, other);
        let pair = rows.the_ssh_key().map_err(Error::Refused)?;
        let journal = Journal::new(&actor, COMMAND).cluster(cluster);
        let found = resolve(session, &journal, pair)?;
        if pair.custody == Custody::Claimed && was(&found, user, path.as_ref()) {
            return Ok(HandOutSeen::Finished);
        }
        if found.custody != Custody::Available || found.doubted_at.is_some() {
            return Ok(HandOutSeen::Resolved);
        }
        if let Some(path) = &path {
            check_writable_destination(path, Overwrite::Never).map_err(in_the_way)?;
        }
        // What a server hands to somebody it does not read again; who can open nothing gets it as it is.
        let served = who.holder.role == Role::Server && !session.workspace.opens_nothing();
        let served = (served && who.user.key.is_some()).then_some(&who.user);
        let bytes = text(session, cluster, &found, other.or(served))?;
        let claim = Claim {
            at: who.now,
            by: who.holder.id,
            to: user.id,
            digest: digest(bytes.expose_secret().as_bytes()),
            path,
        };
        let vouched = vouched(session, cluster).await?;
        if let (Err(why), None) = (&vouched, self.consent) {
            return Err(unsure(&cluster.name, why));
        }
        Ok(HandOutSeen::Ready(Box::new(Ready {
            bytes,
            claim,
            vouched,
            nodes: known_nodes(session, cluster, &who.user, &found).await?,
        })))
    }

    fn seal(
        &self,
        tx: &WriteTxn<'_>,
        rows: &Rows,
        _: &Who,
        seen: &HandOutSeen,
    ) -> Result<(), Error> {
        let HandOutSeen::Ready(ready) = seen else {
            return Ok(());
        };
        if ready.claim.path.is_some() {
            let pair = rows.the_ssh_key().map_err(Error::Refused)?;
            if !store::ssh_keys::claim(tx, pair.id, &ready.claim)? {
                return Err(giving::overtaken(&self.cluster, pair));
            }
        }
        Ok(())
    }

    fn decide(&self, rows: &Rows, who: &Who, seen: &HandOutSeen) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let user = self.receiver(rows, who)?;
        let pair = rows.the_ssh_key()?;
        if let HandOutSeen::Finished = seen {
            return Ok(Decision {
                user: Some(user.id),
                ..Decision::default()
            });
        }
        let is_resolved = pair.custody != Custody::Claimed || !matches!(seen, HandOutSeen::Nothing);
        if is_resolved {
            refuse_taken(rows, pair)?;
        }
        let cluster = &on.cluster.name;
        let mut notes = vec![format!(
            "ask cluster '{cluster}' whether this is the store that it knows"
        )];
        if !is_resolved {
            notes.push("find out how far the hand-out came that was cut off".to_owned());
        }
        let effect = Effect::SshKey {
            cluster: on.cluster.id,
            change: SshKeyEffect::HandOut {
                fingerprint: pair.fingerprint.clone(),
                user: user.id,
            },
        };
        let to = match seen {
            HandOutSeen::Ready(ready) => to(ready.claim.path.as_ref()),
            _ => String::new(),
        };
        let is_file = self.destination != Destination::Stdout;
        // What goes to standard output is recorded once the cluster is told.
        let (effects, later) = if is_file {
            (vec![effect], vec![])
        } else {
            (vec![], vec![effect])
        };
        Ok(Decision {
            effects,
            later,
            detail: format!("key {} to {to}", pair.fingerprint),
            user: Some(user.id),
            notes,
            goes_on: true,
            ..Decision::default()
        })
    }
}

/// Refuses a key that is not to be had, or of which nobody knows whether somebody has it: after a
/// restore, or an owner's word for the store, a younger copy of it may have handed it out.
fn refuse_taken(rows: &Rows, pair: &KeyPair) -> Result<(), Refusal> {
    let cluster = rows.only()?.cluster.name.clone();
    if let Some(at) = pair.doubted_at.filter(|_| pair.custody.is_held()) {
        return Err(SshKeyRefusal::Doubted { cluster, at }.into());
    }
    let name = |claim: &Claim| {
        let user = rows.people.users.get(&claim.to);
        user.map(|user| user.name.to_string()).unwrap_or_default()
    };
    Err(match (pair.custody, &pair.claim) {
        (Custody::Available, _) => return Ok(()),
        (Custody::Downloaded, Some(claim)) => SshKeyRefusal::Taken {
            cluster,
            user: name(claim),
            at: claim.at,
        },
        (Custody::Claimed, Some(claim)) => SshKeyRefusal::CutOff {
            cluster,
            user: name(claim),
            path: claim.path.clone().unwrap_or_default(),
        },
        _ => SshKeyRefusal::Gone(cluster),
    }
    .into())
}

/// Where it goes, in words.
fn to(path: Option<&PathBuf>) -> String {
    path.map_or_else(
        || "standard output".to_owned(),
        |path| format!("`{}`", path.display()),
    )
}

/// Hands the private key of a cluster's nodes out, once.
pub(crate) async fn download(
    session: &Session,
    change: &HandOut,
    intent: &Intent<Unasked>,
) -> Result<Done<HandedOut>, Error> {
    if intent.is_preview() {
        return preview(session, change).await;
    }
    let mut recorded = Box::pin(change::record(session, change)).await?;
    let cluster = recorded.before()?.cluster.clone();
    let actor = recorded.actor().user.clone();
    let user = match &change.user {
        Some(name) => find::user(session, name)?,
        None => actor.clone(),
    };
    let sealed = user.id != actor.id;
    let is_served = recorded.actor().holder.role == Role::Server;
    let pair = recorded
        .rows()
        .the_ssh_key()
        .map_err(Error::Refused)?
        .clone();
    let mut handed = HandedOut {
        cluster: cluster.name.clone(),
        user: user.name.to_string(),
        at: session.now(),
        fingerprint: pair.fingerprint.clone(),
        path: change.path(session, sealed.then_some(&user)),
        sealed,
        bytes: None,
        nodes: vec![],
        readers: readers(session, &pair)?,
        unwitnessed: None,
        log_is_kept: false,
        finished_earlier: false,
        is_served,
    };
    if let (Some(HandOutSeen::Finished), Some(claim)) = (recorded.seen(), &pair.claim) {
        return Ok(Done::Did(HandedOut {
            at: claim.at,
            nodes: known_nodes(session, &cluster, &actor, &pair).await?,
            finished_earlier: true,
            ..handed
        }));
    }
    let giving = Giving {
        session,
        change,
        recorded: &recorded,
        pair: &pair,
    };
    let emptied;
    (handed.unwitnessed, emptied) = match (recorded.seen(), &handed.path) {
        (Some(HandOutSeen::Ready(ready)), Some(path)) => {
            giving.to_file(ready, path, &ready.bytes).await?
        }
        (Some(HandOutSeen::Ready(ready)), None) => giving.to_stdout(ready).await?,
        _ => return Err(recorded.changed()),
    };
    handed.log_is_kept = !emptied;
    if let Some(HandOutSeen::Ready(ready)) = recorded.take_seen() {
        handed.at = ready.claim.at;
        let text = ready.bytes.expose_secret();
        handed.sealed |= text.starts_with("-----BEGIN AGE");
        handed.bytes = handed.path.is_none().then_some(ready.bytes);
        handed.nodes = ready.nodes;
    }
    Ok(Done::Did(handed))
}

async fn preview(session: &Session, change: &HandOut) -> Result<Done<HandedOut>, Error> {
    let mut planned = change::planned(session, change).await?;
    let actor = session.principal()?.user;
    let user = match &change.user {
        Some(name) => find::user(session, name)?,
        None => actor.clone(),
    };
    let path = change.path(session, (user.id != actor.id).then_some(&user));
    if let Some(path) = &path {
        check_writable_destination(path, Overwrite::Never).map_err(in_the_way)?;
    }
    planned
        .steps
        .push(format!("write it to {}", to(path.as_ref())));
    Ok(Done::Planned(planned))
}

/// The file's bytes: the key as OpenSSH wants it, or sealed to somebody else.
fn text(
    session: &Session,
    cluster: &Cluster,
    pair: &KeyPair,
    seal_to: Option<&User>,
) -> Result<SecretString, Error> {
    let installation = find::installation(session)?;
    let none = |user: &User| {
        Error::Obstacle(Obstacle::NoKeyToSealTo {
            user: user.name.clone(),
            plain: false,
        })
    };
    let recipient = match seal_to {
        None => None,
        Some(user) => Some(reseal::key(user)?.ok_or_else(|| none(user))?),
    };
    let opened = session.open_secret(&SealedSecret::ssh_key(cluster, pair), &installation)?;
    let Some(recipient) = recipient else {
        return Ok(opened);
    };
    let sealed = seal_file(opened.expose_secret().as_bytes(), &[recipient]);
    let sealed = sealed.map_err(|source| Error::Seal {
        what: format!("the SSH key of cluster '{}'", cluster.name),
        source,
    })?;
    Ok(SecretString::from(
        String::from_utf8_lossy(&sealed).into_owned(),
    ))
}

/// A private key never replaces a file, and no flag makes it.
pub(super) fn in_the_way(error: FileError) -> Error {
    match error {
        FileError::AlreadyExists { path, what } => Error::Obstacle(Obstacle::InTheWay {
            what: what.to_string(),
            path,
        }),
        other => other.into(),
    }
}
