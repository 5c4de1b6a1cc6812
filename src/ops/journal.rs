//! The audit trail of one request: who, what, about whom, and how far it came.

use std::fmt::Display;
use std::sync::Arc;

use super::Error;
use super::error::refusal;
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::audit::{Event, EventSeq, Phase};
use crate::domain::cluster::Cluster;
use crate::domain::name::ClusterName;
use crate::domain::policy::Denial;
use crate::domain::user::{User, UserId};
use crate::secrets::Signer;
use crate::session::{App, Principal, Session};
use crate::store::commit::Committing;
use crate::store::{self, WriteTxn};

/// What the events of one request have in common.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    /// Whose key it is, and whose rights.
    who: (UserId, UserId),
    /// Signs with that key.
    signer: Arc<Signer>,
    actor: String,
    acting_as: Option<String>,
    action: Action,
    cluster: Option<String>,
    user: Option<String>,
}

impl Journal {
    /// Begins the trail of a request.
    pub(super) fn new(actor: &Principal, action: Action) -> Self {
        Self {
            who: (actor.holder.id, actor.user.id),
            signer: Arc::clone(&actor.signer),
            actor: actor.holder.name.to_string(),
            acting_as: actor.is_acting_as().then(|| actor.user.name.to_string()),
            action,
            cluster: None,
            user: None,
        }
    }

    /// Which command it is about.
    pub(super) fn action(&self) -> Action {
        self.action
    }

    /// Says which cluster it is about.
    pub(super) fn cluster(mut self, cluster: &Cluster) -> Self {
        self.cluster = Some(cluster.name.to_string());
        self
    }

    /// Says which cluster name it is about, known or not.
    pub(super) fn cluster_name(mut self, cluster: &ClusterName) -> Self {
        self.cluster = Some(cluster.to_string());
        self
    }

    /// Says which user it is about.
    pub(super) fn user(mut self, user: &User) -> Self {
        self.user = Some(user.name.to_string());
        self
    }

    /// Says whose name it is about, known or not.
    pub(super) fn user_name(mut self, user: &(impl Display + ?Sized)) -> Self {
        self.user = Some(user.to_string());
        self
    }

    /// Says which command does the same alone.
    pub(super) fn command(mut self, command: Action) -> Self {
        self.action = command;
        self
    }

    /// Says that it is about more than one user.
    pub(super) fn about_all(mut self) -> Self {
        self.user = None;
        self
    }

    /// Which user it is about, if it is about one.
    pub(super) fn about(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// By whom, and when, effects are committed.
    pub(super) fn committing<'a>(
        &self,
        now: Timestamp,
        random: &'a dyn Fn() -> [u8; 4],
    ) -> Committing<'a> {
        let (holder, user) = self.who;
        Committing {
            now,
            holder,
            user,
            random,
        }
    }

    /// Records an event in a transaction; gives its number.
    pub(super) fn record(
        &self,
        app: &App,
        tx: &WriteTxn<'_>,
        phase: Phase,
        detail: impl Into<String>,
        request: Option<EventSeq>,
    ) -> store::Result<EventSeq> {
        let event = Event {
            at: app.now(),
            actor: self.actor.clone(),
            acting_as: self.acting_as.clone(),
            action: self.action,
            phase,
            cluster: self.cluster.clone(),
            user: self.user.clone(),
            detail: detail.into(),
            request,
        };
        store::audit::append(tx, &event, self.who.0, &self.signer)
    }

    /// Records an event on its own.
    pub(super) fn record_alone(
        &self,
        app: &App,
        phase: Phase,
        detail: impl Into<String>,
        request: Option<EventSeq>,
    ) -> store::Result<EventSeq> {
        let detail = detail.into();
        app.store()?
            .write(|tx| self.record(app, tx, phase, detail, request))
    }

    /// Records a refusal, and gives the error that says which rule refused.
    pub(super) fn deny(
        &self,
        app: &App,
        denial: Denial,
        cluster: Option<&ClusterName>,
        who: &User,
        help: Vec<String>,
    ) -> Error {
        let text = refusal(denial, cluster, who.name.as_str());
        match self.record_alone(app, Phase::Denied, text.clone(), None) {
            Ok(_) => Error::Denied { denial, text, help },
            // A refusal that cannot be recorded is still a refusal, but the store comes first.
            Err(error) => Error::Store(error),
        }
    }
}

/// Records that somebody was refused because their key did not open what the request needs.
pub(crate) fn record_shut(session: &Session) -> Result<(), Error> {
    // Nothing is opened before it is known what for.
    let Some(action) = session.action() else {
        return Ok(());
    };
    let shut = session.take_shut();
    if shut.is_empty() {
        return Ok(());
    }
    let actor = session.principal_unchecked()?;
    for secret in shut {
        let journal = Journal {
            cluster: Some(secret.on.to_string()),
            ..Journal::new(&actor, action)
        };
        let (holder, noun) = (&actor.holder.name, secret.noun());
        let detail = format!("the key of '{holder}' does not open the {noun}");
        journal.record_alone(session, Phase::Denied, detail, None)?;
    }
    Ok(())
}
