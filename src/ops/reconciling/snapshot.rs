//! What a snapshot of the store means for a cluster: what is to be taken there, and what was seen to
//! be true.

use std::collections::BTreeSet;

use crate::domain::Timestamp;
use crate::domain::access::Power;
use crate::domain::binding::Binding;
use crate::domain::clock::Clocks;
use crate::domain::cluster::{ClusterId, WriteScope};
use crate::domain::credential::{Credential, CredentialId, State, Subject};
use crate::domain::effect::Effect;
use crate::domain::plan::{self, Object};
use crate::domain::shard::Shard;
use crate::domain::snapshot::{Circumstances, ClusterSnapshot};
use crate::domain::user::UserId;
use crate::kubernetes::observe::NamedObjects;
use crate::kubernetes::reconcile::ClusterChanges;
use crate::kubernetes::take::{self, Taken};
use crate::session::App;
use crate::store::{self, ReadTxn};

/// Reads what the store says of one cluster.
pub(in crate::ops) fn snapshot(
    tx: &ReadTxn<'_>,
    cluster: ClusterId,
) -> store::Result<ClusterSnapshot> {
    store::snapshots::get(tx, cluster)
}

/// What time and this machine add to the rows of a cluster.
pub(in crate::ops) fn circumstances(app: &App, on: &ClusterSnapshot) -> Circumstances {
    let shells = on.credentials.iter().filter(|it| it.is_shell());
    let lost = shells.filter(|it| it.state.is_live() && !app.shell_lives(&it.account));
    Circumstances {
        now: app.now(),
        clocks_agree: app.clocks(&on.cluster).map(Clocks::agree),
        lost_shells: lost.map(|it| it.account.clone()).collect(),
    }
}

/// What must end by itself, with what begins in its place. What stays only because two clocks do
/// not agree is noted.
pub(in crate::ops) fn due(app: &App, on: &ClusterSnapshot) -> Vec<Effect> {
    let found = on.consequences(&circumstances(app, on));
    if found.kept_by_clock {
        app.note_kept();
    }
    found.effects
}

/// The lists on which an account may be beside its own: any, while somebody moves from one to another, or
/// the cluster knows what the store does not.
fn perhaps_on(on: &ClusterSnapshot) -> BTreeSet<Shard> {
    if !on.reach_pending && !on.orphans_pending {
        return BTreeSet::new();
    }
    let last = on.credentials.iter().map(|it| it.shard).max();
    let last = last.unwrap_or(Shard::FIRST).number();
    (1..=last + 1).filter_map(Shard::new).collect()
}

/// What was decided to end, to be seen to have.
pub(super) fn ended(on: &ClusterSnapshot) -> take::Ended<'_> {
    let mut ended = take::Ended {
        also: perhaps_on(on),
        ..take::Ended::default()
    };
    for credential in on.credentials.iter() {
        let account = credential.account.as_str();
        let is_ending = credential.state == State::Revoking;
        if is_ending {
            ended.accounts.push(take::Ending {
                account,
                credential: credential.id,
                power: credential.power,
                shard: credential.shard,
                renews: credential.renews.is_some(),
            });
        }
        let bindings = on.bindings.iter();
        for binding in bindings.filter(|it| credential.subject.user() == Some(it.user)) {
            let again = |it: &Binding| {
                !it.is_removed && it.user == binding.user && it.bound == binding.bound
            };
            if is_ending || (binding.is_removed && !on.bindings.iter().any(again)) {
                ended.bound.push(take::Unbound {
                    account,
                    shard: credential.shard,
                    bound: &binding.bound,
                });
            }
        }
    }
    ended
}

/// Whether all that is pending is to be taken away, and is known by name.
pub(super) fn only_takes(on: &ClusterSnapshot) -> bool {
    let gives = |binding: &Binding| binding.is_pending && !binding.is_removed;
    let begins = |credential: &Credential| credential.state == State::Pending;
    !on.reach_pending
        && !on.orphans_pending
        && !on.bindings.iter().any(gives)
        && !on.credentials.iter().any(begins)
}

/// How many versions are looked at by name: more are seen by one list.
const NAMED_MAX: usize = 16;

/// What the versions that begin rest upon, and `this` one, where all of it is known by name and nothing
/// else is pending. Where write reaches is not: that is judged anew, by all that the cluster holds, before the
/// first token of it is handed out, and before another where that was not done lately.
pub(super) fn named(
    on: &ClusterSnapshot,
    this: Option<CredentialId>,
    now: Timestamp,
) -> Option<NamedObjects> {
    let gives = |binding: &Binding| binding.is_pending && !binding.is_removed;
    if on.reach_pending || on.orphans_pending || on.bindings.iter().any(gives) {
        return None;
    }
    let mut named = NamedObjects::default();
    for credential in on.credentials.iter() {
        let account = credential.account.to_string();
        if credential.state == State::Pending {
            named.begun.insert(account);
        } else if Some(credential.id) == this {
            named.accounts.insert(account);
        } else {
            continue;
        }
        // Where write reaches was judged and made so by the last look; a first version has another.
        let is_judged = credential.state == State::Active && on.cluster.is_looked_at(now);
        let power = match credential.power {
            Power::Write if is_judged && on.cluster.write_scope == WriteScope::Namespaces => {
                Power::Read
            }
            power => power,
        };
        let rights = VersionRights {
            power,
            shard: credential.shard,
            user: credential.subject.user(),
        };
        rests_upon(on, &rights, &mut named)?;
    }
    let count = named.accounts.len() + named.begun.len();
    (1..=NAMED_MAX).contains(&count).then_some(named)
}

