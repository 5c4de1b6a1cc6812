//! Believing an end only when nothing speaks against it any more.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::many::FEW;
use super::others::{Foreign, Whom, named_binding, names};
use super::{Ended, Ending, FOREIGN_MAX, Gone, Ours, TOKEN_CACHE, Taken, Unbound};
use crate::domain::credential::CredentialId;
use crate::domain::plan::{NAMESPACE, Object, Place, Step};
use crate::domain::power::RoleRef;
use crate::domain::text::clean;
use crate::kubernetes::connection::{Connection, Question};
use crate::kubernetes::error::Error;
use crate::kubernetes::leaving::{FOLLOW_MAX, Further, Leaving, PAUSE, PAUSE_MAX};
use crate::kubernetes::lists::called;
use crate::kubernetes::reconcile::CONCURRENCY;

/// How many of many are asked about, which stand for what lets all accounts of ours in.
const SAMPLE: usize = 4;

/// What keeps an end from being believed at once.
pub(super) struct Doubts<'a> {
    /// Which lists are ours.
    pub(super) ours: Ours,
    /// Further connections to ask.
    pub(super) further: Further,
    /// Accounts on a list that could not be written.
    pub(super) unwritten: BTreeSet<&'a str>,
    /// Accounts that an API server still let in by a list that they are off.
    pub(super) lingers: BTreeSet<&'a str>,
}

/// The end of one account that is not believed yet.
struct EndInDoubt {
    /// When it was deleted.
    since: Instant,
    /// Bindings of others that named it.
    others: BTreeSet<(Place, String)>,
    /// Whether there may be more of them.
    blind: bool,
}

/// What came of asking about an account that is gone.
#[derive(Default)]
struct Confirmed {
    /// What people should know of it, a sentence each.
    notes: Vec<String>,
    /// Whether anything still let it in.
    let_in: bool,
}

