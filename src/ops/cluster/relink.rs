//! `cluster relink`: renewing a cluster's address, pins and manager, after a move, a new CA, or a
//! rebuild.

#[cfg(test)]
mod tests;

use super::approach::{Approach, Source, approach, retire_others, warnings};
use super::custody::{Account, Custody, NextIssuer, ObjectOptions, Request, take_custody};
use super::register::{Pins, Registered};
use super::survey::{Survey, survey};
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::cluster::{Cluster, FormerManager};
use crate::domain::effect::Effect;
use crate::domain::name::ClusterName;
use crate::domain::policy::ClusterAction;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::setting::Setting;
use crate::kubernetes::undo::New;
use crate::ops::change::{self, About, Change, Decision, Recorded, Target, Who};
use crate::ops::{Done, Error, Intent, manager, reseal};
use crate::session::Session;
use crate::store;

/// A cluster is renewed.
#[derive(Debug)]
pub(crate) struct Relink {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// Where the login comes from.
    pub(crate) source: Source,
    /// Keep the operator's credential instead of making a manager.
    pub(crate) keep_credential: bool,
    /// What is made on it, and where: beside what was asked for before.
    pub(crate) objects: ObjectOptions,
}

/// What was seen of a cluster that is to be renewed.
#[derive(Default)]
pub(crate) struct RelinkSeen {
    pins: Option<Pins>,
    survey: Survey,
    approach: Option<Approach>,
    /// The account that is to be the manager; none has its name.
    next: String,
    /// The account that is to be the issuer.
    next_issuer: String,
    /// The one that is, unless it is on a cluster that is gone.
    present: Option<FormerManager>,
}

impl Relink {
    /// The cluster as it is to be, but for its manager.
    fn renewed(&self, before: &Cluster, pins: &Pins) -> Cluster {
        let mut after = before.clone();
        after.labels.extend(self.objects.marks.labels.clone());
        after.marks.extend(&self.objects.marks);
        after.address = pins.address.clone();
        after.kube_system_uid.clone_from(&pins.uid);
        after.version.clone_from(&pins.version);
        after
    }
}

impl Change for Relink {
    type Seen = RelinkSeen;
    type Consent = crate::domain::Confirmed;

    fn about(&self) -> About<'_> {
        let target = Target::on(&self.cluster, ClusterAction::Sensitive);
        About::gives(Action::ClusterRelink, target).registers()
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<RelinkSeen, Error> {
        let on = rows.only().map_err(Error::Refused)?;
        let before = &on.cluster;
        let approach = approach(session, &self.cluster, &self.source, self.keep_credential).await?;
        let pins = Pins::of(&approach);
        let approach = approach.with_marks(&self.renewed(before, &pins).marks);
        let is_other = |it: &Cluster| it.id != before.id;
        let same = pins.refuse_same(rows, is_other);
        same.map_err(Error::Refused)?;
        let survey = Box::pin(survey(session, &self.cluster, &approach)).await?;
        let present = if pins.uid == before.kube_system_uid {
            let connection = &approach.connection;
            Some(manager::present(session, before, &on.installation, connection).await?)
        } else {
            None
        };
        Ok(RelinkSeen {
            survey,
            next: manager::new_name(session),
            next_issuer: manager::new_issuer_name(session),
            present,
            pins: Some(pins),
            approach: Some(approach),
        })
    }

    fn decide(&self, rows: &Rows, _: &Who, seen: &RelinkSeen) -> Result<Decision, Refusal> {
        let on = rows.only()?;
        let before = &on.cluster;
        let new = [seen.next.as_str(), seen.next_issuer.as_str()].map(FormerManager::from);
        // All are on the list of those that must go before the new one is made: cut off, the next
        // command ends them.
        let replace = Effect::ReplaceManager {
            cluster: before.id,
            former: seen.present.iter().cloned().chain(new).collect(),
        };
        // On a cluster that was rebuilt there is none from before.
        let is_there = seen.pins.is_none() || seen.present.is_some();
        let issuer = before.issuer.as_ref().filter(|_| is_there);
        let issuer = issuer.map(|it| Effect::ReplaceIssuer {
            cluster: before.id,
            former: it.account.clone(),
        });
        let Some(pins) = &seen.pins else {
            return Ok(Decision {
                effects: [replace].into_iter().chain(issuer).collect(),
                reaches_clusters: true,
                ..Decision::default()
            });
        };
        pins.refuse_same(rows, |it| it.id != before.id)?;
        let is_rebuilt = pins.uid != before.kube_system_uid;
        let after = self.renewed(before, pins);
        let settings = Setting::between(before, &after).into_iter();
        let mut later: Vec<Effect> = settings
            .map(|setting| Effect::Set {
                cluster: before.id,
                setting,
            })
            .collect();
        // The one before goes when the new one is stored, and not before.
        later.extend(issuer);
        if is_rebuilt {
            let live = on.credentials.iter().filter(|it| it.state.is_live());
            later.extend(live.map(|it| on.end_of(it, "the cluster was rebuilt")));
        }
        let notes = seen.survey.to_agree.iter().chain(&seen.survey.warnings);
        Ok(Decision {
            effects: vec![replace],
            later,
            detail: detail(&self.cluster, &pins.address.server, is_rebuilt),
            notes: notes.map(|what| format!("although {what}")).collect(),
            reaches_clusters: true,
            ..Decision::default()
        })
    }
}

