//! Clusters: register, renew, list, show, check and set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::journal::Journal;
use super::{Applied, Done, Error, Mode, find, reseal, settle};
use crate::artifact::file::read_bounded;
use crate::domain::access::Access;
use crate::domain::audit::Phase;
use crate::domain::cluster::{Address, Cluster, ClusterId, ManagerKind, State, WriteScope};
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::plan::{Observed, Plan, Step};
use crate::domain::policy::{ClusterAction, OrganizationAction};
use crate::domain::user::User;
use crate::domain::{Confirmed, Timestamp};
use crate::kubernetes::client::{self, Limits, Login};
use crate::kubernetes::connection::{Connection, Look, Right};
use crate::kubernetes::exec::run_exec;
use crate::kubernetes::import::{
    ImportOptions, Imported, KubeconfigFile, OperatorCredential, import,
};
use crate::kubernetes::manager::{MANAGER_RIGHTS, Manager, OPERATOR_RIGHTS};
use crate::kubernetes::{converge, error::Error as ClusterError};
use crate::secrets::SecretString;
use crate::session::{self, Actor, Session};
use crate::store;

/// The largest kubeconfig that is read, in bytes.
const KUBECONFIG_BYTES_MAX: usize = 1024 * 1024;

/// Where the operator's login comes from.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// The kubeconfigs, first one first.
    pub(crate) files: Vec<PathBuf>,
    /// Whether they were named, so that a missing one is an error.
    pub(crate) named: bool,
    /// Text from standard input instead.
    pub(crate) text: Option<String>,
    /// The context.
    pub(crate) context: Option<String>,
    /// Whether referenced files may be read.
    pub(crate) inline_files: bool,
    /// Whether the exec plugin may be run, once.
    pub(crate) allow_exec: bool,
}

/// A cluster to register.
#[derive(Debug)]
pub(crate) struct Add {
    /// Name.
    pub(crate) name: ClusterName,
    /// Where the login comes from.
    pub(crate) source: Source,
    /// To whom it is assigned.
    pub(crate) owner: Option<UserRef>,
    /// One line for people.
    pub(crate) description: String,
    /// Labels for people.
    pub(crate) labels: BTreeMap<String, String>,
    /// How far write reaches.
    pub(crate) write_scope: WriteScope,
    /// Namespaces held back from write.
    pub(crate) held_back: BTreeSet<String>,
    /// Keep the operator's credential instead of making a manager.
    pub(crate) keep_credential: bool,
}

/// A cluster as it was registered.
#[derive(Debug)]
pub(crate) struct Registered {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// Its owner's name.
    pub(crate) owner: Option<String>,
    /// The context that was used.
    pub(crate) context: String,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
    /// What a renewal ended.
    pub(crate) applied: Applied,
}

/// Reads and judges the operator's kubeconfig. Nothing in it is executed unless allowed.
fn read_source(session: &Session, source: &Source) -> Result<Imported, Error> {
    let mut files = Vec::new();
    if let Some(text) = &source.text {
        let path = session.env.current_dir.join("stdin");
        files.push(KubeconfigFile {
            path,
            text: text.clone(),
        });
    }
    for path in &source.files {
        // kubectl skips absent files of the KUBECONFIG list, and so do we.
        if !source.named && matches!(path.try_exists(), Ok(false)) {
            continue;
        }
        let bytes = read_bounded(path, KUBECONFIG_BYTES_MAX)?;
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| Error::Input {
            why: format!("`{}` is not text", path.display()),
            hint: "name a kubeconfig with `--kubeconfig FILE`".to_owned(),
        })?;
        files.push(KubeconfigFile {
            path: path.clone(),
            text,
        });
    }
    if files.is_empty() {
        return Err(Error::Input {
            why: "there is no kubeconfig".to_owned(),
            hint: "name one with `--kubeconfig FILE`, or set KUBECONFIG".to_owned(),
        });
    }
    let mut read_file = |path: &std::path::Path| {
        read_bounded(path, KUBECONFIG_BYTES_MAX)
            .map(|bytes| bytes.to_vec())
            .map_err(|error| std::io::Error::other(error.to_string()))
    };
    let options = ImportOptions {
        context: source.context.as_deref(),
        inline_files: source.inline_files,
        allow_exec: source.allow_exec,
        read_file: &mut read_file,
    };
    import(&files, options).map_err(Error::Import)
}

