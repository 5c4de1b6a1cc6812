//! `cluster check`: what a cluster holds of ours, what others hold that leads to it, and what the
//! API server says a level is.

use std::collections::BTreeSet;

use super::Reach;
use crate::domain::access::Power;
use crate::domain::account_name::{self, Home};
use crate::domain::action::Action;
use crate::domain::backdoor::{self, Backdoor, Gives};
use crate::domain::cluster::{Cluster, WriteScope};
use crate::domain::credential::State;
use crate::domain::installation::InstallationId;
use crate::domain::name::ClusterName;
use crate::domain::plan::{Observed, Plan, Step, binding_name};
use crate::domain::policy::ClusterAction;
use crate::domain::power::{Binding, Subject};
use crate::domain::sealed::SealedSecret;
use crate::domain::snapshot::ClusterSnapshot;
use crate::domain::text::clean;
use crate::kubernetes::adopt::PLATFORM_ACCOUNTS;
use crate::kubernetes::connection::{Connection, Right};
use crate::kubernetes::foreign::{self, Inside, Owner};
use crate::kubernetes::issuer::{ISSUER_RIGHTS, USERS_RIGHTS};
use crate::kubernetes::level::{ANY_ACCOUNT, Excess};
use crate::kubernetes::manager::MANAGER_RIGHTS;
use crate::kubernetes::observe::{Look, Seen};
use crate::kubernetes::{drift, reconcile};
use crate::ops::rbac::{self, Standing};
use crate::ops::{Error, excess, find, manager, reconciling};
use crate::session::Session;

/// What `cluster check` found.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
    /// Its address.
    pub(crate) server: String,
    /// The version it gives now.
    pub(crate) version: String,
    /// Whether write is the plain `edit`, everywhere.
    pub(crate) write_everywhere: bool,
    /// Whether it was looked at with the issuer's login, which sees less.
    pub(crate) as_issuer: bool,
    /// Rights that the manager lacks, or the issuer.
    pub(crate) missing_rights: Vec<String>,
    /// Rights that the issuer has and must not have.
    pub(crate) issuer_may: Vec<String>,
    /// Objects of ours that are not there.
    pub(crate) missing: Vec<String>,
    /// Objects of ours that are not as they should be.
    pub(crate) changed: Vec<String>,
    /// What of the manager's own rights only an operator can put right: `cluster relink` does.
    pub(crate) widened: Vec<String>,
    /// Objects that carry our labels or stand in our namespace, and that we did not make.
    pub(crate) foreign: Vec<String>,
    /// What others have in our namespace, and what leads nobody any further.
    pub(crate) harmless: Vec<String>,
    /// Objects in our namespace that name themselves after other installations.
    pub(crate) other_installations: Vec<String>,
    /// Bindings to cluster-admin, or to a role as strong, that neither Kubernetes nor kubegrant
    /// made.
    pub(crate) cluster_admins: Vec<String>,
    /// Bindings whose holders can come to our accounts, or to cluster-admin in another way.
    pub(crate) ways_in: Vec<String>,
    /// Where a level is more than it says.
    pub(crate) excess: Vec<String>,
    /// Secrets with a token that never ends, which this installation did not make.
    pub(crate) immortal_tokens: Vec<String>,
    /// Whether such Secrets were looked for in our own namespace alone.
    pub(crate) immortal_is_partial: bool,
    /// Bound roles that are gone, or let their holder escalate.
    pub(crate) bound: Vec<String>,
    /// Where write reaches.
    pub(crate) reach: Reach,
    /// What is pending, as the store says.
    pub(crate) pending: usize,
}

impl Checked {
    /// What others made and somebody should look at, in words.
    pub(crate) fn of_others(&self) -> Vec<String> {
        let named = |what: &str, items: &[String]| {
            let lines = items.iter().map(|item| format!("{what} {item}"));
            lines.collect::<Vec<_>>()
        };
        [
            named("bound to cluster-admin:", &self.cluster_admins),
            named("a way to kubegrant's accounts:", &self.ways_in),
            named("not kubegrant's:", &self.foreign),
            named("a token that never ends:", &self.immortal_tokens),
        ]
        .concat()
    }

    /// Whether `reconcile` would have anything to do, or somebody should look.
    pub(crate) fn has_drift(&self) -> bool {
        let ours = [
            &self.missing,
            &self.changed,
            &self.widened,
            &self.missing_rights,
            &self.issuer_may,
        ];
        ours.iter().any(|found| !found.is_empty()) || self.pending > 0
    }
}

