//! The table of clusters, with the manager's sealed login.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::{self, Params, Row, named_params};
use chrono::TimeDelta;

use super::columns::{Json, Time, json, misfit, time, time_option};
use super::{Error, ReadTxn, Result, WriteTxn, damaged};
use crate::domain::Timestamp;
use crate::domain::cluster::{
    Address, Cluster, ClusterId, Issuer, ManagerKind, PublicAddress, SelfService, State, WriteScope,
};
use crate::domain::level::Allowed;
use crate::domain::mark::Marks;
use crate::domain::name::ClusterName;
use crate::domain::project::ProjectId;
use crate::domain::setting::Setting;
use crate::domain::user::UserId;
use crate::secrets::Sealed;

const COLUMNS: &str = "id, name, state, protected, owner, description, labels, server, ca_pem, \
     tls_server_name, proxy_url, kube_system_uid, version, manager, manager_kind, \
     manager_generation, manager_expires_at, write_scope, held_back, created_at, reached_at, \
     deleting_at, project, included, write_allow, public_server, public_tls_server_name, \
     looked_at, scan_every, \
     (SELECT account FROM issuers WHERE issuers.cluster = clusters.id), \
     (SELECT kind FROM issuers WHERE issuers.cluster = clusters.id), \
     (SELECT generation FROM issuers WHERE issuers.cluster = clusters.id), \
     (SELECT expires_at FROM issuers WHERE issuers.cluster = clusters.id), \
     coalesce((SELECT how FROM self_service WHERE self_service.cluster = clusters.id), 'off')";

fn cluster(row: &Row<'_>) -> engine::Result<Cluster> {
    let (labels, marks) = apart(json(row, 6)?);
    let allowed: Vec<String> = json(row, 24)?;
    let allowed = allowed.iter().map(|line| line.parse());
    let public: Option<String> = row.get(25)?;
    let issuer: Option<String> = row.get(29)?;
    Ok(Cluster {
        id: row.get(0)?,
        name: row.get(1)?,
        state: row.get(2)?,
        protected: row.get(3)?,
        owner: row.get(4)?,
        description: row.get(5)?,
        labels,
        marks,
        address: Address {
            server: row.get(7)?,
            ca_pem: row.get(8)?,
            tls_server_name: row.get(9)?,
            proxy_url: row.get(10)?,
        },
        kube_system_uid: row.get(11)?,
        version: row.get(12)?,
        manager: row.get(13)?,
        manager_kind: row.get(14)?,
        manager_generation: row.get(15)?,
        manager_expires_at: time_option(row, 16)?,
        write_scope: row.get(17)?,
        excluded: json(row, 18)?,
        created_at: time(row, 19)?,
        reached_at: time_option(row, 20)?,
        deleting_at: time_option(row, 21)?,
        project: row.get(22)?,
        included: json(row, 23)?,
        write_allow: allowed
            .collect::<std::result::Result<_, String>>()
            .map_err(misfit)?,
        public: match public {
            None => None,
            Some(server) => Some(PublicAddress {
                server,
                tls_server_name: row.get(26)?,
            }),
        },
        looked_at: time_option(row, 27)?,
        scan_every: TimeDelta::seconds(row.get::<u32>(28)?.into()),
        issuer: match issuer {
            None => None,
            Some(account) => Some(Issuer {
                account,
                kind: row.get(30)?,
                generation: row.get(31)?,
                expires_at: time_option(row, 32)?,
            }),
        },
        self_service: row.get(33)?,
    })
}

fn collect(tx: &ReadTxn<'_>, filter: &str, params: impl Params) -> Result<Vec<Cluster>> {
    let sql = format!("SELECT {COLUMNS} FROM clusters WHERE {filter}");
    tx.all("cluster", &sql, params, cluster)
}

/// Finds a cluster by name.
pub(crate) fn find(tx: &ReadTxn<'_>, name: &ClusterName) -> Result<Option<Cluster>> {
    let filter = "name = ?1 AND removed_at IS NULL";
    Ok(collect(tx, filter, [name])?.pop())
}

