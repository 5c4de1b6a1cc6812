//! Logging in to a server, by the key that one has: who it is, for how long, and how it ends.

mod oidc;

pub(crate) use oidc::{Away, Found, Proven, is_issuer_of_jobs, provider};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;

use super::journal::Journal;
use super::{Error, Obstacle, find};
use crate::artifact::challenge::{self, Challenge};
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::installation::InstallationId;
use crate::domain::login::{IDLE, LoginSession, SESSIONS_MAX, SessionId, Way};
use crate::domain::name::UserRef;
use crate::domain::policy::Denial;
use crate::domain::sealed::SealedSecret;
use crate::domain::text::{hex, rfc3339};
use crate::domain::user::{Role, User};
use crate::secrets::{ExposeSecret, MacKey, Recipient, SecretString, Signer};
use crate::session::{App, Principal, Session};
use crate::store::{self};

/// How long a question to a key may be answered.
const ANSWER_MAX: TimeDelta = TimeDelta::seconds(60);
/// How many answers are kept in mind, so that none counts twice: more than come in a minute.
const ANSWERS_MAX: usize = 20_000;
/// How long sessions that are over stay in the store.
const KEPT: TimeDelta = TimeDelta::days(7);
/// How exact it is known when a session was used last.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);

/// A server that people log in to: whose key it works with, and what it was asked.
pub(crate) struct Authenticator {
    server: User,
    signer: Arc<Signer>,
    key: MacKey,
    /// The address that people know it by.
    origin: String,
    /// What no other process knows: its questions are answered to it alone.
    process: String,
    /// The questions that were answered, each with the moment at which it is void.
    answered: Mutex<BTreeMap<String, Timestamp>>,
}

/// Which question it is.
#[derive(Clone, Copy)]
pub(crate) struct QuestionRef<'a> {
    /// Its id.
    pub(crate) id: &'a str,
    /// Until when it may be answered.
    pub(crate) until: Timestamp,
}

/// How a session begins.
struct Beginning<'a> {
    way: Way,
    /// The address that it is begun from.
    origin: &'a str,
    /// Whose word it is by, where it is an issuer's.
    by: Option<&'a str>,
    /// The session that it ends with, where there is one.
    parent: Option<&'a LoginSession>,
}

/// A question to a key.
pub(crate) struct Question {
    /// Which one.
    pub(crate) id: String,
    /// When it is void.
    pub(crate) until: Timestamp,
    /// What only the key opens.
    pub(crate) sealed: Vec<u8>,
    /// What it may sign instead.
    pub(crate) text: String,
}

