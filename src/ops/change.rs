//! The procedure of every change.
//!
//! A verb is a value that decides: it names what it is about, and a pure function turns the rows of
//! the store into effects or a refusal. Everything else is here, once: who is acting, what the rules
//! say, the cluster's lock, the transaction, the preview, the record, the clusters, the report.
//!
//! The rules are asked before anything is waited for, and again inside the transaction that commits,
//! on its rows: who lost a right while they waited, or whose cluster was archived, protected,
//! deleted or replaced meanwhile, changes nothing. What gives waits for the cluster's lock first.
//! What only takes away does not: its transaction is its lock, and a cluster is made to follow
//! beside whatever else is going on there.

pub(super) mod allowed;
mod case;
mod committing;
#[cfg(test)]
pub(super) mod fixture;
mod runner;

pub(super) use allowed::on_cluster as is_allowed_on;
pub(super) use runner::{Recorded, planned, record, run};

use futures::{StreamExt, stream};

use super::project::shared::Over;
use super::{Applied, Error};
use crate::domain::action::Action;
use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::effect::Effect;
use crate::domain::name::{ClusterName, ProjectName, UserRef};
use crate::domain::people::Named;
use crate::domain::policy::{self, ClusterAction, OrganizationAction, ProjectAction};
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::sealed::Which;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::user::{User, UserId};
use crate::domain::{Confirmed, Timestamp};
use crate::session::{CLUSTERS_AT_ONCE, Session};
use crate::store::WriteTxn;

/// What a change is about, and what the rules are asked of it.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// One cluster.
    Cluster(ClusterName, ClusterAction),
    /// A project, with the clusters that are in it.
    Project(ProjectName, ProjectAction),
    /// One cluster of a project.
    InProject(ProjectName, ProjectAction, ClusterName),
    /// The organization.
    Organization(OrganizationAction),
    /// Whoever acts: what they may do with whom is asked when it is decided.
    Anybody,
}

impl Target {
    /// One cluster.
    pub(super) fn on(cluster: &ClusterName, action: ClusterAction) -> Self {
        Self::Cluster(cluster.clone(), action)
    }
}

/// Whether a change gives or takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// It waits for the cluster's lock before it decides.
    Gives,
    /// It waits for nobody.
    Takes,
}

/// Who decides, and when.
#[derive(Debug, Clone)]
pub(super) struct Who {
    /// Whose key it is.
    pub(super) holder: User,
    /// Whose rights count.
    pub(super) user: User,
    /// The time.
    pub(super) now: Timestamp,
}

impl Who {
    /// Whether somebody points at who acts, by name or by address.
    pub(super) fn is(&self, user: &UserRef) -> bool {
        match user {
            UserRef::Name(name) => *name == self.user.name,
            UserRef::Email(email) => self.user.email.as_ref() == Some(email),
        }
    }

    /// Asks a cluster's rules.
    pub(super) fn may_on(
        &self,
        on: &ClusterSnapshot,
        action: ClusterAction,
    ) -> Result<(), Refusal> {
        let target = policy::Target {
            access: on.access_of(&self.user, self.now),
            project: on.role_of(&self.user),
            state: on.cluster.state,
            protected: on.cluster.protected,
            standing: policy::Standing::Nothing,
        };
        policy::on_cluster(self.actor(), action, target).map_err(Refusal::Denied)
    }

    fn actor(&self) -> policy::Actor {
        policy::Actor {
            role: self.user.role,
            // A disabled holder can do nothing, whomever they act as.
            active: self.user.active && self.holder.active,
        }
    }

    /// Asks the organization's rules.
    pub(super) fn may(&self, action: OrganizationAction) -> Result<(), Refusal> {
        policy::in_organization(self.actor(), action).map_err(Refusal::Denied)
    }
}

/// What a change does.
#[derive(Debug, Default)]
pub(super) struct Decision {
    /// Its own effects. None: it is so already.
    pub(super) effects: Vec<Effect>,
    /// Effects that are recorded once they are true on the cluster, by a verb with work of its own.
    pub(super) later: Vec<Effect>,
    /// A sentence for the audit log.
    pub(super) detail: String,
    /// The user whom it is about, if it is about one.
    pub(super) user: Option<UserId>,
    /// What is more than it says, a sentence each.
    pub(super) although: Vec<String>,
    /// What of that somebody must agree to before it is done.
    pub(super) needs_consent: Vec<String>,
    /// What a preview says beside, a sentence each.
    pub(super) notes: Vec<String>,
    /// What the audit log says beside, each as an event that is done with it.
    pub(super) remarks: Vec<Remark>,
    /// Whether clusters are to follow: what must end with it ends, and is seen to have.
    pub(super) reaches_clusters: bool,
    /// Whether what is pending of others is this command's matter too.
    pub(super) concerns_all: bool,
    /// Whether the verb goes on after it: it is requested with the record, and the verb closes it.
    pub(super) goes_on: bool,
}