fn login(credential: &OperatorCredential) -> Option<Login> {
    Some(match credential {
        OperatorCredential::Token(token) => Login::Token(token.clone()),
        OperatorCredential::ClientCertificate {
            certificate_pem,
            key_pem,
        } => Login::ClientCertificate {
            certificate_pem: certificate_pem.clone(),
            key_pem: key_pem.clone(),
        },
        OperatorCredential::Basic { username, password } => Login::Basic {
            username: username.clone(),
            password: password.clone(),
        },
        OperatorCredential::Exec(_) => return None,
    })
}

/// The operator's view of a cluster before it is registered.
struct Approach {
    imported: Imported,
    address: Address,
    connection: Connection,
    uid: String,
    version: String,
}

/// Connects as the operator and asks what must be known before anything is made.
async fn approach(
    session: &Session,
    name: &ClusterName,
    source: &Source,
    keep_credential: bool,
) -> Result<Approach, Error> {
    let mut imported = read_source(session, source)?;
    let context = imported.context.clone();
    let failed = |source| Error::Approach {
        context: context.clone(),
        cluster: name.to_string(),
        source,
    };
    if let OperatorCredential::Exec(plugin) = &imported.credential {
        if keep_credential {
            return Err(Error::Input {
                why: "the credential of an exec plugin is short-lived and cannot be kept"
                    .to_owned(),
                hint: "leave out `--keep-credential`".to_owned(),
            });
        }
        imported.credential = run_exec(plugin, &imported).await.map_err(Error::Exec)?;
    }
    let address = Address {
        server: imported.server.clone(),
        ca_pem: imported.ca_pem.clone(),
        tls_server_name: imported.tls_server_name.clone(),
        proxy_url: imported.proxy_url.clone(),
    };
    let endpoint = session.endpoint(&address).map_err(failed)?;
    let login = login(&imported.credential).ok_or_else(|| Error::Input {
        why: "the plugin gave no credential that can be used".to_owned(),
        hint: "use a kubeconfig with a token or a client certificate".to_owned(),
    })?;
    let client = client::connect(&endpoint, login, Limits::default()).map_err(failed)?;
    let connection = Connection::new(client, &find::installation(session)?);
    let uid = connection.cluster_uid().await.map_err(failed)?;
    let rights: &[Right] = if keep_credential {
        &MANAGER_RIGHTS
    } else {
        &OPERATOR_RIGHTS
    };
    let (version, missing) =
        futures::try_join!(connection.version(), connection.missing_rights(rights))
            .map_err(failed)?;
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
        return Err(Error::Rights {
            context: imported.context,
            missing: missing.join(", "),
        });
    }
    Ok(Approach {
        imported,
        address,
        connection,
        uid,
        version,
    })
}

/// A login for the store: a manager's, or the operator's own.
struct Custody {
    manager: String,
    kind: ManagerKind,
    secret: SecretString,
    expires_at: Option<Timestamp>,
}

/// Makes the manager and proves that its login works; or keeps the operator's.
async fn take_custody(
    session: &Session,
    name: &ClusterName,
    approach: &Approach,
    keep_credential: bool,
) -> Result<Custody, Error> {
    let failed = |source| Error::Cluster {
        cluster: name.to_string(),
        source,
    };
    let made: Manager = approach
        .connection
        .install_manager(session.now())
        .await
        .map_err(failed)?;
    if keep_credential {
        let secret =
            session::operator_text(&approach.imported.credential).ok_or_else(|| Error::Input {
                why: "this credential cannot be kept".to_owned(),
                hint: "leave out `--keep-credential`".to_owned(),
            })?;
        let kind = ManagerKind::Operator;
        return Ok(Custody {
            manager: made.account,
            kind,
            secret,
            expires_at: None,
        });
    }
    let endpoint = session.endpoint(&approach.address).map_err(failed)?;
    let login = Login::Token(made.token.clone());
    let client = client::connect(&endpoint, login, Limits::default()).map_err(failed)?;
    let connection = Connection::new(client, &find::installation(session)?);
    prove(&connection, &approach.uid).await.map_err(failed)?;
    Ok(Custody {
        manager: made.account,
        kind: made.kind,
        secret: made.token,
        expires_at: made.expires_at,
    })
}