/// What a version carries on its cluster.
struct VersionRights {
    power: Power,
    shard: Shard,
    /// Whose bindings it carries too; nobody's where it is shared.
    user: Option<UserId>,
}

/// Adds what a version rests upon beside its account; nothing where not all of it is known by name.
fn rests_upon(
    on: &ClusterSnapshot,
    rights: &VersionRights,
    named: &mut NamedObjects,
) -> Option<()> {
    let VersionRights { power, shard, user } = *rights;
    let is_everywhere = on.cluster.write_scope == WriteScope::Cluster;
    let lists: &[&str] = match power {
        Power::Bound => &[],
        Power::Read => &["view"],
        Power::Full => &["cluster-admin"],
        Power::Write if is_everywhere => &["view", "edit"],
        Power::Write => return None,
    };
    let list = |role: &&str| plan::list_name(&on.installation, role, shard);
    named.lists.extend(lists.iter().map(list));
    if lists.contains(&"view") {
        named
            .roles
            .insert(plan::binding_name(&on.installation, "view"));
    }
    for binding in on.bindings.iter().filter(|it| user == Some(it.user)) {
        if binding.bound.place.is_some() {
            return None;
        }
        named
            .lists
            .insert(binding.bound.list_name(&on.installation, shard));
    }
    Some(())
}

/// The same of a version that is not begun yet, beside those that are.
pub(in crate::ops) fn named_for_next(
    on: &ClusterSnapshot,
    power: Power,
    subject: Subject,
) -> Option<NamedObjects> {
    let mut named = if on.is_pending() && !only_takes(on) {
        named(on, None, Timestamp::MIN_UTC)?
    } else {
        NamedObjects::default()
    };
    let rights = VersionRights {
        power,
        shard: on.next_shard(subject, power),
        user: subject.user(),
    };
    rests_upon(on, &rights, &mut named)?;
    Some(named)
}

/// Whether a version's account and the lists of its level are on the cluster.
pub(super) fn stands(
    on: &ClusterSnapshot,
    credential: &Credential,
    reconciled: &ClusterChanges,
) -> bool {
    let shard = credential.shard;
    let list = |role| Object::Binding(None, plan::list_name(&on.installation, role, shard));
    // Where our own role of a level cannot be kept, nobody comes onto its lists.
    let role = |role| Object::Role(plan::binding_name(&on.installation, role));
    let is_there = |object: &Object| reconciled.is_done(object);
    let lists = match credential.power {
        Power::Bound => vec![],
        Power::Read => vec![list("view"), role("view")],
        Power::Full => vec![list("cluster-admin")],
        Power::Write if on.cluster.write_scope == WriteScope::Cluster => {
            vec![list("view"), list("edit")]
        }
        Power::Write => vec![list("view"), role("view"), role("edit")],
    };
    is_there(&Object::Account(credential.account.to_string())) && lists.iter().all(is_there)
}

/// Whether every account of a binding's user was seen to be off its list.
pub(super) fn is_off(on: &ClusterSnapshot, binding: &Binding, taken: &Taken) -> bool {
    ended(on)
        .bound
        .into_iter()
        .filter(|it| *it.bound == binding.bound)
        .all(|it| {
            let off = (it.account.to_owned(), it.bound.clone());
            taken.off.contains(&off)
        })
}

/// Whether write reaches on the cluster what the settings say, and everybody is on the lists where they are to
/// be: our roles are as they should be, and it
/// is taken wherever it should not be. A namespace that does not let it in is left out, and said.
pub(super) fn reaches(on: &ClusterSnapshot, reconciled: &ClusterChanges) -> bool {
    let is_ours = |name: &str| {
        let level = plan::level_of(&on.installation, name);
        matches!(level, Some("view" | "edit"))
    };
    let is_wrong = |object: &Object| match object {
        Object::Account(_) => false,
        Object::Role(name) | Object::Binding(None, name) => is_ours(name),
        Object::Binding(Some(_), name) => is_ours(name) && reconciled.kept.contains(object),
    };
    !reconciled.is_moving && !reconciled.refused.keys().any(is_wrong) && !reconciled.leaves_lists()
}

/// Whether the lists of a binding are on the cluster.
pub(super) fn is_on(on: &ClusterSnapshot, binding: &Binding, reconciled: &ClusterChanges) -> bool {
    on.live_of(binding.user).all(|live| {
        let name = binding.bound.list_name(&on.installation, live.shard);
        let list = Object::Binding(binding.bound.place.clone(), name);
        reconciled.is_done(&list)
    })
}
