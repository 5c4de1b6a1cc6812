//! Rotating, revoking and restoring one user's kubeconfig on one cluster.

use std::marker::PhantomData;

use super::{TeamOutcome, Verb};
use crate::domain::credential::Subject;
use crate::domain::effect::Effect;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::user::User;
use crate::ops::change::{self, About, Carried, Change, Decision, Direction, Target, Who};
use crate::ops::{Applied, Done, Error, Intent};
use crate::session::Session;

/// One action on one user's kubeconfig on one cluster. What it needs for consent is for whoever
/// asks to say: to restore takes nothing from anybody.
#[derive(Debug, Clone)]
pub(super) struct Act<'a, C> {
    user: &'a UserRef,
    cluster: &'a ClusterName,
    action: &'a Verb,
    consent: PhantomData<C>,
}

impl<'a, C> Act<'a, C> {
    pub(super) fn new(user: &'a UserRef, cluster: &'a ClusterName, action: &'a Verb) -> Self {
        Self {
            user,
            cluster,
            action,
            consent: PhantomData,
        }
    }
}

/// Blocks, and ends what the user has: their shells too, and what they share with others.
fn revoke(on: &ClusterSnapshot, user: &User, reason: &str) -> Decision {
    let block = Effect::PutBlock {
        cluster: on.cluster.id,
        user: user.id,
        reason: reason.to_owned(),
    };
    let is_new = !on.blocks.contains(&user.id);
    let live = on.live(Subject::Personal(user.id));
    let end = live.map(|live| on.end_of(live, "revoked by an admin"));
    let why = if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    };
    Decision {
        effects: is_new.then_some(block).into_iter().chain(end).collect(),
        detail: format!("revoke and block the kubeconfig of '{}'{why}", user.name),
        reaches_clusters: true,
        ..Decision::default()
    }
}

fn lift(on: &ClusterSnapshot, user: &User) -> Option<Effect> {
    on.blocks.contains(&user.id).then_some(Effect::LiftBlock {
        cluster: on.cluster.id,
        user: user.id,
    })
}

fn rotate(on: &ClusterSnapshot, who: &Who, user: &User) -> Result<Decision, Refusal> {
    let Some(power) = on.access_of(user, who.now).power() else {
        return Err(Refusal::NoAccess {
            user: user.name.clone(),
            cluster: on.cluster.name.clone(),
        });
    };
    if on.orphans_pending {
        return Err(Refusal::RestoredSince(on.cluster.name.clone()));
    }
    let subject = Subject::Personal(user.id);
    let live = on.live(subject);
    let end = live.map(|live| on.end_of(live, "rotated by an admin"));
    let begin = on.begin(subject, power);
    let lift = lift(on, user);
    Ok(Decision {
        effects: lift.into_iter().chain(end).chain([begin]).collect(),
        detail: format!("rotate the kubeconfig of '{}'", user.name),
        reaches_clusters: true,
        ..Decision::default()
    })
}

impl<C> Change for Act<'_, C> {
    type Seen = ();
    type Consent = C;

    fn about(&self) -> About<'_> {
        // What takes away is recorded also by who cannot carry it out.
        let direction = match self.action {
            Verb::Revoke { .. } => Direction::Takes,
            Verb::Rotate | Verb::Restore => Direction::Gives,
        };
        About::new(
            self.action.action(),
            Target::on(self.cluster, self.action.asks()),
            direction,
        )
        .user(self.user)
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<(), Error> {
        if !matches!(self.action, Verb::Revoke { .. }) {
            let on = rows.only().map_err(Error::Refused)?;
            session.manager_login(&on.cluster, &on.installation)?;
        }
        Ok(())
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let user = rows.people.user(self.user)?;
        let decision = match self.action {
            Verb::Revoke { reason } => revoke(on, user, reason),
            Verb::Rotate => rotate(on, who, user)?,
            Verb::Restore => Decision {
                effects: lift(on, user).into_iter().collect(),
                detail: format!("block of '{}' lifted", user.name),
                ..Decision::default()
            },
        };
        Ok(Decision {
            user: Some(user.id),
            ..decision
        })
    }
}

/// Carries it out, and says what is true then.
pub(super) async fn on<C>(
    session: &Session,
    act: Act<'_, C>,
    intent: &Intent<C>,
) -> Result<TeamOutcome, Error> {
    let done = Box::pin(change::run(session, &act, intent)).await?;
    Ok(match done {
        Done::Planned(planned) => TeamOutcome {
            sentence: planned.steps.join(", "),
            changed: false,
            effects: planned.effects,
            over: planned.over,
            applied: Applied::default(),
        },
        Done::Did(carried) => TeamOutcome {
            sentence: sentence(&act, &carried),
            changed: !carried.is_unchanged(),
            effects: vec![],
            over: carried.over(),
            applied: carried.applied,
        },
    })
}

fn sentence<C>(act: &Act<'_, C>, carried: &Carried) -> String {
    let (name, on) = (carried.user_name(), act.cluster);
    match (act.action, carried.is_unchanged()) {
        (Verb::Revoke { .. }, false) => {
            format!("the kubeconfig of '{name}' on cluster '{on}' is revoked and blocked")
        }
        (Verb::Revoke { .. }, true) => {
            format!("the kubeconfig of '{name}' on cluster '{on}' was revoked already")
        }
        (Verb::Restore, false) => {
            format!("'{name}' can download a kubeconfig for cluster '{on}' again")
        }
        (Verb::Restore, true) => format!("'{name}' is not blocked on cluster '{on}'"),
        (Verb::Rotate, _) => {
            let begun = carried.effects.iter().find_map(|effect| match effect {
                Effect::BeginVersion {
                    subject: Subject::Personal(_),
                    version,
                    ..
                } => Some(*version),
                _ => None,
            });
            format!(
                "version {} of '{name}' on cluster '{on}' has begun; it waits to be downloaded",
                begun.unwrap_or_default()
            )
        }
    }
}
