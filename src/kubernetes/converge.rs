//! Converge: make one cluster's objects equal to what the store says. Observe, plan, apply, verify.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::json;

use super::connection::{Connection, Look, Seen};
use super::error::Error;
use super::objects;
use crate::domain::binding::Bound;
use crate::domain::climb::{self, Probe};
use crate::domain::plan::{self, Account, Desired, Lists, Observed, Place, Plan, Step};
use crate::domain::power::{RoleRef, Rule};

/// How many calls run at once (measured: more only cost TLS handshakes and server time).
const CONCURRENCY: usize = 8;
/// How often a plan is made anew when the cluster changed under it.
const ROUNDS_MAX: usize = 5;
/// How long the API server may take to stop letting in an account that is off its lists.
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// What a converge did.
#[derive(Debug, Default)]
pub(crate) struct Converged {
    /// What was changed.
    pub(crate) changed: Vec<Step>,
}

/// One account on one list that it must leave.
struct Leaving {
    account: String,
    place: Place,
    binding: String,
    /// How it is asked whether the account is still let in by this list.
    ask: Ask,
}

/// A question about a list.
enum Ask {
    /// The one that belongs to the list of a level.
    Level,
    /// What the bound role allows, and nothing that the account keeps does. Where that is nothing,
    /// nothing is taken away, and the list that was read back is all there is to see.
    Role(Vec<Probe>),
}

/// Looks, and says what would be done; changes nothing.
pub(crate) async fn preview(
    connection: &Connection,
    desired: &Desired,
    look: &Look<'_>,
) -> Result<(Seen, Plan), Error> {
    let seen = connection.observe(look).await?;
    let plan = plan::plan(desired, &seen.observed);
    Ok((seen, plan))
}

/// What was decided to end, and must be seen to have ended under its own name: what is found by
/// labels may have lost them.
#[derive(Debug, Default)]
pub(crate) struct Ended<'a> {
    /// Accounts that must be gone: name and credential.
    pub(crate) accounts: Vec<(&'a str, i64)>,
    /// Accounts that must be off the list of a bound role.
    pub(crate) bound: Vec<(&'a str, &'a Bound)>,
}

/// Makes the cluster equal to `desired`. Ok only when that was read back, and when all that
/// `ended` was seen to have.
pub(crate) async fn converge(
    connection: &Connection,
    desired: &Desired,
    look: &Look<'_>,
    ended: &Ended<'_>,
) -> Result<Converged, Error> {
    let converged = equalize(connection, desired, look).await?;
    let accounts = stream::iter(&ended.accounts)
        .map(|(account, credential)| connection.confirm_end(account, *credential))
        .buffer_unordered(CONCURRENCY)
        .collect::<Vec<_>>();
    let bound = stream::iter(&ended.bound)
        .map(|(account, bound)| connection.confirm_off(account, bound))
        .buffer_unordered(CONCURRENCY)
        .collect::<Vec<_>>();
    let (accounts, bound) = futures::join!(accounts, bound);
    let seen: Result<(), Error> = accounts.into_iter().chain(bound).collect();
    seen.map(|()| converged)
}

async fn equalize(
    connection: &Connection,
    desired: &Desired,
    look: &Look<'_>,
) -> Result<Converged, Error> {
    let mut changed = Vec::new();
    let mut last = None;
    // Kept from round to round: who left a list in a round that ended in a conflict is verified too.
    let mut left = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let (seen, plan) = preview(connection, desired, look).await?;
        if plan.is_empty() {
            verify_gone(connection, &left).await?;
            return Ok(Converged { changed });
        }
        let lists = plan::wanted_lists(desired, &seen.observed);
        left.extend(connection.leaving(&plan, &seen.observed, &lists).await?);
        if let Some(account) = stuck(&plan, &seen.observed) {
            last = Some(Error::terminating(&format!("account '{account}'")));
        }
        match apply(connection, &plan).await {
            Ok(()) => {
                changed.extend(plan.steps().cloned());
                verify_gone(connection, &left).await?;
                left.clear();
                if !plan.takes_anything() {
                    // Each answer was the stored object itself, and was compared.
                    return Ok(Converged { changed });
                }
            }
            Err(error) if error.is_conflict() || error.is_not_found() || error.is_terminating() => {
                last = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| Error::unsettled("the cluster changes faster than it can be read")))
}