/// Reads a cluster, also one that was removed from view.
pub(crate) fn get(tx: &ReadTxn<'_>, id: ClusterId) -> Result<Option<Cluster>> {
    Ok(collect(tx, "id = ?1", [id])?.pop())
}

/// Lists the clusters on which a user has anything, by name: that they own, on which they have a grant
/// or a role, a version of their own that is not revoked, or hold a shared one.
pub(crate) fn of_user(tx: &ReadTxn<'_>, user: UserId) -> Result<Vec<Cluster>> {
    let filter = "removed_at IS NULL AND (owner = ?1
         OR id IN (SELECT cluster FROM grants WHERE user = ?1 AND removed_at IS NULL)
         OR id IN (SELECT cluster FROM bindings WHERE user = ?1 AND removed_at IS NULL)
         OR id IN (SELECT cluster FROM credentials WHERE user = ?1 AND state <> 'revoked')
         OR id IN (SELECT cluster FROM credentials WHERE state <> 'revoked'
           AND id IN (SELECT credential FROM holders WHERE user = ?1
             UNION SELECT credential FROM deliveries WHERE to_user = ?1))
         OR (?1 IN (SELECT user FROM servers) AND id IN (SELECT cluster FROM self_service)))
         ORDER BY name";
    collect(tx, filter, [user])
}

/// Lists the clusters that a user may see, and perhaps some more, by name: those on which they have
/// anything, and those of their projects.
pub(crate) fn maybe_seen_by(tx: &ReadTxn<'_>, user: UserId) -> Result<Vec<Cluster>> {
    let mut found = of_user(tx, user)?;
    let filter = "removed_at IS NULL
         AND project IN (SELECT project FROM project_members WHERE user = ?1)";
    for cluster in collect(tx, filter, [user])? {
        if found.iter().all(|it| it.id != cluster.id) {
            found.push(cluster);
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The names of all clusters, as they are: for completion.
pub(crate) fn names(tx: &ReadTxn<'_>) -> Result<Vec<String>> {
    let sql = "SELECT name FROM clusters WHERE removed_at IS NULL";
    tx.all("cluster", sql, [], |row| row.get(0))
}

/// Lists the clusters of a project by name.
pub(crate) fn of_project(tx: &ReadTxn<'_>, project: ProjectId) -> Result<Vec<Cluster>> {
    collect(
        tx,
        "project = ?1 AND removed_at IS NULL ORDER BY name",
        [project],
    )
}

/// Lists all clusters by name.
pub(crate) fn list(tx: &ReadTxn<'_>) -> Result<Vec<Cluster>> {
    collect(tx, "removed_at IS NULL ORDER BY name", [])
}

fn lines(allowed: &BTreeSet<Allowed>) -> Json<Vec<String>> {
    Json(allowed.iter().map(ToString::to_string).collect())
}

/// Before the keys of what is put on objects, which is kept in the column of the labels for people: no
/// key has a colon.
const ON_OBJECTS: [&str; 2] = ["object-label:", "object-annotation:"];

/// Labels for people, and what is put on objects, as they are kept.
fn together<'a>(
    labels: &'a BTreeMap<String, String>,
    marks: &'a Marks,
) -> Json<BTreeMap<String, &'a String>> {
    let mut kept: BTreeMap<String, &String> = BTreeMap::new();
    let maps = [&marks.labels, &marks.annotations];
    for (prefix, map) in ["", ON_OBJECTS[0], ON_OBJECTS[1]]
        .into_iter()
        .zip([labels].into_iter().chain(maps))
    {
        kept.extend(map.iter().map(|(key, it)| (format!("{prefix}{key}"), it)));
    }
    Json(kept)
}

/// [`together`], undone.
fn apart(kept: BTreeMap<String, String>) -> (BTreeMap<String, String>, Marks) {
    let (mut labels, mut marks) = (BTreeMap::new(), Marks::default());
    for (key, value) in kept {
        let [label, annotation] = ON_OBJECTS.map(|prefix| key.strip_prefix(prefix));
        let (map, key) = match (label, annotation) {
            (Some(key), _) => (&mut marks.labels, key),
            (_, Some(key)) => (&mut marks.annotations, key),
            _ => (&mut labels, key.as_str()),
        };
        map.insert(key.to_owned(), value);
    }
    (labels, marks)
}

/// What a new cluster starts with.
#[derive(Debug)]
pub(crate) struct NewCluster<'a> {
    /// Its name.
    pub(crate) name: &'a ClusterName,
    /// Who owns it.
    pub(crate) owner: Option<UserId>,
    /// The project that it is in.
    pub(crate) project: Option<ProjectId>,
    /// One line for people.
    pub(crate) description: &'a str,
    /// Labels for people.
    pub(crate) labels: &'a BTreeMap<String, String>,
    /// What is put on everything that we make there.
    pub(crate) marks: &'a Marks,
    /// Where it is reached.
    pub(crate) address: &'a Address,
    /// The UID of its namespace `kube-system`.
    pub(crate) kube_system_uid: &'a str,
    /// What version the server said that it is.
    pub(crate) version: &'a str,
    /// The name of the manager's account.
    pub(crate) manager: &'a str,
    /// What the manager's login is.
    pub(crate) manager_kind: ManagerKind,
    /// When the login ends.
    pub(crate) manager_expires_at: Option<Timestamp>,
    /// Where write reaches.
    pub(crate) write_scope: WriteScope,
    /// Namespaces that write does not reach.
    pub(crate) excluded: &'a BTreeSet<String>,
    /// When it was registered, and reached.
    pub(crate) created_at: Timestamp,
}

