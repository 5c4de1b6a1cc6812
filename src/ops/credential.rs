//! The next short token of a kubeconfig that renews itself (docs/design.md, "Kubeconfigs that renew
//! themselves"). Needs no store.
//!
//! kubectl asks at every call, so the usual answer opens nothing but two small files: the renewal,
//! for its digest, and what was kept for that. Only where four fifths of a token's life are over is
//! the renewal opened, with the person's identity, and a token minted; one process does so, and the
//! others wait for it. What fails is remembered for half a minute, so that a program that asks again
//! and again makes no request each time.
//!
//! A token that the API server refuses is not seen here. But kubectl keeps what it was given until
//! its end: where the same process asks again for what it has, it was refused (401), and it is looked
//! whether the kubeconfig was revoked.

mod cache;
mod error;
mod place;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::time::Duration;

use chrono::TimeDelta;
use zeroize::Zeroizing;

use crate::artifact::exec_credential::Question;
use crate::artifact::file::{FileError, LockFile, Overwrite, write_private};
use crate::artifact::renewal::{Kept, Refusal, Refused, Renewal, Token};
use crate::domain::Timestamp;
use crate::domain::plan::NAMESPACE;
use crate::domain::text::{chain, rfc3339};
use crate::kubernetes::client::{Limits, Login};
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error as ClusterError;
use crate::kubernetes::token::{Life, Minted};
use crate::secrets::ExposeSecret as _;
use crate::session::{Session, Workspace};
use cache::Cache;
pub(crate) use error::Error;
use place::{Meant, digest};
pub(crate) use place::{may_replace, put};

/// How long a token is asked for. The API server may give more, or less.
const TTL_SECONDS: i64 = 3600;
/// The longest life that is believed.
const LIFE_MAX: TimeDelta = TimeDelta::days(30);
/// How long somebody else who mints is waited for; then everybody mints for themselves.
const TURN_WAIT_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether they are done.
const TURN_LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long a silent cluster is waited for where a token lives: kubectl waits, too.
const BRIEF: Limits = Limits {
    connect: Duration::from_secs(2),
    first: Duration::from_secs(3),
    read: Duration::from_secs(5),
    body_max: 1024 * 1024,
    attempts_max: 1,
    retry_total: Duration::from_secs(5),
};
/// How long where none does.
const PATIENT: Limits = Limits {
    connect: Duration::from_secs(5),
    first: Duration::from_secs(8),
    read: Duration::from_secs(10),
    body_max: 1024 * 1024,
    attempts_max: 3,
    retry_total: Duration::from_secs(10),
};

/// A token to hand out.
pub(crate) struct Answer {
    question: Question,
    token: Token,
    /// When it is to be asked for again.
    end: Timestamp,
    /// What a person should know.
    pub(crate) notes: Vec<String>,
}

impl Answer {
    /// As kubectl wants it.
    pub(crate) fn document(&self) -> Zeroizing<Vec<u8>> {
        self.question.answer(&self.token.text, self.end)
    }

    /// The bare token, in a line.
    pub(crate) fn bare(&self) -> Zeroizing<Vec<u8>> {
        let text = self.token.text.expose_secret();
        let mut line = Zeroizing::new(Vec::with_capacity(text.len() + 1));
        line.extend_from_slice(text.as_bytes());
        line.push(b'\n');
        line
    }
}

/// What a look at what is kept came to.
pub(crate) enum Begun {
    /// A token that is young enough.
    Ready(Answer),
    /// A new one is needed.
    Renewing(Box<Renewing>),
}

/// What is needed to renew.
pub(crate) struct Renewing {
    question: Question,
    meant: Meant,
    cache: Result<Cache, FileError>,
    /// The token that was refused, if whoever has it asks again.
    refused: Option<Token>,
}

