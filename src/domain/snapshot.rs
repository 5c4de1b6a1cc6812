//! What the store says, read once in one transaction: of the people, and of one cluster.
//!
//! A change decides on these rows and on nothing else. [`ClusterSnapshot::apply`] does to them what
//! the store does to the tables, so that what follows from a change is known before it is made.

mod apply;
mod desired;
mod ending;
#[cfg(test)]
pub(crate) mod fixture;
mod issuer;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Timestamp;
use super::access::{self, Access, Grant, Power};
use super::account_name::AccountName;
use super::binding::Binding;
use super::cluster::{Cluster, FormerManager};
use super::credential::{Credential, CredentialId, Subject};
use super::effect::Effect;
use super::installation::InstallationId;
use super::people::People;
use super::project::{Holder, ProjectId, ProjectRole, SharedLevel};
use super::sealed::SealedSecret;
use super::shard::{Places, Shard};
use super::subject::SubjectName;
use super::user::{User, UserId};

/// How many versions of one subject may be on a cluster that a restored store does not know.
const SINCE_BACKUP_MAX: u32 = 10_000;

/// What the store says of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct ClusterSnapshot {
    /// The cluster itself.
    pub(crate) cluster: Cluster,
    /// This installation's id.
    pub(crate) installation: InstallationId,
    /// The people.
    pub(crate) people: Arc<People>,
    /// The grants on it, ended ones too.
    pub(crate) grants: Arc<BTreeMap<UserId, Grant>>,
    /// Whose kubeconfig on it an admin revoked.
    pub(crate) blocks: BTreeSet<UserId>,
    /// Every version that is not revoked.
    pub(crate) credentials: Arc<Vec<Credential>>,
    /// Who may have a shared version in their hands.
    pub(crate) holders: BTreeMap<CredentialId, Vec<Holder>>,
    /// Roles bound to users, and those unbound and not yet seen to be gone.
    pub(crate) bindings: Vec<Binding>,
    /// The highest number that a subject's versions have used; of one that has a version which is not
    /// revoked, that version says it too.
    pub(crate) numbers: BTreeMap<Subject, u32>,
    /// Numbers that were seen on the cluster and that the store does not know, by subject name.
    pub(crate) floors: BTreeMap<SubjectName, u32>,
    /// The secrets of it that the store holds, sealed.
    pub(crate) secrets: Vec<SealedSecret>,
    /// Whether a change of where write reaches is pending.
    pub(crate) reach_pending: bool,
    /// Whether logins of the manager from before the stored one may still work.
    pub(crate) older_logins: bool,
    /// Accounts that were the manager's, or are to be no longer, and were not seen to be gone.
    pub(crate) former: Vec<FormerManager>,
    /// Whether the cluster may hold what was issued after the backup that was restored.
    pub(crate) orphans_pending: bool,
}

/// What time and this machine add to the rows.
#[derive(Debug, Clone)]
pub(crate) struct Circumstances {
    /// The time by this machine's clock.
    pub(crate) now: Timestamp,
    /// Whether the cluster's clock says the same; `None` where it was not asked.
    pub(crate) clocks_agree: Option<bool>,
    /// Accounts of shells whose process is gone.
    pub(crate) lost_shells: BTreeSet<AccountName>,
}

impl Circumstances {
    /// A time, with nothing asked of the cluster, and every shell alive.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self {
            now,
            clocks_agree: None,
            lost_shells: BTreeSet::new(),
        }
    }
}

/// What must end, and what begins in its place.
#[derive(Debug, Default)]
pub(crate) struct Consequences {
    /// The effects, in order.
    pub(crate) effects: Vec<Effect>,
    /// Whether something stays only because the clocks do not agree.
    pub(crate) kept_by_clock: bool,
}

impl ClusterSnapshot {
    /// A subject's name; nothing for a row that is not there.
    pub(crate) fn subject_name(&self, subject: Subject) -> Option<SubjectName> {
        let name = |user| Some(self.people.users.get(&user)?.name.clone());
        Some(match subject {
            Subject::Personal(user) => SubjectName::Personal(name(user)?),
            Subject::Shell(user) => SubjectName::Shell(name(user)?),
            Subject::Shared { project, level } => SubjectName::Shared {
                project: self.people.projects.get(&project)?.clone(),
                level,
            },
        })
    }

