//! Who left a list of ours: asking the API server until it agrees.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::connection::Connection;
use super::error::Error;
use super::reconcile::CONCURRENCY;
use crate::domain::plan::{self, Lists, Object, Observed, Place, Plan, Step};
use crate::domain::power::{RoleRef, Rule};
use crate::domain::role_summary::{self, Probe};

/// How long the API server may take to stop letting in an account that is off its lists.
pub(super) const FOLLOW_MAX: Duration = Duration::from_secs(5);
/// The first pause between two questions; each next one is twice as long.
pub(super) const PAUSE: Duration = Duration::from_millis(2);
/// The longest pause between two questions.
pub(super) const PAUSE_MAX: Duration = Duration::from_millis(100);

/// How many further connections are asked: behind one address there are usually three API servers,
/// and a load balancer gives each connection to another.
const FURTHER: usize = 3;

/// How many of those who left one list are asked about.
const OF_ONE_LIST: usize = 4;

/// How much longer a further connection has than what is waited for over it.
const FURTHER_MORE: Duration = Duration::from_secs(2);

/// Further connections to the same address, which share nothing with the one that there was. See [`Connection::fresh`] for what they do not prove.
pub(super) struct Further(Vec<Connection>);

impl Further {
    /// Opens them, while other things are done.
    pub(super) fn open(connection: &Connection) -> Self {
        let further = connection.fresh(FURTHER);
        for one in &further {
            let one = one.clone();
            // Only so that its handshake is over when it is asked; what it answers is nothing to us.
            drop(tokio::spawn(async move { one.version().await }));
        }
        Self(further)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Connection> {
        self.0.iter()
    }
}

/// One account on one list that it leaves.
#[derive(Debug, Clone)]
pub(super) struct Leaving {
    pub(super) account: String,
    pub(super) place: Place,
    pub(super) binding: String,
    /// How it is asked whether the account is still let in by this list.
    pub(super) ask: Ask,
}

/// A question about a list.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    /// The one that belongs to the list of a level.
    Level,
    /// What the bound role allows, and nothing that the account keeps does. Where that is nothing,
    /// nothing is taken away, and the list that was read back is all there is to see.
    Role(Vec<Probe>),
}

impl Leaving {
    /// Whether an answer of the API server names this list.
    pub(super) fn is_named_in(&self, reason: &str) -> bool {
        reason.contains(&match &self.place {
            None => format!("ClusterRoleBinding \"{}\"", self.binding),
            Some(namespace) => format!("RoleBinding \"{}/{namespace}\"", self.binding),
        })
    }

    /// The list, for people.
    pub(super) fn list(&self) -> Object {
        Object::Binding(self.place.clone(), self.binding.clone())
    }
}

/// Rules of roles, each read once.
#[derive(Default)]
pub(super) struct Rules(BTreeMap<(Place, RoleRef), Vec<Rule>>);

impl Rules {
    pub(super) async fn of(
        &mut self,
        connection: &Connection,
        role: &RoleRef,
        place: &Place,
    ) -> Result<Vec<Rule>, Error> {
        let key = (place.clone(), role.clone());
        if let Some(known) = self.0.get(&key) {
            return Ok(known.clone());
        }
        let rules = connection.rules(role, place).await?;
        self.0.insert(key, rules.clone());
        Ok(rules)
    }
}

/// Who is still let in when it was waited for.
#[derive(Debug, Default)]
pub(super) struct Still {
    /// Those that an API server still lets in.
    pub(super) let_in: Vec<Leaving>,
    /// Whether a further connection could not be asked: it leads to a server that hangs, or to none.
    /// That nobody can come in there now is all that is known of it.
    pub(super) unasked: bool,
}

/// Waits until the change has reached the API servers' authorizers: only then is a revocation true.
pub(super) async fn still_let_in(
    connection: &Connection,
    further: &Further,
    leaving: &[Leaving],
) -> Result<Still, Error> {
    let asked = last_written(leaving);
    let elsewhere = further
        .iter()
        .map(|one| agrees(one.clone(), connection, asked.clone(), leaving));
    let elsewhere = futures::future::join_all(elsewhere);
    let here = agrees_here(connection, asked.clone(), leaving);
    let (here, elsewhere) = futures::join!(here, elsewhere);
    let unasked = elsewhere.iter().any(Option::is_none);
    let elsewhere = elsewhere.into_iter().flatten().flatten();
    let still = here?.into_iter().chain(elsewhere);
    let still = still.map(|item| ((&item.account, &item.place, &item.binding), item));
    let still = still.collect::<BTreeMap<_, _>>();
    Ok(Still {
        let_in: still.into_values().cloned().collect(),
        unasked,
    })
}

/// Those whose answers stand for all: an API server hears of the writes to one kind in the order of
/// their versions (one watch; client-go keeps the order since Kubernetes 1.33, and before it but for
/// what waits in its queue at that moment), so one that knows the last knows all. As
/// many lists as were written at once may have been the last; who left one together left it in one write, and
/// a few of them are asked about, as what others bound to one may answer in its stead. Bound roles have
/// questions of their own.
fn last_written(leaving: &[Leaving]) -> Vec<&Leaving> {
    let (levels, roles): (Vec<_>, Vec<_>) = leaving
        .iter()
        .partition(|item| matches!(item.ask, Ask::Level));
    let (cluster, namespaced): (Vec<_>, Vec<_>) =
        levels.into_iter().partition(|item| item.place.is_none());
    let mut asked: Vec<&Leaving> = roles;
    for kind in [cluster, namespaced] {
        let mut lists: BTreeMap<_, usize> = BTreeMap::new();
        for item in kind.into_iter().rev() {
            let list = (&item.place, &item.binding);
            if lists.len() < CONCURRENCY || lists.contains_key(&list) {
                let count = lists.entry(list).or_default();
                *count += 1;
                if *count <= OF_ONE_LIST {
                    asked.push(item);
                }
            }
        }
    }
    asked
}