/// Looks whether what is kept will do.
pub(crate) fn begin(session: &Session, renewal: &OsStr) -> Result<Begun, Error> {
    let workspace = &session.workspace;
    let asked = workspace.env.variables.get("KUBERNETES_EXEC_INFO");
    let question = Question::read(asked.map(AsRef::as_ref))?;
    if !question.is_interactive {
        session.ask_nobody();
    }
    let meant = Meant::of(workspace, renewal)?;
    let (_, digest) = meant.read()?;
    let cache = Cache::open(workspace, &meant.path);
    let now = workspace.env.now();
    let kept = cache.as_ref().ok().and_then(|cache| cache.read(&digest));
    let mut refused = None;
    match kept {
        Some(Kept::Refused(refusal)) if refusal.holds(now) => return Err(Error::Refused(refusal)),
        Some(Kept::Token(token)) if token.is_fresh(now) => {
            let is_doubtful = question.is_kubectls
                && token.is_settled(now)
                && cache
                    .as_ref()
                    .is_ok_and(|it| it.is_asked_again(workspace, &token));
            if !is_doubtful {
                return Ok(Begun::Ready(ready(question, token, now)));
            }
            refused = Some(token);
        }
        _ => {}
    }
    Ok(Begun::Renewing(Box::new(Renewing {
        question,
        meant,
        cache,
        refused,
    })))
}

fn ready(question: Question, token: Token, now: Timestamp) -> Answer {
    let end = token.reported_end(now);
    Answer {
        question,
        token,
        end,
        notes: vec![],
    }
}

/// Mints a token, or waits for whoever does.
pub(crate) async fn renew(session: &Session, renewing: Renewing) -> Result<Answer, Error> {
    let mut notes = Vec::new();
    let workspace = &session.workspace;
    let turn = match turn(workspace, &renewing).await {
        Turn::Answered(answer) => return Ok(answer),
        Turn::Refused(refusal) => return Err(Error::Refused(refusal)),
        Turn::Had(lock) => Some(lock),
        Turn::Without(why) => {
            notes.extend(why);
            None
        }
    };
    let has_turn = turn.is_some();
    // Whoever had the turn before may have renewed the renewal too.
    let (sealed, digest) = renewing.meant.read()?;
    let kept = renewing.kept(&digest);
    let now = workspace.env.now();
    let live = match kept {
        Some(Kept::Refused(refusal)) if refusal.holds(now) => return Err(Error::Refused(refusal)),
        Some(Kept::Token(token)) if token.is_fresh(now) && !renewing.has_refused(&token) => {
            return Ok(ready(renewing.question, token, now));
        }
        Some(Kept::Token(token)) if token.is_live(now) => Some(token),
        _ => None,
    };
    let renewal = open(session, &renewing.meant, &sealed)?;
    let limits = if live.is_some() { BRIEF } else { PATIENT };
    let minted = mint(session, &renewal, limits).await;
    let (connection, minted) = match minted {
        Ok(minted) => minted,
        Err(failed) => {
            let renewer = KeptRenewal {
                renewal: &renewal,
                digest: &digest,
            };
            return fallen_back(&renewing, live, failed, renewer, now).map(|mut answer| {
                answer.notes.splice(0..0, notes);
                answer
            });
        }
    };
    let made_at = Life::of(minted.token.expose_secret()).map(|life| life.made_at);
    let life = life(&minted, connection.server_time(), now)
        .ok_or_else(|| Error::of(&renewal, ClusterError::garbled("a token", "it has ended")))?;
    let token = Token::new(minted.token, now, life);
    let there = made_at.or_else(|| connection.server_time().map(|at| at.timestamp()));
    let there = there.unwrap_or_else(|| now.timestamp());
    let mut digest = digest;
    let renewer = KeptRenewal {
        renewal: &renewal,
        digest: &digest,
    };
    match prolonged(session, &connection, &renewing.meant, renewer, there).await {
        Ok(None) => {}
        Ok(Some(renewed)) => digest = renewed,
        Err(error) => notes.push(format!(
            "the renewal itself could not be renewed, and ends {}: {}",
            rfc3339(renewal.token_ends_at),
            chain(&error)
        )),
    }
    let unkept = renewing.keep(&Kept::Token(token.clone()), &digest);
    // Once is enough.
    notes.extend(unkept.filter(|_| has_turn));
    let mut answer = ready(renewing.question, token, now);
    answer.notes = notes;
    Ok(answer)
}

