//! Who asks for a shell, and what they may have there.

use super::ShellRequest;
use crate::domain::Timestamp;
use crate::domain::access::{Level, Power};
use crate::domain::action::Action;
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::Cluster;
use crate::domain::credential::CredentialId;
use crate::domain::policy::{ClusterAction, Denial};
use crate::ops::journal::Journal;
use crate::ops::{Error, Obstacle, change, excess, find};
use crate::session::{App, Principal, Session};
use crate::store::shells::NewShell;
use crate::store::{self, ReadTxn};

/// Who asked, and what they may have.
pub(super) struct Asked {
    pub(super) actor: Principal,
    pub(super) journal: Journal,
    pub(super) cluster: Cluster,
    pub(super) power: Power,
    pub(super) ends_at: Option<Timestamp>,
}

pub(super) fn ask(session: &Session, wanted: &ShellRequest) -> Result<Asked, Error> {
    let (actor, journal) = find::acting(session, Action::Shell)?;
    let asks = ClusterAction::OwnKubeconfig;
    let found = find::cluster(session, &actor, &journal, &wanted.cluster, asks)?;
    let journal = journal.cluster(&found.cluster).user(&actor.user);
    let has = found.access.power();
    let level = match wanted.level {
        None => has,
        Some(Level::Read) => Some(Power::Read),
        Some(Level::Write) => Some(Power::Write),
    };
    // Lower is fine, higher never is.
    let power = level.filter(|level| has.is_some_and(|has| *level <= has));
    let Some(power) = power else {
        let has = match has {
            None | Some(Power::Bound) => "no level",
            Some(has) => has.as_str(),
        };
        return Err(Error::Obstacle(Obstacle::ShellHasMore {
            user: actor.user.name,
            has,
            cluster: wanted.cluster.clone(),
        }));
    };
    Ok(Asked {
        actor,
        journal,
        power,
        ends_at: found.access.ends_at(),
        cluster: found.cluster,
    })
}

/// Whether the rules still allow on the rows of a transaction what they allowed before it.
pub(super) fn may_still(app: &App, tx: &ReadTxn<'_>, asked: &Asked) -> store::Result<bool> {
    let (actor, cluster) = (&asked.actor, &asked.cluster);
    let action = ClusterAction::OwnKubeconfig;
    if !change::is_allowed_on(app, tx, actor, cluster, action)? {
        return Ok(false);
    }
    let user = store::users::get(tx, actor.user.id)?;
    let Some((user, cluster)) = user.zip(store::clusters::get(tx, cluster.id)?) else {
        return Ok(false);
    };
    let has = find::access_of(tx, app, &user, &cluster)?;
    Ok(has.power() >= Some(asked.power))
}

/// Records a shell, if the rules still allow it: the API server may have been slow, and who lost their
/// access meanwhile begins nothing.
pub(super) fn record(
    app: &App,
    asked: &Asked,
    new: &NewShell<'_>,
    excess: &[String],
) -> Result<Option<(CredentialId, EventSeq)>, Error> {
    app.store()?.write(|tx| {
        if !may_still(app, tx, asked)? {
            return Ok(None);
        }
        let (user, although) = (&asked.actor.user.name, excess::although(excess));
        let detail = format!("a shell of '{user}' ({}){although}", asked.power);
        let journal = &asked.journal;
        let request = journal.record(app, tx, Phase::Requested, detail, None)?;
        Ok(Some((store::shells::insert(tx, new)?, request)))
    })
}

/// Refuses what would run a program here at the word of somebody at another machine.
pub(super) fn refuse_for_nobody(session: &Session, asked: &Asked) -> Result<(), Error> {
    if !session.workspace.is_for_nobody_here() {
        return Ok(());
    }
    let (cluster, user, denial) = (&asked.cluster, &asked.actor.user, Denial::NotServed);
    let journal = &asked.journal;
    Err(journal.deny(session, denial, Some(&cluster.name), user, vec![]))
}
