//! Changes of users: what each decides.

use super::{Changed, oidc};
use crate::domain::Confirmed;
use crate::domain::action::Action;
use crate::domain::effect::{Effect, NewUser};
use crate::domain::name::{Email, UserName, UserRef};
use crate::domain::oidc::OidcLink;
use crate::domain::people::Named;
use crate::domain::policy::{self, OrganizationAction};
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::user::Role;
use crate::ops::change::{self, About, Carried, Change, Decision, Resealed, Target, Who};
use crate::ops::{Applied, Done, Error, Intent, Unasked, find, ssh_key};
use crate::secrets::Recipient;
use crate::session::{App, Session};

/// What is asked before a user may be changed at all; of whom it is depends on their role.
pub(in crate::ops) const MANAGE: OrganizationAction =
    OrganizationAction::ManageUser(Role::Developer);

/// A user is added.
#[derive(Debug)]
pub(crate) struct AddUser {
    /// The user's name.
    pub(crate) name: UserName,
    /// The e-mail address.
    pub(crate) email: Option<Email>,
    /// Role.
    pub(crate) role: Role,
    /// Public key.
    pub(crate) key: Option<Recipient>,
    /// By which tokens they log in.
    pub(crate) oidc: Option<OidcLink>,
}

impl Change for AddUser {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        About::gives(
            Action::UserAdd,
            Target::Organization(OrganizationAction::ManageUser(self.role)),
        )
        .name(self.name.to_string())
        .names(Named::As(self.name.clone().into()))
        .names(self.email.clone().map(|it| Named::As(UserRef::Email(it))))
        .names(self.key.as_ref().map(|key| Named::Key(key.to_string())))
        .names(self.oidc.clone().map(Named::Oidc))
    }

    // A new admin, or a server, with a key must be able to open what they open.
    fn resealed<'a>(&'a self, _: &'a Rows) -> Option<Resealed<'a>> {
        self.key.as_ref()?;
        match self.role {
            Role::Developer => None,
            Role::Server => Some(Box::new(policy::server_opens)),
            Role::Admin | Role::Owner => Some(Box::new(|_, _| true)),
        }
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        if let Some(found) = rows.people.find(&self.name.clone().into()) {
            return Err(Refusal::UserExists(found.name.clone()));
        }
        if let Some(email) = &self.email
            && let Some(found) = rows.people.find(&UserRef::Email(email.clone()))
        {
            return Err(Refusal::AddressTaken {
                email: email.clone(),
                user: found.name.clone(),
            });
        }
        let key = self.key.as_ref().map(ToString::to_string);
        refuse_key_of_another(rows, key.as_deref())?;
        if let Some(link) = &self.oidc {
            // A server logs in nowhere.
            if self.role == Role::Server {
                return Err(Refusal::ServersStay);
            }
            oidc::check(rows, None, link)?;
        }
        Ok(Decision {
            effects: vec![Effect::AddUser(NewUser {
                name: self.name.clone(),
                email: self.email.clone(),
                role: self.role,
                key,
                oidc: self.oidc.clone(),
                created_at: who.now,
            })],
            detail: format!("user '{}' added as {}", self.name, self.role),
            ..Decision::default()
        })
    }
}

fn refuse_key_of_another(rows: &Rows, key: Option<&str>) -> Result<(), Refusal> {
    let Some(key) = key else {
        return Ok(());
    };
    match rows.people.holder_of(key) {
        Some(found) => Err(Refusal::KeyTaken {
            user: found.name.clone(),
        }),
        None => Ok(()),
    }
}

/// Adds a user.
pub(crate) async fn add(
    session: &Session,
    change: &AddUser,
    intent: &Intent<Unasked>,
) -> Result<Done<Changed>, Error> {
    match change::run(session, change, intent).await? {
        Done::Planned(planned) => Ok(Done::Planned(planned)),
        Done::Did(_) => Ok(Done::Did(Changed {
            user: find::user(session, &change.name.clone().into())?,
            unchanged: false,
            over: vec![],
            applied: Applied::default(),
            could_open: vec![],
        })),
    }
}

