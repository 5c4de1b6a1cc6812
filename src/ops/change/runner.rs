//! Carrying a change out: rules, lock, transaction, clusters, record.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};

use super::{
    About, CLUSTERS_AT_ONCE, Carried, Change, Decision, Direction, Remark, Target, Who, over,
};
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::credential::CredentialId;
use crate::domain::effect::Effect;
use crate::domain::policy::ProjectAction;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::user::User;
use crate::ops::commit::{self, Question};
use crate::ops::journal::Journal;
use crate::ops::locked::LockedCluster;
use crate::ops::{Applied, Debt, Done, Error, Intent, Planned, find, reseal, settle};
use crate::session::{Actor, Session};
use crate::store::{self, ReadTxn, WriteTxn};

/// How often a change is begun anew where a secret is sealed anew while it is at work.
const TRIES: usize = 3;

/// Carries a change out, or says what it would do.
pub(in crate::ops) async fn run<C: Change>(
    session: &Session,
    change: &C,
    intent: &Intent<C::Consent>,
) -> Result<Done<Carried<C::Seen>>, Error> {
    if matches!(intent, Intent::Preview) {
        return Box::pin(preview(session, change)).await;
    }
    let mut recorded = Box::pin(record(session, change)).await?;
    let tolerates = change.about().errors_are_pending;
    let applied = recorded.reconcile(session, tolerates).await?;
    if recorded.committed.reaches_clusters() {
        recorded.close(session, &applied)?;
    }
    Ok(Done::Did(recorded.carried(applied)))
}

/// Says what a change would do; nothing where it is so already.
pub(in crate::ops) async fn planned<C: Change>(
    session: &Session,
    change: &C,
) -> Result<Planned, Error> {
    Ok(match Box::pin(preview(session, change)).await? {
        Done::Planned(planned) => planned,
        Done::Did(_) => Planned::default(),
    })
}

/// What a change was found to be when it was begun: the case, the rows, and what would be decided.
type Begun = (Case, Rows, Decision);

async fn preview<C: Change>(
    session: &Session,
    change: &C,
) -> Result<Done<Carried<C::Seen>>, Error> {
    let (case, rows, early) = Case::begin(session, change)?;
    let seen = if early.acts() && change.looks_for_preview() {
        change.look(session, &rows).await?
    } else {
        C::Seen::default()
    };
    let (rows, decision) = case.decide(session, change, &seen)?;
    Ok(if decision.acts() {
        Done::Planned(plan(session, &rows, &decision))
    } else {
        Done::Did(Carried::nothing(rows, decision, seen))
    })
}

/// A change that is recorded and not yet true on any cluster. A verb that has work of its own there
/// goes on from it, under the cluster's lock.
pub(in crate::ops) struct Recorded<S> {
    case: Case,
    committed: Committed,
    locked: Option<LockedCluster>,
    seen: Option<S>,
    resealed: Vec<String>,
}

/// Records a change, with nothing done on clusters yet.
pub(in crate::ops) async fn record<C: Change>(
    session: &Session,
    change: &C,
) -> Result<Recorded<C::Seen>, Error> {
    // Whatever is refused is refused before anything is waited for.
    let mut begun = Case::begin(session, change)?;
    for _ in 1..TRIES {
        let cluster = begun.0.cluster_id();
        match Box::pin(record_once(session, change, begun)).await {
            Err(Error::Refused(Refusal::SealedMeanwhile(_))) => {}
            done => return done,
        }
        begun = Case::begin(session, change)?;
        if begun.0.cluster_id() != cluster {
            return Err(begun.0.changed());
        }
    }
    Box::pin(record_once(session, change, begun)).await
}