/// Ends the logins of the manager that the store does not hold: of runs that were cut off, and of
/// before a renewal. Gives a warning where that could not be done; `reconcile` does it again.
async fn retire_others(session: &Session, cluster: &Cluster, installation: &str) -> Option<String> {
    let retired = retire_other_logins(session, cluster, installation).await;
    retired.err().map(|error| {
        let why = settle::chain(&error);
        format!("older logins of the manager may still work until `kubegrant reconcile`: {why}")
    })
}

/// Ends the logins of the manager that the store does not hold.
pub(super) async fn retire_other_logins(
    session: &Session,
    cluster: &Cluster,
    installation: &str,
) -> Result<(), Error> {
    if cluster.manager_kind == ManagerKind::Operator {
        return Ok(());
    }
    let login = session.manager_login(cluster, installation)?;
    let connection = session.connect(cluster, installation).await?;
    connection
        .retire_other_logins(&login)
        .await
        .map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })
}

/// Waits until the new manager may do its work: its bindings reach the authorizer in moments.
pub(super) async fn prove(connection: &Connection, uid: &str) -> Result<(), ClusterError> {
    let started = tokio::time::Instant::now();
    loop {
        let asked = connection.cluster_uid().await;
        let missing = match asked {
            Ok(found) if found == uid => connection.missing_rights(&MANAGER_RIGHTS).await?,
            Ok(_) => return Err(ClusterError::unsettled("its identity changed meanwhile")),
            Err(error) if error.is_forbidden() || error.is_unauthorized() => {
                MANAGER_RIGHTS.to_vec()
            }
            Err(error) => return Err(error),
        };
        if missing.is_empty() {
            return Ok(());
        }
        if started.elapsed() > std::time::Duration::from_secs(10) {
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            let what = format!("the new manager may not {}", missing.join(", "));
            return Err(ClusterError::unsettled(&what));
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn warnings(
    approach: &Approach,
    custody: &Custody,
    scope: WriteScope,
    now: Timestamp,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if scope == WriteScope::Cluster {
        warnings.push(WRITE_SCOPE_WARNING.to_owned());
    }
    if custody.kind == ManagerKind::Operator {
        warnings.push(
            "the operator's own credential is kept (sealed): whoever opens it is that operator"
                .to_owned(),
        );
    }
    if let Some(end) = custody.expires_at
        && (end - now).num_days() < 366
    {
        warnings.push(format!(
            "the manager's token ends on {}: renew it before with `kubegrant cluster relink`",
            end.format("%Y-%m-%d")
        ));
    }
    if let OperatorCredential::ClientCertificate {
        certificate_pem, ..
    } = &approach.imported.credential
        && crate::kubernetes::import::certificate_groups(certificate_pem)
            .iter()
            .any(|group| group == "system:masters")
    {
        warnings.push(
            "the kubeconfig's client certificate is of group system:masters, which Kubernetes \
             cannot revoke: keep it offline"
                .to_owned(),
        );
    }
    warnings
}

/// The warning that goes with the plain cluster-wide `edit`.
pub(crate) const WRITE_SCOPE_WARNING: &str = "write is cluster-wide `edit`: its holders can mint tokens of every account, kube-system's and \
     the manager's too, and so become cluster-admin";

/// Registers a cluster.
pub(crate) async fn add(
    session: &Session,
    wish: Add,
    mode: Mode,
) -> Result<Done<Registered>, Error> {
    let actor = find::actor(session, "cluster add")?;
    let journal = Journal::new(&actor, "cluster add").cluster_name(&wish.name);
    find::allow(
        session,
        &actor,
        &journal,
        OrganizationAction::RegisterCluster,
    )?;
    let taken = session
        .store()?
        .read(|tx| store::clusters::find(tx, &wish.name))?;
    if taken.is_some() {
        return Err(Error::Exists {
            what: format!("cluster '{}'", wish.name),
            hint: format!(
                "choose another name, or renew its address and pins with `kubegrant cluster relink {}`",
                wish.name
            ),
        });
    }
    let owner = wish
        .owner
        .as_ref()
        .map(|owner| active_user(session, owner))
        .transpose()?;
    let approach = approach(session, &wish.name, &wish.source, wish.keep_credential).await?;
    let same = session
        .store()?
        .read(store::clusters::list)?
        .into_iter()
        .find(|cluster| cluster.kube_system_uid == approach.uid);
    if let Some(same) = same {
        return Err(Error::Exists {
            what: format!("cluster '{}', which is this very one,", same.name),
            hint: format!("run `kubegrant cluster show {}`", same.name),
        });
    }
    if mode == Mode::Plan {
        return Ok(Done::Planned(vec![
            format!("make the manager account on {}", approach.address.server),
            format!("register it as cluster '{}'", wish.name),
        ]));
    }
    let detail = format!(
        "register {} ({})",
        approach.address.server, approach.version
    );
    let request = journal.record_alone(session, Phase::Requested, detail.clone(), None)?;
    let custody = match take_custody(session, &wish.name, &approach, wish.keep_credential).await {
        Ok(custody) => custody,
        Err(error) => {
            journal.record_alone(session, Phase::Failed, settle::chain(&error), Some(request))?;
            return Err(error);
        }
    };
    let now = session.now();
    let warnings = warnings(&approach, &custody, wish.write_scope, now);
    let mut cluster = Cluster {
        id: ClusterId(0),
        name: wish.name,
        state: State::Active,
        protected: false,
        owner: owner.as_ref().map(|owner| owner.id),
        description: wish.description,
        labels: wish.labels,
        address: approach.address,
        kube_system_uid: approach.uid,
        version: approach.version,
        manager: custody.manager,
        manager_kind: custody.kind,
        manager_generation: 1,
        manager_expires_at: custody.expires_at,
        write_scope: wish.write_scope,
        held_back: wish.held_back,
        created_at: now,
        reached_at: Some(now),
        deleting_at: None,
    };
    let installation = find::installation(session)?;
    cluster.id = session.store()?.write(|tx| {
        let sealed = reseal::seal_login(session, tx, &cluster, &installation, &custody.secret)?;
        let id = store::clusters::insert(tx, &cluster, &sealed)?;
        journal.record(session, tx, Phase::Done, detail, Some(request))?;
        Ok::<_, Error>(id)
    })?;
    let mut warnings = warnings;
    warnings.extend(retire_others(session, &cluster, &installation).await);
    Ok(Done::Did(Registered {
        cluster,
        owner: owner.map(|owner| owner.name.to_string()),
        context: approach.imported.context,
        warnings,
        applied: Applied::default(),
    }))
}

/// Renews a cluster's address, pins and manager: after a move, a new CA, or a rebuild.
pub(crate) async fn relink(
    session: &Session,
    name: &ClusterName,
    source: &Source,
    keep_credential: bool,
    mode: Mode,
    _: Confirmed,
) -> Result<Done<Registered>, Error> {
    let actor = find::actor(session, "cluster relink")?;
    let journal = Journal::new(&actor, "cluster relink");
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Sensitive)?;
    let journal = journal.cluster(&found.cluster);
    let lock = session.lock(&found.cluster).await?;
    let found = find::Found {
        cluster: find::again(session, &found.cluster)?,
        ..found
    };
    let approach = approach(session, name, source, keep_credential).await?;
    let rebuilt = approach.uid != found.cluster.kube_system_uid;
    let others = session.store()?.read(store::clusters::list)?;
    if let Some(same) = others
        .iter()
        .find(|other| other.id != found.cluster.id && other.kube_system_uid == approach.uid)
    {
        return Err(Error::Exists {
            what: format!("cluster '{}', which is this very one,", same.name),
            hint: format!("run `kubegrant cluster show {}`", same.name),
        });
    }
    let what = if rebuilt {
        format!(
            "take {} for cluster '{name}' from now on, and end all credentials of the old one",
            approach.address.server
        )
    } else {
        format!("renew the address, the CA and the manager of cluster '{name}'")
    };
    if mode == Mode::Plan {
        return Ok(Done::Planned(vec![what]));
    }
    let request = journal.record_alone(session, Phase::Requested, what.clone(), None)?;
    let custody = take_custody(session, name, &approach, keep_credential).await?;
    let warnings = warnings(
        &approach,
        &custody,
        found.cluster.write_scope,
        session.now(),
    );
    let cluster = Cluster {
        address: approach.address,
        kube_system_uid: approach.uid,
        version: approach.version,
        manager: custody.manager,
        manager_kind: custody.kind,
        manager_generation: found.cluster.manager_generation + 1,
        manager_expires_at: custody.expires_at,
        reached_at: Some(session.now()),
        ..found.cluster
    };
    let installation = find::installation(session)?;
    session.store()?.write(|tx| {
        let sealed = reseal::seal_login(session, tx, &cluster, &installation, &custody.secret)?;
        store::clusters::relink(tx, &cluster, &sealed)?;
        if rebuilt {
            let picture = settle::picture(tx, cluster.id)?;
            for credential in &picture.credentials {
                let because = "the cluster was rebuilt";
                settle::end(
                    session,
                    tx,
                    credential,
                    &picture,
                    because,
                    &journal,
                    Some(request),
                )?;
            }
        }
        Ok::<_, Error>(())
    })?;
    let mut warnings = warnings;
    warnings.extend(retire_others(session, &cluster, &installation).await);
    let applied = settle::pay(session, &cluster, &lock, &journal, Some(request)).await?;
    let phase = if applied.owed.is_empty() {
        Phase::Done
    } else {
        Phase::Owed
    };
    journal.record_alone(session, phase, what, Some(request))?;
    let owner = owner_name(session, &cluster)?;
    let context = approach.imported.context;
    Ok(Done::Did(Registered {
        cluster,
        owner,
        context,
        warnings,
        applied,
    }))
}

pub(super) fn active_user(session: &Session, name: &UserRef) -> Result<User, Error> {
    let user = find::user(session, name)?;
    if user.active {
        return Ok(user);
    }
    Err(Error::Forbidden {
        why: format!("'{}' is disabled and can own nothing", user.name),
        hint: format!("run `kubegrant user enable {}` first", user.name),
    })
}

fn owner_name(session: &Session, cluster: &Cluster) -> Result<Option<String>, Error> {
    let users = session.store()?.read(store::users::list)?;
    Ok(users
        .into_iter()
        .find(|user| cluster.owner == Some(user.id))
        .map(|user| user.name.to_string()))
}

/// One line of `cluster list`.
#[derive(Debug)]
pub(crate) struct Line {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// Its owner's name.
    pub(crate) owner: Option<String>,
    /// What the actor has on it.
    pub(crate) access: Access,
    /// How many versions are live on it; only for those who manage it.
    pub(crate) credentials: Option<usize>,
    /// How many things are owed on it; only for those who manage it.
    pub(crate) owed: Option<usize>,
}

/// Lists the clusters that the actor may see.
pub(crate) fn list(session: &Session) -> Result<Vec<Line>, Error> {
    let actor = find::actor(session, "cluster list")?;
    session.store()?.read(|tx| {
        let users = store::users::list(tx)?;
        let unfinished = store::credentials::all_unfinished(tx)?;
        let mut lines = Vec::new();
        for cluster in store::clusters::list(tx)? {
            let access = find::access_of(tx, session, &actor.user, &cluster)?;
            if access == Access::None {
                continue;
            }
            lines.push(line(cluster, access, &users, &unfinished));
        }
        Ok(lines)
    })
}

fn line(
    cluster: Cluster,
    access: Access,
    users: &[User],
    unfinished: &[crate::domain::credential::Credential],
) -> Line {
    let manages = matches!(access, Access::Full(_) | Access::ClusterOwner);
    let here = || {
        unfinished
            .iter()
            .filter(|credential| credential.cluster == cluster.id)
    };
    let live = here()
        .filter(|credential| credential.state.is_live())
        .count();
    let owed = here()
        .filter(|credential| credential.state.is_debt())
        .count();
    let owner = users.iter().find(|user| cluster.owner == Some(user.id));
    Line {
        owner: owner.map(|user| user.name.to_string()),
        access,
        credentials: manages.then_some(live),
        owed: manages.then_some(owed),
        cluster,
    }
}

/// What `cluster show` knows.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The record.
    pub(crate) line: Line,
    /// Where write reaches and where not, asked of the cluster; for those who manage it.
    pub(crate) reach: Option<Result<Reach, String>>,
}

/// Where write reaches.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Namespaces that it reaches.
    pub(crate) reaches: BTreeSet<String>,
    /// Namespaces held back, and why.
    pub(crate) held_back: BTreeMap<String, String>,
}