/// A renewal that was opened, and the digest of the sealed one that it came from.
#[derive(Clone, Copy)]
struct KeptRenewal<'a> {
    renewal: &'a Renewal,
    digest: &'a str,
}

/// What became of waiting for one's turn.
enum Turn {
    /// Somebody else has minted meanwhile, or mints, and a token lives.
    Answered(Answer),
    /// Somebody else was refused meanwhile.
    Refused(Refused),
    /// It is ours.
    Had(LockFile),
    /// There is none to be had; why, if it is news.
    Without(Option<String>),
}

/// Waits until nobody else mints, or has.
async fn turn(workspace: &Workspace, renewing: &Renewing) -> Turn {
    let cache = match &renewing.cache {
        Ok(cache) => cache,
        Err(error) => return Turn::Without(Some(cache::unusable(error))),
    };
    let lock = match cache.lock() {
        Ok(lock) => lock,
        Err(error) => return Turn::Without(Some(cache::unusable(&error))),
    };
    let started = tokio::time::Instant::now();
    loop {
        match lock.try_lock() {
            Ok(true) => return Turn::Had(lock),
            Ok(false) => {}
            Err(error) => return Turn::Without(Some(cache::unusable(&error))),
        }
        let now = workspace.env.now();
        if let Ok((_, digest)) = renewing.meant.read() {
            match renewing.kept(&digest) {
                Some(Kept::Token(token)) if token.is_live(now) && !renewing.has_refused(&token) => {
                    return Turn::Answered(ready(renewing.question, token, now));
                }
                Some(Kept::Refused(refusal)) if refusal.holds(now) => {
                    return Turn::Refused(refusal);
                }
                _ => {}
            }
        }
        if started.elapsed() > TURN_WAIT_MAX {
            return Turn::Without(None);
        }
        tokio::time::sleep(TURN_LOOK_EVERY).await;
    }
}

impl Renewing {
    fn kept(&self, digest: &str) -> Option<Kept> {
        self.cache.as_ref().ok()?.read(digest)
    }

    /// Whether a token is the one that was refused.
    fn has_refused(&self, token: &Token) -> bool {
        let refused = self.refused.as_ref();
        refused.is_some_and(|it| it.text.expose_secret() == token.text.expose_secret())
    }

    /// Keeps something for the next run; why that is not possible, if it is news.
    fn keep(&self, kept: &Kept, digest: &str) -> Option<String> {
        let cache = self.cache.as_ref().ok()?;
        let written = cache.write(kept, digest);
        written.err().map(|error| cache::unusable(&error))
    }
}

/// Opens the renewal with the identity, and sees that it is the one that was named: else the token
/// of one cluster would be sent to another.
fn open(session: &Session, meant: &Meant, sealed: &[u8]) -> Result<Renewal, Error> {
    let failed = |source| Error::Renewal {
        path: meant.path.clone(),
        cluster: meant.name.as_ref().map(|name| name.cluster().to_owned()),
        source,
    };
    let renewal = Renewal::open(sealed, session.identity()?).map_err(failed)?;
    let is = renewal.name();
    match &meant.name {
        Some(name) if *name != is => Err(Error::Moved {
            path: meant.path.clone(),
            is,
        }),
        _ => Ok(renewal),
    }
}

/// Why nothing was minted.
struct Failed {
    error: ClusterError,
    /// What time it was on the server, if it said so.
    there: Option<Timestamp>,
}

/// Mints a token of the account that works, as the renewer.
async fn mint(
    session: &Session,
    renewal: &Renewal,
    limits: Limits,
) -> Result<(Connection, Minted), Failed> {
    let failed = |error| Failed { error, there: None };
    let endpoint = session.endpoint(&renewal.address).map_err(failed)?;
    let login = Login::Token(renewal.token.clone());
    let opened = Connection::open_within(&endpoint, login, &renewal.installation, limits);
    let connection = opened.map_err(failed)?;
    let account = account(renewal, &renewal.account);
    match Box::pin(connection.mint(&account, TTL_SECONDS)).await {
        Ok(minted) => Ok((connection, minted)),
        Err(error) => Err(Failed {
            error,
            there: connection.server_time(),
        }),
    }
}