/// A user's role changes.
#[derive(Debug)]
pub(crate) struct SetRole {
    /// The user, by name or e-mail.
    pub(crate) user: UserRef,
    /// The new one.
    pub(crate) role: Role,
}

impl Change for SetRole {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        About::takes(Action::UserSetRole, Target::Organization(MANAGE))
            .user(&self.user)
            .follows_user()
    }

    // Who may open the clusters' logins changes when somebody becomes or ceases to be an admin.
    fn resealed<'a>(&'a self, rows: &'a Rows) -> Option<Resealed<'a>> {
        let user = rows.people.find(&self.user)?;
        let changes = user.role.is_admin() != self.role.is_admin() && user.key.is_some();
        changes.then(|| -> Resealed<'a> { Box::new(|_, _| true) })
    }

    fn must_reseal(&self) -> bool {
        self.role.is_admin()
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        let user = rows.people.user(&self.user)?;
        let (from, to) = (user.role, self.role);
        who.may(OrganizationAction::SetRole { from, to })?;
        if from != to && (from == Role::Server || to == Role::Server) {
            return Err(Refusal::ServersStay);
        }
        if from == to {
            return Ok(Decision {
                user: Some(user.id),
                ..Decision::default()
            });
        }
        rows.people.keep_an_owner(user)?;
        Ok(Decision {
            effects: vec![Effect::SetRole {
                user: user.id,
                role: to,
            }],
            detail: format!("role of '{}' from {from} to {to}", user.name),
            user: Some(user.id),
            reaches_clusters: true,
            ..Decision::default()
        })
    }
}

/// Changes a user's role.
pub(crate) async fn set_role(
    session: &Session,
    change: &SetRole,
    intent: &Intent<Unasked>,
) -> Result<Done<Changed>, Error> {
    let loses = !change.role.is_admin();
    outcome(session, change::run(session, change, intent).await?, loses)
}

/// What came of it; `loses` says whether they can open less than before.
pub(super) fn outcome(app: &App, done: Done<Carried>, loses: bool) -> Result<Done<Changed>, Error> {
    let carried = match done {
        Done::Planned(planned) => return Ok(Done::Planned(planned)),
        Done::Did(carried) => carried,
    };
    let user = carried.user().cloned();
    let user = user.ok_or(Error::Refused(Refusal::ChangedMeanwhile(None)))?;
    let unchanged = carried.is_unchanged();
    let over = carried.over();
    let could_open = if loses && !unchanged {
        let once = ssh_key::once_open_anywhere(app, user.id)?;
        [carried.resealed, once].concat()
    } else {
        vec![]
    };
    Ok(Done::Did(Changed {
        over,
        user,
        unchanged,
        applied: carried.applied,
        could_open,
    }))
}

/// A user's key changes; everybody may change their own.
#[derive(Debug)]
pub(crate) struct SetKey {
    /// The user, by name or e-mail.
    pub(crate) user: UserRef,
    /// The new one.
    pub(crate) key: Recipient,
}

impl Change for SetKey {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        About::gives(Action::UserSetKey, Target::Anybody)
            .user(&self.user)
            .names(Named::Key(self.key.to_string()))
    }

    fn resealed<'a>(&'a self, rows: &'a Rows) -> Option<Resealed<'a>> {
        let user = rows.people.find(&self.user)?;
        Some(Box::new(|cluster, which| {
            policy::opens_while_active(user, cluster, which)
        }))
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        // Only who may know all users is told that one does not exist.
        if !who.is(&self.user) {
            who.may(MANAGE)?;
        }
        let user = rows.people.user(&self.user)?;
        if user.id != who.user.id {
            who.may(OrganizationAction::ManageUser(user.role))?;
        }
        let key = self.key.to_string();
        let is_new = user.key.as_deref() != Some(&key);
        if is_new {
            refuse_key_of_another(rows, Some(&key))?;
        }
        let set = Effect::SetKey { user: user.id, key };
        let fingerprint = self.key.fingerprint();
        Ok(Decision {
            effects: is_new.then_some(set).into_iter().collect(),
            detail: format!("key of '{}' is now {fingerprint}", user.name),
            user: Some(user.id),
            ..Decision::default()
        })
    }
}

