//! Carrying a change out: rules, lock, transaction, clusters, record.

use super::case::{Begun, Case};
use super::committing::{Committed, follow, open};
use super::{About, Carried, Change, Decision, Direction, Target, over};
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::effect::Effect;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::text;
use crate::ops::journal::Journal;
use crate::ops::locked::LockedCluster;
use crate::ops::{Applied, Done, Error, Intent, Planned, reconciling};
use crate::session::{App, Lock, Principal, Session};
use crate::store::{self, WriteTxn};

/// How often a change is begun anew where a secret is sealed anew while it is at work.
const TRIES: usize = 3;

/// Carries a change out, or says what it would do.
pub(in crate::ops) async fn run<C: Change>(
    session: &Session,
    change: &C,
    intent: &Intent<C::Consent>,
) -> Result<Done<Carried<C::Seen>>, Error> {
    if intent.is_preview() {
        return Box::pin(preview(session, change)).await;
    }
    let mut recorded = Box::pin(record(session, change)).await?;
    let tolerates = change.about().errors_are_pending;
    let applied = match recorded.reconcile(session, tolerates).await {
        Ok(applied) => applied,
        Err(error) => {
            // It stands recorded, whatever became of one of the clusters.
            let (journal, request) = (recorded.journal(), recorded.request());
            journal.record_alone(session, Phase::Pending, text::chain(&error), request)?;
            return Err(error);
        }
    };
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
    _ssh_keys: Option<Lock>,
    seen: Option<S>,
    resealed: Vec<String>,
}

/// Records a change, with nothing done on clusters yet.
pub(in crate::ops) async fn record<C: Change>(
    session: &Session,
    change: &C,
) -> Result<Recorded<C::Seen>, Error> {
    if matches!(
        change.about().target,
        Target::Cluster(..) | Target::InProject(..)
    ) {
        session.will_lock();
    }
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
    let About {
        direction,
        ssh_keys: is_about_ssh_keys,
        ..
    } = change.about();
    let (mut locked, mut ssh_keys) = (None, None);
    if let (Some(cluster), Direction::Gives) = (&case.cluster, direction) {
        if is_about_ssh_keys {
            ssh_keys = Some(session.lock_ssh_keys(cluster).await?);
        } else {
            locked = Some(LockedCluster::take(session, cluster).await?);
        }
        // What was true before we waited may not be true any more.
        (case, rows, early) = Case::begin(session, change)?;
    }
    let (seen, opened) = if early.acts() {
        let seen = Box::pin(change.look(session, &rows)).await?;
        (Some(seen), Some(open(session, change, &rows)?))
    } else {
        (None, None)
    };
    match case.commit(session, change, seen.as_ref(), opened.as_ref()) {
        Ok(committed) => Ok(Recorded {
            case,
            locked,
            _ssh_keys: ssh_keys,
            seen,
            resealed: opened
                .map(|opened| opened.description(&committed.effects))
                .unwrap_or_default(),
            committed,
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

    /// What was seen of the cluster; nothing where there was nothing to do.
    pub(in crate::ops) fn seen(&self) -> Option<&S> {
        self.seen.as_ref()
    }

    /// The rows, as they were before.
    pub(in crate::ops) fn rows(&self) -> &Rows {
        &self.committed.rows
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
    pub(in crate::ops) async fn reconcile_locked(
        &self,
        session: &Session,
    ) -> Result<Applied, Error> {
        match &self.locked {
            Some(locked) => {
                reconciling::reconcile(session, locked, self.journal(), self.request()).await
            }
            None => Ok(Applied::default()),
        }
    }

    /// What was seen of the cluster, and the event that asked for the change; an error where there
    /// was nothing to do.
    pub(in crate::ops) fn begun(&self) -> Result<(&S, EventSeq), Error> {
        let begun = self.seen.as_ref().zip(self.request());
        begun.ok_or_else(|| self.changed())
    }

    /// What was decided.
    pub(in crate::ops) fn decision(&self) -> &Decision {
        &self.committed.decision
    }

    /// Records that it failed, and gives the error.
    pub(in crate::ops) fn failed(&self, app: &App, error: Error) -> Error {
        let (words, request) = (text::chain(&error), self.request());
        match self
            .journal()
            .record_alone(app, Phase::Failed, words, request)
        {
            Ok(_) => error,
            Err(unrecorded) => unrecorded.into(),
        }
    }

    /// The refusal that it is no longer what it was.
    pub(in crate::ops) fn changed(&self) -> Error {
        self.case.changed()
    }

    /// Who acts.
    pub(in crate::ops) fn actor(&self) -> &Principal {
        &self.case.actor
    }

    /// Records what was to follow once it is true on the cluster, if the rules still allow it, and it
    /// is still decided so, on the rows of that transaction: what was done there took its time.
    /// `work` writes what is sealed, with the rows as they were before.
    pub(in crate::ops) fn commit_later<C: Change<Seen = S>, T>(
        &self,
        session: &Session,
        change: &C,
        work: impl FnOnce(&WriteTxn<'_>, &Rows, &Decision) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (seen, request) = self.begun()?;
        self.case
            .commit_if(session, change, Some(seen), |tx, rows, decision| {
                for effect in &decision.later {
                    let on = effect.cluster().and_then(|id| rows.cluster(id));
                    reconciling::commit_one(
                        session,
                        tx,
                        on,
                        effect,
                        self.journal(),
                        Some(request),
                    )?;
                }
                work(tx, &rows, &decision)
            })
    }

    /// Records effects that were to follow once they are true on the cluster, in a transaction of
    /// their own, with an event.
    pub(in crate::ops) fn record_later(&self, app: &App, detail: String) -> Result<(), Error> {
        let (rows, request) = (&self.committed.rows, self.committed.request);
        app.store()?.write(|tx| {
            for effect in &self.committed.decision.later {
                let on = effect.cluster().and_then(|id| rows.cluster(id));
                reconciling::commit_one(app, tx, on, effect, self.journal(), request)?;
            }
            self.journal()
                .record(app, tx, Phase::Done, detail, request)?;
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
        applied
            .pending
            .extend(self.committed.unsealed.iter().cloned());
        Ok(applied)
    }

    /// Records how far it came: done, or pending.
    pub(in crate::ops) fn close(&self, app: &App, applied: &Applied) -> Result<(), Error> {
        self.close_with(app, applied, |_| Ok(()))
    }

    /// The same, with something that is written in the same transaction.
    pub(in crate::ops) fn close_with(
        &self,
        app: &App,
        applied: &Applied,
        work: impl FnOnce(&WriteTxn<'_>) -> store::Result<()>,
    ) -> Result<(), Error> {
        let Some(request) = self.committed.request else {
            return Ok(());
        };
        let phase = Phase::ending(&applied.pending);
        let detail = self.committed.decision.detail.clone();
        app.store()?.write(|tx| {
            work(tx)?;
            self.journal()
                .record(app, tx, phase, detail, Some(request))?;
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
fn plan(app: &App, rows: &Rows, decision: &Decision) -> Planned {
    let followed = follow(app, rows, decision);
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