/// Shows a cluster; asks it where write reaches, if the actor can open its login.
pub(crate) async fn show(session: &Session, name: &ClusterName) -> Result<Shown, Error> {
    let actor = find::actor(session, "cluster show")?;
    let journal = Journal::new(&actor, "cluster show");
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::See)?;
    let line = session.store()?.read(|tx| {
        let users = store::users::list(tx)?;
        let unfinished = store::credentials::all_unfinished(tx)?;
        Ok::<_, Error>(line(
            found.cluster.clone(),
            found.access,
            &users,
            &unfinished,
        ))
    })?;
    let manages = matches!(found.access, Access::Full(_) | Access::ClusterOwner);
    let reach = if manages && found.cluster.write_scope == WriteScope::Namespaces {
        Some(
            reach(session, &found.cluster)
                .await
                .map_err(|error| settle::chain(&error)),
        )
    } else {
        None
    };
    Ok(Shown { line, reach })
}

async fn reach(session: &Session, cluster: &Cluster) -> Result<Reach, Error> {
    let connection = session
        .connect(cluster, &find::installation(session)?)
        .await?;
    let look = Look {
        with_write: true,
        held_back: &cluster.held_back,
    };
    let seen = connection
        .observe(&look)
        .await
        .map_err(|source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        })?;
    Ok(Reach {
        reaches: seen.observed.write_reaches,
        held_back: seen.held_back,
    })
}