impl Leaving {
    /// Whether an answer of the API server names this list.
    fn is_named_in(&self, reason: &str) -> bool {
        reason.contains(&match &self.place {
            None => format!("ClusterRoleBinding \"{}\"", self.binding),
            Some(namespace) => format!("RoleBinding \"{}/{namespace}\"", self.binding),
        })
    }
}

/// Rules of roles, each read once.
#[derive(Default)]
struct Rules(BTreeMap<(Place, RoleRef), Vec<Rule>>);

impl Rules {
    async fn of(
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

/// An account that was told to go before and waits for somebody's finalizer.
fn stuck<'a>(plan: &'a Plan, observed: &Observed) -> Option<&'a str> {
    plan.end.iter().find_map(|step| match step {
        Step::DeleteAccount { name, .. } => observed
            .accounts
            .get(name)
            .is_some_and(|found| found.deleting)
            .then_some(name.as_str()),
        _ => None,
    })
}

/// Waits until the API server's authorizer has heard of it: only then is a revocation true.
async fn verify_gone(connection: &Connection, leaving: &[Leaving]) -> Result<(), Error> {
    let started = tokio::time::Instant::now();
    let mut open: Vec<&Leaving> = leaving.iter().collect();
    while !open.is_empty() {
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
        if open.is_empty() {
            break;
        }
        if started.elapsed() > SETTLE_MAX {
            return Err(Error::unsettled(
                "the API server still lets an ended account in",
            ));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Carries out a plan, phase by phase. Within a phase all steps are tried, whatever fails.
async fn apply(connection: &Connection, plan: &Plan) -> Result<(), Error> {
    let take = run(connection, &plan.take).await;
    // Even where a list could not be written, ending the account takes power away.
    let end = run(connection, &plan.end).await;
    take.and(end)?;
    run(connection, &plan.give).await
}

async fn run(connection: &Connection, steps: &[Step]) -> Result<(), Error> {
    let results: Vec<Result<(), Error>> = stream::iter(steps)
        .map(|step| connection.apply_step(step))
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    // The gravest first: what cannot be mended by looking again.
    let mut retriable = Ok(());
    for result in results {
        match result {
            Err(error) if error.is_conflict() || error.is_not_found() || error.is_terminating() => {
                retriable = Err(error);
            }
            other => other?,
        }
    }
    retriable
}

fn with_uid(uid: &str) -> DeleteParams {
    DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.to_owned()),
            ..Preconditions::default()
        }),
        ..DeleteParams::default()
    }
}

/// A delete that finds nothing has nothing to do.
fn gone(result: Result<(), kube::Error>, what: &str) -> Result<(), Error> {
    match result.map_err(|error| Error::from_kube(error, what)) {
        Err(error) if error.is_not_found() => Ok(()),
        other => other,
    }
}