/// Checks a cluster: reachable, pins, version, rights, drift, and where write reaches.
pub(crate) async fn check(session: &Session, name: &ClusterName) -> Result<Checked, Error> {
    let (actor, journal) = find::acting(session, Action::ClusterCheck)?;
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Operate)?;
    let cluster = found.cluster;
    let failed = |source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    };
    let snapshot = session
        .store()?
        .read(|tx| reconciling::snapshot(tx, cluster.id))?;
    let connection = session.connect(&cluster, &snapshot.installation).await?;
    connection.must_have_namespace().map_err(failed)?;
    let desired = snapshot.desired();
    let look = Look {
        only: None,
        with_write: true,
        with_places: true,
        cluster: Some(&cluster),
    };
    let keep = if connection.is_issuer() {
        vec![]
    } else {
        manager::stored_logins(session, &cluster, &snapshot.installation)?
    };
    let rights = rights(&cluster, &connection);
    let as_itself = async {
        let found = futures::try_join!(
            connection.version(),
            connection.missing_rights(&rights),
            connection.inside(),
            connection.immortal_tokens(),
            connection.excess(ANY_ACCOUNT, Power::Read),
            reconcile::preview(&connection, &desired, &look),
        );
        found.map_err(failed)
    };
    let as_issuer = issuer(session, &cluster, &snapshot.installation);
    let (found, (lacks, has_more)) = futures::try_join!(as_itself, as_issuer)?;
    let (version, missing, inside, immortal, levels, (seen, plan)) = found;
    let pending = reconciling::pending_on(&cluster, &snapshot).len();
    let installation = &snapshot.installation;
    let drift = drift::drift(installation, &desired, &cluster, &seen);
    let lacks_itself = missing.iter().map(|it| it.named(installation));
    let others: Vec<Binding> = without_manager(&seen.foreign, installation);
    let backdoors = backdoor::backdoors(&others, &seen.roles, &inside.targets());
    let mut checked = Checked {
        cluster: cluster.name.clone(),
        server: cluster.address.server.clone(),
        write_everywhere: cluster.write_scope == WriteScope::Cluster,
        version,
        as_issuer: connection.is_issuer(),
        missing_rights: lacks_itself.chain(lacks).collect(),
        issuer_may: has_more,
        missing: vec![],
        changed: drift.strangers,
        widened: drift.widened,
        foreign: vec![],
        harmless: vec![],
        other_installations: vec![],
        cluster_admins: foreign::cluster_admins(&others, &backdoors, installation),
        ways_in: foreign::ways_in(&backdoors, installation),
        excess: more_than_levels(&cluster.name, &levels, &others, &seen, &backdoors),
        immortal_tokens: immortal.found,
        immortal_is_partial: immortal.is_partial,
        bound: bound(&snapshot, &seen),
        reach: Reach::default(),
        pending,
    };
    let live = snapshot.credentials.iter().filter(|it| it.state.is_live());
    let ours = live.map(|it| it.account.as_str());
    let renewers = desired.renewers.iter().map(|it| it.account.as_str());
    let issuer = cluster.issuer.iter().map(|it| it.account.as_str());
    let ours = Ours {
        installation,
        accounts: ours
            .chain([cluster.manager.as_str()])
            .chain(issuer)
            .chain(renewers)
            .collect(),
    };
    sort_inside(&mut checked, &inside, &others, &ours, &seen, &backdoors);
    let logins = inside.other_logins(&keep).into_iter();
    checked.foreign.extend(logins.map(|name| {
        let name = clean(&name);
        format!("Secret {name}, with our labels and no login that the store holds: `reconcile` removes it")
    }));
    sort_labels(&mut checked, &seen);
    sort_drift(
        &mut checked,
        &plan,
        &seen.observed,
        &inside.accounts,
        &snapshot,
    );
    checked.reach = Reach::from(seen);
    Ok(checked)
}

/// What the login must be allowed that the cluster is worked on with.
fn rights(cluster: &Cluster, connection: &Connection) -> Vec<Right> {
    if connection.is_issuer() {
        return ISSUER_RIGHTS.to_vec();
    }
    let mut rights = MANAGER_RIGHTS.to_vec();
    if cluster.issuer.is_some() {
        rights.extend(USERS_RIGHTS);
    }
    rights
}