/// A renewal in words, for the audit log.
fn detail(cluster: &ClusterName, server: &str, is_rebuilt: bool) -> String {
    if is_rebuilt {
        format!(
            "take {server} for cluster '{cluster}' from now on, and end all credentials of the old \
             one"
        )
    } else {
        format!("renew the address, the CA and the manager of cluster '{cluster}'")
    }
}

/// Renews a cluster's address, pins and manager.
pub(crate) async fn relink(
    session: &Session,
    change: &Relink,
    intent: &Intent,
) -> Result<Done<Registered>, Error> {
    if intent.is_preview() {
        return change::planned(session, change).await.map(Done::Planned);
    }
    let recorded = Box::pin(change::record(session, change)).await?;
    let (seen, _) = recorded.begun()?;
    let Some(approach) = &seen.approach else {
        return Err(recorded.changed());
    };
    let on = recorded.before()?;
    let before = &on.cluster;
    // The account before goes on working until the login of the new one is stored.
    let beside = (approach.uid == before.kube_system_uid).then_some(before.manager.as_str());
    let asked = Request {
        account: Account::Next(&seen.next, beside),
        issuer: NextIssuer {
            account: &seen.next_issuer,
            before: before.issuer.as_ref(),
        },
        keep_credential: change.keep_credential,
        adopt_namespace: change.objects.adopt_namespace,
    };
    let name = &change.cluster;
    let custody = take_custody(session, name, approach, asked, &mut New::default()).await?;
    let mut warnings = warnings(approach, &custody, before.write_scope, session.now());
    let surveyed = seen.survey.to_agree.iter().chain(&seen.survey.warnings);
    warnings.extend(surveyed.cloned());
    let (cluster, owner) = store_renewed(session, change, &recorded, &custody)?;
    // What the cluster knows of the log goes on under the new login, whoever wrote there before.
    let new = session.approach(&cluster, &on.installation)?;
    manager::tell(session, &new).await?;
    let older = retire_others(session, &cluster, beside, recorded.journal()).await;
    let mut applied = recorded.reconcile_locked(session).await?;
    applied.pending.extend(older);
    recorded.close(session, &applied)?;
    Ok(Done::Did(Registered {
        cluster,
        owner,
        context: approach.imported.context.clone(),
        warnings,
        applied,
    }))
}

/// Stores the cluster as it is now, with the new login; gives it, with its owner's name.
fn store_renewed(
    session: &Session,
    change: &Relink,
    recorded: &Recorded<RelinkSeen>,
    custody: &Custody,
) -> Result<(Cluster, Option<String>), Error> {
    recorded.commit_later(session, change, |tx, rows, _| {
        let on = rows.only().map_err(Error::Refused)?;
        let (seen, request) = recorded.begun()?;
        let Some(pins) = &seen.pins else {
            return Err(recorded.changed());
        };
        let before = &on.cluster;
        let cluster = Cluster {
            manager: custody.manager.clone(),
            manager_kind: custody.kind,
            manager_generation: before.manager_generation + 1,
            manager_expires_at: custody.expires_at,
            reached_at: Some(session.now()),
            issuer: Some(custody.issuer.issuer.clone()),
            ..change.renewed(before, pins)
        };
        let sealed = reseal::seal_login(tx, &cluster, &on.installation, &custody.secret)?;
        store::managers::set_manager(tx, &cluster, &sealed)?;
        store::clusters::set_reached_as(tx, &cluster)?;
        manager::unlist(tx, cluster.id, &cluster.manager)?;
        manager::store_issuer(tx, &cluster, &on.installation, &custody.issuer.secret)?;
        let stored = "a new login of the manager is stored";
        let journal = recorded.journal();
        journal.record(session, tx, Phase::Requested, stored, Some(request))?;
        let owner = cluster.owner.and_then(|id| rows.people.users.get(&id));
        let owner = owner.map(|owner| owner.name.to_string());
        Ok((cluster, owner))
    })
}
