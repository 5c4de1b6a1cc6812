//! The plan: what must change on one cluster so that it holds what the store says.
//!
//! `plan(desired, observed)` is pure and printable, and empty when nothing is to be done. Its
//! phases run in order, the steps of a phase together:
//! 1. **take**: binding lists lose those who must go (this cuts them off at once);
//! 2. **end**: their accounts are deleted;
//! 3. **give**: accounts are created and binding lists gain those who come. An account without a
//!    binding and a binding without its account both give nothing, so their order is free; a
//!    token is minted only after both.

mod bindings;
mod display;
mod lists;
mod renewer;

use std::collections::{BTreeMap, BTreeSet};

use self::bindings::plan_bindings;
use self::lists::our_role;
pub(crate) use self::lists::{
    LEVELS, Lists, binding_name, is_list, level_of, list_name, list_of, wanted_lists,
};
pub(crate) use self::renewer::{Renewer, is_renewal};
use super::access::Power;
use super::binding::Bound;
use super::credential::CredentialId;
use super::installation::InstallationId;
use super::level::Part;
use super::power::{RoleRef, Rule};
use super::shard::Shard;
use super::subject::SubjectName;

/// The namespace of everything that we keep on a cluster.
pub(crate) const NAMESPACE: &str = "kubegrant";
/// The namespace of the accounts that an issuer may handle.
pub(crate) const USERS_NAMESPACE: &str = "kubegrant-users";

/// An account that should be on the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Account {
    /// The ServiceAccount's name.
    pub(crate) name: String,
    /// Whose it is, for the annotation.
    pub(crate) user: SubjectName,
    /// The credential's row number, for the annotation.
    pub(crate) credential: CredentialId,
    /// What it carries.
    pub(crate) power: Power,
    /// Which of several lists of a kind it is on.
    pub(crate) shard: Shard,
}

/// What the store says a cluster should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desired {
    /// This installation's id, part of every binding's name.
    pub(crate) installation: InstallationId,
    /// The live accounts.
    pub(crate) accounts: Vec<Account>,
    /// The accounts that mint for others.
    pub(crate) renewers: Vec<Renewer>,
    /// Roles bound to users, with the accounts that carry each.
    pub(crate) bound: BTreeMap<Bound, BTreeSet<String>>,
    /// Whether write is the plain cluster-wide `edit`.
    pub(crate) write_cluster_wide: bool,
    /// Accounts of ours that are not credentials and must be left alone (the manager's, the issuer's).
    pub(crate) keep: BTreeSet<String>,
    /// Whether the lists of `view` and `edit` stand where nobody is on them: whoever works with an issuer's
    /// login can write them, and make none.
    pub(crate) keeps_lists: bool,
}

impl Desired {
    /// Whether any account carries `write`.
    pub(crate) fn has_writers(&self) -> bool {
        self.accounts
            .iter()
            .any(|account| account.power == Power::Write)
    }

    /// Whether it must be known where write reaches.
    pub(crate) fn needs_reach(&self) -> bool {
        self.has_writers() || self.keeps_lists
    }

    /// Whether anything stands in a namespace that may be gone.
    pub(crate) fn has_places(&self) -> bool {
        self.bound.keys().any(|bound| bound.place.is_some())
    }
}

/// Where a binding stands: cluster-wide or in a namespace.
pub(crate) type Place = Option<String>;

/// An account of ours as observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedAccount {
    /// Its UID, for the precondition of a delete.
    pub(crate) uid: String,
    /// The credential's row number in its annotation.
    pub(crate) credential: Option<CredentialId>,
    /// Whether it is being deleted.
    pub(crate) deleting: bool,
    /// Whether somebody's finalizer would keep it after it is deleted.
    pub(crate) held: bool,
}