/// Changes a user's key.
pub(crate) async fn set_key(
    session: &Session,
    change: &SetKey,
    intent: &Intent<Unasked>,
) -> Result<Done<Changed>, Error> {
    let done = change::run(session, change, intent).await?;
    // Who had no key could open nothing with it.
    let had_key = match &done {
        Done::Did(carried) => {
            let id = carried.decision.user;
            let user = id.and_then(|id| carried.before.people.users.get(&id));
            user.is_some_and(|user| user.key.is_some())
        }
        Done::Planned(_) => false,
    };
    let done = done.map(|mut carried| {
        if !had_key {
            carried.resealed.clear();
        }
        carried
    });
    outcome(session, done, true)
}

/// A user is disabled, which ends their credentials everywhere.
#[derive(Debug)]
pub(crate) struct Disable {
    /// The user, by name or e-mail.
    pub(crate) user: UserRef,
}

/// A disabled user is enabled again.
#[derive(Debug)]
pub(crate) struct Enable {
    /// The user, by name or e-mail.
    pub(crate) user: UserRef,
}

impl Change for Disable {
    type Seen = ();
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        About::takes(Action::UserDisable, Target::Organization(MANAGE))
            .user(&self.user)
            .follows_user()
    }

    fn resealed<'a>(&'a self, rows: &'a Rows) -> Option<Resealed<'a>> {
        opens(rows, &self.user)
    }

    fn must_reseal(&self) -> bool {
        false
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        set_active(rows, who, &self.user, false)
    }
}

impl Change for Enable {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        About::takes(Action::UserEnable, Target::Organization(MANAGE))
            .user(&self.user)
            .follows_user()
    }

    fn resealed<'a>(&'a self, rows: &'a Rows) -> Option<Resealed<'a>> {
        opens(rows, &self.user)
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        set_active(rows, who, &self.user, true)
    }
}

/// Whether a user, while they are active, may open the secrets of a cluster.
pub(in crate::ops) fn opens<'a>(rows: &'a Rows, user: &UserRef) -> Option<Resealed<'a>> {
    let user = rows.people.find(user).filter(|user| user.key.is_some())?;
    Some(Box::new(|cluster, which| {
        policy::opens_while_active(user, cluster, which)
    }))
}

fn set_active(rows: &Rows, who: &Who, user: &UserRef, active: bool) -> Result<Decision, Refusal> {
    let user = rows.people.user(user)?;
    who.may(OrganizationAction::ManageUser(user.role))?;
    let mut decision = Decision {
        user: Some(user.id),
        // Also where there is nothing to decide: what is pending is tried again.
        reaches_clusters: true,
        ..Decision::default()
    };
    if user.active == active {
        return Ok(decision);
    }
    if !active {
        rows.people.keep_an_owner(user)?;
        if user.id == who.holder.id {
            return Err(Refusal::LocksOut("disabling"));
        }
    }
    let verb = if active { "enable" } else { "disable" };
    decision.detail = format!("{verb} '{}'", user.name);
    decision.effects.push(Effect::SetActive {
        user: user.id,
        active,
    });
    Ok(decision)
}

/// Disables a user.
pub(crate) async fn disable(
    session: &Session,
    change: &Disable,
    intent: &Intent,
) -> Result<Done<Changed>, Error> {
    outcome(session, change::run(session, change, intent).await?, true)
}

/// Enables a user.
pub(crate) async fn enable(
    session: &Session,
    change: &Enable,
    intent: &Intent<Unasked>,
) -> Result<Done<Changed>, Error> {
    outcome(session, change::run(session, change, intent).await?, false)
}
