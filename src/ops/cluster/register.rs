//! `cluster add`: registering a cluster.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::approach::{Approach, Source, approach, retire_others, warnings};
use super::custody::{Account, Custody, NextIssuer, ObjectOptions, Request, take_custody};
use super::survey::{Survey, survey};
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::cluster::{Address, Cluster, WriteScope};
use crate::domain::effect::{self, Effect};
use crate::domain::name::{ClusterName, ProjectName, UserRef, shell_word};
use crate::domain::people::Named;
use crate::domain::policy::OrganizationAction;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::{Confirmed, Timestamp};
use crate::kubernetes::undo::New;
use crate::ops::change::{self, About, Change, Decision, Recorded, Target, Who};
use crate::ops::ssh_key::FirstKey;
use crate::ops::{
    Applied, Done, Error, Intent, Unasked, excess, find, manager, reconciling, reseal, ssh_key,
};
use crate::session::Session;
use crate::store;
use crate::store::clusters::NewCluster;

/// A cluster is registered.
#[derive(Debug)]
pub(crate) struct Add {
    /// The cluster's name.
    pub(crate) name: ClusterName,
    /// Where the login comes from.
    pub(crate) source: Source,
    /// To whom it is assigned.
    pub(crate) owner: Option<UserRef>,
    /// The project that it is put in.
    pub(crate) project: Option<ProjectName>,
    /// One line for people.
    pub(crate) description: String,
    /// What is made on it, and where.
    pub(crate) objects: ObjectOptions,
    /// How far write reaches.
    pub(crate) write_scope: WriteScope,
    /// Namespaces excluded from write.
    pub(crate) excluded: BTreeSet<String>,
    /// Keep the operator's credential instead of making a manager.
    pub(crate) keep_credential: bool,
    /// The key pair of its nodes.
    pub(crate) ssh_key: Option<FirstKey>,
    /// Whether somebody insists, where others would have a way in, or a level is more than it says.
    pub(crate) insists: Option<Confirmed>,
}

/// A cluster as it was registered, or renewed.
#[derive(Debug)]
pub(crate) struct Registered {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// Its owner's name.
    pub(crate) owner: Option<String>,
    /// The context that was used.
    pub(crate) context: String,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
    /// What a renewal ended.
    pub(crate) applied: Applied,
}

/// What tells a cluster from others.
#[derive(Debug, Clone)]
pub(super) struct Pins {
    /// Where it is reached, and its CA.
    pub(super) address: Address,
    /// The UID of its namespace `kube-system`.
    pub(super) uid: String,
    /// What version its API server says that it is.
    pub(super) version: String,
}

impl Pins {
    pub(super) fn of(approach: &Approach) -> Self {
        Self {
            address: approach.address.clone(),
            uid: approach.uid.clone(),
            version: approach.version.clone(),
        }
    }

    /// Refuses a cluster that is registered already, under whatever name, but for those that do not
    /// count.
    pub(super) fn refuse_same(
        &self,
        rows: &Rows,
        counts: impl Fn(&Cluster) -> bool,
    ) -> Result<(), Refusal> {
        let mut known = rows.registered.iter().filter(|it| counts(it));
        match known.find(|it| it.kube_system_uid == self.uid) {
            Some(same) => Err(Refusal::SameCluster(same.name.clone())),
            None => Ok(()),
        }
    }

    /// The same of another name for a place that is registered.
    fn refuse_known(&self, rows: &Rows) -> Result<(), Refusal> {
        self.refuse_same(rows, |_| true)?;
        let mut known = rows.registered.iter();
        match known.find(|it| it.address == self.address) {
            Some(same) => Err(Refusal::SameAddress(same.name.clone())),
            None => Ok(()),
        }
    }
}

/// What was seen of a cluster that is to be registered.
#[derive(Default)]
pub(crate) struct AddSeen {
    pins: Option<Pins>,
    survey: Survey,
    approach: Option<Approach>,
}