/// A binding of ours as observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedBinding {
    /// Its UID.
    pub(crate) uid: String,
    /// Its resource version, so that a write of somebody else is noticed.
    pub(crate) resource_version: String,
    /// The role it points to.
    pub(crate) role: RoleRef,
    /// Our accounts on its list.
    pub(crate) accounts: BTreeSet<String>,
    /// Whether the list holds subjects that are none of our accounts.
    pub(crate) has_strangers: bool,
    /// Whether it is being deleted; it gives what it lists until it is gone.
    pub(crate) deleting: bool,
    /// Whether somebody's finalizer would keep it after it is deleted.
    pub(crate) held: bool,
    /// Whether somebody took our labels off.
    pub(crate) unlabelled: bool,
}

impl ObservedBinding {
    /// Whether it gives nobody anything, and goes by itself.
    fn is_going(&self) -> bool {
        self.deleting && !self.held && !self.lists_anybody()
    }

    fn lists_anybody(&self) -> bool {
        self.has_strangers || !self.accounts.is_empty()
    }
}

/// What a level is made of on a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LevelRole {
    /// The rules of our own role; `None` where the level is the cluster's ClusterRole itself.
    pub(crate) wanted: Option<Vec<Rule>>,
    /// Those of our own role as it stands, if it does.
    pub(crate) found: Option<Vec<Rule>>,
}

/// What a cluster holds of ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Observed {
    /// Accounts of this installation by name.
    pub(crate) accounts: BTreeMap<String, ObservedAccount>,
    /// Bindings of this installation by place and name.
    pub(crate) bindings: BTreeMap<(Place, String), ObservedBinding>,
    /// The namespaces that write reaches; empty unless somebody writes.
    pub(crate) write_reaches: BTreeSet<String>,
    /// The namespaces that take new objects; empty unless somebody writes or a role is bound in one.
    pub(crate) namespaces: BTreeSet<String>,
    /// What the levels are made of, as far as it was looked at.
    pub(crate) levels: BTreeMap<Part, LevelRole>,
}

/// One change on a cluster. Each may be repeated without harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Create an account.
    CreateAccount(Account),
    /// Delete an account with this UID.
    DeleteAccount {
        /// Name.
        name: String,
        /// UID, as precondition.
        uid: String,
        /// Whether a finalizer must be taken off it.
        held: bool,
    },
    /// Create a binding with this list.
    CreateBinding {
        /// Its namespace; cluster-wide without one.
        place: Place,
        /// Name.
        name: String,
        /// The role.
        role: RoleRef,
        /// The whole list.
        accounts: BTreeSet<String>,
    },
    /// Write a binding's whole list.
    SetBinding {
        /// Its namespace; cluster-wide without one.
        place: Place,
        /// Name.
        name: String,
        /// The whole list.
        accounts: BTreeSet<String>,
        /// The resource version this was decided on.
        resource_version: String,
    },
    /// Write our own role of a level.
    SetRole {
        /// Name.
        name: String,
        /// All of its rules.
        rules: Vec<Rule>,
    },
    /// Delete our own role of a level.
    DeleteRole {
        /// Name.
        name: String,
    },
    /// Delete a binding with this UID.
    DeleteBinding {
        /// Its namespace; cluster-wide without one.
        place: Place,
        /// Name.
        name: String,
        /// UID, as precondition.
        uid: String,
        /// Whether it must be emptied before: a deleted list that a finalizer keeps goes on giving.
        empty_first: bool,
    },
}

impl Step {
    /// What it is about: an account by name, or a binding by place and name.
    pub(crate) fn object(&self) -> Object {
        match self {
            Self::CreateAccount(account) => Object::Account(account.name.clone()),
            Self::DeleteAccount { name, .. } => Object::Account(name.clone()),
            Self::CreateBinding { place, name, .. }
            | Self::SetBinding { place, name, .. }
            | Self::DeleteBinding { place, name, .. } => {
                Object::Binding(place.clone(), name.clone())
            }
            Self::SetRole { name, .. } | Self::DeleteRole { name } => Object::Role(name.clone()),
        }
    }
}

/// An object of ours on a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Object {
    /// A ServiceAccount by name.
    Account(String),
    /// A binding by place and name.
    Binding(Place, String),
    /// A ClusterRole by name.
    Role(String),
}