/// What `cluster check` found.
#[derive(Debug)]
pub(crate) struct Checked {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
    /// Its address.
    pub(crate) server: String,
    /// The version it gives now.
    pub(crate) version: String,
    /// Rights that the manager lacks.
    pub(crate) missing_rights: Vec<String>,
    /// Objects of ours that are not there.
    pub(crate) missing: Vec<String>,
    /// Objects of ours that are not as they should be.
    pub(crate) changed: Vec<String>,
    /// Objects that carry our labels or stand in our namespace, and that we did not make.
    pub(crate) foreign: Vec<String>,
    /// Where write reaches.
    pub(crate) reach: Reach,
    /// What is owed, as the store says.
    pub(crate) owed: usize,
}

impl Checked {
    /// Whether `reconcile` would have anything to do, or somebody should look.
    pub(crate) fn has_drift(&self) -> bool {
        !(self.missing.is_empty() && self.changed.is_empty() && self.missing_rights.is_empty())
            || self.owed > 0
    }
}

/// Checks a cluster: reachable, pins, version, rights, drift, and where write reaches.
pub(crate) async fn check(session: &Session, name: &ClusterName) -> Result<Checked, Error> {
    let actor = find::actor(session, "cluster check")?;
    let journal = Journal::new(&actor, "cluster check");
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Operate)?;
    let cluster = found.cluster;
    let failed = |source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    };
    let picture = session
        .store()?
        .read(|tx| settle::picture(tx, cluster.id))?;
    let connection = session.connect(&cluster, &picture.installation).await?;
    let desired = picture.desired(&cluster);
    let look = Look {
        with_write: true,
        held_back: &cluster.held_back,
    };
    let (version, missing, strangers, (seen, plan)) = futures::try_join!(
        connection.version(),
        connection.missing_rights(&MANAGER_RIGHTS),
        connection.strangers(),
        converge::preview(&connection, &desired, &look),
    )
    .map_err(failed)?;
    let owed = picture
        .credentials
        .iter()
        .filter(|c| c.state.is_debt())
        .count();
    let mut checked = Checked {
        cluster: cluster.name.clone(),
        server: cluster.address.server.clone(),
        version,
        missing_rights: missing.iter().map(ToString::to_string).collect(),
        missing: vec![],
        changed: vec![],
        foreign: strangers,
        reach: Reach::default(),
        owed,
    };
    sort_drift(&mut checked, &plan, &seen.observed);
    checked.reach = Reach {
        reaches: seen.observed.write_reaches,
        held_back: seen.held_back,
    };
    Ok(checked)
}