impl Decision {
    /// Whether there is anything to do.
    fn acts(&self) -> bool {
        !self.effects.is_empty() || !self.later.is_empty()
    }
}

/// What the audit log says beside a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Remark {
    /// The command that does this alone, as the log names it; `None`: the one that is carried out.
    pub(super) command: Option<Action>,
    /// The cluster that it is about; `None`: the change's own, if it is about one.
    pub(super) cluster: Option<ClusterId>,
    /// The user whom it is about; `None`: the change's own.
    pub(super) user: Option<UserId>,
    /// What is said.
    pub(super) detail: String,
}

impl From<String> for Remark {
    fn from(detail: String) -> Self {
        Self {
            detail,
            ..Self::default()
        }
    }
}

/// What a change is about.
#[derive(Debug)]
pub(super) struct About<'a> {
    /// The command, as the audit log names it.
    pub(super) command: Action,
    /// What the rules are asked of.
    pub(super) target: Target,
    /// Whether it gives or takes away.
    pub(super) direction: Direction,
    /// The user whom it is about, as typed.
    pub(super) user: Option<&'a UserRef>,
    /// Whom else it names.
    pub(super) named: Vec<Named>,
    /// The same of somebody who is not there yet.
    pub(super) name: Option<String>,
    /// The cluster that it is about, which is not there yet.
    pub(super) new_cluster: Option<&'a ClusterName>,
    /// Whether it registers a cluster, which must be none of those that are.
    pub(super) registers: bool,
    /// Whether it is about the cluster's SSH keys, which have a lock of their own.
    pub(super) ssh_keys: bool,
    /// Whether it is about all clusters on which the user has anything; else about its target's.
    pub(super) follows_user: bool,
    /// Whether what fails on one of several clusters is pending there, and no error.
    pub(super) errors_are_pending: bool,
}

impl<'a> About<'a> {
    /// A command that is about something.
    pub(super) fn new(command: Action, target: Target, direction: Direction) -> Self {
        Self {
            command,
            target,
            direction,
            user: None,
            named: vec![],
            name: None,
            new_cluster: None,
            registers: false,
            ssh_keys: false,
            follows_user: false,
            errors_are_pending: false,
        }
    }

    /// One that gives: it waits for the cluster's lock before it decides.
    pub(super) fn gives(command: Action, target: Target) -> Self {
        Self::new(command, target, Direction::Gives)
    }

    /// One that only takes away: it waits for nobody.
    pub(super) fn takes(command: Action, target: Target) -> Self {
        Self::new(command, target, Direction::Takes)
    }

    /// Says which user it is about.
    pub(super) fn user(mut self, user: &'a UserRef) -> Self {
        self.user = Some(user);
        self
    }

    /// Says whom else it names, if anybody: those it finds among the people.
    pub(super) fn names(mut self, somebody: impl Into<Option<Named>>) -> Self {
        self.named.extend(somebody.into());
        self
    }

    /// Says which user it is about, who is not there yet.
    pub(super) fn name(mut self, name: String) -> Self {
        self.name = Some(name);
        self
    }

    /// Says which cluster it is about, which is not there yet.
    pub(super) fn new_cluster(mut self, cluster: &'a ClusterName) -> Self {
        self.new_cluster = Some(cluster);
        self
    }

    /// Says that it registers a cluster, which must be none of those that are.
    pub(super) fn registers(mut self) -> Self {
        self.registers = true;
        self
    }

    /// Says that it is about the cluster's SSH keys, which have a lock of their own: nodes may be slow,
    /// and no revocation waits for them.
    pub(super) fn ssh_keys(mut self) -> Self {
        self.ssh_keys = true;
        self
    }

    /// Says that it is about all clusters on which the user has anything.
    pub(super) fn follows_user(mut self) -> Self {
        self.follows_user = true;
        self
    }

    /// Says that what fails on one of several clusters is pending there, and no error.
    pub(super) fn errors_are_pending(mut self) -> Self {
        self.errors_are_pending = true;
        self
    }
}

/// Whether a secret of a cluster is one of those. Where none of a cluster's is, its provider token would
/// not be: whoever opens one at all opens that.
pub(super) type Resealed<'a> = Box<dyn Fn(&Cluster, &Which) -> bool + 'a>;

/// A changing verb: a value that decides.
pub(super) trait Change {
    /// What is looked up on a cluster before it is decided; the default knows nothing.
    type Seen: Default;
    /// The proof of consent that performing it needs.
    type Consent;