/// An account as the functions of `kubernetes` take it.
fn account(renewal: &Renewal, name: &str) -> String {
    if renewal.namespace == NAMESPACE {
        name.to_owned()
    } else {
        format!("{}/{name}", renewal.namespace)
    }
}

/// How long a token lives from now on, by the clock that made it: ours may be wrong.
fn life(minted: &Minted, there: Option<Timestamp>, now: Timestamp) -> Option<TimeDelta> {
    let life = match Life::of(minted.token.expose_secret()) {
        Some(life) => TimeDelta::try_seconds(life.seconds()).unwrap_or(LIFE_MAX),
        None => minted.expires_at - there.unwrap_or(now),
    };
    (life > TimeDelta::zero()).then(|| life.min(LIFE_MAX))
}

/// What is answered where nothing was minted: the token of before, while it lives and nobody refused
/// to renew it.
fn fallen_back(
    renewing: &Renewing,
    live: Option<Token>,
    failed: Failed,
    kept: KeptRenewal<'_>,
    now: Timestamp,
) -> Result<Answer, Error> {
    let KeptRenewal { renewal, digest } = kept;
    if let Some(why) = refusal(&failed, renewal, now) {
        let refused = Refused {
            at: now,
            why,
            user: renewal.subject.to_string(),
            cluster: renewal.cluster.to_string(),
            version: renewal.version,
        };
        // Where it cannot be kept, the cluster is asked again.
        let _kept = renewing.keep(&Kept::Refused(refused.clone()), digest);
        return Err(Error::Refused(refused));
    }
    let Some(token) = live else {
        return Err(Error::of(renewal, failed.error));
    };
    let token = token.put_off(now);
    let note = format!(
        "not renewed, and the token of before is used, which lives until {}: {}",
        rfc3339(token.ends_at()),
        chain(&failed.error)
    );
    let mut notes = vec![note];
    notes.extend(renewing.keep(&Kept::Token(token.clone()), digest));
    let mut answer = ready(renewing.question, token, now);
    answer.notes = notes;
    Ok(answer)
}

/// Whether a failure says that the kubeconfig is renewed no more, and why.
fn refusal(failed: &Failed, renewal: &Renewal, now: Timestamp) -> Option<Refusal> {
    let ended = Refusal::Ended {
        at: renewal.token_ends_at,
    };
    match &failed.error {
        ClusterError::Unauthorized { .. }
            if renewal.token_ends_at <= failed.there.unwrap_or(now) =>
        {
            Some(ended)
        }
        ClusterError::Unauthorized { .. } | ClusterError::Forbidden { .. } => {
            Some(Refusal::Revoked)
        }
        // Another path that is not there says nothing of the account.
        ClusterError::NotFound { message, .. } if message.contains("serviceaccounts") => {
            Some(Refusal::Revoked)
        }
        _ => None,
    }
}

/// Lets a renewer that may mint for itself do so, in the second half of its token's life; gives the
/// digest of the renewal that is sealed anew. The old one works on until its end, whatever fails.
async fn prolonged(
    session: &Session,
    connection: &Connection,
    meant: &Meant,
    kept: KeptRenewal<'_>,
    there: i64,
) -> Result<Option<String>, Error> {
    let renewal = kept.renewal;
    let Some(life) = Life::of(renewal.token.expose_secret()) else {
        return Ok(None);
    };
    if !renewal.is_rolling || !life.is_half_over(there) {
        return Ok(None);
    }
    let renewer = account(renewal, &renewal.renewer);
    let minted = Box::pin(connection.mint(&renewer, life.seconds())).await;
    let minted = minted.map_err(|error| Error::of(renewal, error))?;
    if minted.expires_at <= renewal.token_ends_at {
        return Ok(None);
    }
    let next = Renewal {
        token: minted.token,
        token_ends_at: minted.expires_at,
        ..renewal.clone()
    };
    let sealed = next.seal(&session.identity()?.recipient())?;
    // A download may have put another version there, which must not be lost.
    if meant.read()?.1 != kept.digest {
        return Ok(None);
    }
    write_private(&meant.path, &sealed, Overwrite::Force)?;
    Ok(Some(digest(&sealed)))
}