/// What the issuer's login may not do that it must, and what it may do that it must not, in words.
async fn issuer(
    session: &Session,
    cluster: &Cluster,
    installation: &InstallationId,
) -> Result<(Vec<String>, Vec<String>), Error> {
    let Some(login) = SealedSecret::issuer_login(cluster) else {
        return Ok((vec![], vec![]));
    };
    let failed = |source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    };
    let secret = session.open_secret(&login, installation)?;
    let connection = session.connect_as_issuer(cluster, installation, &secret);
    let connection = connection.map_err(failed)?;
    let asked = futures::try_join!(
        connection.missing_rights(&ISSUER_RIGHTS),
        connection.more_than_an_issuer()
    );
    let words = |rights: Vec<Right>| {
        let words = rights
            .iter()
            .map(|it| format!("issuer: {}", it.named(installation)));
        words.collect::<Vec<_>>()
    };
    match asked {
        Ok((missing, more)) => Ok((words(missing), words(more))),
        Err(error) if error.is_unauthorized() => Ok((
            vec!["issuer: log in, as its login is refused".to_owned()],
            vec![],
        )),
        Err(error) => Err(failed(error)),
    }
}

/// Bound roles that are not what they were, or let their holder escalate, in words.
fn bound(snapshot: &ClusterSnapshot, seen: &Seen) -> Vec<String> {
    let live = snapshot.bindings.iter().filter(|it| !it.is_removed);
    let words = live.filter_map(|binding| {
        let user = snapshot.people.users.get(&binding.user)?;
        let what = match rbac::standing(&binding.bound, seen) {
            Standing::Role { escalates: None } => return None,
            Standing::Role {
                escalates: Some(why),
            } => format!("lets them escalate: {why}"),
            Standing::RoleGone => "gives nothing: there is no such role".to_owned(),
            Standing::NamespaceGone => "gives nothing: the namespace is gone".to_owned(),
        };
        Some(format!("{} of '{}' {what}", binding.bound, user.name))
    });
    words.collect()
}

/// Sorts what has our labels and is not ours, or is ours and has none.
fn sort_labels(checked: &mut Checked, seen: &Seen) {
    checked.foreign.extend(
        seen.unlabelled
            .iter()
            .map(|what| format!("{what}, with our name and without our labels")),
    );
    checked.foreign.extend(seen.labelled.iter().cloned());
    checked.changed.extend(seen.stripped.iter().cloned());
    checked.foreign.extend(seen.unread.iter().cloned());
}

/// Sorts a plan's steps into what is missing, changed and foreign.
fn sort_drift(
    checked: &mut Checked,
    plan: &Plan,
    observed: &Observed,
    accounts: &[(String, Owner)],
    snapshot: &ClusterSnapshot,
) {
    for step in plan.steps() {
        match step {
            Step::CreateAccount(account) => {
                let is = |name: &String| *name == account.name;
                if accounts.iter().any(|(name, _)| is(name)) {
                    let what = format!("account {}, without our labels", account.name);
                    if !checked.changed.contains(&what) {
                        checked.changed.push(what);
                    }
                } else {
                    let missing = missing_account(&account.name, snapshot);
                    checked.missing.push(missing);
                }
            }
            Step::CreateBinding { place, name, .. } => {
                if !observed
                    .bindings
                    .contains_key(&(place.clone(), name.clone()))
                {
                    checked.missing.push(binding(place.as_deref(), name));
                }
            }
            Step::SetBinding { place, name, .. } => {
                checked.changed.push(binding(place.as_deref(), name));
            }
            Step::DeleteAccount { name, .. } => checked.changed.push(format!("account {name}")),
            Step::SetRole { name, .. } | Step::DeleteRole { name } => {
                checked.changed.push(format!("ClusterRole {name}"));
            }
            Step::DeleteBinding { place, name, .. } => {
                checked.changed.push(binding(place.as_deref(), name));
            }
        }
    }
}

/// An account that is not there, with what comes of it where it was there before.
fn missing_account(name: &str, snapshot: &ClusterSnapshot) -> String {
    let stood = snapshot
        .credentials
        .iter()
        .find(|it| it.account.as_str() == name && it.state == State::Active);
    match stood {
        None => format!("account {name}"),
        Some(credential) => format!(
            "account {name}, which somebody deleted: version {} of '{}' ends with `reconcile`",
            credential.version, credential.owner
        ),
    }
}

fn binding(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        None => format!("binding {name}"),
        Some(namespace) => format!("binding {name} in namespace '{namespace}'"),
    }
}

/// The bindings of others: without the manager's own two, which are compared by themselves.
pub(super) fn without_manager(others: &[Binding], installation: &InstallationId) -> Vec<Binding> {
    let names = ["manager", "issuer"].map(|role| binding_name(installation, role));
    let is_managers = |binding: &&Binding| {
        let stands = binding.namespace.is_none() || stands_inside(binding);
        names.contains(&binding.name) && stands && binding.role.name() == binding.name
    };
    let others = others.iter().filter(|binding| !is_managers(binding));
    others.cloned().collect()
}

/// What of a cluster is this installation's.
struct Ours<'a> {
    installation: &'a InstallationId,
    /// The live accounts, and the manager's.
    accounts: BTreeSet<&'a str>,
}