/// What must change, in phases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Plan {
    /// Binding lists that lose somebody.
    pub(crate) take: Vec<Step>,
    /// Accounts that go.
    pub(crate) end: Vec<Step>,
    /// Accounts that come, and binding lists that only gain; and those that only lose whom another of
    /// their kind was seen to hold.
    pub(crate) give: Vec<Step>,
    /// Whether somebody stays on a list until another of its kind was seen to hold them.
    pub(crate) is_moving: bool,
}

impl Plan {
    /// Whether nothing is to be done.
    pub(crate) fn is_empty(&self) -> bool {
        self.take.is_empty() && self.end.is_empty() && self.give.is_empty()
    }

    /// Leaves steps out.
    pub(crate) fn leave_out(&mut self, unwanted: impl Fn(&Step) -> bool) {
        for phase in [&mut self.take, &mut self.end, &mut self.give] {
            phase.retain(|step| !unwanted(step));
        }
    }

    /// Empties lists that were to be deleted and give somebody something: whoever may not delete them takes
    /// away all the same.
    pub(crate) fn empty_instead(&mut self, observed: &Observed) {
        for step in &mut self.take {
            let Step::DeleteBinding { place, name, .. } = step else {
                continue;
            };
            let found = observed.bindings.get(&(place.clone(), name.clone()));
            if let Some(found) = found.filter(|found| found.lists_anybody()) {
                *step = Step::SetBinding {
                    place: place.clone(),
                    name: name.clone(),
                    accounts: BTreeSet::new(),
                    resource_version: found.resource_version.clone(),
                };
            }
        }
    }

    /// All steps in order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.take.iter().chain(&self.end).chain(&self.give)
    }

    /// Whether a step of this plan takes something away.
    pub(crate) fn takes(&self, step: &Step) -> bool {
        self.take.contains(step) || self.end.contains(step)
    }

    /// The accounts that this plan takes off lists or deletes.
    pub(crate) fn takes_anything(&self) -> bool {
        !self.take.is_empty() || !self.end.is_empty()
    }
}

/// Our own roles: made and narrowed before anything else, and removed when nothing names them.
fn plan_roles(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    for (part, level) in &observed.levels {
        let needs = |account: &Account| match (part, account.power) {
            (_, Power::Write) => *part == Part::Read || !desired.write_cluster_wide,
            (Part::Read, Power::Read) => true,
            _ => false,
        };
        let name = binding_name(&desired.installation, part.role());
        let wanted = level.wanted.as_ref();
        let is_kept = desired.keeps_lists && (*part == Part::Read || !desired.write_cluster_wide);
        match wanted.filter(|_| is_kept || desired.accounts.iter().any(needs)) {
            Some(rules) if level.found.as_ref() != Some(rules) => plan.take.push(Step::SetRole {
                name,
                rules: rules.clone(),
            }),
            Some(_) => {}
            None => {
                let role = our_role(desired, *part);
                let is_named = observed.bindings.values().any(|it| it.role == role);
                if level.found.is_some() && !is_named {
                    plan.end.push(Step::DeleteRole { name });
                }
            }
        }
    }
}

/// Decides what must change. Pure.
pub(crate) fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    plan_roles(&mut plan, desired, observed);
    plan_bindings(&mut plan, desired, observed);
    plan_accounts(&mut plan, desired, observed);
    plan
}

fn plan_accounts(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    let wanted: BTreeMap<&str, &Account> = desired
        .accounts
        .iter()
        .map(|account| (account.name.as_str(), account))
        .collect();
    for (name, found) in &observed.accounts {
        let stays = desired.keep.contains(name)
            // Without its annotation it is marked again by what makes it.
            || wanted
                .get(name.as_str())
                .is_some_and(|w| found.credential.is_none_or(|it| it == w.credential));
        if !stays {
            plan.end.push(Step::DeleteAccount {
                name: name.clone(),
                uid: found.uid.clone(),
                held: found.held,
            });
        }
    }
    for account in &desired.accounts {
        let present = observed
            .accounts
            .get(&account.name)
            .is_some_and(|found| found.credential == Some(account.credential) && !found.deleting);
        if !present {
            plan.give.push(Step::CreateAccount(account.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