/// Waits until what the connection leads to knows of it; gives what it still lets in.
async fn agrees_here<'a>(
    connection: &Connection,
    mut open: Vec<&'a Leaving>,
    leaving: &[Leaving],
) -> Result<Vec<&'a Leaving>, Error> {
    let started = Instant::now();
    let mut pause = PAUSE;
    loop {
        open = let_in(connection, open, leaving).await?;
        if open.is_empty() || started.elapsed() > FOLLOW_MAX {
            return Ok(open);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// The same of a further connection. Where it cannot be asked, another is opened in its stead; `None`
/// where none can. No server that hangs is waited for longer than one that lags.
async fn agrees<'a>(
    mut further: Connection,
    connection: &Connection,
    open: Vec<&'a Leaving>,
    leaving: &[Leaving],
) -> Option<Vec<&'a Leaving>> {
    let asked = async {
        loop {
            if let Ok(still) = agrees_here(&further, open.clone(), leaving).await {
                return still;
            }
            further = connection.fresh(1).pop().unwrap_or(further.clone());
            tokio::time::sleep(PAUSE_MAX).await;
        }
    };
    // A little longer than what is waited for within it, so that a server that lags is no silent one.
    tokio::time::timeout(FOLLOW_MAX + FURTHER_MORE, asked)
        .await
        .ok()
}

/// Asks once; gives those that are still let in.
async fn let_in<'a>(
    connection: &Connection,
    open: Vec<&'a Leaving>,
    leaving: &[Leaving],
) -> Result<Vec<&'a Leaving>, Error> {
    let answers: Vec<Result<Vec<String>, Error>> = stream::iter(&open)
        .map(|item| connection.ask(item))
        .buffered(CONCURRENCY)
        .collect()
        .await;
    let mut still = Vec::new();
    for (item, answer) in open.into_iter().zip(answers) {
        // A stronger list that is left too may have answered in this one's stead.
        let lets_in = answer?.iter().any(|reason| {
            leaving
                .iter()
                .any(|other| other.account == item.account && other.is_named_in(reason))
        });
        if lets_in {
            still.push(item);
        }
    }
    Ok(still)
}

/// A list of ours, where it stands and what it gives.
pub(super) struct ListAt<'a> {
    pub(super) place: &'a Place,
    pub(super) name: &'a str,
    pub(super) role: &'a RoleRef,
}

impl Connection {
    /// Who leaves which list by this plan, and does not come back to it by the same plan: a binding
    /// that points to the wrong role is deleted and made anew.
    pub(super) async fn leaving(
        &self,
        plan: &Plan,
        observed: &Observed,
        wanted: &Lists,
    ) -> Result<Vec<Leaving>, Error> {
        let mut found = Vec::new();
        let mut rules = Rules::default();
        for step in &plan.take {
            let (Step::SetBinding { place, name, .. } | Step::DeleteBinding { place, name, .. }) =
                step
            else {
                continue;
            };
            let key = (place.clone(), name.clone());
            let Some(before) = observed.bindings.get(&key) else {
                continue;
            };
            let stay = wanted.get(&key).map(|(_, accounts)| accounts);
            for account in &before.accounts {
                if stay.is_some_and(|stay| stay.contains(account)) {
                    continue;
                }
                let list = ListAt {
                    place,
                    name,
                    role: &before.role,
                };
                found.push(self.leaves(account, &list, wanted, &mut rules).await?);
            }
        }
        Ok(found)
    }

    /// One account that leaves one list, with the question that tells whether it has.
    pub(super) async fn leaves(
        &self,
        account: &str,
        list: &ListAt<'_>,
        wanted: &Lists,
        rules: &mut Rules,
    ) -> Result<Leaving, Error> {
        let ListAt { place, name, role } = *list;
        let ask = if plan::level_of(&self.installation, name).is_some() {
            Ask::Level
        } else {
            let own = rules.of(self, role, place).await?;
            let mut kept = Vec::new();
            for ((at, _), (role, accounts)) in wanted {
                // What counts everywhere counts here; what counts elsewhere does not.
                if (at.is_none() || at == place) && accounts.contains(account) {
                    kept.extend(rules.of(self, role, at).await?);
                }
            }
            Ask::Role(role_summary::probes(&own, &kept, place.is_none()))
        };
        Ok(Leaving {
            account: account.to_owned(),
            place: place.clone(),
            binding: name.to_owned(),
            ask,
        })
    }

    /// What still lets an account in where a list of ours did, in the API server's words.
    async fn ask(&self, item: &Leaving) -> Result<Vec<String>, Error> {
        let (account, place) = (&item.account, &item.place);
        match &item.ask {
            Ask::Level => {
                let answer = self.let_in_by(account, place, &item.binding).await?;
                Ok(answer.into_iter().collect())
            }
            Ask::Role(probes) => {
                let asked = probes
                    .iter()
                    .map(|probe| self.let_in_to(account, place, probe));
                let answers = futures::future::try_join_all(asked).await?;
                Ok(answers.into_iter().flatten().collect())
            }
        }
    }
}