/// Sorts a plan's steps into what is missing, changed and foreign.
fn sort_drift(checked: &mut Checked, plan: &Plan, observed: &Observed) {
    for step in plan.steps() {
        match step {
            Step::CreateAccount(account) => {
                checked.missing.push(format!("account {}", account.name));
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
            Step::DeleteBinding { place, name, .. } => {
                checked.changed.push(binding(place.as_deref(), name));
            }
        }
    }
}

fn binding(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        None => format!("binding {name}"),
        Some(namespace) => format!("binding {name} in namespace '{namespace}'"),
    }
}

/// What `cluster set` changes; `None` leaves a thing as it is.
#[derive(Debug, Default)]
pub(crate) struct Set {
    /// One line for people.
    pub(crate) description: Option<String>,
    /// Labels to set.
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels to remove.
    pub(crate) labels_removed: BTreeSet<String>,
    /// How far write reaches.
    pub(crate) write_scope: Option<WriteScope>,
    /// Namespaces to hold back.
    pub(crate) hold_back: BTreeSet<String>,
    /// Namespaces to hold back no longer.
    pub(crate) release: BTreeSet<String>,
}

/// What a change of settings came to.
#[derive(Debug)]
pub(crate) struct SetOutcome {
    /// The cluster as it is now.
    pub(crate) cluster: Cluster,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

/// Changes a cluster's settings. Where write reaches is sensitive; labels are not.
pub(crate) async fn set(
    session: &Session,
    name: &ClusterName,
    wish: Set,
    mode: Mode,
) -> Result<Done<SetOutcome>, Error> {
    let actor = find::actor(session, "cluster set")?;
    let journal = Journal::new(&actor, "cluster set");
    let moves_write =
        wish.write_scope.is_some() || !wish.hold_back.is_empty() || !wish.release.is_empty();
    let action = if moves_write {
        ClusterAction::Sensitive
    } else {
        ClusterAction::ChangeSettings
    };
    let found = find::cluster(session, &actor, &journal, name, action)?;
    let before = found.cluster;
    let journal = journal.cluster(&before);
    let lock = session.lock(&before).await?;
    // Two changes at once both count: each begins where the other ended.
    let before = find::again(session, &before)?;
    let after = apply_settings(&before, wish);
    let mut warnings = vec![];
    if moves_write && after.write_scope == WriteScope::Cluster {
        warnings.push(WRITE_SCOPE_WARNING.to_owned());
    }
    if after == before {
        let applied = Applied::default();
        return Ok(Done::Did(SetOutcome {
            cluster: before,
            unchanged: true,
            warnings,
            applied,
        }));
    }
    let lines = describe_settings(&before, &after);
    if mode == Mode::Plan {
        return Ok(Done::Planned(lines));
    }
    let request = session.store()?.write(|tx| {
        store::clusters::update_settings(tx, &after)?;
        journal.record(session, tx, Phase::Requested, lines.join("; "), None)
    })?;
    let write_moved =
        before.write_scope != after.write_scope || before.held_back != after.held_back;
    let applied = if write_moved {
        match settle::settle(session, &after, &lock, &journal, Some(request)).await {
            Ok(_) => Applied::default(),
            Err(error) => Applied {
                ended: vec![],
                owed: vec![super::Debt {
                    cluster: after.name.clone(),
                    what: "where write reaches is recorded here and not yet there".to_owned(),
                    why: Some(settle::chain(&error)),
                    until: None,
                }],
            },
        }
    } else {
        Applied::default()
    };
    let phase = if applied.owed.is_empty() {
        Phase::Done
    } else {
        Phase::Owed
    };
    journal.record_alone(session, phase, lines.join("; "), Some(request))?;
    Ok(Done::Did(SetOutcome {
        cluster: after,
        unchanged: false,
        warnings,
        applied,
    }))
}

fn apply_settings(before: &Cluster, wish: Set) -> Cluster {
    let mut after = before.clone();
    if let Some(description) = wish.description {
        after.description = description;
    }
    after
        .labels
        .retain(|key, _| !wish.labels_removed.contains(key));
    after.labels.extend(wish.labels);
    if let Some(scope) = wish.write_scope {
        after.write_scope = scope;
    }
    after
        .held_back
        .retain(|namespace| !wish.release.contains(namespace));
    after.held_back.extend(wish.hold_back);
    after
}

fn describe_settings(before: &Cluster, after: &Cluster) -> Vec<String> {
    let mut lines = Vec::new();
    if before.description != after.description {
        lines.push(format!("description: {}", after.description));
    }
    if before.labels != after.labels {
        let labels: Vec<String> = after
            .labels
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        lines.push(format!("labels: {}", labels.join(",")));
    }
    if before.write_scope != after.write_scope {
        lines.push(format!("write scope: {}", after.write_scope.as_str()));
    }
    if before.held_back != after.held_back {
        let held: Vec<&str> = after.held_back.iter().map(String::as_str).collect();
        lines.push(format!("held back from write: {}", held.join(",")));
    }
    lines
}

/// Whether an actor manages a cluster: its access, its credentials, its reconcile.
pub(super) fn manages(session: &Session, actor: &Actor, cluster: &Cluster) -> Result<bool, Error> {
    let access = session
        .store()?
        .read(|tx| find::access_of(tx, session, &actor.user, cluster))?;
    Ok(matches!(access, Access::Full(_) | Access::ClusterOwner))
}
