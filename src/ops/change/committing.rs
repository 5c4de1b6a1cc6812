//! Committing a change in one transaction, and making the clusters follow.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};

use super::case::Case;
use super::{Change, Decision, Remark, Target};
use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::Cluster;
use crate::domain::credential::CredentialId;
use crate::domain::effect::Effect;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::sealed::{SealedSecret, Which};
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::user::User;
use crate::ops::journal::Journal;
use crate::ops::locked::LockedCluster;
use crate::ops::{Applied, Error, Pending, find, reconciling, reseal};
use crate::session::{App, CLUSTERS_AT_ONCE, Session};
use crate::store::integrity::{self, Scope};
use crate::store::{self, ReadTxn, WriteTxn};

/// What follows from a decision on the clusters that it reaches.
pub(super) fn follow(app: &App, rows: &Rows, decision: &Decision) -> Vec<Effect> {
    if !decision.reaches_clusters || decision.effects.is_empty() {
        return vec![];
    }
    let mut followed = Vec::new();
    for after in rows.after(&decision.effects).clusters {
        let before = rows.cluster(after.cluster.id);
        let of_issuer = before.map(|before| after.follows_for_issuer(before));
        followed.extend(of_issuer.unwrap_or_default());
        followed.extend(reconciling::due(app, &after));
    }
    followed
}

/// Opens what is to be sealed anew.
pub(super) fn open<C: Change>(
    session: &Session,
    change: &C,
    rows: &Rows,
) -> Result<reseal::Logins, Error> {
    let Some(which) = change.resealed(rows) else {
        return Ok(reseal::Logins::default());
    };
    let installation = find::installation(session)?;
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
    let Some(which) = change.resealed(rows) else {
        return Ok(opened.is_empty());
    };
    // One that is hidden would stay sealed as it is.
    integrity::check(tx, Scope::Clusters)?;
    let clusters = store::clusters::list(tx)?;
    let is_right =
        |cluster: &Cluster| reseal::is_any(&which, cluster) == opened.contains(cluster.id);
    Ok(clusters.iter().all(is_right))
}

/// A secret that stays sealed as it was, and who could still open it.
fn unsealed(leaves: Option<&User>, secret: &SealedSecret, why: &str) -> Pending {
    let user = leaves.map_or("somebody", |user| user.name.as_str());
    let on = &secret.on;
    let command = match secret.which {
        Which::ManagerLogin | Which::IssuerLogin => format!("cluster rotate-manager {on}"),
        Which::ProviderToken => format!("cluster provider-token set {on}"),
        Which::SshKey { .. } => format!("ssh-key reset {on}"),
    };
    Pending {
        cluster: on.clone(),
        what: format!(
            "the {} could not be sealed anew, and '{user}' could still open it: `kubegrant {command}`",
            secret.noun()
        ),
        why: Some(why.to_owned()),
        until: None,
    }
}

/// A change that was decided, with all that it was decided on.
struct Decided<'a, C: Change> {
    change: &'a C,
    /// What was looked at.
    seen: &'a C::Seen,
    /// What is to be sealed anew.
    opened: &'a reseal::Logins,
    rows: Rows,
    decision: Decision,
}

/// What a transaction came to.
pub(super) struct Committed {
    pub(super) rows: Rows,
    pub(super) decision: Decision,
    pub(super) effects: Vec<Effect>,
    pub(super) request: Option<EventSeq>,
    /// What could not be sealed anew.
    pub(super) unsealed: Vec<Pending>,
}

impl Committed {
    pub(super) fn reaches_clusters(&self) -> bool {
        self.decision.reaches_clusters
    }
}

impl Case {
    /// Decides and commits in one transaction, if the rules allow it on its rows.
    ///
    /// Where nothing was looked at, as there was nothing to do, nothing is done: what came meanwhile
    /// nobody has judged.
    pub(super) fn commit<C: Change>(
        &self,
        session: &Session,
        change: &C,
        seen: Option<&C::Seen>,
        opened: Option<&reseal::Logins>,
    ) -> Result<Committed, Error> {
        self.commit_if(session, change, seen, |tx, rows, decision| {
            if !decision.needs_consent.is_empty() && change.insists().is_none() {
                return Err(Error::Escalates {
                    what: decision.needs_consent.join("; "),
                });
            }
            if !decision.acts() {
                return Ok(Committed {
                    rows,
                    decision,
                    effects: vec![],
                    request: None,
                    unsealed: vec![],
                });
            }
            let (Some(seen), Some(opened)) = (seen, opened) else {
                return Err(self.changed());
            };
            if !is_opened(tx, change, &rows, opened)? {
                return Err(Error::Refused(Refusal::SealedMeanwhile(None)));
            }
            let decided = Decided {
                change,
                seen,
                opened,
                rows,
                decision,
            };
            self.write(session, tx, decided)
        })
    }