/// Inserts a cluster, with the login that `seal` makes of it. Whether that is the manager's only one
/// was not seen yet.
pub(crate) fn insert<E: From<Error>>(
    tx: &WriteTxn<'_>,
    new: &NewCluster<'_>,
    seal: impl FnOnce(&Cluster) -> std::result::Result<Sealed, E>,
) -> std::result::Result<Cluster, E> {
    let id = insert_row(tx, new)?;
    let inserted = collect(tx, "id = ?1", [id])?.pop();
    let inserted = inserted.ok_or_else(|| damaged("cluster")("it was not inserted".to_owned()))?;
    let login = seal(&inserted)?;
    let sql = "UPDATE clusters SET manager_secret = ?2 WHERE id = ?1";
    tx.execute(sql, (id, login))?;
    Ok(inserted)
}

fn insert_row(tx: &WriteTxn<'_>, new: &NewCluster<'_>) -> Result<ClusterId> {
    let id = tx.insert(
        "INSERT INTO clusters (id, name, owner, description, labels, server, ca_pem, tls_server_name,
           proxy_url, kube_system_uid, version, manager, manager_kind, manager_expires_at,
           write_scope, held_back, created_at, reached_at, project, older_logins)
         VALUES ((SELECT coalesce(max(id), 0) + 1 FROM clusters), :name, :owner, :description, :labels, :server, :ca_pem, :tls_server_name,
           :proxy_url, :uid, :version, :manager, :kind, :expires_at, :scope, :held_back,
           :created_at, :created_at, :project, 1)
         RETURNING id",
        named_params! {
            ":name": new.name,
            ":owner": new.owner,
            ":description": new.description,
            ":labels": together(new.labels, new.marks),
            ":server": new.address.server,
            ":ca_pem": new.address.ca_pem,
            ":tls_server_name": new.address.tls_server_name,
            ":proxy_url": new.address.proxy_url,
            ":uid": new.kube_system_uid,
            ":version": new.version,
            ":manager": new.manager,
            ":kind": new.manager_kind,
            ":expires_at": new.manager_expires_at.map(Time),
            ":scope": new.write_scope,
            ":held_back": Json(new.excluded),
            ":created_at": Time(new.created_at),
            ":project": new.project,
        },
    )?;
    Ok(ClusterId(id))
}