impl Connection {
    /// Judges each account by itself: gone, and let in by nothing, or forgotten for certain.
    pub(super) async fn confirm_ends(
        &self,
        ended: &Ended<'_>,
        gone: Vec<Result<Gone, Error>>,
        doubts: &Doubts<'_>,
        taken: &mut Taken,
    ) {
        // What cannot be looked at may be there.
        let foreign = self.foreign_bindings(ended, &doubts.ours).await;
        let foreign = foreign.unwrap_or_else(|error| {
            taken.failures.push(error);
            Foreign {
                blind: true,
                ..Foreign::default()
            }
        });
        let doubted = |ending: &Ending<'_>| {
            foreign.blind
                || foreign.linger.contains(ending.account)
                || foreign.of.contains_key(ending.account)
                || doubts.unwritten.contains(ending.account)
                || doubts.lingers.contains(ending.account)
        };
        let sample = if ended.accounts.len() > FEW {
            SAMPLE
        } else {
            FEW
        };
        // Of many some stand for all, as far as nothing speaks against one of them: whether the lists have
        // arrived was asked (`last_written`), and what somebody bound to one was looked for in a list of
        // everything.
        let (mut asked, mut others) = (Vec::new(), Vec::new());
        for (at, (ending, gone)) in ended.accounts.iter().zip(gone).enumerate() {
            if at < sample || doubted(ending) {
                asked.push((ending, gone));
            } else {
                others.push((ending, gone));
            }
        }
        let mut confirmed = self.confirm_each(asked, &foreign, doubts).await;
        let let_in = |it: &Result<(CredentialId, Confirmed), Error>| {
            it.as_ref().is_ok_and(|(_, confirmed)| confirmed.let_in) || it.is_err()
        };
        if confirmed.iter().any(let_in) {
            confirmed.extend(self.confirm_each(others, &foreign, doubts).await);
        } else {
            let gone = others.into_iter().map(|(ending, gone)| {
                let nothing = Confirmed::default();
                gone.map(|_| (ending.credential, nothing))
            });
            confirmed.extend(gone);
        }
        for confirmed in confirmed {
            match confirmed {
                Ok((credential, confirmed)) => {
                    taken.ended.insert(credential);
                    taken.notes.extend(confirmed.notes);
                }
                Err(error) => taken.failures.push(error),
            }
        }
        taken.notes.sort();
    }

    /// Asks about each of some accounts.
    async fn confirm_each(
        &self,
        accounts: Vec<(&Ending<'_>, Result<Gone, Error>)>,
        foreign: &Foreign,
        doubts: &Doubts<'_>,
    ) -> Vec<Result<(CredentialId, Confirmed), Error>> {
        stream::iter(accounts)
            .map(|(ending, gone)| async move {
                let others = foreign.of.get(ending.account).into_iter().flatten();
                let asked = EndInDoubt {
                    since: gone?.since,
                    others: others.cloned().collect(),
                    blind: foreign.blind || foreign.linger.contains(ending.account),
                };
                let confirmed = self.confirm_end(ending, asked, doubts).await?;
                Ok((ending.credential, confirmed))
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await
    }

    /// Asks whether anything still lets a deleted account in. What others bound to it is taken off
    /// where that is allowed; as it may have been used to make more, the token is waited out too.
    async fn confirm_end(
        &self,
        ending: &Ending<'_>,
        asked: EndInDoubt,
        doubts: &Doubts<'_>,
    ) -> Result<Confirmed, Error> {
        let EndInDoubt {
            since,
            mut others,
            blind,
        } = asked;
        let mut notes = Vec::new();
        let mut let_in = false;
        let unwritten = doubts.unwritten.contains(ending.account);
        let lingers = unwritten || doubts.lingers.contains(ending.account);
        let mut must_wait = blind || lingers || !others.is_empty();
        let mut seen = BTreeSet::new();
        let mut pause = PAUSE;
        loop {
            let elsewhere = doubts.further.iter().map(|one| {
                // One that hangs keeps nobody waiting for longer than the token lives.
                tokio::time::timeout(FOLLOW_MAX, one.let_in_anyhow(ending.account))
            });
            let elsewhere = futures::future::join_all(elsewhere);
            let asked = self.let_in_anyhow(ending.account);
            let (answers, elsewhere) = futures::join!(asked, elsewhere);
            let mut answers = match answers {
                Ok(answers) => answers,
                // Who cannot be asked keeps nobody alive: a forgotten token is refused.
                // One who says that there are no questions is believed nothing else either.
                Err(error) if error.is_of_one_object() && !error.is_not_found() => {
                    vec![String::new()]
                }
                Err(error) => return Err(error),
            };
            for elsewhere in elsewhere {
                let answered = elsewhere.ok().and_then(Result::ok);
                answers.extend(answered.unwrap_or_else(|| vec![String::new()]));
            }
            let_in |= !answers.is_empty();
            must_wait |= let_in;
            others.extend(answers.iter().filter_map(|reason| named_binding(reason)));
            for (place, name) in std::mem::take(&mut others) {
                let key = (place.clone(), name.clone());
                let ours = doubts.ours.has(&place, &name);
                if seen.len() >= FOREIGN_MAX || !seen.insert(key) {
                    continue;
                }
                if ours {
                    // A list of ours on which nobody looked for it: what is asked next says whether it is off.
                    let account = [ending.account].into();
                    let off = self.drop_from_list(&place, &name, &account, None);
                    drop(off.await);
                    continue;
                }
                let list = clean(&called(&place, &name));
                notes.push(match self.take_off(&place, &name, ending.account).await {
                    Ok(true) => format!(
                        "{list}, which somebody else made, gave account '{}' more: it was taken \
                         off there",
                        ending.account
                    ),
                    Ok(false) => format!(
                        "{list}, which somebody else made, lets account '{}' in by a group",
                        ending.account
                    ),
                    Err(error) => format!(
                        "{list}, which somebody else made, still names account '{}', which is \
                         gone: {error}",
                        ending.account
                    ),
                });
            }
            if !must_wait {
                return Ok(Confirmed { notes, let_in });
            }
            if since.elapsed() > TOKEN_CACHE {
                // Who still counts a list of ours that the account is off does not know of its end
                // either: there its token goes on.
                let mut named = answers.iter().filter_map(|reason| named_binding(reason));
                return match named.find(|(_, name)| !unwritten && doubts.ours.is_level(name)) {
                    Some((place, name)) => Err(Error::inconsistent(&format!(
                        "an API server behind this address still lets account '{}' in by {}: it \
                         does not hear of changes",
                        ending.account,
                        clean(&called(&place, &name)),
                    ))),
                    None => Ok(Confirmed { notes, let_in }),
                };
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Whether the account may do anything that some level or the usual way up gives; the API
    /// server's words for each.
    async fn let_in_anyhow(&self, account: &str) -> Result<Vec<String>, Error> {
        let ask = |verb: &str, resource: &str, namespace: &str| Question {
            verb: verb.to_owned(),
            group: String::new(),
            resource: resource.to_owned(),
            subresource: String::new(),
            namespace: Some(namespace.to_owned()),
        };
        let questions = [
            ask("get", "configmaps", NAMESPACE),
            ask("get", "secrets", "kube-system"),
        ];
        let asked = questions
            .iter()
            .map(|question| self.may_account(account, question));
        let answers = futures::future::try_join_all(asked).await?;
        let allowed = answers.into_iter().filter(|(allowed, _)| *allowed);
        Ok(allowed.map(|(_, reason)| reason).collect())
    }

    /// Looks at the list of a bound role by its own name: an account that left it must not be on it.
    pub(super) async fn confirm_off(
        &self,
        ended: &Ended<'_>,
        still: &[Leaving],
        taken: &mut Taken,
    ) {
        let deleted: BTreeSet<Object> = taken
            .changed
            .iter()
            .filter(|step| matches!(step, Step::DeleteBinding { .. }))
            .map(Step::object)
            .collect();
        let deleted = &deleted;
        let read = stream::iter(&ended.bound)
            .map(
                |Unbound {
                     account,
                     shard,
                     bound,
                 }| async move {
                    for shard in ended.shards(*shard) {
                        let name = bound.list_name(&self.installation, shard);
                        let found = self.list_at(&bound.place, &name).await?;
                        let object = Object::Binding(bound.place.clone(), name.clone());
                        let listed = if let Some(list) = found {
                            names(&list, account)
                        } else {
                            !deleted.contains(&object)
                                && self.lists_list(&bound.place, &name).await?
                        };
                        let lingers = still.iter().any(|item| {
                            item.account == *account
                                && item.place == bound.place
                                && item.binding == name
                        });
                        if listed || lingers {
                            return Err(Error::inconsistent(&format!(
                                "{} still lets account '{account}' in",
                                called(&bound.place, &name)
                            )));
                        }
                    }
                    Ok(((*account).to_owned(), (*bound).clone()))
                },
            )
            .buffer_unordered(CONCURRENCY)
            .collect::<Vec<_>>()
            .await;
        for read in read {
            match read {
                Ok(off) => drop(taken.off.insert(off)),
                Err(error) => taken.failures.push(error),
            }
        }
    }

    /// Looks for bindings that somebody else made for accounts which lost a role there and live on:
    /// who had it may have given it to themselves once more. The same role is taken off; what else
    /// there is is said.
    pub(super) async fn look_behind(
        &self,
        ended: &Ended<'_>,
        doubts: &Doubts<'_>,
        taken: &mut Taken,
    ) {
        let mut places: BTreeMap<&Place, BTreeSet<&str>> = BTreeMap::new();
        let ends = |account: &str| ended.accounts.iter().any(|it| it.account == account);
        for it in ended.bound.iter().filter(|it| !ends(it.account)) {
            places
                .entry(&it.bound.place)
                .or_default()
                .insert(it.account);
        }
        for (place, accounts) in places {
            let found = match self
                .bindings_that_let_in(place, &accounts, &doubts.ours)
                .await
            {
                Ok(found) => found,
                Err(error) => {
                    taken.failures.push(error);
                    continue;
                }
            };
            for theirs in found {
                let list = clean(&called(&theirs.place, &theirs.name));
                let named = match &theirs.whom {
                    Whom::Accounts(named) => named.clone(),
                    Whom::OurGroups(_) => {
                        taken.notes.push(format!(
                            "{list}, which somebody else made, lets all accounts of kubegrant in"
                        ));
                        continue;
                    }
                    Whom::Unread => {
                        taken.notes.push(format!(
                            "{list} is too large to be read: it may give more than was left"
                        ));
                        continue;
                    }
                    Whom::Everybody => continue,
                };
                for account in named {
                    let is_same = |it: &Unbound<'_>| {
                        it.account == account && Some(&it.bound.role) == theirs.role.as_ref()
                    };
                    if !ended.bound.iter().any(is_same) {
                        let role = theirs.role.as_ref().map_or("", RoleRef::name);
                        taken.notes.push(format!(
                            "{list}, which somebody else made, gives account '{account}' role '{}' \
                             there",
                            clean(role)
                        ));
                        continue;
                    }
                    match self.take_off(&theirs.place, &theirs.name, &account).await {
                        Ok(_) => taken.notes.push(format!(
                            "{list}, which somebody else made, gave account '{account}' the same \
                             role: it was taken off there"
                        )),
                        Err(error) => {
                            // Then it is not true that the role is gone.
                            let kept: Vec<_> = taken
                                .off
                                .iter()
                                .filter(|(it, bound)| {
                                    *it == account && Some(&bound.role) == theirs.role.as_ref()
                                })
                                .cloned()
                                .collect();
                            for off in kept {
                                taken.off.remove(&off);
                            }
                            taken.failures.push(error);
                        }
                    }
                }
            }
        }
    }
}