/// Sorts what stands in our namespace: foreign, of other installations, or harmless.
fn sort_inside(
    checked: &mut Checked,
    inside: &Inside,
    others: &[Binding],
    ours: &Ours<'_>,
    seen: &Seen,
    backdoors: &[Backdoor<'_>],
) {
    let mut installations = BTreeSet::new();
    for (name, owner) in &inside.accounts {
        match owner {
            Owner::Us => {}
            Owner::Installation(id) => {
                installations.insert((id.clone(), format!("account {}", clean(name))));
            }
            Owner::Nobody if ours.accounts.contains(name.as_str()) => {
                let what = format!("account {name}, without our labels");
                checked.changed.push(what);
            }
            Owner::Nobody if account_name::parts(name).1 == "default" => {}
            Owner::Nobody if PLATFORM_ACCOUNTS.contains(&account_name::parts(name).1) => {
                checked.harmless.push(format!("account {name}"));
            }
            Owner::Nobody => checked.foreign.push(format!("account {}", clean(name))),
        }
    }
    for (name, owner) in &inside.secrets {
        match owner {
            Owner::Us => {}
            Owner::Installation(id) => {
                installations.insert((id.clone(), format!("Secret {}", clean(name))));
            }
            Owner::Nobody => checked.harmless.push(format!("Secret {}", clean(name))),
        }
    }
    let is_dangerous = |binding: &Binding| backdoors.iter().any(|it| it.binding == binding);
    for binding in others.iter().filter(|it| stands_inside(it)) {
        let words = foreign::described(binding);
        let what = format!("{words} {}", foreign::subjects(&binding.subjects));
        if let Some(id) = foreign::named_installation(&binding.name) {
            installations.insert((id.to_owned(), what));
        } else if is_dangerous(binding) {
            checked.foreign.push(what);
        } else {
            checked.harmless.push(what);
        }
    }
    let own = ["manager", "issuer"].map(|role| binding_name(ours.installation, role));
    let renewing = binding_name(ours.installation, "renew:");
    for (_, name) in seen
        .roles
        .namespaced
        .keys()
        .filter(|(ns, _)| Home::of(ns).is_some())
    {
        match foreign::named_installation(name) {
            _ if own.contains(name) || name.starts_with(&renewing) => {}
            Some(id) => {
                installations.insert((id.to_owned(), format!("Role {}", clean(name))));
            }
            None => checked.harmless.push(format!("Role {}", clean(name))),
        }
    }
    checked.other_installations = installations
        .into_iter()
        .map(|(id, what)| format!("{what}, as installation '{}' of kubegrant", clean(&id)))
        .collect();
    checked.foreign.sort();
    checked.harmless.sort();
}

fn stands_inside(binding: &Binding) -> bool {
    binding.namespace.as_deref().and_then(Home::of).is_some()
}

/// Where a level is more than it says: as the API server answers, and as bindings of others read
/// that it was not asked about.
fn more_than_levels(
    cluster: &ClusterName,
    levels: &[Excess],
    others: &[Binding],
    seen: &Seen,
    backdoors: &[Backdoor<'_>],
) -> Vec<String> {
    let mut found = excess::sentences(cluster, Power::Read, levels);
    let writes: Vec<Excess> = levels.iter().filter_map(Excess::of_write).collect();
    found.extend(excess::sentences(cluster, Power::Write, &writes));
    let said = |binding: &Binding| {
        let everywhere = |it: &Backdoor<'_>| {
            it.binding == binding && (binding.namespace.is_none() || it.gives == Gives::Everything)
        };
        backdoors.iter().any(everywhere)
    };
    for binding in others.iter().filter(|binding| !said(binding)) {
        if foreign::named_installation(&binding.name).is_some() {
            continue;
        }
        let theirs: Vec<Subject> = binding
            .subjects
            .iter()
            .filter(|subject| backdoor::holds_our_accounts(subject))
            .cloned()
            .collect();
        let rules = seen
            .roles
            .rules(&binding.role, binding.namespace.as_deref());
        let is_more = rules.is_some_and(|rules| backdoor::is_more_than_looking(rules));
        let platform = |subject: &Subject| {
            matches!(subject, Subject::Account { name, .. }
                if PLATFORM_ACCOUNTS.contains(&name.as_str()))
        };
        if is_more && !theirs.is_empty() && !theirs.iter().all(platform) {
            let whom = foreign::subjects(&theirs);
            let words = foreign::described(binding);
            found.push(format!(
                "{words} {whom} has it, and accounts of ours so beside their level"
            ));
        }
    }
    found
}
