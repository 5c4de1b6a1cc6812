//! Rotating, revoking and restoring the kubeconfig of a user, or of everybody, on one cluster.

use std::marker::PhantomData;

use super::{TeamOutcome, Verb};
use crate::domain::credential::{Credential, Subject};
use crate::domain::effect::Effect;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::user::User;
use crate::ops::change::{self, About, Carried, Change, Decision, Direction, Remark, Target, Who};
use crate::ops::{Applied, Done, Error, Intent};
use crate::session::Session;

/// One action on one cluster, on the kubeconfig of a user, or of everybody where none is named. What it needs for consent is for whoever
/// asks to say: to restore takes nothing from anybody.
#[derive(Debug, Clone)]
pub(super) struct Act<'a, C> {
    user: Option<&'a UserRef>,
    cluster: &'a ClusterName,
    action: &'a Verb,
    consent: PhantomData<C>,
}

impl<'a, C> Act<'a, C> {
    pub(super) fn new(
        user: Option<&'a UserRef>,
        cluster: &'a ClusterName,
        action: &'a Verb,
    ) -> Self {
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

/// Whether a user has a shared kubeconfig of the cluster, or may take one.
fn has_shared(on: &ClusterSnapshot, user: &User) -> bool {
    on.role_of(user).is_some() || on.shared_held_by(user.id).next().is_some()
}

/// What is to be known of what a rotation of everybody's own leaves.
fn shared_stay(on: &ClusterSnapshot) -> String {
    let is_shared =
        |it: &Credential| it.state.is_live() && matches!(it.subject, Subject::Shared { .. });
    if on.credentials.iter().any(is_shared) {
        let name = &on.cluster.name;
        format!(
            "; shared ones live on, and `kubegrant cluster rotate-credentials {name}` ends them"
        )
    } else {
        String::new()
    }
}

/// The same to everybody. Whoever has no version has none to rotate, and nobody's block is lifted by it.
fn of_everybody(on: &ClusterSnapshot, who: &Who, action: &Verb) -> Result<Decision, Refusal> {
    if *action == Verb::Rotate && on.orphans_pending {
        return Err(Refusal::RestoredSince(on.cluster.name.clone()));
    }
    let mut places = on.places();
    let mut decision = Decision {
        reaches_clusters: *action != Verb::Restore,
        concerns_all: true,
        ..Decision::default()
    };
    let mut count = 0;
    let mut users: Vec<&User> = on.people.users.values().collect();
    users.sort_by(|a, b| a.name.cmp(&b.name));
    for user in users {
        let subject = Subject::Personal(user.id);
        let power = on.access_of(user, who.now).power();
        let (effects, detail) = match (action, on.live(subject), power) {
            (Verb::Rotate, Some(live), Some(power)) => {
                let end = on.end_of(live, "rotated by an admin");
                let begin = on.begin_in(&mut places, subject, power);
                // Its own events say so.
                (vec![end, begin], None)
            }
            (Verb::Revoke { reason }, live, power)
                if live.is_some() || power.is_some() || has_shared(on, user) =>
            {
                let one = revoke(on, user, reason);
                (one.effects, Some(one.detail))
            }
            (Verb::Restore, ..) => {
                let detail = format!("block of '{}' lifted", user.name);
                (lift(on, user).into_iter().collect(), Some(detail))
            }
            _ => continue,
        };
        if effects.is_empty() {
            continue;
        }
        count += 1;
        decision.effects.extend(effects);
        decision.remarks.extend(detail.map(|detail| Remark {
            user: Some(user.id),
            detail,
            ..Remark::default()
        }));
    }
    decision.detail = match action {
        Verb::Rotate => format!("rotate the kubeconfigs of {count} users"),
        Verb::Revoke { reason } if reason.is_empty() => {
            format!("revoke and block the kubeconfigs of {count} users")
        }
        Verb::Revoke { reason } => {
            format!("revoke and block the kubeconfigs of {count} users: {reason}")
        }
        Verb::Restore => format!("blocks of {count} users lifted"),
    };
    Ok(decision)
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
        let target = Target::on(self.cluster, self.action.asks());
        let about = About::new(self.action.action(), target, direction);
        match self.user {
            Some(user) => about.user(user),
            None => about,
        }
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<(), Error> {
        if !matches!(self.action, Verb::Revoke { .. }) {
            let on = rows.only().map_err(Error::Refused)?;
            session.login(&on.cluster, &on.installation)?;
        }
        Ok(())
    }

    fn decide(&self, rows: &Rows, who: &Who, (): &()) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let Some(user) = self.user else {
            return of_everybody(on, who, self.action);
        };
        let user = rows.people.user(user)?;
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

/// What is true of everybody's now.
fn sentence_of_everybody(on: &ClusterName, action: &Verb, effects: &[Effect]) -> String {
    let number = |is: fn(&Effect) -> bool| effects.iter().filter(|it| is(it)).count();
    match action {
        Verb::Rotate => {
            let begun = number(|it| {
                let personal = Subject::user;
                matches!(it, Effect::BeginVersion { subject, .. } if personal(*subject).is_some())
            });
            format!(
                "new versions of {begun} users on cluster '{on}' have begun; they wait to be downloaded"
            )
        }
        Verb::Revoke { .. } => {
            let blocked = number(|it| matches!(it, Effect::PutBlock { .. }));
            format!("the kubeconfigs of {blocked} users on cluster '{on}' are revoked and blocked")
        }
        Verb::Restore => {
            let lifted = number(|it| matches!(it, Effect::LiftBlock { .. }));
            format!("{lifted} users can download a kubeconfig for cluster '{on}' again")
        }
    }
}

fn sentence<C>(act: &Act<'_, C>, carried: &Carried) -> String {
    if act.user.is_none() {
        let stay = carried.cluster().map(shared_stay).unwrap_or_default();
        let on = act.cluster;
        return match (act.action, carried.is_unchanged()) {
            (Verb::Rotate, false) => {
                sentence_of_everybody(on, act.action, &carried.effects) + &stay
            }
            (action, false) => sentence_of_everybody(on, action, &carried.effects),
            (Verb::Rotate, true) => {
                format!("nobody has a kubeconfig of their own on cluster '{on}'{stay}")
            }
            (Verb::Revoke { .. }, true) => {
                format!("everybody's kubeconfig on cluster '{on}' was revoked already")
            }
            (Verb::Restore, true) => format!("nobody is blocked on cluster '{on}'"),
        };
    }
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