    /// Decides in a write transaction, if the rules allow it on its rows, and goes on in it; what was
    /// refused is recorded, and nothing else is.
    pub(super) fn commit_if<C: Change, T>(
        &self,
        session: &Session,
        change: &C,
        seen: Option<&C::Seen>,
        work: impl FnOnce(&WriteTxn<'_>, Rows, Decision) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let nothing = C::Seen::default();
        let done = session.store()?.write(|tx| {
            if !self.is_allowed(session, tx)? {
                return Ok(Err(None));
            }
            let rows = self.rows(tx, change)?;
            let who = self.who(session, &rows);
            match change.decide(&rows, &who, seen.unwrap_or(&nothing)) {
                Ok(decision) => work(tx, rows, decision).map(Ok),
                Err(refusal) => Ok(Err(Some(refusal))),
            }
        })?;
        match done {
            Ok(done) => Ok(done),
            Err(Some(refusal)) => Err(self.refused(session, refusal)),
            // Which rule it was is found and recorded by asking once more.
            Err(None) => Err(Self::ask(session, change)
                .err()
                .unwrap_or_else(|| self.changed())),
        }
    }

    /// Writes what was decided, with what follows from it, and its events.
    fn write<C: Change>(
        &self,
        app: &App,
        tx: &WriteTxn<'_>,
        decided: Decided<'_, C>,
    ) -> Result<Committed, Error> {
        let Decided {
            change,
            seen,
            opened,
            rows,
            decision,
        } = decided;
        let phase = if decision.reaches_clusters || decision.goes_on {
            Phase::Requested
        } else {
            Phase::Done
        };
        let detail = decision.detail.clone();
        let request = self.journal.record(app, tx, phase, detail, None)?;
        let mut effects = decision.effects.clone();
        effects.extend(follow(app, &rows, &decision));
        for effect in &effects {
            let on = effect.cluster().and_then(|id| rows.cluster(id));
            reconciling::commit_one(app, tx, on, effect, &self.journal, Some(request))?;
        }
        for remark in &decision.remarks {
            let journal = self.journal_of(remark, &rows);
            let detail = remark.detail.clone();
            journal.record(app, tx, Phase::Done, detail, Some(request))?;
        }
        change.seal(tx, &rows, &self.who(app, &rows), seen)?;
        let installation = store::meta::installation(tx)?;
        let shut = opened.reseal(tx, &installation, change.must_reseal())?;
        let leaves = decision.user.and_then(|id| rows.people.users.get(&id));
        let mut pending = Vec::new();
        for (secret, why) in shut {
            let left = unsealed(leaves, secret, &why);
            let on = rows
                .clusters
                .iter()
                .find(|on| on.cluster.id == secret.cluster);
            let journal = match on {
                Some(on) => self.journal.clone().cluster(&on.cluster),
                None => self.journal.clone().cluster_name(&secret.on),
            };
            let detail = format!("{}: {why}", left.what);
            journal.record(app, tx, Phase::Pending, detail, Some(request))?;
            pending.push(left);
        }
        Ok(Committed {
            unsealed: pending,
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

    /// Makes the clusters follow, side by side.
    pub(super) async fn reconcile(
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
            applied
                .pending
                .extend(reconciling::pending_on(&on.cluster, &on));
        }
        if let Some(locked) = locked {
            return if concerned.is_empty() {
                Ok(applied)
            } else {
                reconciling::reconcile(session, &locked, journal, request).await
            };
        }
        let mut work = stream::iter(concerned)
            .map(|on| async move {
                let journal = journal.clone().cluster(&on.cluster);
                let done =
                    reconciling::reconcile_taking(session, &on.cluster, &journal, request).await;
                match done {
                    Err(error) if tolerates => Ok(Applied {
                        pending: reconciling::record_pending(
                            session,
                            &on.cluster,
                            &journal,
                            request,
                            &error,
                        )?,
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
        applied.pending.sort_by(|a, b| a.cluster.cmp(&b.cluster));
        Ok(applied)
    }

    /// Ends on the clusters what the store could not record the end of.
    pub(super) async fn end_unrecorded<C: Change>(
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
        let all = after.iter().flat_map(|on| on.credentials.iter());
        let theirs = all.filter(|it| ending.contains(&it.id));
        let owners: BTreeSet<String> = theirs.map(|it| format!("'{}'", it.owner)).collect();
        let owners: Vec<String> = owners.into_iter().collect();
        let what = format!("the kubeconfig of {}", owners.join(" and "));
        reconciling::end_without_record(session, what, &after, &ending, refused).await
    }
}
