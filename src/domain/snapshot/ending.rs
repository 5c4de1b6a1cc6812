//! When a version must end, and why.

use super::{Circumstances, ClusterSnapshot};
use crate::domain::Timestamp;
use crate::domain::credential::{Credential, Subject};
use crate::domain::effect::Effect;
use crate::domain::project::{ProjectId, SharedLevel};

impl ClusterSnapshot {
    /// Why a version must end now; `None` while its subject has what it carries.
    pub(crate) fn why_it_must_end(
        &self,
        credential: &Credential,
        circumstances: &Circumstances,
    ) -> Option<&'static str> {
        if let Subject::Shared { project, level } = credential.subject {
            return self.why_shared_must_end(credential, project, level);
        }
        let user = credential.subject.user()?;
        let user = self.people.users.get(&user)?;
        let because = credential.must_end(self.access_of(user, circumstances.now));
        if because.is_some() || !credential.state.is_live() {
            return because;
        }
        if self.blocks.contains(&user.id) {
            return Some("revoked by an admin");
        }
        if !credential.is_shell() {
            return None;
        }
        // A shell lives as long as the process that began it, and its time at most.
        if credential
            .until
            .is_some_and(|until| until <= circumstances.now)
        {
            Some("the shell's time is over")
        } else if circumstances.lost_shells.contains(&credential.account) {
            Some("the shell is gone")
        } else {
            None
        }
    }

    /// Why a shared version must end now; `None` while everybody who may hold it has its level.
    ///
    /// Somebody who holds more than they have is enough: a file cannot be taken back, so the version
    /// dies for all of its holders.
    fn why_shared_must_end(
        &self,
        credential: &Credential,
        project: ProjectId,
        level: SharedLevel,
    ) -> Option<&'static str> {
        if !credential.state.is_live() {
            return None;
        }
        if self.cluster.project != Some(project) {
            return Some("the cluster left the project");
        }
        let holders = self.holders.get(&credential.id);
        holders.into_iter().flatten().find_map(|holder| {
            let user = self.people.users.get(&holder.user);
            if !user.is_some_and(|user| user.active) {
                return Some("a holder is disabled");
            }
            if self.blocks.contains(&holder.user) {
                return Some("a holder's access was revoked");
            }
            let role = self.people.roles.get(&(project, holder.user));
            let has_it = role.is_some_and(|role| role.level() >= level);
            (!has_it && !holder.kept).then_some("a holder lost this level")
        })
    }

    /// Whether a version would have to end whatever the time is.
    fn ends_whatever_the_time(
        &self,
        credential: &Credential,
        circumstances: &Circumstances,
    ) -> bool {
        let user = credential.subject.user();
        let Some(user) = user.and_then(|user| self.people.users.get(&user)) else {
            return true;
        };
        let is_blocked = credential.state.is_live() && self.blocks.contains(&user.id);
        let is_lost = credential.is_shell()
            && credential.state.is_live()
            && circumstances.lost_shells.contains(&credential.account);
        let timeless = self.access_of(user, Timestamp::MIN_UTC);
        is_blocked || is_lost || credential.must_end(timeless).is_some()
    }

    /// Why a version ends now: it must, and not by a clock that nobody else agrees with.
    pub(crate) fn why_it_ends(
        &self,
        credential: &Credential,
        circumstances: &Circumstances,
    ) -> Option<&'static str> {
        let because = self.why_it_must_end(credential, circumstances)?;
        let in_time = circumstances.clocks_agree == Some(true);
        (in_time || self.ends_whatever_the_time(credential, circumstances)).then_some(because)
    }

    /// The end of a version; of a shared one with the beginning of the next: the others download
    /// again.
    pub(crate) fn ending(&self, credential: &Credential, because: &'static str) -> Vec<Effect> {
        let end = self.end_of(credential, because);
        [end]
            .into_iter()
            .chain(self.successor(&mut self.places(), credential))
            .collect()
    }

    /// The end of a version alone.
    pub(crate) fn end_of(&self, credential: &Credential, because: &'static str) -> Effect {
        Effect::EndVersion {
            cluster: self.cluster.id,
            credential: credential.id,
            because,
        }
    }
}
