//! Taking away by name: what must end is known from the store, and nothing is listed before it ends.
//!
//! Whoever has power in one namespace can fill it with objects, keep an object alive with a
//! finalizer, or refuse our writes there. None of that may delay the end of anybody's access, so:
//! - the accounts are deleted by name, and the lists are changed by name, side by side. A deleted
//!   account bounds everything: the API server forgets its tokens within [`TOKEN_CACHE`];
//! - each account and each list succeeds or fails by itself;
//! - finalizers on our own accounts and lists are taken off: nobody but us has anything to finish;
//! - bindings that somebody else made for an account that ends are named, and lose it too.

mod account;
mod confirm;
mod lists;
mod many;
mod others;

use std::collections::BTreeSet;
use std::time::Duration;

use self::account::Gone;
use self::confirm::Doubts;
use self::lists::Dropped;
use super::connection::Connection;
use super::error::Error;
use super::leaving::{Further, ListAt, Rules, Still, still_let_in};
use crate::domain::access::Power;
use crate::domain::account_name::AccountName;
use crate::domain::binding::Bound;
use crate::domain::credential::CredentialId;
use crate::domain::installation::InstallationId;
use crate::domain::plan::{self, Desired, Lists, Observed, Place, Step};
use crate::domain::shard::Shard;

/// How long an API server may go on believing a token whose account is gone: it caches what it
/// found out about a token for ten seconds (kube-apiserver, `TokenSuccessCacheTTL`); the rest is
/// for its informers.
const TOKEN_CACHE: Duration = Duration::from_millis(10_500);
/// How often one list is read again because somebody else wrote to it.
const CONFLICTS_MAX: usize = 8;
/// How many foreign bindings of one account are looked into, one after another.
const FOREIGN_MAX: usize = 16;

/// An account that must be gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending<'a> {
    /// The ServiceAccount's name.
    pub(crate) account: &'a str,
    /// The credential's row number.
    pub(crate) credential: CredentialId,
    /// What it carried.
    pub(crate) power: Power,
    /// Which of several lists of a kind it is on.
    pub(crate) shard: Shard,
    /// Whether another account mints for it, which goes with it.
    pub(crate) renews: bool,
}

impl Ending<'_> {
    /// The account that mints for it.
    fn renewer(&self) -> Option<String> {
        let account = self.account.parse::<AccountName>().ok();
        let renewer = account.filter(|_| self.renews)?.renewer()?;
        Some(renewer.to_string())
    }
}

/// An account that must be off the list of a bound role.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unbound<'a> {
    /// The ServiceAccount's name.
    pub(crate) account: &'a str,
    /// Which of several lists of a kind it is on.
    pub(crate) shard: Shard,
    /// The role, and where.
    pub(crate) bound: &'a Bound,
}

impl Unbound<'_> {
    /// The lists that it may be on.
    fn lists(&self, ended: &Ended<'_>, installation: &InstallationId) -> BTreeSet<String> {
        let shards = ended.shards(self.shard).into_iter();
        shards
            .map(|shard| self.bound.list_name(installation, shard))
            .collect()
    }
}

/// What was decided to end, and must be seen to have ended under its own name.
#[derive(Debug, Default)]
pub(crate) struct Ended<'a> {
    /// Accounts that must be gone.
    pub(crate) accounts: Vec<Ending<'a>>,
    /// Accounts that must be off the list of a bound role.
    pub(crate) bound: Vec<Unbound<'a>>,
    /// The lists of a kind on which any of them may be, beside its own.
    pub(crate) also: BTreeSet<Shard>,
}

impl Ended<'_> {
    /// The lists of a kind that an account of a shard may be on.
    fn shards(&self, own: Shard) -> BTreeSet<Shard> {
        self.also.iter().copied().chain([own]).collect()
    }

    /// Whether there is nothing to take.
    pub(crate) fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.bound.is_empty()
    }
}

/// What was taken, each by itself.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Credentials whose end was seen.
    pub(crate) ended: BTreeSet<CredentialId>,
    /// Accounts that were seen to be off the list of a bound role.
    pub(crate) off: BTreeSet<(String, Bound)>,
    /// What was changed on the cluster.
    pub(crate) changed: Vec<Step>,
    /// What could not be done or seen, and why.
    pub(crate) failures: Vec<Error>,
    /// What people should know of it, a sentence each.
    pub(crate) notes: Vec<String>,
}

impl Taken {
    /// Adds what was taken later.
    pub(crate) fn extend(&mut self, later: Self) {
        self.ended.extend(later.ended);
        self.off.extend(later.off);
        self.changed.extend(later.changed);
        self.failures.extend(later.failures);
        self.notes.extend(later.notes);
    }
}

/// The lists that are ours by their very names: a name that only begins like ours can be anybody's.
#[derive(Debug)]
struct Ours {
    installation: InstallationId,
    lists: BTreeSet<(Place, String)>,
}