impl Change for Add {
    type Seen = AddSeen;
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        let target = Target::Organization(OrganizationAction::RegisterCluster);
        About::gives(Action::ClusterAdd, target)
            .new_cluster(&self.name)
            .names(self.owner.clone().map(Named::As))
            .registers()
    }

    fn insists(&self) -> Option<Confirmed> {
        self.insists
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<AddSeen, Error> {
        let approach = approach(session, &self.name, &self.source, self.keep_credential).await?;
        let approach = approach.with_marks(&self.objects.marks);
        let pins = Pins::of(&approach);
        pins.refuse_known(rows).map_err(Error::Refused)?;
        Ok(AddSeen {
            survey: Box::pin(survey(session, &self.name, &approach)).await?,
            pins: Some(pins),
            approach: Some(approach),
        })
    }

    fn decide(&self, rows: &Rows, who: &Who, seen: &AddSeen) -> Result<Decision, Refusal> {
        if rows.registered.iter().any(|it| it.name == self.name) {
            return Err(Refusal::ClusterExists(self.name.clone()));
        }
        let owner = self.owner.as_ref();
        let owner = owner.map(|owner| rows.people.heir(owner)).transpose()?;
        let project = match &self.project {
            Some(name) => {
                who.may(OrganizationAction::ManageProjects)?;
                Some(rows.people.project(name)?)
            }
            None => None,
        };
        let (mut server, mut detail) = (String::new(), String::new());
        if let Some(pins) = &seen.pins {
            pins.refuse_known(rows)?;
            let although = excess::although(&seen.survey.to_agree);
            server.clone_from(&pins.address.server);
            detail = format!("register {server} ({}){although}", pins.version);
        }
        let warnings = seen.survey.warnings.iter();
        Ok(Decision {
            later: vec![Effect::AddCluster(effect::NewCluster {
                name: self.name.clone(),
                owner: owner.map(|owner| owner.id),
                project,
                server,
            })],
            detail,
            although: seen.survey.to_agree.clone(),
            needs_consent: seen.survey.to_agree.clone(),
            notes: warnings.map(|what| format!("although {what}")).collect(),
            reaches_clusters: true,
            ..Decision::default()
        })
    }
}

/// Registers a cluster. What fails leaves nothing of it on the cluster.
pub(crate) async fn add(
    session: &Session,
    change: &Add,
    intent: &Intent<Unasked>,
) -> Result<Done<Registered>, Error> {
    if intent.is_preview() {
        return change::planned(session, change).await.map(Done::Planned);
    }
    let recorded = Box::pin(change::record(session, change)).await?;
    let (seen, _) = recorded.begun()?;
    let (Some(approach), Some(pins)) = (&seen.approach, &seen.pins) else {
        return Err(recorded.changed());
    };
    let journal = recorded.journal();
    let mut new = New::default();
    let made = async {
        let lock = session.lock_registration(&change.name, &pins.uid).await?;
        // Who came first has registered it: nothing of theirs is touched.
        recorded.commit_later(session, change, |_, _, _| Ok(()))?;
        let made = make(session, change, &recorded, approach, &mut new).await;
        made.map(|made| (made, lock))
    };
    let made = Box::pin(made).await;
    let ((registered, mut warnings), _lock) = match made {
        Ok(made) => made,
        Err(error) => {
            // Nothing knows of what was made: nobody could take it away later.
            let left = approach.connection.undo(&new).await;
            let error = left_behind(error, &approach.imported.context, &left);
            return Err(recorded.failed(session, error));
        }
    };
    let surveyed = seen.survey.to_agree.iter().chain(&seen.survey.warnings);
    warnings.extend(surveyed.cloned());
    let (cluster, owner) = registered;
    let retired = retire_others(session, &cluster, None, journal);
    let (pending, told) = futures::join!(retired, tell_first(session, &cluster));
    told?;
    // Its owner's lists, which the issuer cannot make.
    let listed = Box::pin(reconciling::if_pending(session, &cluster, journal)).await?;
    Ok(Done::Did(Registered {
        cluster,
        owner,
        context: approach.imported.context.clone(),
        warnings,
        applied: Applied {
            pending: pending.into_iter().chain(listed).collect(),
            ..Applied::default()
        },
    }))
}

