//! What must change of the binding lists, and who stays on one until another was seen.

use std::collections::BTreeSet;

use super::lists::{Lists, wanted_lists};
use super::{Desired, Observed, ObservedBinding, Place, Plan, Step};
use crate::domain::binding;
use crate::domain::power::RoleRef;

pub(super) fn plan_bindings(plan: &mut Plan, desired: &Desired, observed: &Observed) {
    let lists = wanted_lists(desired, observed);
    for ((place, name), (role, accounts)) in &lists {
        let create = Step::CreateBinding {
            place: place.clone(),
            name: name.clone(),
            role: role.clone(),
            accounts: accounts.clone(),
        };
        let Some(found) = observed.bindings.get(&(place.clone(), name.clone())) else {
            plan.give.push(create);
            continue;
        };
        if found.role != *role || found.deleting {
            // A roleRef cannot be changed, and what is being deleted does not come back: what
            // stands there goes, ours comes.
            plan.take.extend(delete(place, name, found));
            plan.give.push(create);
            continue;
        }
        let list = FoundList {
            place,
            name,
            wanted: accounts,
            found,
        };
        let leaving = leaving(&list, &lists, observed);
        plan.is_moving |= !leaving.stay.is_empty();
        let accounts: BTreeSet<String> = accounts.union(&leaving.stay).cloned().collect();
        if found.accounts == accounts && !found.has_strangers && !found.unlabelled {
            continue;
        }
        let step = Step::SetBinding {
            place: place.clone(),
            name: name.clone(),
            accounts,
            resource_version: found.resource_version.clone(),
        };
        if found.has_strangers || leaving.loses {
            plan.take.push(step);
        } else {
            plan.give.push(step);
        }
    }
    for ((place, name), found) in &observed.bindings {
        if lists.contains_key(&(place.clone(), name.clone())) {
            continue;
        }
        let nobody = BTreeSet::new();
        let list = FoundList {
            place,
            name,
            wanted: &nobody,
            found,
        };
        let leaving = leaving(&list, &lists, observed);
        if found.deleting || leaving.stay.is_empty() {
            plan.take.extend(delete(place, name, found));
            continue;
        }
        // Everybody moves: it goes when the others were seen to hold them.
        plan.is_moving = true;
        if found.has_strangers || found.accounts != leaving.stay {
            plan.take.push(Step::SetBinding {
                place: place.clone(),
                name: name.clone(),
                accounts: leaving.stay,
                resource_version: found.resource_version.clone(),
            });
        }
    }
}

/// A list as it was found, and who is to be on it.
struct FoundList<'a> {
    place: &'a Place,
    name: &'a str,
    /// Who is to be on it.
    wanted: &'a BTreeSet<String>,
    /// How it was found.
    found: &'a ObservedBinding,
}

/// Who leaves a list.
#[derive(Default)]
struct Leaving {
    /// Those who stay until the list that they move to was seen to hold them.
    stay: BTreeSet<String>,
    /// Whether somebody loses what it gives.
    loses: bool,
}

/// Who leaves a list, and whether it is for another of its kind that gives the same: one of our name that
/// gives something else keeps nobody.
fn leaving(list: &FoundList<'_>, lists: &Lists, observed: &Observed) -> Leaving {
    let FoundList {
        place,
        name,
        wanted,
        found,
    } = *list;
    let mut leaving = Leaving::default();
    let mut gone = found.accounts.difference(wanted).peekable();
    if gone.peek().is_none() {
        return leaving;
    }
    let kind = binding::kind_of_list(name);
    let here = lists.range((place.clone(), String::new())..);
    let here = here.take_while(|((at, _), _)| at == place);
    let gives_this = |role: &RoleRef| *role == found.role;
    let others: Vec<_> = here
        .filter(|((_, other), _)| other != name && binding::kind_of_list(other) == kind)
        .filter(|(_, (role, _))| gives_this(role))
        .collect();
    for account in gone {
        let mut on = others
            .iter()
            .filter(|(_, (_, them))| them.contains(account));
        let Some((key, (role, _))) = on.next() else {
            leaving.loses = true;
            continue;
        };
        let is_there = observed
            .bindings
            .get(key)
            .is_some_and(|it| it.role == *role && !it.deleting && it.accounts.contains(account));
        if !is_there {
            leaving.stay.insert(account.clone());
        }
    }
    leaving
}

/// The deletion of a list, unless it is as good as gone.
fn delete(place: &Place, name: &str, found: &ObservedBinding) -> Option<Step> {
    (!found.is_going()).then(|| Step::DeleteBinding {
        place: place.clone(),
        name: name.to_owned(),
        uid: found.uid.clone(),
        empty_first: found.held || found.lists_anybody(),
    })
}
