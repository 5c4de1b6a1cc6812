//! What a cluster holds of others before we come: who would be cluster-admin through us, and
//! whether a level would be what it says.

use std::collections::BTreeSet;

use super::approach::Approach;
use super::check::without_manager;
use crate::domain::access::Power;
use crate::domain::account_name::{self, Home};
use crate::domain::backdoor::{self, Backdoor, Gives};
use crate::domain::installation::InstallationId;
use crate::domain::name::ClusterName;
use crate::domain::plan::{NAMESPACE, USERS_NAMESPACE};
use crate::domain::power::{Binding, RoleRef, Roles, Rule, Subject};
use crate::domain::text::clean;
use crate::kubernetes::error::Error as ClusterError;
use crate::kubernetes::foreign::{self, Owner};
use crate::kubernetes::level::ANY_ACCOUNT;
use crate::kubernetes::observe::Look;
use crate::kubernetes::{issuer, manager};
use crate::ops::{Error, excess, find};
use crate::session::App;

/// How many accounts of others are named.
const ACCOUNTS_MAX: usize = 3;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// What somebody should know.
    pub(super) warnings: Vec<String>,
    /// What somebody must agree to.
    pub(super) to_agree: Vec<String>,
}

/// Looks at a cluster with the operator's login; changes nothing.
pub(super) async fn survey(
    app: &App,
    name: &ClusterName,
    approach: &Approach,
) -> Result<Survey, Error> {
    let failed = |source| Error::Approach {
        context: approach.imported.context.clone(),
        cluster: name.to_string(),
        source,
    };
    let connection = &approach.connection;
    let look = Look {
        only: None,
        with_write: true,
        with_places: true,
        cluster: None,
    };
    let (seen, inside, levels) = futures::join!(
        connection.observe(&look),
        connection.inside(),
        connection.excess(ANY_ACCOUNT, Power::Read)
    );
    let mut survey = Survey::default();
    let mut allowed = |what: &str| {
        survey.warnings.push(format!(
            "this login may not {what}: run `kubegrant cluster check {name}`, which asks as the manager"
        ));
    };
    let seen = known(seen, || allowed("list roles and bindings")).map_err(failed)?;
    let inside = known(inside, || allowed("list accounts and Secrets")).map_err(failed)?;
    let levels = known(levels, || allowed("ask what accounts may do")).map_err(failed)?;
    let (seen, inside) = (seen.unwrap_or_default(), inside.unwrap_or_default());
    survey.to_agree.extend(excess::sentences(
        name,
        Power::Read,
        &levels.unwrap_or_default(),
    ));

    let installation = find::installation(app)?;
    let others = without_manager(&seen.foreign, &installation);
    let backdoors = backdoor::backdoors(&others, &seen.roles, &inside.targets());
    let managers: BTreeSet<&str> = others.iter().filter_map(other_manager).collect();
    for binding in others.iter().filter(|it| stands_inside(it)) {
        let is_dangerous = backdoors.iter().any(|it| it.binding == binding);
        let is_platforms = is_platforms(binding) && !is_dangerous;
        let renews = other_renewer(binding, &seen.roles);
        let is_others = other_manager(binding).is_some()
            || renews.is_some_and(|id| id != installation.as_str() && managers.contains(id));
        if !is_platforms && !is_others {
            survey.to_agree.push(format!(
                "namespace '{NAMESPACE}' holds a binding of others: {} {}",
                foreign::described(binding),
                foreign::subjects(&binding.subjects)
            ));
        }
    }
    survey
        .warnings
        .extend(through_us(&backdoors, &installation));
    survey.warnings.extend(managers.into_iter().map(|id| {
        format!(
            "installation '{}' of kubegrant is on this cluster too, and can become cluster-admin \
             as this one can",
            clean(id)
        )
    }));
    for (account, owner) in &inside.accounts {
        if *owner == Owner::Nobody && account != "default" {
            survey.warnings.push(format!(
                "account '{}' of others stands in namespace '{NAMESPACE}'",
                clean(account)
            ));
        }
    }
    Ok(survey)
}