/// What a key made of a question.
pub(crate) enum Answered<'a> {
    /// It opened it.
    Opened(&'a str),
    /// It signed it.
    Signed(&'a str),
}

/// What begins a session.
pub(crate) struct Begun {
    /// What opens it.
    pub(crate) token: SecretString,
    /// Who is logged in.
    pub(crate) user: User,
    /// Where.
    pub(crate) installation: InstallationId,
    /// When it ends at the latest.
    pub(crate) ends_at: Timestamp,
}

impl Authenticator {
    /// Opens an authenticator: the identity is a server's, and opens no manager's login.
    pub(crate) fn open(session: &Session, origin: &str) -> Result<Self, Error> {
        session.is_about(Action::Serve);
        session.trust()?;
        let actor = session.principal()?;
        let server = actor.holder.clone();
        if server.role != Role::Server || actor.is_acting_as() {
            return Err(Error::Obstacle(Obstacle::NotAServer(server.name)));
        }
        let journal = Journal::new(&actor, Action::Serve);
        if !server.active {
            return Err(journal.deny(session, Denial::Disabled, None, &server, vec![]));
        }
        let installation = find::installation(session)?;
        let clusters = session.store()?.read(store::clusters::list)?;
        for cluster in &clusters {
            let secret = SealedSecret::manager_login(cluster);
            if session.opens(&secret, &installation)? {
                let name = cluster.name.clone();
                return Err(Error::Obstacle(Obstacle::OpensManager(name)));
            }
        }
        session.store()?.write(|tx| {
            if store::meta::find(tx, store::meta::PUBLIC_URL)?.as_deref() != Some(origin) {
                store::meta::set(tx, store::meta::PUBLIC_URL, origin)?;
            }
            journal.record(session, tx, Phase::Done, format!("at {origin}"), None)
        })?;
        Ok(Self {
            server,
            signer: session.identity()?.signer(),
            key: session.identity()?.mac_key("kubegrant serve"),
            origin: origin.to_owned(),
            process: hex(&session.random::<32>()),
            answered: Mutex::default(),
        })
    }

    /// Asks whoever has a key; known and unknown ones alike.
    pub(crate) fn ask(&self, app: &App, key: &Recipient) -> Result<Question, Error> {
        let (id, until) = (hex(&app.random::<16>()), app.now() + ANSWER_MAX);
        let challenge = self.challenge(&id, key, until);
        let sealed = challenge.seal(key).map_err(|source| Error::Seal {
            what: "the question to a key".to_owned(),
            source,
        })?;
        let text = self.to_be_signed(&QuestionRef { id: &id, until }, key);
        Ok(Question {
            id,
            until,
            sealed,
            text,
        })
    }

    /// Whether a question was answered by whoever has the key, in time, and never before.
    pub(crate) fn is_answered(
        &self,
        app: &App,
        key: &Recipient,
        question: &QuestionRef<'_>,
        answer: &Answered<'_>,
    ) -> bool {
        let QuestionRef { id, until } = *question;
        let now = app.now();
        let in_time = now < until && until <= now + ANSWER_MAX;
        let is_theirs = match answer {
            Answered::Opened(answer) => self.challenge(id, key, until).is_answer(id, answer),
            Answered::Signed(signature) => {
                let asked = self.to_be_signed(question, key);
                let text = challenge::signed_text(&self.origin, &asked);
                key.has_signed(&challenge::namespace(&self.origin), &text, signature)
            }
        };
        if !in_time || !is_theirs {
            return false;
        }
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.retain(|_, until| now < *until);
        answered.len() < ANSWERS_MAX && answered.insert(id.to_owned(), until).is_none()
    }

    /// What a key may sign that opens nothing: no other process makes it, and for another question it is another.
    fn to_be_signed(&self, question: &QuestionRef<'_>, key: &Recipient) -> String {
        let (id, until) = (question.id, question.until.timestamp());
        self.key
            .tag(&format!("signed\n{}\n{id}\n{key}\n{until}", self.process))
    }

    fn challenge(&self, id: &str, key: &Recipient, until: Timestamp) -> Challenge {
        let until = until.timestamp();
        let text = format!("question\n{}\n{id}\n{key}\n{until}", self.process);
        Challenge {
            origin: self.origin.clone(),
            nonce: SecretString::from(self.key.tag(&text)),
        }
    }

    fn code(&self, token: &str) -> String {
        self.key.tag(&format!("session\n{token}"))
    }

    /// The trail of what it does for somebody.
    pub(super) fn journal(&self, user: &User, action: Action) -> Journal {
        Journal::new(&self.principal(user), action).user(user)
    }

    fn principal(&self, user: &User) -> Principal {
        Principal {
            signer: Arc::clone(&self.signer),
            holder: self.server.clone(),
            user: user.clone(),
        }
    }

    /// The address that people know it by.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// What stands in the forms of a session, whose token it does not give away.
    pub(crate) fn form_code(&self, token: &str) -> String {
        self.key.tag(&format!("form\n{token}"))
    }

    /// Begins a session for whoever has proven that a key is theirs; nobody where it is nobody's, or of
    /// somebody who is disabled.
    pub(crate) fn begin(
        &self,
        app: &App,
        key: &Recipient,
        way: Way,
        from: &str,
    ) -> Result<Option<Begun>, Error> {
        let found = app
            .store()?
            .read(|tx| store::users::find_by_key(tx, &key.to_string()))?;
        let begin = Beginning {
            way,
            origin: from,
            by: None,
            parent: None,
        };
        self.begin_as(app, found, &begin)
    }

    /// The same for whoever has this session, which is open: it opens the page, which ends with it.
    pub(crate) fn begin_within(
        &self,
        app: &App,
        parent: SessionId,
        from: &str,
    ) -> Result<Option<Begun>, Error> {
        let now = app.now();
        let found = app.store()?.read(|tx| {
            let Some(session) = store::sessions::get(tx, parent)? else {
                return Ok(None);
            };
            let user = store::users::get(tx, session.user)?;
            Ok::<_, store::Error>(user.map(|user| (user, session)))
        })?;
        let is_open = |(user, session): &(User, LoginSession)| self.is_open(user, session, now);
        let Some((user, session)) = found.filter(is_open) else {
            return Ok(None);
        };
        let Some(way) = session.way.page() else {
            return Ok(None);
        };
        let begin = Beginning {
            way,
            origin: from,
            by: None,
            parent: Some(&session),
        };
        self.begin_as(app, Some(user), &begin)
    }

    /// Whether a session is one that this server made, and still open.
    fn is_open(&self, user: &User, session: &LoginSession, now: Timestamp) -> bool {
        self.key.is_tag_of(&session.tag, &session.text()) && session.is_open(user, now)
    }

    /// Refuses everything once the server itself is disabled, or has another key.
    fn check(&self, app: &App) -> Result<(), Error> {
        let now = app
            .store()?
            .read(|tx| store::users::get(tx, self.server.id))?;
        let is_there = now.is_some_and(|it| it.active && it.key == self.server.key);
        let over = || Error::Obstacle(Obstacle::ServerOver(self.server.name.clone()));
        is_there.then_some(()).ok_or_else(over)
    }

    /// Whether it can serve: it may act, and the store can be relied upon.
    pub(crate) fn is_ready(&self, app: &App) -> bool {
        app.trust().is_ok() && self.check(app).is_ok()
    }

    /// Begins a session for a user.
    fn begin_as(
        &self,
        app: &App,
        found: Option<User>,
        begin: &Beginning<'_>,
    ) -> Result<Option<Begun>, Error> {
        let Beginning {
            way,
            origin,
            by,
            parent,
        } = *begin;
        self.check(app)?;
        let Some(user) = found.filter(|user| user.role != Role::Server) else {
            return Ok(None);
        };
        let Some(proof) = way.proof(&user) else {
            return Ok(None);
        };
        let journal = Journal::new(&self.principal(&user), Action::Login).user(&user);
        if !user.active {
            let refused = journal.deny(app, Denial::Disabled, None, &user, vec![]);
            return match refused {
                Error::Denied { .. } => Ok(None),
                other => Err(other),
            };
        }
        let token = hex(&app.random::<32>());
        let now = app.now();
        let mut new = LoginSession {
            id: SessionId(0),
            code: self.code(&token),
            user: user.id,
            user_key: Some(proof),
            way,
            origin: origin.to_owned(),
            created_at: now,
            seen_at: now,
            ends_at: parent.map_or(now + way.life(), |it| it.ends_at),
            parent: parent.map(|it| it.id),
            tag: String::new(),
        };
        new.tag = self.key.tag(&new.text());
        let is_begun = app.store()?.write(|tx| {
            // The issuer may have been slow: what it vouched for may be over.
            let now_is = store::users::get(tx, user.id)?;
            let still = now_is.filter(|it| it.active && way.proof(it) == new.user_key);
            let Some(still) = still else {
                return Ok(false);
            };
            if !is_vouched(tx, &still, way)? {
                return Ok(false);
            }
            let open = store::sessions::list(tx)?.into_iter();
            let theirs: Vec<_> = open.filter(|it| it.user == user.id).collect();
            let too_many = (theirs.len() + 1).saturating_sub(SESSIONS_MAX);
            for old in theirs.iter().take(too_many) {
                store::sessions::end(tx, old.id)?;
            }
            store::sessions::forget(tx, now - KEPT)?;
            store::sessions::insert(tx, &new)?;
            let until = rfc3339(new.ends_at);
            let by = by.map(|by| format!(" ({by})")).unwrap_or_default();
            let detail = format!("by {}{by} from {origin}, until {until}", way.as_str());
            journal.record(app, tx, Phase::Done, detail, None)?;
            Ok::<_, store::Error>(true)
        })?;
        if !is_begun {
            return Ok(None);
        }
        Ok(Some(Begun {
            token: SecretString::from(token),
            user,
            installation: find::installation(app)?,
            ends_at: new.ends_at,
        }))
    }

    /// Who has this session, if it is one that is open.
    pub(crate) fn find(
        &self,
        app: &App,
        token: &SecretString,
    ) -> Result<Option<(User, LoginSession)>, Error> {
        let code = self.code(token.expose_secret());
        let now = app.now();
        let found = app.store()?.read(|tx| {
            let Some(session) = store::sessions::find(tx, &code)? else {
                return Ok(None);
            };
            let Some(user) = store::users::get(tx, session.user)? else {
                return Ok(None);
            };
            let is_vouched = is_vouched(tx, &user, session.way)?;
            Ok::<_, store::Error>(is_vouched.then_some((user, session)))
        })?;
        let found = found.filter(|(user, session)| self.is_open(user, session, now));
        if found.is_some() {
            self.check(app)?;
        }
        if let Some((_, session)) = &found
            && now - session.seen_at >= SEEN_EVERY
        {
            let id = session.id;
            app.store()?
                .write(|tx| store::sessions::touch(tx, id, now))?;
        }
        Ok(found)
    }

    /// Ends a session, as its holder asks.
    pub(crate) fn end(&self, app: &App, user: &User, id: SessionId) -> Result<(), Error> {
        let journal = Journal::new(&self.principal(user), Action::Logout).user(user);
        app.store()?.write(|tx| {
            if store::sessions::end(tx, id)? {
                journal.record(app, tx, Phase::Done, "session ended", None)?;
            }
            Ok::<_, store::Error>(())
        })?;
        Ok(())
    }
}

/// Whether whoever vouches for somebody who came this way still does: the organization's issuer, where it was that.
fn is_vouched(tx: &store::ReadTxn<'_>, user: &User, way: Way) -> store::Result<bool> {
    if !matches!(way, Way::Oidc | Way::OidcBrowser) {
        return Ok(true);
    }
    let provider = store::meta::provider(tx)?;
    let link = user.oidc.as_ref();
    Ok(provider.is_some_and(|it| link.is_some_and(|link| link.issuer == it.issuer)))
}

/// A session, for people.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The session.
    pub(crate) session: LoginSession,
    /// Whose it is.
    pub(crate) user: User,
    /// When it ends if nobody uses it.
    pub(crate) idle_at: Timestamp,
}