impl Ours {
    fn of(installation: &InstallationId, wanted: &Lists, ended: &Ended<'_>) -> Self {
        let left = ended.bound.iter().flat_map(|it| {
            let lists = it.lists(ended, installation).into_iter();
            lists.map(|list| (it.bound.place.clone(), list))
        });
        Self {
            installation: installation.clone(),
            lists: wanted.keys().cloned().chain(left).collect(),
        }
    }

    /// Whether a list gives a level.
    fn is_level(&self, name: &str) -> bool {
        plan::level_of(&self.installation, name).is_some()
    }

    fn has(&self, place: &Place, name: &str) -> bool {
        self.is_level(name) || self.lists.contains(&(place.clone(), name.to_owned()))
    }
}

impl Connection {
    /// Takes away what must end, verified; nothing that fails keeps the rest from ending.
    ///
    /// May run beside another kubegrant that works on the cluster: nothing is given, and every
    /// write of a list is conditional on what was read.
    pub(crate) async fn take(&self, ended: &Ended<'_>, desired: &Desired) -> Taken {
        if ended.is_empty() {
            return Taken::default();
        }
        let keeping = self.keeping_lists(desired.keeps_lists);
        Box::pin(keeping.take_all(ended, desired)).await
    }

    async fn take_all(&self, ended: &Ended<'_>, desired: &Desired) -> Taken {
        let mut taken = Taken::default();
        let further = Further::open(self);
        let accounts = self.end_accounts(&ended.accounts);
        let (mut gone, dropped, renewers) = futures::join!(
            accounts,
            self.drop_from_lists(ended),
            self.end_renewers(ended)
        );
        for (at, error) in renewers {
            // A version has ended when nobody mints for it any more.
            if let Some(gone) = gone.get_mut(at) {
                *gone = Err(error);
            }
        }
        let (mut left, mut unwritten) = (Vec::new(), BTreeSet::new());
        let mut rules = Rules::default();
        let wanted = wanted(desired);
        for Dropped {
            place,
            name,
            result,
        } in dropped
        {
            match result {
                Ok(Some((list, step))) => {
                    taken.changed.extend(step);
                    let leaves = who_leaves(ended, &place, &name, &self.installation);
                    for account in list.accounts().filter(|it| leaves.contains(it.as_str())) {
                        let list = ListAt {
                            place: &place,
                            name: &name,
                            role: &list.role,
                        };
                        match self.leaves(&account, &list, &wanted, &mut rules).await {
                            Ok(leaving) => left.push(leaving),
                            Err(error) => taken.failures.push(error),
                        }
                    }
                }
                Ok(None) => {}
                // A list that could not be written counts nothing once its accounts are forgotten.
                Err(error) => {
                    unwritten.extend(who_leaves(ended, &place, &name, &self.installation));
                    taken.failures.push(error);
                }
            }
        }
        let still = match still_let_in(self, &further, &left).await {
            Ok(still) => still,
            Err(error) => {
                taken.failures.push(error);
                Still {
                    let_in: left.clone(),
                    unasked: true,
                }
            }
        };
        let lingering = if still.unasked { &left } else { &still.let_in };
        let lingers = lingering.iter().map(|item| item.account.as_str()).collect();
        for (ending, gone) in ended.accounts.iter().zip(&gone) {
            if gone.as_ref().is_ok_and(|gone| gone.by_us) {
                taken.changed.push(Step::DeleteAccount {
                    name: ending.account.to_owned(),
                    uid: String::new(),
                    held: false,
                });
            }
        }
        let doubts = Doubts {
            ours: Ours::of(&self.installation, &wanted, ended),
            further,
            unwritten,
            lingers,
        };
        self.confirm_ends(ended, gone, &doubts, &mut taken).await;
        self.confirm_off(ended, &still.let_in, &mut taken).await;
        self.look_behind(ended, &doubts, &mut taken).await;
        taken
    }
}

/// The lists that accounts stay on, as far as the store alone says.
fn wanted(desired: &Desired) -> Lists {
    let places = desired.bound.keys().filter_map(|bound| bound.place.clone());
    let observed = Observed {
        namespaces: places.collect(),
        ..Observed::default()
    };
    plan::wanted_lists(desired, &observed)
}

/// The accounts that leave one list.
fn who_leaves<'a>(
    ended: &Ended<'a>,
    place: &Place,
    name: &str,
    installation: &InstallationId,
) -> BTreeSet<&'a str> {
    let accounts = ended.accounts.iter().map(|ending| ending.account);
    let bound = ended
        .bound
        .iter()
        .filter(|it| it.bound.place == *place && it.lists(ended, installation).contains(name))
        .map(|it| it.account);
    accounts.chain(bound).collect()
}