    /// What it is about.
    fn about(&self) -> About<'_>;
    /// Who agreed to what is more than it says.
    fn insists(&self) -> Option<Confirmed> {
        None
    }
    /// The clusters whose secrets are to be sealed anew, as others may use them after it; those that it
    /// concerns are then looked for among all.
    fn resealed<'a>(&'a self, _rows: &'a Rows) -> Option<Resealed<'a>> {
        None
    }
    /// Whether it is refused where a secret cannot be sealed anew. What takes away is not: that the
    /// secret is still open to somebody is said, and is pending.
    fn must_reseal(&self) -> bool {
        true
    }
    /// Looks at the cluster; called under its lock, and only where there is something to do.
    async fn look(&self, _session: &Session, _rows: &Rows) -> Result<Self::Seen, Error> {
        Ok(Self::Seen::default())
    }
    /// Whether a preview needs what is seen there; else it asks no cluster.
    fn looks_for_preview(&self) -> bool {
        true
    }
    /// Writes what is sealed, which is no plain data, in the transaction that commits the effects.
    fn seal(
        &self,
        _tx: &WriteTxn<'_>,
        _rows: &Rows,
        _who: &Who,
        _seen: &Self::Seen,
    ) -> Result<(), Error> {
        Ok(())
    }
    /// Decides. Pure: the rows, who, and what was seen are all that it knows.
    fn decide(&self, rows: &Rows, who: &Who, seen: &Self::Seen) -> Result<Decision, Refusal>;
}

/// What was carried out.
#[derive(Debug)]
pub(super) struct Carried<S = ()> {
    /// What was seen of the cluster.
    pub(super) seen: S,
    /// The rows as they were before.
    pub(super) before: Rows,
    /// The rows as they are now.
    pub(super) after: Rows,
    /// What was decided.
    pub(super) decision: Decision,
    /// All effects: its own, and what follows from them.
    pub(super) effects: Vec<Effect>,
    /// What was sealed anew, in words: what somebody who could open it has known.
    pub(super) resealed: Vec<String>,
    /// What it did on clusters.
    pub(super) applied: Applied,
}

impl<S> Carried<S> {
    fn nothing(rows: Rows, decision: Decision, seen: S) -> Self {
        Self {
            seen,
            after: rows.clone(),
            before: rows,
            decision,
            effects: vec![],
            resealed: vec![],
            applied: Applied::default(),
        }
    }

    /// The shared versions that ended with it, and who must download again.
    pub(super) fn over(&self) -> Vec<Over> {
        over(&self.before, &self.effects)
    }

    /// Whether it was so before.
    pub(super) fn is_unchanged(&self) -> bool {
        !self.decision.acts()
    }

    /// The user whom it was about, as they are now.
    pub(super) fn user(&self) -> Option<&User> {
        let id = self.decision.user?;
        self.after.people.users.get(&id)
    }

    /// Their name.
    pub(super) fn user_name(&self) -> String {
        self.user()
            .map(|user| user.name.to_string())
            .unwrap_or_default()
    }

    /// The cluster that it was about, as it is now.
    pub(super) fn cluster(&self) -> Option<&ClusterSnapshot> {
        self.after.clusters.first()
    }
}

/// The shared versions that end with effects, and who must download again.
fn over(before: &Rows, effects: &[Effect]) -> Vec<Over> {
    let (here, people): (Vec<&Effect>, Vec<&Effect>) =
        effects.iter().partition(|it| it.cluster().is_some());
    let people: Vec<Effect> = people.into_iter().cloned().collect();
    let after = before.after(&people).clusters;
    let over = after.iter().flat_map(|on| {
        let on_it = here.iter().filter(|it| it.cluster() == Some(on.cluster.id));
        let on_it: Vec<Effect> = on_it.map(|it| Effect::clone(it)).collect();
        Over::all_of(on, &on_it)
    });
    over.collect()
}

/// Does the same on each of some clusters, side by side. `on_progress` is told of each as it is finished;
/// the results are sorted by the cluster's name.
pub(super) async fn on_each<T, W: Future<Output = T>>(
    clusters: impl IntoIterator<Item = ClusterName>,
    cluster_of: impl Fn(&T) -> &ClusterName,
    on_progress: &mut dyn FnMut(&T),
    work: impl Fn(ClusterName) -> W,
) -> Vec<T> {
    let mut work = stream::iter(clusters)
        .map(work)
        .buffer_unordered(CLUSTERS_AT_ONCE);
    let mut done = Vec::new();
    while let Some(one) = work.next().await {
        on_progress(&one);
        done.push(one);
    }
    done.sort_by(|a, b| cluster_of(a).cmp(cluster_of(b)));
    done
}