async fn record_once<C: Change>(
    session: &Session,
    change: &C,
    (mut case, mut rows, mut early): Begun,
) -> Result<Recorded<C::Seen>, Error> {
    let direction = change.about().direction;
    let locked = match (&case.cluster, direction) {
        (Some(cluster), Direction::Gives) => {
            let locked = LockedCluster::take(session, cluster).await?;
            // What was true before we waited may not be true any more.
            (case, rows, early) = Case::begin(session, change)?;
            Some(locked)
        }
        _ => None,
    };
    let (seen, opened) = if early.acts() {
        let seen = Box::pin(change.look(session, &rows)).await?;
        (Some(seen), Some(open(session, change, &rows)?))
    } else {
        (None, None)
    };
    match case.commit(session, change, seen.as_ref(), opened.as_ref()) {
        Ok(committed) => Ok(Recorded {
            case,
            committed,
            locked,
            seen,
            resealed: opened.map(|opened| opened.words()).unwrap_or_default(),
        }),
        Err(Error::Store(refused)) if direction == Direction::Takes => {
            let seen = seen.unwrap_or_default();
            Err(case.end_unrecorded(session, change, &seen, refused).await)
        }
        Err(error) => Err(error),
    }
}

impl<S> Recorded<S> {
    /// What the audit log says of it.
    pub(in crate::ops) fn journal(&self) -> &Journal {
        &self.case.journal
    }

    /// The event that asked for it; none where it was so already.
    pub(in crate::ops) fn request(&self) -> Option<EventSeq> {
        self.committed.request
    }

    /// The cluster's rows, as they were before.
    pub(in crate::ops) fn before(&self) -> Result<&ClusterSnapshot, Error> {
        self.committed.rows.only().map_err(Error::Refused)
    }

    /// The lock of the cluster that it is about; it is given once.
    pub(in crate::ops) fn take_locked(&mut self) -> Option<LockedCluster> {
        self.locked.take()
    }

    /// What was seen of the cluster; it is given once.
    pub(in crate::ops) fn take_seen(&mut self) -> Option<S> {
        self.seen.take()
    }

    /// All effects that were recorded.
    pub(in crate::ops) fn effects(&self) -> &[Effect] {
        &self.committed.effects
    }

    /// Makes the cluster hold what the store says, under the lock that is held; it stays held.
    pub(in crate::ops) async fn pay(&self, session: &Session) -> Result<Applied, Error> {
        match &self.locked {
            Some(locked) => settle::pay(session, locked, self.journal(), self.request()).await,
            None => Ok(Applied::default()),
        }
    }

    /// Records effects that were to follow once they are true on the cluster, in a transaction of
    /// their own, with an event.
    pub(in crate::ops) fn record_later(
        &self,
        session: &Session,
        detail: String,
    ) -> Result<(), Error> {
        let (rows, request) = (&self.committed.rows, self.committed.request);
        session.store()?.write(|tx| {
            for effect in &self.committed.decision.later {
                let on = effect.cluster().and_then(|id| rows.cluster(id));
                settle::commit_one(session, tx, on, effect, self.journal(), request)?;
            }
            self.journal()
                .record(session, tx, Phase::Done, detail, request)?;
            Ok(())
        })
    }

    /// Makes the clusters follow, side by side.
    async fn reconcile(&mut self, session: &Session, tolerates: bool) -> Result<Applied, Error> {
        let locked = self.locked.take();
        let done = self
            .case
            .reconcile(session, &self.committed, locked, tolerates);
        let mut applied = done.await?;
        applied.owed.extend(self.committed.unsealed.iter().cloned());
        Ok(applied)
    }

    /// Records how far it came: done, or pending.
    pub(in crate::ops) fn close(&self, session: &Session, applied: &Applied) -> Result<(), Error> {
        self.close_with(session, applied, |_| Ok(()))
    }