/// A login that may not look knows less, and is told so; every other failure is one.
fn known<T>(
    asked: Result<T, ClusterError>,
    tell: impl FnOnce(),
) -> Result<Option<T>, ClusterError> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_forbidden() => {
            tell();
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn stands_inside(binding: &Binding) -> bool {
    binding.namespace.as_deref().and_then(Home::of).is_some()
}

/// Whether a platform puts such a binding into every namespace, for the namespace's own accounts.
fn is_platforms(binding: &Binding) -> bool {
    binding.name.starts_with("system:")
        && binding.subjects.iter().all(|subject| match subject {
            Subject::Account { namespace, .. } => Home::of(namespace).is_some(),
            Subject::Group(name) => account_name::of_group(name).is_some(),
            Subject::User(_) => false,
        })
}

/// The installation whose manager a binding in our namespace is for; `None` if it is no such one.
fn other_manager(binding: &Binding) -> Option<&str> {
    let id = foreign::named_installation(&binding.name)?;
    let is_role = binding.role == RoleRef::Namespaced(binding.name.clone());
    let is_manager = |subject: &Subject| {
        matches!(subject, Subject::Account { namespace, name }
            if namespace == NAMESPACE && (manager::is_account_name(name) || issuer::is_account_name(name)))
    };
    let is_one = matches!(binding.subjects.as_slice(), [subject] if is_manager(subject));
    (stands_inside(binding) && is_role && is_one).then_some(id)
}

/// The installation that a binding says to be of, which lets an account renew a kubeconfig: its Role mints tokens of
/// accounts by name where the accounts of users stand, and gives nothing else; `None` if it is no such one.
fn other_renewer<'a>(binding: &'a Binding, roles: &Roles) -> Option<&'a str> {
    let place = binding.namespace.as_deref();
    let id = foreign::named_installation(&binding.name)?;
    let is_account = |subject: &Subject| matches!(subject, Subject::Account { namespace, .. } if namespace == USERS_NAMESPACE);
    let rules = roles.rules(&binding.role, place).map(Vec::as_slice);
    let is_one = binding.name.starts_with(&format!("kubegrant:{id}:renew:"))
        && place == Some(USERS_NAMESPACE)
        && binding.role == RoleRef::Namespaced(binding.name.clone())
        && matches!(binding.subjects.as_slice(), [subject] if is_account(subject))
        && matches!(rules, Some([rule]) if mints_by_name(rule));
    is_one.then_some(id)
}

fn mints_by_name(rule: &Rule) -> bool {
    let is_user = |name: &String| !manager::is_account_name(name) && !issuer::is_account_name(name);
    rule.groups == [""]
        && rule.resources == ["serviceaccounts/token"]
        && rule.verbs == ["create"]
        && rule.urls.is_empty()
        && !rule.names.is_empty()
        && rule.names.iter().all(is_user)
}

/// Who would be cluster-admin through us: people by name, accounts by number.
fn through_us(backdoors: &[Backdoor<'_>], installation: &InstallationId) -> Vec<String> {
    let is_theirs = |it: &&Backdoor<'_>| {
        matches!(it.gives, Gives::Ways(_))
            && foreign::named_installation(&it.binding.name).is_none()
            && !stands_inside(it.binding)
    };
    let is_account = |subject: &Subject| matches!(subject, Subject::Account { .. });
    let (accounts, people): (Vec<_>, Vec<_>) = backdoors
        .iter()
        .filter(is_theirs)
        .cloned()
        .partition(|it| it.binding.subjects.iter().all(is_account));
    let mut found: Vec<String> = foreign::ways_in(&people, installation)
        .into_iter()
        .map(|what| format!("{what}: the manager's account is among them, which is cluster-admin"))
        .collect();
    let names: Vec<String> = accounts
        .iter()
        .take(ACCOUNTS_MAX)
        .map(|it| clean(&it.binding.name))
        .collect();
    if !names.is_empty() {
        let more = match accounts.len().saturating_sub(ACCOUNTS_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        found.push(format!(
            "accounts of others can come to the manager's account too, by bindings {}{more}: \
             `kubegrant cluster check` says how",
            names.join(", ")
        ));
    }
    found
}