/// Changes one setting; what moves write is pending on the cluster from now on.
pub(crate) fn set(tx: &WriteTxn<'_>, id: ClusterId, setting: Setting) -> Result<()> {
    let cluster = get(tx, id)?;
    let mut cluster = cluster.ok_or_else(|| damaged("cluster")(format!("no cluster {}", id.0)))?;
    let reaches_cluster = setting.reaches_cluster();
    match setting {
        Setting::SelfService(how) => set_self_service(tx, id, how)?,
        setting => {
            setting.put(&mut cluster);
            update_settings(tx, &cluster)?;
        }
    }
    if reaches_cluster {
        set_reach_pending(tx, id)?;
    }
    Ok(())
}

fn set_self_service(tx: &WriteTxn<'_>, id: ClusterId, how: SelfService) -> Result<()> {
    tx.execute("DELETE FROM self_service WHERE cluster = ?1", [id])?;
    if how != SelfService::Off {
        let sql = "INSERT INTO self_service (cluster, how) VALUES (?1, ?2)";
        tx.execute(sql, (id, how))?;
    }
    Ok(())
}

/// Writes the settings.
fn update_settings(tx: &WriteTxn<'_>, cluster: &Cluster) -> Result<()> {
    let public = cluster.public.as_ref();
    tx.execute(
        "UPDATE clusters SET description = :description, labels = :labels, write_scope = :scope,
           held_back = :held_back, project = :project, included = :included,
           write_allow = :write_allow, public_server = :public,
           public_tls_server_name = :public_name, server = :server, ca_pem = :ca_pem,
           tls_server_name = :tls_server_name, proxy_url = :proxy_url, kube_system_uid = :uid,
           scan_every = :scan_every
         WHERE id = :id",
        named_params! {
            ":id": cluster.id,
            ":description": cluster.description,
            ":labels": together(&cluster.labels, &cluster.marks),
            ":scope": cluster.write_scope,
            ":held_back": Json(&cluster.excluded),
            ":project": cluster.project,
            ":included": Json(&cluster.included),
            ":write_allow": lines(&cluster.write_allow),
            ":public": public.map(|public| &public.server),
            ":public_name": public.and_then(|public| public.tls_server_name.as_ref()),
            ":server": cluster.address.server,
            ":ca_pem": cluster.address.ca_pem,
            ":tls_server_name": cluster.address.tls_server_name,
            ":proxy_url": cluster.address.proxy_url,
            ":uid": cluster.kube_system_uid,
            ":scan_every": cluster.scan_every.num_seconds(),
        },
    )?;
    Ok(())
}

/// Remembers that the API server answered.
pub(crate) fn set_reached(tx: &WriteTxn<'_>, cluster: ClusterId, at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET reached_at = ?2 WHERE id = ?1",
        (cluster, Time(at)),
    )?;
    Ok(())
}

/// Remembers that all that write rests upon there was looked at.
pub(crate) fn set_looked(tx: &WriteTxn<'_>, cluster: ClusterId, at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET looked_at = ?2 WHERE id = ?1",
        (cluster, Time(at)),
    )?;
    Ok(())
}

/// Remembers that the API server answered, with what it said of itself, and what is put on everything that we make there.
pub(crate) fn set_reached_as(tx: &WriteTxn<'_>, cluster: &Cluster) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET version = ?2, reached_at = ?3, labels = ?4 WHERE id = ?1",
        (
            cluster.id,
            &cluster.version,
            cluster.reached_at.map(Time),
            together(&cluster.labels, &cluster.marks),
        ),
    )?;
    Ok(())
}

