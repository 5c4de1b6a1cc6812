//! Who left a list of ours: asking the API server until it agrees.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, stream};

use super::connection::Connection;
use super::converge::CONCURRENCY;
use super::error::Error;
use crate::domain::climb::{self, Probe};
use crate::domain::plan::{self, Lists, Object, Observed, Place, Plan, Step};
use crate::domain::power::{RoleRef, Rule};

/// How long the API server may take to stop letting in an account that is off its lists.
pub(super) const SETTLE_MAX: Duration = Duration::from_secs(5);
/// The first pause between two questions; each next one is twice as long.
pub(super) const PAUSE: Duration = Duration::from_millis(2);
/// The longest pause between two questions.
pub(super) const PAUSE_MAX: Duration = Duration::from_millis(100);

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

/// Waits until the API server's authorizer has heard of it: only then is a revocation true. Gives
/// those that it still lets in.
pub(super) async fn still_let_in(
    connection: &Connection,
    leaving: &[Leaving],
) -> Result<Vec<Leaving>, Error> {
    let started = tokio::time::Instant::now();
    let mut pause = PAUSE;
    let mut open: Vec<&Leaving> = leaving.iter().collect();
    loop {
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
        open = still;
        if open.is_empty() || started.elapsed() > SETTLE_MAX {
            return Ok(open.into_iter().cloned().collect());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
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
                let of = (place, name.as_str(), &before.role);
                found.push(self.leaves(account, of, wanted, &mut rules).await?);
            }
        }
        Ok(found)
    }

    /// One account that leaves one list, with the question that tells whether it has.
    pub(super) async fn leaves(
        &self,
        account: &str,
        (place, name, role): (&Place, &str, &RoleRef),
        wanted: &Lists,
        rules: &mut Rules,
    ) -> Result<Leaving, Error> {
        let is_level = |role| *name == plan::binding_name(&self.installation, role);
        let ask = if ["view", "edit", "cluster-admin"].into_iter().any(is_level) {
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
            Ask::Role(climb::probes(&own, &kept, place.is_none()))
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