impl Listed {
    /// Whether it is of this user.
    pub(crate) fn is_of(&self, user: &UserRef) -> bool {
        match user {
            UserRef::Name(name) => *name == self.user.name,
            UserRef::Email(email) => self.user.email.as_ref() == Some(email),
        }
    }
}

/// Lists the sessions that are open: one's own, or for owners and admins everybody's.
pub(crate) fn list(session: &Session) -> Result<Vec<Listed>, Error> {
    let (actor, _) = find::acting(session, Action::SessionList)?;
    let now = session.now();
    let sees_all = actor.user.role.is_admin();
    session.store()?.read(|tx| {
        let mut listed = Vec::new();
        for session in store::sessions::list(tx)? {
            let user = store::users::get(tx, session.user)?;
            let user = user.filter(|user| sees_all || user.id == actor.user.id);
            if let Some(user) = user.filter(|user| session.is_open(user, now)) {
                let idle_at = session.ends_at.min(session.seen_at + IDLE);
                listed.push(Listed {
                    session,
                    user,
                    idle_at,
                });
            }
        }
        Ok(listed)
    })
}

/// Ends sessions: the one of a number, or all of a user. One's own are anybody's to end, others' an owner's
/// or admin's. Gives how many.
pub(crate) fn end(
    session: &Session,
    which: impl Fn(&Listed) -> bool,
) -> Result<Vec<Listed>, Error> {
    let listed: Vec<Listed> = list(session)?.into_iter().filter(which).collect();
    let (_, journal) = find::acting(session, Action::SessionEnd)?;
    for one in &listed {
        let journal = journal.clone().user(&one.user);
        session.store()?.write(|tx| {
            if store::sessions::end(tx, one.session.id)? {
                let detail = format!("session {} ended", one.session.id.0);
                journal.record(session, tx, Phase::Done, detail, None)?;
            }
            Ok::<_, store::Error>(())
        })?;
    }
    Ok(listed)
}