/// Protects or unprotects.
pub(crate) fn set_protected(tx: &WriteTxn<'_>, cluster: ClusterId, protected: bool) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET protected = ?2 WHERE id = ?1",
        (cluster, protected),
    )?;
    Ok(())
}

/// Archives or unarchives.
pub(crate) fn set_state(tx: &WriteTxn<'_>, cluster: ClusterId, state: State) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET state = ?2 WHERE id = ?1",
        (cluster, state),
    )?;
    Ok(())
}

/// Assigns it to a user.
pub(crate) fn set_owner(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    owner: Option<UserId>,
) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET owner = ?2 WHERE id = ?1",
        (cluster, owner),
    )?;
    Ok(())
}

/// Records that where write reaches was changed here and not yet seen on the cluster.
pub(crate) fn set_reach_pending(tx: &WriteTxn<'_>, cluster: ClusterId) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET reach_owed = 1 WHERE id = ?1",
        [cluster],
    )?;
    Ok(())
}

/// Records that the cluster was seen to hold what the store says of where write reaches.
pub(crate) fn clear_reach_pending(tx: &WriteTxn<'_>, cluster: ClusterId) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET reach_owed = 0 WHERE id = ?1",
        [cluster],
    )?;
    Ok(())
}

/// Whether where write reaches was changed here and not yet seen on the cluster.
pub(crate) fn is_reach_pending(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<bool> {
    let sql = "SELECT 1 FROM clusters WHERE id = ?1 AND reach_owed = 1";
    Ok(tx.sql().exists(sql, [cluster])?)
}

/// Whether logins of the manager from before the stored one may still work.
pub(crate) fn has_older_logins(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<bool> {
    let sql = "SELECT 1 FROM clusters WHERE id = ?1 AND older_logins = 1";
    Ok(tx.sql().exists(sql, [cluster])?)
}

/// Records that the stored login is the manager's only one.
pub(crate) fn clear_older_logins(tx: &WriteTxn<'_>, cluster: ClusterId) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET older_logins = 0 WHERE id = ?1",
        [cluster],
    )?;
    Ok(())
}

/// Whether it may hold what was issued after the backup that the store was restored from.
pub(crate) fn are_orphans_pending(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<bool> {
    let sql = "SELECT 1 FROM clusters WHERE id = ?1 AND orphans_owed = 1";
    Ok(tx.sql().exists(sql, [cluster])?)
}

/// Records that everything unknown was seen to be gone from it.
pub(crate) fn clear_orphans_pending(tx: &WriteTxn<'_>, cluster: ClusterId) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET orphans_owed = 0 WHERE id = ?1",
        [cluster],
    )?;
    Ok(())
}

/// Marks a cluster as being deleted: from here only the deletion goes on.
pub(crate) fn begin_delete(tx: &WriteTxn<'_>, cluster: ClusterId, at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET deleting_at = coalesce(deleting_at, ?2) WHERE id = ?1",
        (cluster, Time(at)),
    )?;
    Ok(())
}

/// Removes a cluster from view with its secrets; the rest stays as history.
pub(crate) fn remove(tx: &WriteTxn<'_>, cluster: ClusterId, at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE clusters SET removed_at = ?2, manager_secret = NULL WHERE id = ?1",
        (cluster, Time(at)),
    )?;
    tx.execute("DELETE FROM issuers WHERE cluster = ?1", [cluster])?;
    tx.execute("DELETE FROM provider_tokens WHERE cluster = ?1", [cluster])?;
    tx.execute(
        "UPDATE ssh_keys SET custody = 'destroyed', secret = NULL
         WHERE cluster = ?1 AND custody IN ('available','claimed')",
        [cluster],
    )?;
    tx.execute("DELETE FROM blocks WHERE cluster = ?1", [cluster])?;
    tx.execute(
        "UPDATE grants SET removed_at = ?2 WHERE cluster = ?1 AND removed_at IS NULL",
        (cluster, Time(at)),
    )?;
    Ok(())
}