    /// The same, with something that is written in the same transaction.
    pub(in crate::ops) fn close_with(
        &self,
        session: &Session,
        applied: &Applied,
        work: impl FnOnce(&WriteTxn<'_>) -> store::Result<()>,
    ) -> Result<(), Error> {
        let Some(request) = self.committed.request else {
            return Ok(());
        };
        let phase = if applied.owed.is_empty() {
            Phase::Done
        } else {
            Phase::Owed
        };
        let detail = self.committed.decision.detail.clone();
        session.store()?.write(|tx| {
            work(tx)?;
            self.journal()
                .record(session, tx, phase, detail, Some(request))?;
            Ok(())
        })
    }

    /// What was carried out.
    fn carried(self, applied: Applied) -> Carried<S>
    where
        S: Default,
    {
        let committed = self.committed;
        Carried {
            seen: self.seen.unwrap_or_default(),
            after: committed.rows.after(&committed.effects),
            before: committed.rows,
            decision: committed.decision,
            effects: committed.effects,
            resealed: self.resealed,
            applied,
        }
    }
}

/// The preview: what would be done, and what would follow from it.
fn plan(session: &Session, rows: &Rows, decision: &Decision) -> Planned {
    let followed = follow(session, rows, decision);
    let describe = |effect: &Effect| {
        let sentence = rows.describe(effect);
        match held_by(rows, effect) {
            Some(names) => format!("{sentence}, held by {names}"),
            None => sentence,
        }
    };
    let mut steps: Vec<String> = decision.effects.iter().map(describe).collect();
    let although = decision.although.iter();
    steps.extend(although.map(|what| format!("although {what}")));
    steps.extend(followed.iter().map(describe));
    steps.extend(decision.notes.iter().cloned());
    steps.extend(decision.later.iter().map(describe));
    let effects = decision.effects.iter().cloned().chain(followed);
    let effects: Vec<Effect> = effects.chain(decision.later.iter().cloned()).collect();
    Planned {
        effects: effects.iter().map(|effect| rows.facts(effect)).collect(),
        over: over(rows, &effects),
        steps,
    }
}

/// Who holds a shared version that ends, for people.
fn held_by(rows: &Rows, effect: &Effect) -> Option<String> {
    let Effect::EndVersion {
        cluster,
        credential,
        ..
    } = effect
    else {
        return None;
    };
    let holders = rows.cluster(*cluster)?.holders.get(credential)?.iter();
    let users = holders.filter_map(|holder| rows.people.users.get(&holder.user));
    let names: Vec<String> = users.map(|user| format!("'{}'", user.name)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// What follows from a decision on the clusters that it reaches.
fn follow(session: &Session, rows: &Rows, decision: &Decision) -> Vec<Effect> {
    if !decision.reaches_clusters || decision.effects.is_empty() {
        return vec![];
    }
    let mut followed = Vec::new();
    for after in rows.after(&decision.effects).clusters {
        followed.extend(settle::due(session, &after));
    }
    followed
}

/// Opens what is to be sealed anew.
fn open<C: Change>(session: &Session, change: &C, rows: &Rows) -> Result<reseal::Logins, Error> {
    let installation = find::installation(session)?;
    let which = |cluster: &Cluster| change.reseals(rows, cluster);
    let opened = reseal::open_logins(session, &installation, which)?;
    if change.must_reseal() {
        opened.whole()
    } else {
        Ok(opened)
    }
}

/// Whether exactly what is to be sealed anew was opened: somebody may have got or lost a right, or a
/// cluster may have been added, meanwhile.
fn is_opened<C: Change>(
    tx: &ReadTxn<'_>,
    change: &C,
    rows: &Rows,
    opened: &reseal::Logins,
) -> store::Result<bool> {
    let clusters = store::clusters::list(tx)?;
    let is_right = |cluster: &Cluster| change.reseals(rows, cluster) == opened.contains(cluster.id);
    Ok(clusters.iter().all(is_right))
}

/// A cluster whose secrets stay sealed as they were.
fn unsealed(leaves: Option<&User>, cluster: &Cluster, why: &str) -> Debt {
    let user = leaves.map_or("somebody", |user| user.name.as_str());
    Debt {
        cluster: cluster.name.clone(),
        what: format!(
            "what is sealed of it could not be sealed anew, and '{user}' could still open it: \
             `kubegrant cluster rotate-manager {}`",
            cluster.name
        ),
        why: Some(why.to_owned()),
        until: None,
    }
}

/// What a transaction came to.
struct Committed {
    rows: Rows,
    decision: Decision,
    effects: Vec<Effect>,
    request: Option<EventSeq>,
    /// What could not be sealed anew.
    unsealed: Vec<Debt>,
}

impl Committed {
    fn reaches_clusters(&self) -> bool {
        self.decision.reaches_clusters
    }
}

/// A change that the rules allow to whoever asks.
struct Case {
    actor: Actor,
    journal: Journal,
    command: &'static str,
    target: Target,
    /// The cluster that it is about, if it is about one.
    cluster: Option<Cluster>,
}

impl Case {
    /// Asks the rules, and what would be decided now, with nothing seen of the cluster.
    fn begin<C: Change>(session: &Session, change: &C) -> Result<Begun, Error> {
        let mut case = Self::ask(session, change)?;
        let (rows, early) = case.decide(session, change, &C::Seen::default())?;
        if let Some(user) = early.user.and_then(|id| rows.people.users.get(&id)) {
            case.journal = case.journal.user(user);
        }
        Ok((case, rows, early))
    }

    /// Asks who is acting, and the rules; a refusal is recorded.
    fn ask<C: Change>(session: &Session, change: &C) -> Result<Self, Error> {
        let About {
            command,
            target,
            user,
            name,
            ..
        } = change.about();
        let actor = find::actor(session, command)?;
        let mut journal = Journal::new(&actor, command);
        if let Some(user) = user.map(ToString::to_string).or(name) {
            journal = journal.user_name(&user);
        }
        let cluster = match &target {
            Target::Cluster(name, action) => {
                let found = find::cluster(session, &actor, &journal, name, *action)?;
                journal = journal.cluster(&found.cluster);
                Some(found.cluster)
            }
            Target::Project(name, action) => {
                find::project(session, &actor, &journal, name, *action)?;
                None
            }
            Target::InProject(project, action, cluster) => {
                let project = find::project(session, &actor, &journal, project, *action)?;
                let found = session
                    .store()?
                    .read(|tx| store::clusters::find(tx, cluster))?;
                let found = found.filter(|it| it.project == Some(project.id));
                let changed = || Refusal::ChangedMeanwhile(Some(cluster.clone()));
                let found = found.ok_or_else(|| Error::Refused(changed()))?;
                journal = journal.cluster(&found);
                Some(found)
            }
            Target::Anybody => None,
            Target::Organization(action) => {
                find::allow(session, &actor, &journal, *action)?;
                None
            }
        };
        Ok(Self {
            actor,
            journal,
            command,
            target,
            cluster,
        })
    }

    /// Who decides, with the rights that they have on these very rows.
    fn who(&self, session: &Session, rows: &Rows) -> Who {
        let again = |user: &User| {
            let found = rows.people.users.get(&user.id);
            found.unwrap_or(user).clone()
        };
        Who {
            holder: again(&self.actor.holder),
            user: again(&self.actor.user),
            now: session.now(),
        }
    }

    /// Decides on what the store says now.
    fn decide<C: Change>(
        &self,
        session: &Session,
        change: &C,
        seen: &C::Seen,
    ) -> Result<(Rows, Decision), Error> {
        let rows = session.store()?.read(|tx| self.rows(tx, change))?;
        let decided = change.decide(&rows, &self.who(session, &rows), seen);
        match decided {
            Ok(decision) => Ok((rows, decision)),
            Err(refusal) => Err(self.refused(session, refusal)),
        }
    }

    /// The error of a refusal; what a rule refused is recorded.
    fn refused(&self, session: &Session, refusal: Refusal) -> Error {
        match refusal {
            Refusal::Denied(denial) => find::denied(
                session,
                &self.actor,
                &self.journal,
                self.cluster.as_ref().map(|it| &it.name),
                denial,
            ),
            // With the names that are spelt alike.
            Refusal::UnknownUser(name) => match find::user(session, &name) {
                Err(error) => error,
                Ok(_) => Error::Refused(Refusal::UnknownUser(name)),
            },
            // The same; a look at one that is not there is recorded.
            Refusal::UnknownProject(name) => {
                let see = ProjectAction::See;
                match find::project(session, &self.actor, &self.journal, &name, see) {
                    Err(error) => error,
                    Ok(_) => Error::Refused(Refusal::UnknownProject(name)),
                }
            }
            other => {
                if other.is_recorded() {
                    let text = other.to_string();
                    let recorded = self
                        .journal
                        .record_alone(session, Phase::Denied, text, None);
                    if let Err(error) = recorded {
                        return error.into();
                    }
                }
                Error::Refused(other)
            }
        }
    }

    /// The rows that it decides on.
    fn rows<C: Change>(&self, tx: &ReadTxn<'_>, change: &C) -> store::Result<Rows> {
        let about = change.about();
        let people = store::snapshots::people(tx)?;
        let project = match &self.target {
            Target::Project(name, _) | Target::InProject(name, ..) => {
                store::projects::find(tx, name)?
            }
            Target::Cluster(..) | Target::Organization(_) | Target::Anybody => None,
        };
        let clusters = match &self.target {
            _ if about.follows_user => {
                let user = about.user.and_then(|name| people.find(name));
                let user = user.map(|user| user.id);
                store::snapshots::clusters_of_user(tx, user)?
            }
            Target::Cluster(name, _) | Target::InProject(_, _, name) => {
                store::clusters::find(tx, name)?.into_iter().collect()
            }
            Target::Project(..) => match &project {
                Some(project) => {
                    let mut all = store::clusters::list(tx)?;
                    all.retain(|cluster| cluster.project == Some(project.id));
                    all
                }
                None => vec![],
            },
            Target::Organization(_) | Target::Anybody => vec![],
        };
        let clusters = clusters
            .into_iter()
            .map(|cluster| store::snapshots::of_cluster(tx, cluster, &people))
            .collect::<store::Result<_>>()?;
        Ok(Rows {
            people,
            project,
            clusters,
        })
    }

    /// Decides and commits in one transaction, if the rules allow it on its rows.
    ///
    /// Where nothing was looked at, as there was nothing to do, nothing is done: what came meanwhile
    /// nobody has judged.
    fn commit<C: Change>(
        &self,
        session: &Session,
        change: &C,
        seen: Option<&C::Seen>,
        opened: Option<&reseal::Logins>,
    ) -> Result<Committed, Error> {
        let nothing = C::Seen::default();
        let done = session.store()?.write(|tx| {
            if !self.is_allowed(session, tx)? {
                return Ok(Err(None));
            }
            let rows = self.rows(tx, change)?;
            let who = self.who(session, &rows);
            let decision = match change.decide(&rows, &who, seen.unwrap_or(&nothing)) {
                Ok(decision) => decision,
                Err(refusal) => return Ok(Err(Some(refusal))),
            };
            if !decision.needs_consent.is_empty() && change.insists().is_none() {
                return Err(Error::Climbs {
                    what: decision.needs_consent.join("; "),
                });
            }
            if !decision.acts() {
                return Ok(Ok(Committed {
                    rows,
                    decision,
                    effects: vec![],
                    request: None,
                    unsealed: vec![],
                }));
            }
            let (Some(_), Some(opened)) = (seen, opened) else {
                let cluster = self.cluster.as_ref().map(|it| it.name.clone());
                return Ok(Err(Some(Refusal::ChangedMeanwhile(cluster))));
            };
            if !is_opened(tx, change, &rows, opened)? {
                return Ok(Err(Some(Refusal::SealedMeanwhile(None))));
            }
            self.write(session, tx, change, (rows, decision), opened)
                .map(Ok)
        })?;
        match done {
            Ok(committed) => Ok(committed),
            Err(Some(refusal)) => Err(self.refused(session, refusal)),
            // Which rule it was is found and recorded by asking once more.
            Err(None) => Err(Self::ask(session, change)
                .err()
                .unwrap_or_else(|| self.changed())),
        }
    }

    fn changed(&self) -> Error {
        let cluster = self.cluster.as_ref().map(|it| it.name.clone());
        Error::Refused(Refusal::ChangedMeanwhile(cluster))
    }

    fn cluster_id(&self) -> Option<ClusterId> {
        self.cluster.as_ref().map(|it| it.id)
    }

    /// Writes what was decided, with what follows from it, and its events.
    fn write<C: Change>(
        &self,
        session: &Session,
        tx: &WriteTxn<'_>,
        change: &C,
        (rows, decision): (Rows, Decision),
        opened: &reseal::Logins,
    ) -> Result<Committed, Error> {
        let phase = if decision.reaches_clusters {
            Phase::Requested
        } else {
            Phase::Done
        };
        let detail = decision.detail.clone();
        let request = self.journal.record(session, tx, phase, detail, None)?;
        let mut effects = decision.effects.clone();
        effects.extend(follow(session, &rows, &decision));
        for effect in &effects {
            let on = effect.cluster().and_then(|id| rows.cluster(id));
            settle::commit_one(session, tx, on, effect, &self.journal, Some(request))?;
        }
        for remark in &decision.remarks {
            let journal = self.journal_of(remark, &rows);
            let detail = remark.detail.clone();
            journal.record(session, tx, Phase::Done, detail, Some(request))?;
        }
        change.seal(tx, &rows, &self.who(session, &rows))?;
        let installation = store::meta::installation(tx)?;
        let shut = opened.reseal(tx, &installation, change.must_reseal())?;
        let leaves = decision.user.and_then(|id| rows.people.users.get(&id));
        let unsealed = shut
            .iter()
            .map(|(cluster, why)| unsealed(leaves, cluster, why));
        Ok(Committed {
            unsealed: unsealed.collect(),
            rows,
            decision,
            effects,
            request: Some(request),
        })
    }

    /// The journal of something that is said beside.
    fn journal_of(&self, remark: &Remark, rows: &Rows) -> Journal {
        let mut journal = self.journal.clone();
        if let Some(on) = remark.cluster.and_then(|id| rows.cluster(id)) {
            journal = journal.cluster(&on.cluster);
        }
        if let Some(user) = remark.user.and_then(|id| rows.people.users.get(&id)) {
            journal = journal.user(user);
        }
        match remark.command {
            Some(command) => journal.command(command),
            None => journal,
        }
    }

    /// Whether the rules allow it on the rows of a transaction.
    fn is_allowed(&self, session: &Session, tx: &ReadTxn<'_>) -> store::Result<bool> {
        match (&self.target, &self.cluster) {
            (Target::Cluster(_, action), Some(cluster)) => {
                let question = Question {
                    command: self.command,
                    action: *action,
                    also: None,
                    cluster,
                };
                Ok(question.allowed(session, tx, &self.actor)?.is_some())
            }
            (Target::Organization(action), _) => commit::allowed_for(tx, &self.actor, &[*action]),
            (Target::Project(name, action), _) => {
                commit::allowed_in(tx, &self.actor, name, *action)
            }
            (Target::InProject(project, action, cluster), _) => {
                let is_there = commit::allowed_in(tx, &self.actor, project, *action)?;
                let project = store::projects::find(tx, project)?.map(|it| it.id);
                let found = store::clusters::find(tx, cluster)?;
                let is_in = found.is_some_and(|it| it.project.is_some() && it.project == project);
                Ok(is_there && is_in)
            }
            (Target::Anybody, _) => commit::allowed_for(tx, &self.actor, &[]),
            (Target::Cluster(..), None) => Ok(false),
        }
    }

    /// Makes the clusters follow, side by side.
    async fn reconcile(
        &self,
        session: &Session,
        committed: &Committed,
        locked: Option<LockedCluster>,
        tolerates: bool,
    ) -> Result<Applied, Error> {
        if !committed.reaches_clusters() {
            return Ok(Applied::default());
        }
        let after = committed.rows.after(&committed.effects);
        let is_concerned = |on: &ClusterSnapshot| {
            let changed = |effect: &Effect| effect.cluster() == Some(on.cluster.id);
            let pending = match (&self.target, committed.decision.user) {
                (Target::Cluster(..) | Target::InProject(..), _) => on.is_pending(),
                (_, Some(user)) => on.is_pending_for(user),
                (_, None) => false,
            };
            pending || committed.effects.iter().any(changed)
        };
        let concerned: Vec<ClusterSnapshot> =
            after.clusters.into_iter().filter(is_concerned).collect();
        let request = committed.request;
        let journal = &if committed.decision.concerns_all {
            self.journal.clone().about_all()
        } else {
            self.journal.clone()
        };
        // One that is being deleted is left to its deletion, but for what is to be taken there.
        let is_left = |on: &ClusterSnapshot| locked.is_some() || on.credentials.is_empty();
        let (leaving, concerned): (Vec<_>, Vec<_>) = concerned
            .into_iter()
            .partition(|on| on.cluster.deleting_at.is_some() && is_left(on));
        let mut applied = Applied::default();
        for on in leaving {
            applied.owed.extend(settle::debts(&on.cluster, &on));
        }
        if let Some(locked) = locked {
            return if concerned.is_empty() {
                Ok(applied)
            } else {
                settle::pay(session, &locked, journal, request).await
            };
        }
        let mut work = stream::iter(concerned)
            .map(|on| async move {
                let journal = journal.clone().cluster(&on.cluster);
                let done = settle::pay_taking(session, &on.cluster, &journal, request).await;
                match done {
                    Err(error) if tolerates => Ok(Applied {
                        owed: settle::owed(session, &on.cluster, &journal, request, &error)?,
                        ..Applied::default()
                    }),
                    done => done,
                }
            })
            .buffer_unordered(CLUSTERS_AT_ONCE);
        // Whatever happens on one of them, the others are finished.
        let mut failed = None;
        while let Some(done) = work.next().await {
            match done {
                Ok(done) => applied.extend(done),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        applied.ended.sort_by(|a, b| a.cluster.cmp(&b.cluster));
        applied.owed.sort_by(|a, b| a.cluster.cmp(&b.cluster));
        Ok(applied)
    }

    /// Ends on the clusters what the store could not record the end of.
    async fn end_unrecorded<C: Change>(
        &self,
        session: &Session,
        change: &C,
        seen: &C::Seen,
        refused: store::Error,
    ) -> Error {
        let Ok((rows, decision)) = self.decide(session, change, seen) else {
            return refused.into();
        };
        let mut effects = decision.effects.clone();
        effects.extend(follow(session, &rows, &decision));
        let ending = |effect: &Effect| match effect {
            Effect::EndVersion { credential, .. } => Some(*credential),
            _ => None,
        };
        let ending: BTreeSet<CredentialId> = effects.iter().filter_map(ending).collect();
        let after = rows.after(&effects).clusters;
        let all = after.iter().flat_map(|on| &on.credentials);
        let theirs = all.filter(|it| ending.contains(&it.id));
        let owners: BTreeSet<String> = theirs.map(|it| format!("'{}'", it.owner)).collect();
        let owners: Vec<String> = owners.into_iter().collect();
        let what = format!("the kubeconfig of {}", owners.join(" and "));
        settle::end_without_record(session, what, (&after, &ending), refused).await
    }
}