    /// A user's name, where there is such a user.
    pub(crate) fn name_of(&self, user: UserId) -> Option<&str> {
        self.people.users.get(&user).map(|user| user.name.as_str())
    }

    /// What a user has on the cluster by themselves.
    pub(crate) fn access_of(&self, user: &User, now: Timestamp) -> Access {
        let grant = self.grants.get(&user.id);
        let access = access::effective(user, &self.cluster, grant, now);
        access.or_bound(user, self.is_bound(user.id))
    }

    /// Whether any role is bound to a user.
    pub(crate) fn is_bound(&self, user: UserId) -> bool {
        let mut bindings = self.bindings.iter();
        bindings.any(|binding| binding.user == user && !binding.is_removed)
    }

    /// What a user is in the project that the cluster is in; nothing while they are disabled.
    pub(crate) fn role_of(&self, user: &User) -> Option<ProjectRole> {
        let project = self.cluster.project.filter(|_| user.active)?;
        self.people.roles.get(&(project, user.id)).copied()
    }

    /// The live versions of a user's own: the kubeconfig, and shells.
    pub(crate) fn live_of(&self, user: UserId) -> impl Iterator<Item = &Credential> {
        let all = self.credentials.iter();
        all.filter(move |it| it.state.is_live() && it.subject.user() == Some(user))
    }

    /// The live version of a subject.
    pub(crate) fn live(&self, subject: Subject) -> Option<&Credential> {
        let mut all = self.credentials.iter();
        all.find(|it| it.state.is_live() && it.subject == subject)
    }

    /// The shared versions that a user may have in their hands and that are not revoked.
    pub(crate) fn shared_held_by(&self, user: UserId) -> impl Iterator<Item = &Credential> {
        let all = self.credentials.iter();
        all.filter(move |it| self.holds(it, user))
    }

    fn holds(&self, credential: &Credential, user: UserId) -> bool {
        let holders = self.holders.get(&credential.id);
        holders.is_some_and(|holders| holders.iter().any(|holder| holder.user == user))
    }

    /// Whether it was decided that a shared version lives on though this holder lost its level.
    pub(crate) fn keeps(&self, credential: &Credential, user: UserId) -> bool {
        let holders = self.holders.get(&credential.id).into_iter().flatten();
        holders.filter(|it| it.user == user).any(|it| it.kept)
    }

    /// Whether a user may take the shared kubeconfig of this level.
    pub(crate) fn may_take(&self, user: &User, project: ProjectId, level: SharedLevel) -> bool {
        let role = self.people.roles.get(&(project, user.id));
        user.active
            && role.map(|role| role.level()) == Some(level)
            && !self.blocks.contains(&user.id)
    }

    /// The number that a subject's next version gets.
    pub(crate) fn next_version(&self, subject: Subject) -> u32 {
        let of_subject = self.credentials.iter().filter(|it| it.subject == subject);
        let live = of_subject.map(|it| it.version).max();
        let used = live.max(self.numbers.get(&subject).copied());
        let name = self.subject_name(subject);
        let seen = name.and_then(|name| self.floors.get(&name).copied());
        used.max(seen).unwrap_or_default().saturating_add(1)
    }

    /// The highest number that a subject of this name is known to have had.
    fn highest_of(&self, owner: &SubjectName) -> u32 {
        let live = self.credentials.iter().filter(|it| it.owner == *owner);
        let ended = self
            .numbers
            .iter()
            .filter(|(subject, _)| self.subject_name(**subject).as_ref() == Some(owner));
        let all = live
            .map(|it| it.version)
            .chain(ended.map(|(_, version)| *version));
        let all = all.chain(self.floors.get(owner).copied());
        all.max().unwrap_or_default()
    }

    /// Whether a version of this number, which the store does not know, may have been issued: nobody was
    /// handed so many since a backup. What says more was made by somebody else, to use numbers up.
    pub(crate) fn may_have_issued(&self, owner: &SubjectName, version: u32) -> bool {
        version <= self.highest_of(owner).saturating_add(SINCE_BACKUP_MAX)
    }

    /// Whether something of it is decided and not yet true on the cluster.
    pub(crate) fn is_pending(&self) -> bool {
        let credentials = self.credentials.iter().any(|it| it.state.awaits_cluster());
        let bindings = self.bindings.iter().any(|binding| binding.is_pending);
        let former = !self.former.is_empty();
        credentials || bindings || self.reach_pending || self.orphans_pending || former
    }

