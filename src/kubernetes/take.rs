//! Taking away by name: what must end is known from the store, and nothing is listed before it ends.
//!
//! Whoever has power in one namespace can fill it with objects, keep an object alive with a
//! finalizer, or refuse our writes there. None of that may delay the end of anybody's access, so:
//! - the accounts are deleted by name, and the lists are changed by name, side by side. A deleted
//!   account bounds everything: the API server forgets its tokens within [`TOKEN_CACHE`];
//! - each account and each list succeeds or fails by itself;
//! - finalizers on our own accounts and lists are taken off: nobody but us has anything to finish;
//! - bindings that somebody else made for an account that ends are named, and lose it too.

mod confirm;
mod many;
mod others;

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, Preconditions};
use serde_json::json;
use tokio::time::Instant;

use self::confirm::Doubts;
use super::connection::Connection;
use super::error::Error;
use super::leaving::{FOLLOW_MAX, Further, ListAt, PAUSE, PAUSE_MAX, Rules, Still, still_let_in};
use super::list::{Found, Scope};
use super::lists::{List, called, gone};
use super::objects;
use super::reconcile::CONCURRENCY;
use crate::domain::access::Power;
use crate::domain::account_name::{self, AccountName};
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

/// A list as it was, and what was done to it; nothing where it was gone when it was to be changed,
/// which is not believed yet.
type Change = (List, Option<Step>);

/// Accounts off one list: the list as it was where any of them was on it, and what became of it.
struct Dropped {
    place: Place,
    name: String,
    result: Result<Option<Change>, Error>,
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

/// An account that is gone.
#[derive(Debug, Clone, Copy)]
struct Gone {
    since: Instant,
    /// Whether it was still there when it was looked for.
    by_us: bool,
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

    /// Takes accounts off the lists of the levels, and off those of bound roles, all side by side.
    async fn drop_from_lists(&self, ended: &Ended<'_>) -> Vec<Dropped> {
        let mut lists: BTreeSet<(Place, String)> = BTreeSet::new();
        let of_shards = ended.accounts.iter().flat_map(|it| ended.shards(it.shard));
        for shard in of_shards.collect::<BTreeSet<Shard>>() {
            let level = |role| (None, plan::list_name(&self.installation, role, shard));
            lists.extend(plan::LEVELS.map(level));
        }
        for it in &ended.bound {
            let own = it.lists(ended, &self.installation).into_iter();
            lists.extend(own.map(|list| (it.bound.place.clone(), list)));
        }
        let named = stream::iter(lists)
            .map(|(place, name)| async move {
                let accounts = who_leaves(ended, &place, &name, &self.installation);
                let result = self.drop_from_list(&place, &name, &accounts, None).await;
                Dropped {
                    place,
                    name,
                    result,
                }
            })
            .buffer_unordered(CONCURRENCY)
            .collect::<Vec<_>>();
        let (named, written) = futures::join!(named, self.drop_from_namespaces(ended));
        named.into_iter().chain(written).collect()
    }

    /// Takes writers off the list of each namespace. They are found by their one name, which nobody
    /// can take off, and of which there is one a namespace: no tenant can make them many.
    async fn drop_from_namespaces(&self, ended: &Ended<'_>) -> Vec<Dropped> {
        let is_writer = |ending: &&Ending<'_>| ending.power == Power::Write;
        let writers: Vec<&Ending<'_>> = ended.accounts.iter().filter(is_writer).collect();
        let of_shards = writers.iter().flat_map(|it| ended.shards(it.shard));
        let of_shards: BTreeSet<Shard> = of_shards.collect();
        let accounts = &writers.iter().map(|it| it.account).collect();
        let dropped = of_shards.into_iter().map(|shard| async move {
            let name = plan::list_name(&self.installation, "edit", shard);
            self.drop_from_lists_named(&name, accounts).await
        });
        let dropped = futures::future::join_all(dropped).await;
        dropped.into_iter().flatten().collect()
    }

