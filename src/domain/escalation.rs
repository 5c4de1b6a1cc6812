//! Escalation: which accounts and roles lead to more than they say, and which namespaces `write`
//! must not reach for it.
//!
//! Whoever holds `edit` in a namespace can mint tokens of its ServiceAccounts, impersonate them and
//! run pods as them: they can do what any of its accounts can. So a namespace with an account that
//! could lift its holder is excluded from write. What an account can do is a fixed point: who may
//! act as another can do what the other can, whether the other exists now or is only named by a
//! binding. The judgement is therefore over all namespaces and accounts that exist or are named,
//! terminating ones too.
//!
//! An account that hands roles on (it writes RoleBindings, or has `bind` or `escalate`, be it in
//! one namespace) makes of `edit` there what an admin has, and lets its holder leave access behind
//! that outlives every revocation. `write` is `edit` and no more, so that excludes its namespace
//! too; an operator who wants it otherwise includes the namespace by name.

use std::collections::{BTreeMap, BTreeSet};

use super::account_name::Home;
use super::binding::Bound;
use super::level::Allowed;
use super::power::{Binding, RoleRef, Roles, Rule, Subject};

mod deputies;
mod rights;

pub(crate) use deputies::deputy;
pub(crate) use rights::is_kubernetes;
use rights::{Right, rights};

/// Whether `write` can never reach a namespace, whatever an operator says: those of the system,
/// and our own.
pub(crate) fn is_never_included(namespace: &str) -> bool {
    namespace.starts_with("kube-") || Home::of(namespace).is_some()
}

/// Why a rule would take over a namespace that nobody but us may touch; `None` if it only reads
/// what says nothing.
pub(crate) fn takes(rule: &Rule) -> bool {
    rule.changes_anything() || leads_anywhere(rule).is_some()
}

/// Why a rule that counts everywhere leads to more than it says; `None` if it does not.
pub(crate) fn leads_anywhere(rule: &Rule) -> Option<String> {
    let rights = rights(std::slice::from_ref(rule), &BTreeSet::new());
    rights.first().map(|right| match right {
        Right::There(why) | Right::Anywhere(why) | Right::Inside(why) | Right::HandsOn(why) => {
            why.to_string()
        }
        Right::ActsAs(_) => "acting as another account".to_owned(),
    })
}

/// Why a rule leads out of any namespace that it is bound in; `None` if it does not.
pub(crate) fn leads_out(rule: &Rule) -> Option<String> {
    let rights = rights(std::slice::from_ref(rule), &BTreeSet::new());
    rights.iter().find_map(|right| match right {
        Right::Anywhere(why) | Right::HandsOn(why) => Some(why.to_string()),
        _ => None,
    })
}

/// The judgement over one cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Escalation {
    /// Namespaces that write must not reach, each with one reason.
    excluded: BTreeMap<String, String>,
    /// Accounts that can escalate.
    accounts: BTreeSet<(String, String)>,
    /// Namespaces every account of which can.
    whole: BTreeSet<String>,
    /// Whether every account of the cluster can.
    every: bool,
    /// What an operator allowed to everybody who writes.
    allowed: BTreeSet<Allowed>,
}

/// Where the accounts behind a subject live.
enum Reach<'a> {
    Account(&'a str, &'a str),
    Namespace(&'a str),
    Every,
    Nowhere,
}

fn reach(subject: &Subject) -> Reach<'_> {
    match subject {
        Subject::Account { namespace, name } => Reach::Account(namespace, name),
        // Who is nobody is anybody.
        Subject::User(name) if name == "system:anonymous" => Reach::Every,
        Subject::User(name) => name
            .strip_prefix("system:serviceaccount:")
            .and_then(|rest| rest.split_once(':'))
            .map_or(Reach::Nowhere, |(namespace, name)| {
                Reach::Account(namespace, name)
            }),
        Subject::Group(name) => match name.as_str() {
            "system:serviceaccounts" | "system:authenticated" | "system:unauthenticated" => {
                Reach::Every
            }
            other => other
                .strip_prefix("system:serviceaccounts:")
                .map_or(Reach::Nowhere, Reach::Namespace),
        },
    }
}

fn label(subject: &Subject) -> String {
    match subject {
        Subject::Account { name, .. } => format!("account '{name}'"),
        Subject::User(name) => format!("user '{name}'"),
        Subject::Group(name) => format!("group '{name}'"),
    }
}