/// Lets a new cluster hold the head of the log: with the first change on it, it is a witness.
async fn tell_first(session: &Session, cluster: &Cluster) -> Result<(), Error> {
    let installation = find::installation(session)?;
    manager::tell(session, &session.approach(cluster, &installation)?).await
}

/// An error with the commands that take away what is left on the cluster.
fn left_behind(error: Error, context: &str, left: &[String]) -> Error {
    if left.is_empty() {
        return error;
    }
    let context = shell_word(context);
    Error::LeftBehind {
        source: Box::new(error),
        commands: left
            .iter()
            .map(|command| format!("kubectl --context {context} {command}"))
            .collect(),
    }
}

/// A cluster that was registered, its owner's name, and what a person should know.
type Made = ((Cluster, Option<String>), Vec<String>);

/// Makes the manager, and stores the cluster with its login.
async fn make(
    session: &Session,
    change: &Add,
    recorded: &Recorded<AddSeen>,
    approach: &Approach,
    new: &mut New,
) -> Result<Made, Error> {
    let spare = manager::new_name(session);
    let issuer = manager::new_issuer_name(session);
    let request = Request {
        account: Account::First(&spare),
        issuer: NextIssuer {
            account: &issuer,
            before: None,
        },
        keep_credential: change.keep_credential,
        adopt_namespace: change.objects.adopt_namespace,
    };
    let custody = take_custody(session, &change.name, approach, request, new).await?;
    let now = session.now();
    let mut warnings = warnings(approach, &custody, change.write_scope, now);
    if new.namespace.before.is_some() {
        warnings.push(
            "namespace 'kubegrant' was there before: it is taken over, and stays when the cluster \
             is deleted"
                .to_owned(),
        );
    }
    let installation = find::installation(session)?;
    let journal = recorded.journal();
    let registered = recorded.commit_later(session, change, |tx, rows, decision| {
        let first = recorded.decision().later.first();
        let (Some(Effect::AddCluster(decided)), Some(Effect::AddCluster(first))) =
            (decision.later.first(), first)
        else {
            return Err(recorded.changed());
        };
        // Another project of the name, for example, is not the one that was meant.
        if decided != first {
            return Err(recorded.changed());
        }
        let new = change.row(decided, approach, &custody, now);
        let cluster = store::clusters::insert(tx, &new, |cluster| {
            reseal::seal_login(tx, cluster, &installation, &custody.secret)
        })?;
        let cluster = Cluster {
            issuer: Some(custody.issuer.issuer.clone()),
            ..cluster
        };
        manager::store_issuer(tx, &cluster, &installation, &custody.issuer.secret)?;
        if reconciling::snapshot(tx, cluster.id)?.works_by_issuer() {
            store::clusters::set_reach_pending(tx, cluster.id)?;
        }
        let (detail, request) = (decision.detail.clone(), recorded.request());
        journal.record(session, tx, Phase::Done, detail, request)?;
        if let Some(first) = &change.ssh_key {
            let actor = recorded.actor();
            let who = Who {
                holder: actor.holder.clone(),
                user: actor.user.clone(),
                now: session.now(),
            };
            let detail = ssh_key::insert_first(tx, &cluster, &who, first)?;
            journal.record(session, tx, Phase::Done, detail, None)?;
        }
        let owner = decided.owner.and_then(|id| rows.people.users.get(&id));
        Ok((cluster, owner.map(|owner| owner.name.to_string())))
    })?;
    Ok((registered, warnings))
}

impl Add {
    /// The cluster's row.
    fn row<'a>(
        &'a self,
        decided: &effect::NewCluster,
        approach: &'a Approach,
        custody: &'a Custody,
        now: Timestamp,
    ) -> NewCluster<'a> {
        NewCluster {
            name: &self.name,
            owner: decided.owner,
            project: decided.project,
            description: &self.description,
            labels: &self.objects.marks.labels,
            marks: &self.objects.marks,
            address: &approach.address,
            kube_system_uid: &approach.uid,
            version: &approach.version,
            manager: &custody.manager,
            manager_kind: custody.kind,
            manager_expires_at: custody.expires_at,
            write_scope: self.write_scope,
            excluded: &self.excluded,
            created_at: now,
        }
    }
}