impl Connection {
    /// Looks for an ended account by its own name, and asks whether a list of ours lets it in.
    ///
    /// Objects are found by their labels, which anybody with power on the cluster can take off:
    /// neither an account nor a list without them may keep a token alive unseen.
    async fn confirm_end(&self, account: &str, credential: i64) -> Result<(), Error> {
        let what = format!("account '{account}'");
        let ours = format!("\"{}", plan::binding_name(&self.installation, ""));
        let list = plan::binding_name(&self.installation, "view");
        let started = tokio::time::Instant::now();
        loop {
            let accounts = self.accounts();
            let (found, answer) = futures::join!(
                accounts.get_opt(account),
                self.let_in_by(account, &None, &list)
            );
            let found = found.map_err(|error| Error::from_kube(error, &what))?;
            let through = answer?.filter(|reason| reason.contains(&ours));
            if found.is_none() && through.is_none() {
                return Ok(());
            }
            if let Some(meta) = found.map(|found| found.metadata) {
                if objects::credential_of(&meta) != Some(credential) {
                    return Err(Error::foreign(&what));
                }
                if meta.deletion_timestamp.is_some() {
                    return Err(Error::terminating(&what));
                }
                let uid = with_uid(&meta.uid.unwrap_or_default());
                gone(accounts.delete(account, &uid).await.map(drop), &what)?;
            }
            if started.elapsed() > SETTLE_MAX {
                let reason = super::error::clean(&through.unwrap_or_default());
                return Err(Error::unsettled(&format!(
                    "the API server still lets an ended account in: {reason}"
                )));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Looks at the list of a bound role by its own name: an account that left it must not be on it.
    /// A list that lost our labels was not found by them, and is no longer ours to change.
    async fn confirm_off(&self, account: &str, bound: &Bound) -> Result<(), Error> {
        let name = bound.list_name(&self.installation);
        let found = match &bound.place {
            None => {
                let found = self.cluster_bindings().get_opt(&name).await;
                found.map(|found| found.and_then(|found| found.subjects))
            }
            Some(namespace) => {
                let found = self.role_bindings(namespace).get_opt(&name).await;
                found.map(|found| found.and_then(|found| found.subjects))
            }
        };
        let what = format!("binding '{name}'");
        let subjects = found.map_err(|error| Error::from_kube(error, &what))?;
        let mut subjects = subjects.into_iter().flatten();
        if subjects.any(|subject| subject.name == account) {
            Err(Error::foreign(&what))
        } else {
            Ok(())
        }
    }

    /// Who leaves which list by this plan, and does not come back to it by the same plan: a binding
    /// that points to the wrong role is deleted and made anew.
    async fn leaving(
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
            let is_level = |role| *name == plan::binding_name(&self.installation, role);
            let is_level = ["view", "edit", "cluster-admin"].into_iter().any(is_level);
            for account in &before.accounts {
                if stay.is_some_and(|stay| stay.contains(account)) {
                    continue;
                }
                let ask = if is_level {
                    Ask::Level
                } else {
                    let own = rules.of(self, &before.role, place).await?;
                    let mut kept = Vec::new();
                    for ((at, _), (role, accounts)) in wanted {
                        // What counts everywhere counts here; what counts elsewhere does not.
                        if (at.is_none() || at == place) && accounts.contains(account) {
                            kept.extend(rules.of(self, role, at).await?);
                        }
                    }
                    Ask::Role(climb::probes(&own, &kept, place.is_none()))
                };
                found.push(Leaving {
                    account: account.clone(),
                    place: place.clone(),
                    binding: name.clone(),
                    ask,
                });
            }
        }
        Ok(found)
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

    async fn apply_step(&self, step: &Step) -> Result<(), Error> {
        match step {
            Step::CreateAccount(account) => self.create_account(account).await,
            Step::DeleteAccount { name, uid } => gone(
                self.accounts().delete(name, &with_uid(uid)).await.map(drop),
                &format!("account '{name}'"),
            ),
            Step::CreateBinding {
                place,
                name,
                role,
                accounts,
            } => self.create_binding(place, name, role, accounts).await,
            Step::SetBinding {
                place,
                name,
                accounts,
                resource_version,
            } => {
                self.set_binding(place, name, accounts, resource_version)
                    .await
            }
            Step::SetRole { name, rules } => self.set_role(name, rules).await,
            Step::DeleteRole { name } => self.delete_role(name).await,
            Step::DeleteBinding { place, name, uid } => {
                let what = format!("binding '{name}'");
                match place {
                    None => gone(
                        self.cluster_bindings()
                            .delete(name, &with_uid(uid))
                            .await
                            .map(drop),
                        &what,
                    ),
                    Some(namespace) => gone(
                        self.role_bindings(namespace)
                            .delete(name, &with_uid(uid))
                            .await
                            .map(drop),
                        &what,
                    ),
                }
            }
        }
    }

    /// Creates an account; one that stands there is adopted only if it is this very credential's.
    async fn create_account(&self, account: &Account) -> Result<(), Error> {
        let what = format!("account '{}'", account.name);
        let wanted = objects::service_account(account, &self.installation);
        let created = self
            .accounts()
            .create(&PostParams::default(), &wanted)
            .await;
        match created.map_err(|error| Error::from_kube(error, &what)) {
            Err(error) if error.is_already_exists() => {
                let found = self.accounts().get(&account.name).await;
                let found = found.map_err(|error| Error::from_kube(error, &what))?;
                let meta = &found.metadata;
                let ours = objects::is_ours(meta, &self.installation)
                    && objects::credential_of(meta) == Some(account.credential)
                    && meta.deletion_timestamp.is_none();
                if ours {
                    Ok(())
                } else {
                    Err(Error::foreign(&what))
                }
            }
            other => other.map(drop),
        }
    }

    async fn create_binding(
        &self,
        place: &Place,
        name: &str,
        role: &RoleRef,
        accounts: &BTreeSet<String>,
    ) -> Result<(), Error> {
        let what = format!("binding '{name}'");
        let meta = objects::meta(name, place.as_deref(), &self.installation);
        let role_ref = objects::reference(role);
        let subjects = Some(objects::subjects(accounts));
        let params = PostParams::default();
        let created = match place {
            None => {
                let wanted = ClusterRoleBinding {
                    metadata: meta,
                    role_ref,
                    subjects,
                };
                self.cluster_bindings()
                    .create(&params, &wanted)
                    .await
                    .map(|made| made.subjects)
            }
            Some(namespace) => {
                let wanted = RoleBinding {
                    metadata: meta,
                    role_ref,
                    subjects,
                };
                let api = self.role_bindings(namespace);
                api.create(&params, &wanted).await.map(|made| made.subjects)
            }
        };
        match created.map_err(|error| Error::from_kube(error, &what)) {
            Err(error) if error.is_already_exists() => {
                let found = match place {
                    None => self.cluster_bindings().get(name).await.map(|b| b.metadata),
                    Some(namespace) => self
                        .role_bindings(namespace)
                        .get(name)
                        .await
                        .map(|b| b.metadata),
                };
                let found = found.map_err(|error| Error::from_kube(error, &what))?;
                if objects::is_ours(&found, &self.installation) {
                    Err(Error::changed_meanwhile(&what)) // Look again and plan anew.
                } else {
                    Err(Error::foreign(&what))
                }
            }
            Err(error) => Err(error),
            Ok(stored) => same_list(stored.as_ref(), accounts, &what),
        }
    }

    async fn set_binding(
        &self,
        place: &Place,
        name: &str,
        accounts: &BTreeSet<String>,
        resource_version: &str,
    ) -> Result<(), Error> {
        let what = format!("binding '{name}'");
        // The resource version makes the write conditional: what changed meanwhile is read first.
        let patch = Patch::Merge(json!({
            "metadata": { "resourceVersion": resource_version },
            "subjects": objects::subjects(accounts),
        }));
        let params = PatchParams {
            field_manager: Some("kubegrant".into()),
            ..Default::default()
        };
        let written = match place {
            None => {
                let api = self.cluster_bindings();
                api.patch(name, &params, &patch)
                    .await
                    .map(|made| made.subjects)
            }
            Some(namespace) => {
                let api = self.role_bindings(namespace);
                api.patch(name, &params, &patch)
                    .await
                    .map(|made| made.subjects)
            }
        };
        let stored = written.map_err(|error| Error::from_kube(error, &what))?;
        same_list(stored.as_ref(), accounts, &what)
    }
}

/// Checks that the server stored the list that it was sent.
fn same_list(
    stored: Option<&Vec<k8s_openapi::api::rbac::v1::Subject>>,
    wanted: &BTreeSet<String>,
    what: &str,
) -> Result<(), Error> {
    let names: BTreeSet<&str> = stored
        .into_iter()
        .flatten()
        .map(|subject| subject.name.as_str())
        .collect();
    if names.len() == wanted.len() && wanted.iter().all(|name| names.contains(name.as_str())) {
        Ok(())
    } else {
        Err(Error::changed_meanwhile(what))
    }
}