    /// The same of the lists of one name.
    async fn drop_from_lists_named(&self, name: &str, writers: &BTreeSet<&str>) -> Vec<Dropped> {
        let by_name = ListParams::default().fields(&format!("metadata.name={name}"));
        let keep = |found: Found<RoleBinding>| match found {
            Found::Object(found) => Some((found.metadata.namespace.clone(), Some(found.into()))),
            // One that is too large for a list is read by itself.
            Found::TooLarge(outline) => Some((outline.into_meta().namespace, None)),
        };
        let listed = self.list("the lists of write", Scope::Everywhere, &by_name, keep);
        let listed: Vec<(Place, Option<List>)> = match listed.await {
            Ok(listed) => listed.items,
            Err(error) => {
                return vec![Dropped {
                    place: None,
                    name: name.to_owned(),
                    result: Err(error),
                }];
            }
        };
        stream::iter(listed)
            .map(|(place, list)| async move {
                let result = self.drop_from_list(&place, name, writers, list).await;
                Dropped {
                    place,
                    name: name.to_owned(),
                    result,
                }
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await
    }

    /// Takes accounts off one list; a list that is empty then goes.
    async fn drop_from_list(
        &self,
        place: &Place,
        name: &str,
        accounts: &BTreeSet<&str>,
        mut read: Option<List>,
    ) -> Result<Option<Change>, Error> {
        // One that somebody else removed while we did is to be verified as ours is.
        let mut going = None;
        for _ in 0..CONFLICTS_MAX {
            let found = match read.take() {
                Some(found) => Some(found),
                None => self.list_at(place, name).await?,
            };
            let Some(found) = found else {
                return Ok(going.map(|list| (list, None)));
            };
            let leaves = |account: &String| accounts.contains(account.as_str());
            if !found.accounts().any(|account| leaves(&account)) {
                return Ok(None);
            }
            let all = found.accounts();
            let stay: BTreeSet<String> = all.filter(|account| !leaves(account)).collect();
            // Nobody stays, and nothing holds it: one step where two are needed otherwise.
            let stays_empty = self.keeps_lists && self.is_first_of_level(name);
            if stay.is_empty() && found.is_free() && !stays_empty {
                match self.remove_list(place, name, &found).await {
                    Ok(true) => return Ok(Some((found, Some(deleted(place, name))))),
                    // Somebody wrote to it, keeps it, or removed it: it is read again.
                    Ok(false) => {
                        going = Some(found);
                        continue;
                    }
                    Err(error) if error.is_conflict() || error.is_not_found() => {
                        going = Some(found);
                        continue;
                    }
                    // Where deleting is refused, emptying may not be.
                    Err(error) if error.is_of_one_object() => {}
                    Err(error) => return Err(error),
                }
            }
            let list = match self.write_list(place, name, &stay, found.version()).await {
                Ok(list) => list,
                Err(error) if error.is_conflict() => continue,
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(error),
            };
            let (place, name) = (place.clone(), name.to_owned());
            if !stay.is_empty() || stays_empty {
                let step = Step::SetBinding {
                    place,
                    name,
                    accounts: stay,
                    resource_version: String::new(),
                };
                return Ok(Some((found, Some(step))));
            }
            self.delete_empty(&place, &name, list).await;
            return Ok(Some((found, Some(deleted(&place, &name)))));
        }
        Err(Error::changed_meanwhile(&called(place, name)))
    }

    /// Ends the accounts that mint for those that end; gives which could not be, by their place.
    async fn end_renewers(&self, ended: &Ended<'_>) -> Vec<(usize, Error)> {
        let renewers = ended.accounts.iter().enumerate();
        let renewers = renewers.filter_map(|(at, it)| Some((at, it, it.renewer()?)));
        stream::iter(renewers)
            .map(|(at, it, renewer)| async move {
                let (home, label) = account_name::parts(&renewer);
                let role = plan::binding_name(&self.installation, &format!("renew:{label}"));
                self.remove_renewal(home.namespace(), &role).await;
                let account = Ending {
                    account: &renewer,
                    ..*it
                };
                self.end_account(&account)
                    .await
                    .err()
                    .map(|error| (at, error))
            })
            .buffer_unordered(CONCURRENCY)
            .filter_map(|failed| async { failed })
            .collect()
            .await
    }

    /// Whether a list is the first of those of view, or of write.
    fn is_first_of_level(&self, name: &str) -> bool {
        let is_it = |role| plan::list_name(&self.installation, role, Shard::FIRST) == name;
        is_it("view") || is_it("edit")
    }

    /// Deletes a list that was emptied, while nobody came onto it. Empty it gives nothing: where it
    /// stays for a while, that is nobody's loss.
    async fn delete_empty(&self, place: &Place, name: &str, emptied: List) {
        let mut list = Some(emptied);
        for _ in 0..CONFLICTS_MAX {
            let Some(empty) = list.filter(|list| list.subjects.is_empty()) else {
                return;
            };
            let unchanged = Preconditions {
                uid: empty.meta.uid,
                resource_version: empty.meta.resource_version,
            };
            match self.delete_list(place, name, unchanged).await {
                Err(error) if error.is_conflict() => {}
                _ => return,
            }
            list = self.list_at(place, name).await.ok().flatten();
        }
    }

    /// Deletes one account, whoever would keep it; gives when it was seen to be gone.
    async fn end_account(&self, ending: &Ending<'_>) -> Result<Gone, Error> {
        let (accounts, name) = self.account(ending.account);
        let namespace = account_name::parts(ending.account).0.namespace();
        let what = format!("account '{name}' in namespace '{namespace}'");
        let started = Instant::now();
        let mut pause = PAUSE;
        let (mut held, mut by_us) = (None, false);
        loop {
            let found = accounts.get_metadata_opt(name).await;
            let found = found.map_err(|error| Error::from_kube(error, &what))?;
            let Some(found) = found else {
                // What we did not delete is gone when no list shows it, not when one answer says so.
                if !by_us && self.lists_account(ending.account).await? {
                    if started.elapsed() > FOLLOW_MAX {
                        return Err(Error::inconsistent(&format!("{what} is there and is not")));
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                    continue;
                }
                return Ok(Gone {
                    since: Instant::now(),
                    by_us,
                });
            };
            by_us = true;
            let meta = found.metadata;
            if self.is_of_another_installation(&meta) {
                return Err(Error::foreign(&what));
            }
            if started.elapsed() > FOLLOW_MAX {
                return Err(Error::held(&what, &finalizers(&meta), held));
            }
            if !finalizers(&meta).is_empty()
                && let Err(error) = self.free_account(ending.account, &meta).await
                && !error.is_conflict()
            {
                held = Some(error);
            }
            if meta.deletion_timestamp.is_none() {
                let uid = Preconditions {
                    uid: meta.uid,
                    ..Preconditions::default()
                };
                let params = DeleteParams::default().preconditions(uid);
                let deleted = accounts.delete(name, &params).await.map(drop);
                match gone(deleted, &what) {
                    Err(error) if error.is_conflict() => {}
                    other => other?,
                }
            } else {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }

    /// Whether a list shows an account.
    pub(super) async fn lists_account(&self, account: &str) -> Result<bool, Error> {
        let (home, name) = account_name::parts(account);
        let by_name = ListParams::default().fields(&format!("metadata.name={name}"));
        let there = Scope::Namespace(home.namespace());
        let keep = |meta: ObjectMeta| meta.name;
        let listed = self.list_metadata::<ServiceAccount, _>("our accounts", there, &by_name, keep);
        Ok(!listed.await?.is_empty())
    }

    /// Takes the finalizers off an account of ours.
    pub(super) async fn free_account(&self, account: &str, meta: &ObjectMeta) -> Result<(), Error> {
        let change = json!({ "metadata": { "uid": meta.uid, "finalizers": null } });
        let params = PatchParams {
            field_manager: Some(objects::KUBEGRANT.into()),
            ..PatchParams::default()
        };
        let what = format!("the finalizers of account '{account}'");
        let (accounts, name) = self.account(account);
        let change = Patch::Merge(change);
        let freed = accounts.patch_metadata(name, &params, &change).await;
        gone(freed.map(drop), &what)
    }
}

fn deleted(place: &Place, name: &str) -> Step {
    Step::DeleteBinding {
        place: place.clone(),
        name: name.to_owned(),
        uid: String::new(),
        empty_first: true,
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

fn finalizers(meta: &ObjectMeta) -> Vec<String> {
    meta.finalizers.clone().unwrap_or_default()
}