/// Judges a cluster: `namespaces` are all that it lists, terminating ones too. What is `allowed` to
/// everybody who writes excludes nobody's namespace.
pub(crate) fn judge(
    namespaces: &BTreeSet<String>,
    by_operator: &BTreeSet<String>,
    allowed: &BTreeSet<Allowed>,
    bindings: &[Binding],
    roles: &Roles,
) -> Escalation {
    let mut all = namespaces.clone();
    for binding in bindings {
        all.extend(binding.namespace.iter().cloned());
        for subject in &binding.subjects {
            if let Reach::Account(namespace, _) | Reach::Namespace(namespace) = reach(subject) {
                all.insert(namespace.to_owned());
            }
        }
    }
    let mut found = Escalation {
        allowed: allowed.clone(),
        ..Escalation::default()
    };
    for namespace in &all {
        let why = if namespace.starts_with("kube-") {
            "a system namespace"
        } else if Home::of(namespace).is_some() {
            "kubegrant's own namespace"
        } else if by_operator.contains(namespace) {
            "excluded by the operator"
        } else {
            continue;
        };
        found.excluded.insert(namespace.clone(), why.to_owned());
    }
    let mut given: BTreeMap<(Option<&str>, &RoleRef), Vec<Right>> = BTreeMap::new();
    for binding in bindings {
        let place = match binding.role {
            RoleRef::Cluster(_) => None,
            RoleRef::Namespaced(_) => binding.namespace.as_deref(),
        };
        given.entry((place, &binding.role)).or_insert_with(|| {
            let rules = roles.rules(&binding.role, place);
            rules
                .map(|rules| rights(rules, allowed))
                .unwrap_or_default()
        });
    }
    let mut open: Vec<(&Binding, &[Right])> = bindings
        .iter()
        .filter_map(|binding| {
            let place = match binding.role {
                RoleRef::Cluster(_) => None,
                RoleRef::Namespaced(_) => binding.namespace.as_deref(),
            };
            let rights = given.get(&(place, &binding.role))?;
            (!rights.is_empty() || is_cluster_admin(&binding.role)).then_some((binding, &**rights))
        })
        .collect();
    loop {
        let before = open.len();
        open.retain(|(binding, rights)| {
            let place = binding.namespace.as_deref();
            let why = if is_cluster_admin(&binding.role) {
                Some("cluster-admin".to_owned())
            } else {
                found.counts(rights, place, true)
            };
            let Some(why) = why else {
                return true;
            };
            let place = match place {
                None => "cluster-wide".to_owned(),
                Some(namespace) => format!("in namespace '{namespace}'"),
            };
            for subject in &binding.subjects {
                let (label, kind, role) = (label(subject), binding.role.kind(), &binding.role);
                let reason = format!("{label} has {kind} '{}' {place} ({why})", role.name());
                found.mark(subject, &reason, &all);
            }
            false
        });
        if open.len() == before {
            return found;
        }
    }
}

fn is_cluster_admin(role: &RoleRef) -> bool {
    matches!(role, RoleRef::Cluster(name) if name == "cluster-admin")
}

impl Escalation {
    /// Excludes a namespace for a reason that no rule shows; what is always excluded keeps its own.
    pub(crate) fn exclude(&mut self, namespace: &str, why: &str) {
        if !is_never_included(namespace) {
            self.excluded.insert(namespace.to_owned(), why.to_owned());
        }
    }

    /// The namespaces that write must not reach, each with one reason.
    pub(crate) fn excluded(&self) -> &BTreeMap<String, String> {
        &self.excluded
    }

    /// Notes that whoever stands behind a subject can escalate.
    fn mark(&mut self, subject: &Subject, reason: &str, all: &BTreeSet<String>) {
        let mut exclude = |namespace: &str| {
            let excluded = self.excluded.entry(namespace.to_owned());
            excluded.or_insert_with(|| reason.to_owned());
        };
        match reach(subject) {
            Reach::Account(namespace, name) => {
                exclude(namespace);
                let account = (namespace.to_owned(), name.to_owned());
                self.accounts.insert(account);
            }
            Reach::Namespace(namespace) => {
                exclude(namespace);
                self.whole.insert(namespace.to_owned());
            }
            Reach::Every => {
                for namespace in all {
                    exclude(namespace);
                }
                self.every = true;
            }
            Reach::Nowhere => {}
        }
    }

    /// The first account of this name, in this place or in any, that can escalate.
    fn able(&self, place: Option<&str>, name: &str) -> Option<(String, String)> {
        let here = |namespace: &str| place.is_none_or(|place| place == namespace);
        let known = self.accounts.iter();
        let known = known.filter(|(namespace, known)| here(namespace) && known == name);
        let whole = self.whole.iter().map(String::as_str);
        // Every account of ours is somebody's, or will be.
        let ours = place.into_iter().filter(|place| Home::of(place).is_some());
        let whole = whole.filter(|namespace| here(namespace)).chain(ours);
        let any = self.every.then(|| place.unwrap_or("default"));
        known
            .cloned()
            .chain(whole.chain(any).map(|ns| (ns.to_owned(), name.to_owned())))
            .next()
    }

    /// The first right that counts in a place, in words; `for_account` where an account has it,
    /// whose namespace `write` would reach.
    fn counts(&self, rights: &[Right], place: Option<&str>, for_account: bool) -> Option<String> {
        let excluded = |place: &str| self.excluded.contains_key(place);
        let there = place.is_none_or(excluded);
        rights.iter().find_map(|right| match right {
            Right::There(why) => there.then(|| why.to_string()),
            Right::Inside(why) => place.is_some_and(excluded).then(|| why.to_string()),
            Right::Anywhere(why) => Some(why.to_string()),
            Right::HandsOn(why) => for_account.then(|| why.to_string()),
            Right::ActsAs(names) => names.iter().find_map(|name| {
                let (namespace, name) = self.able(place, name)?;
                Some(format!(
                    "acting as account '{name}' of namespace '{namespace}', which can escalate"
                ))
            }),
        })
    }

    /// Says why a role in a place lets its holder escalate beyond it; `None` if it does not.
    pub(crate) fn of(&self, bound: &Bound, rules: &[Rule]) -> Option<String> {
        let why = self.counts(&rights(rules, &self.allowed), bound.place.as_deref(), false);
        let Some(namespace) = &bound.place else {
            if is_cluster_admin(&bound.role) {
                return Some("it is cluster-admin".to_owned());
            }
            return why.map(|why| format!("it gives {why} cluster-wide"));
        };
        let there = match self.excluded.get(namespace) {
            None => format!("in namespace '{namespace}'"),
            Some(because) => {
                format!("in namespace '{namespace}', which is excluded from write ({because})")
            }
        };
        if is_cluster_admin(&bound.role) && self.excluded.contains_key(namespace) {
            return Some(format!("it gives everything {there}"));
        }
        why.map(|why| format!("it gives {why} {there}"))
    }
}

#[cfg(test)]
mod tests;
