//! `access grant`: giving a developer a level on a cluster.

use std::collections::BTreeSet;

use super::{AccessOutcome, refuse_pointless};
use crate::domain::access::{Access, Grant, Level, Power};
use crate::domain::action::Action;
use crate::domain::cluster::{Cluster, WriteScope};
use crate::domain::effect::Effect;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::ClusterAction;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::text::rfc3339;
use crate::domain::user::User;
use crate::domain::{Confirmed, Timestamp};
use crate::ops::change::{self, About, Carried, Change, Decision, Target, Who};
use crate::ops::cluster::WRITE_SCOPE_WARNING;
use crate::ops::{Done, Error, Intent, Unasked, excess};
use crate::session::Session;

/// A developer gets a level on a cluster. A change of level ends the current credential.
#[derive(Debug, Clone)]
pub(crate) struct GrantAccess {
    /// Who gets it.
    pub(crate) user: UserRef,
    /// On which cluster.
    pub(crate) cluster: ClusterName,
    /// How much.
    pub(crate) level: Level,
    /// When it ends by itself.
    pub(crate) ends_at: Option<Timestamp>,
    /// Why, for the audit log.
    pub(crate) reason: String,
    /// Whether somebody insists, where the level is more than it says on that cluster.
    pub(crate) insists: Option<Confirmed>,
}

impl GrantAccess {
    fn is_as(&self, grant: &Grant, now: Timestamp) -> bool {
        grant.level == self.level && grant.ends_at == self.ends_at && grant.is_live(now)
    }

    /// A grant in a sentence, for the audit log.
    fn detail(&self, user: &User, although: &[String]) -> String {
        let until = self.ends_at.map_or(String::new(), |end| {
            let end = rfc3339(end);
            format!(" until {end}")
        });
        let why = if self.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", self.reason)
        };
        let although = excess::although(although);
        format!("{} for '{}'{until}{why}{although}", self.level, user.name)
    }
}

impl Change for GrantAccess {
    /// What the level has beyond it on the cluster, a sentence each.
    type Seen = Vec<String>;
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        About::gives(
            Action::AccessGrant,
            Target::on(&self.cluster, ClusterAction::Grant),
        )
        .user(&self.user)
    }

    fn insists(&self) -> Option<Confirmed> {
        self.insists
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<Self::Seen, Error> {
        let Some(on) = rows.clusters.first() else {
            return Ok(vec![]);
        };
        let power = match self.level {
            Level::Read => Power::Read,
            Level::Write => Power::Write,
        };
        Ok(excess::of_level(session, &on.cluster, power).await)
    }

    fn decide(&self, rows: &Rows, who: &Who, seen: &Self::Seen) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let user = rows.people.receiver(&self.user)?;
        refuse_pointless(user, &on.cluster)?;
        if self.ends_at.is_some_and(|end| end <= who.now) {
            return Err(Refusal::EndIsPast);
        }
        let before = on.grants.get(&user.id);
        let plain_edit = plain_edit(self.level, &on.cluster);
        let although: Vec<String> = seen.iter().cloned().chain(plain_edit).collect();
        // What takes away is refused to nobody.
        let gives_more = !before.is_some_and(|it| it.level >= self.level && it.is_live(who.now));
        let mut decision = Decision {
            detail: self.detail(user, &although),
            user: Some(user.id),
            needs_consent: if gives_more { seen.clone() } else { vec![] },
            although,
            reaches_clusters: true,
            ..Decision::default()
        };
        if !before.is_some_and(|it| self.is_as(it, who.now)) {
            decision.effects.push(Effect::PutGrant(Grant {
                user: user.id,
                cluster: on.cluster.id,
                level: self.level,
                granted_at: who.now,
                granted_by: who.user.id,
                ends_at: self.ends_at,
                reason: self.reason.clone(),
            }));
        }
        Ok(decision)
    }
}

/// The warning that goes with every grant of write where write is the plain `edit`.
fn plain_edit(level: Level, cluster: &Cluster) -> Option<String> {
    let is_plain = level == Level::Write && cluster.write_scope == WriteScope::Cluster;
    is_plain.then(|| WRITE_SCOPE_WARNING.to_owned())
}

/// Gives a developer a level on a cluster.
pub(crate) async fn grant(
    session: &Session,
    change: &GrantAccess,
    intent: &Intent<Unasked>,
) -> Result<Done<AccessOutcome>, Error> {
    let done = change::run(session, change, intent).await?;
    Ok(done.map(|carried| outcome(change, &carried)))
}

fn outcome(change: &GrantAccess, carried: &Carried<Vec<String>>) -> AccessOutcome {
    let included = carried.cluster().map(|on| on.cluster.included.clone());
    AccessOutcome {
        user: carried.user_name(),
        cluster: change.cluster.clone(),
        access: Access::Granted {
            level: change.level,
            ends_at: change.ends_at,
        },
        unchanged: carried.is_unchanged(),
        has_key: carried.user().is_some_and(|user| user.key.is_some()),
        included: match change.level {
            Level::Write => included.unwrap_or_default(),
            Level::Read => BTreeSet::new(),
        },
        excess: carried.decision.although.clone(),
        applied: carried.applied.clone(),
    }
}
