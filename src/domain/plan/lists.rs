//! The binding lists that a cluster should hold: what each is called, its role, and who is on it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Account, Desired, LevelRole, Observed, ObservedBinding, Place};
use crate::domain::access::Power;
use crate::domain::installation::InstallationId;
use crate::domain::level::Part;
use crate::domain::power::RoleRef;
use crate::domain::shard::Shard;

/// The name of a binding: `kubegrant:<installation>:<role>`.
pub(crate) fn binding_name(installation: &InstallationId, role: &str) -> String {
    format!("kubegrant:{installation}:{role}")
}

/// The name of the list of a level: `kubegrant:<installation>:<role>`, or `…-2` of the second.
pub(crate) fn list_name(installation: &InstallationId, role: &str, shard: Shard) -> String {
    binding_name(installation, &shard.of(role))
}

/// The roles whose lists give levels.
pub(crate) const LEVELS: [&str; 3] = ["cluster-admin", "edit", "view"];

/// The level that a list gives; nothing where it gives none.
pub(crate) fn level_of(installation: &InstallationId, name: &str) -> Option<&'static str> {
    list_of(installation, name).map(|(level, _)| level)
}

/// The level that a list gives, and which of its lists it is.
pub(crate) fn list_of(installation: &InstallationId, name: &str) -> Option<(&'static str, Shard)> {
    let own = name.strip_prefix(&binding_name(installation, ""))?;
    let (role, shard) = Shard::split(own);
    let level = LEVELS.into_iter().find(|level| *level == role)?;
    Some((level, shard))
}

/// Whether a binding is a list of ours by its name and role, whoever is on it and whatever its labels say:
/// both could be changed by who works with a login of ours.
pub(crate) fn is_list(installation: &InstallationId, name: &str, role: &RoleRef) -> bool {
    level_of(installation, name).is_some_and(|level| {
        let ours = binding_name(installation, level);
        matches!(role, RoleRef::Cluster(role) if *role == level || *role == ours)
    })
}

/// Lists by place and name: the role of each, and the accounts on it.
pub(crate) type Lists = BTreeMap<(Place, String), (RoleRef, BTreeSet<String>)>;

/// The lists that `desired` asks for, given where write reaches and which namespaces there are.
pub(crate) fn wanted_lists(desired: &Desired, observed: &Observed) -> Lists {
    let write_reaches = &observed.write_reaches;
    let mut lists = Lists::new();
    let mut put = |place: Place, of: Of, account: &Account| {
        let mut key = (
            place,
            list_name(&desired.installation, of.word(), account.shard),
        );
        let role = match of.role(desired, observed) {
            Some(role) => role,
            // Until our own role is as it should be, what is there stays, and nobody is added.
            None => match held_by(&key.0, of, &account.name, desired, observed) {
                Some((name, found)) => {
                    key.1.clone_from(name);
                    found.role.clone()
                }
                None => return,
            },
        };
        let list = lists.entry(key).or_insert((role, BTreeSet::new()));
        list.1.insert(account.name.clone());
    };
    for account in &desired.accounts {
        match account.power {
            Power::Bound => {}
            Power::Full => put(None, Of::Admin, account),
            Power::Read => put(None, Of::Level(Part::Read), account),
            Power::Write => {
                put(None, Of::Level(Part::Read), account);
                if desired.write_cluster_wide {
                    put(None, Of::Everywhere, account);
                } else {
                    for namespace in write_reaches {
                        put(Some(namespace.clone()), Of::Level(Part::Write), account);
                    }
                }
            }
        }
    }
    for renewer in &desired.renewers {
        let name = renewer.role(&desired.installation);
        let role = RoleRef::Namespaced(name.clone());
        let place = Some(renewer.namespace().to_owned());
        lists.insert((place, name), (role, [renewer.account.clone()].into()));
    }
    if desired.keeps_lists {
        keep_lists(&mut lists, desired, observed);
    }
    let shards = desired.accounts.iter();
    let shards: BTreeMap<&str, Shard> = shards.map(|it| (it.name.as_str(), it.shard)).collect();
    for (bound, accounts) in &desired.bound {
        // In a namespace that is gone nothing can stand, and nothing is given.
        let there = |namespace| observed.namespaces.contains(namespace);
        if !bound.place.as_ref().is_none_or(there) {
            continue;
        }
        for account in accounts {
            let shard = shards.get(account.as_str()).copied();
            let name = bound.list_name(&desired.installation, shard.unwrap_or(Shard::FIRST));
            let list = lists.entry((bound.place.clone(), name));
            let list = list.or_insert_with(|| (bound.role.clone(), BTreeSet::new()));
            list.1.insert(account.clone());
        }
    }
    lists
}

/// Puts the first list of each level beside, with nobody on it unless somebody is.
fn keep_lists(lists: &mut Lists, desired: &Desired, observed: &Observed) {
    let mut keep = |place: Place, of: Of| {
        let name = list_name(&desired.installation, of.word(), Shard::FIRST);
        let key = (place, name);
        let found = observed.bindings.get(&key).map(|found| &found.role);
        // Until our own role is as it should be, what is there stays.
        let found = found.filter(|role| of.may_be(role, desired)).cloned();
        if let Some(role) = of.role(desired, observed).or(found) {
            lists.entry(key).or_insert((role, BTreeSet::new()));
        }
    };
    keep(None, Of::Level(Part::Read));
    if desired.write_cluster_wide {
        keep(None, Of::Everywhere);
    } else {
        for namespace in &observed.write_reaches {
            keep(Some(namespace.clone()), Of::Level(Part::Write));
        }
    }
}

/// The list of a kind on which an account is, whichever of them.
fn held_by<'a>(
    place: &Place,
    of: Of,
    account: &str,
    desired: &Desired,
    observed: &'a Observed,
) -> Option<(&'a String, &'a ObservedBinding)> {
    let here = observed.bindings.range((place.clone(), String::new())..);
    let here = here.take_while(|((at, _), _)| at == place);
    let mut of_kind = here.filter(|((_, name), found)| {
        level_of(&desired.installation, name) == Some(of.word())
            && of.may_be(&found.role, desired)
            && found.accounts.contains(account)
    });
    of_kind.next().map(|((_, name), found)| (name, found))
}

/// What a list of ours is about.
#[derive(Clone, Copy)]
enum Of {
    /// cluster-admin.
    Admin,
    /// A level.
    Level(Part),
    /// The plain `edit`, cluster-wide.
    Everywhere,
}

impl Of {
    fn word(self) -> &'static str {
        match self {
            Self::Admin => "cluster-admin",
            Self::Level(part) => part.role(),
            Self::Everywhere => Part::Write.role(),
        }
    }

    /// The role to name; `None` as long as it is not there as it should be.
    fn role(self, desired: &Desired, observed: &Observed) -> Option<RoleRef> {
        let own = RoleRef::Cluster(self.word().to_owned());
        let Self::Level(part) = self else {
            return Some(own);
        };
        match observed.levels.get(&part) {
            Some(LevelRole {
                wanted: Some(wanted),
                found,
            }) => (found.as_ref() == Some(wanted)).then(|| our_role(desired, part)),
            _ => Some(own),
        }
    }

    fn may_be(self, role: &RoleRef, desired: &Desired) -> bool {
        let own = matches!(role, RoleRef::Cluster(name) if name == self.word());
        own || matches!(self, Self::Level(part) if *role == our_role(desired, part))
    }
}

pub(super) fn our_role(desired: &Desired, part: Part) -> RoleRef {
    RoleRef::Cluster(binding_name(&desired.installation, part.role()))
}