    /// The same of a user's own versions, and of the shared ones that they hold.
    pub(crate) fn is_pending_for(&self, user: UserId) -> bool {
        self.credentials.iter().any(|it| {
            let theirs = it.subject.user() == Some(user) || self.holds(it, user);
            theirs && it.state.awaits_cluster()
        })
    }

    /// What must end now, each with what begins in its place. By time only where the cluster was
    /// asked what time it is, and says the same as this machine: what a wrong clock ends does not
    /// come back.
    pub(crate) fn consequences(&self, circumstances: &Circumstances) -> Consequences {
        let mut found = Consequences::default();
        for credential in self.credentials.iter() {
            if let Some(because) = self.why_it_ends(credential, circumstances) {
                found.effects.extend(self.ending(credential, because));
            } else if circumstances.clocks_agree == Some(false)
                && self.why_it_must_end(credential, circumstances).is_some()
            {
                found.kept_by_clock = true;
            }
        }
        found
    }

    /// The version that begins in the place of one that ends though its subject has what it carries:
    /// none of a shell, none where the cluster issues none.
    pub(crate) fn next_of(
        &self,
        places: &mut Places,
        ended: &Credential,
        now: Timestamp,
    ) -> Option<Effect> {
        if let Subject::Shared { .. } = ended.subject {
            return self.successor(places, ended);
        }
        let circumstances = Circumstances::at(now);
        // What must end anyway does not begin again.
        let may_stay = self.why_it_must_end(ended, &circumstances).is_none();
        let begins = may_stay && !ended.is_shell() && self.is_issuing();
        begins.then(|| self.begin_in(places, ended.subject, ended.power))
    }

    /// Whether versions may begin on the cluster.
    fn is_issuing(&self) -> bool {
        self.cluster.state == super::cluster::State::Active && self.cluster.deleting_at.is_none()
    }

    /// The version that begins in the place of a shared one, where the cluster issues any.
    fn successor(&self, places: &mut Places, ended: &Credential) -> Option<Effect> {
        let Subject::Shared { project, level } = ended.subject else {
            return None;
        };
        let begins = self.cluster.project == Some(project) && self.is_issuing();
        begins.then(|| self.begin_in(places, ended.subject, level.power()))
    }

    /// The beginning of a subject's next version: on the list of the one that it follows, if that is
    /// one of its kind and not too long.
    pub(crate) fn begin(&self, subject: Subject, power: Power) -> Effect {
        self.begin_in(&mut self.places(), subject, power)
    }

    /// The same of one of several that begin together.
    pub(crate) fn begin_in(&self, places: &mut Places, subject: Subject, power: Power) -> Effect {
        Effect::BeginVersion {
            cluster: self.cluster.id,
            subject,
            power,
            version: self.next_version(subject),
            shard: self.shard_of_next(places, subject, power),
        }
    }

    /// On which list of its kind a subject's next version will be.
    pub(crate) fn next_shard(&self, subject: Subject, power: Power) -> Shard {
        self.shard_of_next(&mut self.places(), subject, power)
    }

    fn shard_of_next(&self, places: &mut Places, subject: Subject, power: Power) -> Shard {
        // Shells live beside each other.
        let is_followed = !matches!(subject, Subject::Shell(_));
        let live = self.live(subject).filter(|_| is_followed);
        if let Some(live) = live {
            if live.power == power && !places.is_crowded(live.shard) {
                return live.shard;
            }
            places.leave(live.shard, live.power);
        }
        places.take(power)
    }

    /// How many live accounts each shard has.
    pub(crate) fn places(&self) -> Places {
        let mut places = Places::default();
        for live in self.credentials.iter().filter(|it| it.state.is_live()) {
            places.add(live.shard, live.power, 1);
        }
        places
    }

    /// Moves accounts from lists that are too long, as those of before there was more than one are, to
    /// others of their kind: the youngest move.
    pub(crate) fn shared_out(&self) -> Vec<Effect> {
        let mut places = self.places();
        let live = self.credentials.iter().rev();
        let mut moved = Vec::new();
        for live in live.filter(|it| it.state.is_live()) {
            if places.is_crowded(live.shard) {
                places.leave(live.shard, live.power);
                moved.push(Effect::MoveToShard {
                    cluster: self.cluster.id,
                    credential: live.id,
                    shard: places.take(live.power),
                });
            }
        }
        moved
    }
}
