//! Taking accounts off the lists of ours.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{ListParams, Preconditions};

use super::{CONFLICTS_MAX, Ended, Ending, who_leaves};
use crate::domain::access::Power;
use crate::domain::plan::{self, Place, Step};
use crate::domain::shard::Shard;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error;
use crate::kubernetes::list::{Found, Scope};
use crate::kubernetes::lists::{List, called};
use crate::kubernetes::reconcile::CONCURRENCY;

/// A list as it was, and what was done to it; nothing where it was gone when it was to be changed,
/// which is not believed yet.
type Change = (List, Option<Step>);

/// Accounts off one list: the list as it was where any of them was on it, and what became of it.
pub(super) struct Dropped {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) result: Result<Option<Change>, Error>,
}

impl Connection {
    /// Takes accounts off the lists of the levels, and off those of bound roles, all side by side.
    pub(super) async fn drop_from_lists(&self, ended: &Ended<'_>) -> Vec<Dropped> {
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
    pub(super) async fn drop_from_list(
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

    /// Whether a list is the first of those of view, or of write.
    fn is_first_of_level(&self, name: &str) -> bool {
        let is_it = |role| plan::list_name(&self.installation, role, Shard::FIRST) == name;
        is_it("view") || is_it("edit")
    }

    /// Deletes a list that was emptied, while nobody came onto it. Empty it gives nothing: where it
    /// stays for a while, that is nobody's loss.
    pub(super) async fn delete_empty(&self, place: &Place, name: &str, emptied: List) {
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
}

fn deleted(place: &Place, name: &str) -> Step {
    Step::DeleteBinding {
        place: place.clone(),
        name: name.to_owned(),
        uid: String::new(),
        empty_first: true,
    }
}
