//! The table of clusters, with the manager's sealed login.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Row, named_params};

use super::{ReadTxn, Result, WriteTxn, damaged, time, time_option};
use crate::domain::Timestamp;
use crate::domain::cluster::{
    Address, Cluster, ClusterId, ManagerKind, PublicAddress, State, WriteScope,
};
use crate::domain::level::Allowed;
use crate::domain::mark::Marks;
use crate::domain::name::ClusterName;
use crate::domain::project::ProjectId;
use crate::domain::user::UserId;
use crate::secrets::Sealed;

const COLUMNS: &str = "id, name, state, protected, owner, description, labels, server, ca_pem, \
     tls_server_name, proxy_url, kube_system_uid, version, manager, manager_kind, \
     manager_generation, manager_expires_at, write_scope, held_back, created_at, reached_at, \
     deleting_at, project, included, write_allow, public_server, public_tls_server_name";

/// The part of a row that needs judging after reading.
struct Judged {
    name: String,
    state: String,
    labels: String,
    kind: String,
    scope: String,
    held_back: String,
    included: String,
    write_allow: String,
    expires_at: Option<i64>,
    created_at: i64,
    reached_at: Option<i64>,
    deleting_at: Option<i64>,
}

fn raw(row: &Row<'_>) -> rusqlite::Result<(Cluster, Judged)> {
    let placeholder = "x".parse().map_err(|_| rusqlite::Error::InvalidQuery)?;
    let cluster = Cluster {
        id: ClusterId(row.get(0)?),
        name: placeholder,
        state: State::Active,
        protected: row.get(3)?,
        owner: row.get::<_, Option<i64>>(4)?.map(UserId),
        project: row.get::<_, Option<i64>>(22)?.map(ProjectId),
        description: row.get(5)?,
        labels: BTreeMap::new(),
        marks: Marks::default(),
        address: Address {
            server: row.get(7)?,
            ca_pem: row.get(8)?,
            tls_server_name: row.get(9)?,
            proxy_url: row.get(10)?,
        },
        public: row
            .get::<_, Option<String>>(25)?
            .map(|server| {
                Ok::<_, rusqlite::Error>(PublicAddress {
                    server,
                    tls_server_name: row.get(26)?,
                })
            })
            .transpose()?,
        kube_system_uid: row.get(11)?,
        version: row.get(12)?,
        manager: row.get(13)?,
        manager_kind: ManagerKind::Token,
        manager_generation: row.get(15)?,
        manager_expires_at: None,
        write_scope: WriteScope::Namespaces,
        held_back: BTreeSet::new(),
        included: BTreeSet::new(),
        write_allow: BTreeSet::new(),
        created_at: Timestamp::UNIX_EPOCH,
        reached_at: None,
        deleting_at: None,
    };
    let judged = Judged {
        name: row.get(1)?,
        state: row.get(2)?,
        labels: row.get(6)?,
        kind: row.get(14)?,
        expires_at: row.get(16)?,
        scope: row.get(17)?,
        held_back: row.get(18)?,
        included: row.get(23)?,
        write_allow: row.get(24)?,
        created_at: row.get(19)?,
        reached_at: row.get(20)?,
        deleting_at: row.get(21)?,
    };
    Ok((cluster, judged))
}

fn cluster((cluster, judged): (Cluster, Judged)) -> Result<Cluster> {
    let bad = damaged("cluster");
    let kept = serde_json::from_str(&judged.labels).map_err(|e| bad(e.to_string()))?;
    let (labels, marks) = apart(kept);
    Ok(Cluster {
        name: judged.name.parse().map_err(|e| bad(format!("{e}")))?,
        state: match judged.state.as_str() {
            "active" => State::Active,
            "archived" => State::Archived,
            other => return Err(bad(format!("state '{other}'"))),
        },
        labels,
        marks,
        manager_kind: match judged.kind.as_str() {
            "token" => ManagerKind::Token,
            "secret" => ManagerKind::Secret,
            "operator" => ManagerKind::Operator,
            other => return Err(bad(format!("manager kind '{other}'"))),
        },
        write_scope: match judged.scope.as_str() {
            "namespaces" => WriteScope::Namespaces,
            "cluster" => WriteScope::Cluster,
            other => return Err(bad(format!("write scope '{other}'"))),
        },
        held_back: serde_json::from_str(&judged.held_back).map_err(|e| bad(e.to_string()))?,
        included: serde_json::from_str(&judged.included).map_err(|e| bad(e.to_string()))?,
        write_allow: allowed(&judged.write_allow).map_err(&bad)?,
        manager_expires_at: time_option(judged.expires_at)?,
        created_at: time(judged.created_at)?,
        reached_at: time_option(judged.reached_at)?,
        deleting_at: time_option(judged.deleting_at)?,
        ..cluster
    })
}

/// Finds a cluster by name.
pub(crate) fn find(tx: &ReadTxn<'_>, name: &ClusterName) -> Result<Option<Cluster>> {
    let sql = format!("SELECT {COLUMNS} FROM clusters WHERE name = ?1 AND removed_at IS NULL");
    let mut statement = tx.sql().prepare_cached(&sql)?;
    statement
        .query_row([name.as_str()], raw)
        .optional()?
        .map(cluster)
        .transpose()
}

/// Reads a cluster, also one that was removed from view.
pub(crate) fn get(tx: &ReadTxn<'_>, id: ClusterId) -> Result<Option<Cluster>> {
    let sql = format!("SELECT {COLUMNS} FROM clusters WHERE id = ?1");
    let mut statement = tx.sql().prepare_cached(&sql)?;
    statement
        .query_row([id.0], raw)
        .optional()?
        .map(cluster)
        .transpose()
}

/// Lists all clusters by name.
pub(crate) fn list(tx: &ReadTxn<'_>) -> Result<Vec<Cluster>> {
    let sql = format!("SELECT {COLUMNS} FROM clusters WHERE removed_at IS NULL ORDER BY name");
    let mut statement = tx.sql().prepare_cached(&sql)?;
    let rows = statement
        .query_map([], raw)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    rows.into_iter().map(cluster).collect()
}

fn allowed(text: &str) -> std::result::Result<BTreeSet<Allowed>, String> {
    let lines: Vec<String> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    lines.iter().map(|line| line.parse()).collect()
}

fn lines(allowed: &BTreeSet<Allowed>) -> Vec<String> {
    allowed.iter().map(ToString::to_string).collect()
}

/// Before the keys of what is put on objects, which is kept in the column of the labels for people: no
/// key has a colon.
const ON_OBJECTS: [&str; 2] = ["object-label:", "object-annotation:"];

/// Labels for people, and what is put on objects, as they are kept.
fn together(cluster: &Cluster) -> BTreeMap<String, &String> {
    let mut kept: BTreeMap<String, &String> = BTreeMap::new();
    let maps = [&cluster.marks.labels, &cluster.marks.annotations];
    for (prefix, map) in ["", ON_OBJECTS[0], ON_OBJECTS[1]]
        .into_iter()
        .zip([&cluster.labels].into_iter().chain(maps))
    {
        kept.extend(map.iter().map(|(key, it)| (format!("{prefix}{key}"), it)));
    }
    kept
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

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| damaged("cluster")(e.to_string()))
}

/// Inserts a cluster; its `id` is given by the store. Whether its login is the manager's only one was
/// not seen yet.
pub(crate) fn insert(tx: &WriteTxn<'_>, new: &Cluster, manager: &Sealed) -> Result<ClusterId> {
    tx.sql().execute(
        "INSERT INTO clusters (name, owner, description, labels, server, ca_pem, tls_server_name,
           proxy_url, kube_system_uid, version, manager, manager_kind, manager_generation,
           manager_secret, manager_expires_at, write_scope, held_back, included, write_allow,
           created_at, reached_at, project, older_logins)
         VALUES (:name, :owner, :description, :labels, :server, :ca_pem, :tls_server_name,
           :proxy_url, :uid, :version, :manager, :kind, :generation, :secret, :expires_at, :scope,
           :held_back, :included, :write_allow, :created_at, :reached_at, :project, 1)",
        named_params! {
            ":name": new.name.as_str(),
            ":owner": new.owner.map(|owner| owner.0),
            ":description": new.description,
            ":labels": json(&together(new))?,
            ":server": new.address.server,
            ":ca_pem": new.address.ca_pem,
            ":tls_server_name": new.address.tls_server_name,
            ":proxy_url": new.address.proxy_url,
            ":uid": new.kube_system_uid,
            ":version": new.version,
            ":manager": new.manager,
            ":kind": new.manager_kind.as_str(),
            ":generation": new.manager_generation,
            ":secret": manager.as_bytes(),
            ":expires_at": new.manager_expires_at.map(|at| at.timestamp()),
            ":scope": new.write_scope.as_str(),
            ":held_back": json(&new.held_back)?,
            ":included": json(&new.included)?,
            ":write_allow": json(&lines(&new.write_allow))?,
            ":created_at": new.created_at.timestamp(),
            ":reached_at": new.reached_at.map(|at| at.timestamp()),
            ":project": new.project.map(|project| project.0),
        },
    )?;
    Ok(ClusterId(tx.sql().last_insert_rowid()))
}

/// Writes the settings that `cluster set` changes.
pub(crate) fn update_settings(tx: &WriteTxn<'_>, cluster: &Cluster) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET description = ?2, labels = ?3, write_scope = ?4, held_back = ?5,
           project = ?6, included = ?7, write_allow = ?8, public_server = ?9,
           public_tls_server_name = ?10 WHERE id = ?1",
        (
            cluster.id.0,
            &cluster.description,
            json(&together(cluster))?,
            cluster.write_scope.as_str(),
            json(&cluster.held_back)?,
            cluster.project.map(|project| project.0),
            json(&cluster.included)?,
            json(&lines(&cluster.write_allow))?,
            cluster.public.as_ref().map(|public| &public.server),
            cluster
                .public
                .as_ref()
                .and_then(|public| public.tls_server_name.as_ref()),
        ),
    )?;
    Ok(())
}

/// Renews address, pins and manager, as `cluster relink` does.
pub(crate) fn relink(tx: &WriteTxn<'_>, cluster: &Cluster, manager: &Sealed) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET server = ?2, ca_pem = ?3, tls_server_name = ?4, proxy_url = ?5,
           kube_system_uid = ?6, version = ?7, manager = ?8, manager_kind = ?9,
           manager_generation = ?10, manager_secret = ?11, manager_expires_at = ?12,
           older_logins = 1,
           reached_at = ?13, labels = ?14 WHERE id = ?1",
        rusqlite::params![
            cluster.id.0,
            cluster.address.server,
            cluster.address.ca_pem,
            cluster.address.tls_server_name,
            cluster.address.proxy_url,
            cluster.kube_system_uid,
            cluster.version,
            cluster.manager,
            cluster.manager_kind.as_str(),
            cluster.manager_generation,
            manager.as_bytes(),
            cluster.manager_expires_at.map(|at| at.timestamp()),
            cluster.reached_at.map(|at| at.timestamp()),
            json(&together(cluster))?,
        ],
    )?;
    Ok(())
}

/// Remembers that the API server answered.
pub(crate) fn set_reached(tx: &WriteTxn<'_>, cluster: ClusterId, at: Timestamp) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET reached_at = ?2 WHERE id = ?1",
        (cluster.0, at.timestamp()),
    )?;
    Ok(())
}

/// Reads the manager's sealed login.
pub(crate) fn manager_secret(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Option<Sealed>> {
    let mut statement = tx
        .sql()
        .prepare_cached("SELECT manager_secret FROM clusters WHERE id = ?1")?;
    let bytes: Option<Option<Vec<u8>>> = statement
        .query_row([cluster.0], |row| row.get(0))
        .optional()?;
    Ok(bytes.flatten().map(Sealed::new))
}

/// Replaces the manager's sealed login by one sealed to other people; the secret is the same.
pub(crate) fn reseal_manager(tx: &WriteTxn<'_>, cluster: ClusterId, sealed: &Sealed) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET manager_secret = ?2 WHERE id = ?1",
        (cluster.0, sealed.as_bytes()),
    )?;
    Ok(())
}

/// Protects or unprotects.
pub(crate) fn set_protected(tx: &WriteTxn<'_>, cluster: ClusterId, protected: bool) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET protected = ?2 WHERE id = ?1",
        (cluster.0, protected),
    )?;
    Ok(())
}

/// Archives or unarchives.
pub(crate) fn set_state(tx: &WriteTxn<'_>, cluster: ClusterId, state: State) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET state = ?2 WHERE id = ?1",
        (cluster.0, state.as_str()),
    )?;
    Ok(())
}

/// Assigns it to a user.
pub(crate) fn set_owner(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    owner: Option<UserId>,
) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET owner = ?2 WHERE id = ?1",
        (cluster.0, owner.map(|owner| owner.0)),
    )?;
    Ok(())
}

/// Records that where write reaches was changed here and not yet seen on the cluster.
pub(crate) fn owe_reach(tx: &WriteTxn<'_>, cluster: ClusterId) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET reach_owed = 1 WHERE id = ?1",
        [cluster.0],
    )?;
    Ok(())
}

/// Records that the cluster was seen to hold what the store says of where write reaches.
pub(crate) fn settle_reach(tx: &WriteTxn<'_>, cluster: ClusterId) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET reach_owed = 0 WHERE id = ?1",
        [cluster.0],
    )?;
    Ok(())
}

/// Whether where write reaches was changed here and not yet seen on the cluster.
pub(crate) fn owes_reach(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<bool> {
    let mut statement = tx
        .sql()
        .prepare_cached("SELECT 1 FROM clusters WHERE id = ?1 AND reach_owed = 1")?;
    Ok(statement.exists([cluster.0])?)
}

/// Whether logins of the manager from before the stored one may still work.
pub(crate) fn has_older_logins(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<bool> {
    let mut statement = tx
        .sql()
        .prepare_cached("SELECT 1 FROM clusters WHERE id = ?1 AND older_logins = 1")?;
    Ok(statement.exists([cluster.0])?)
}

/// Records that the stored login is the manager's only one.
pub(crate) fn settle_older_logins(tx: &WriteTxn<'_>, cluster: ClusterId) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET older_logins = 0 WHERE id = ?1",
        [cluster.0],
    )?;
    Ok(())
}

/// Whether it may hold what was issued after the backup that the store was restored from.
pub(crate) fn owes_orphans(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<bool> {
    let mut statement = tx
        .sql()
        .prepare_cached("SELECT 1 FROM clusters WHERE id = ?1 AND orphans_owed = 1")?;
    Ok(statement.exists([cluster.0])?)
}

/// Records that everything unknown was seen to be gone from it.
pub(crate) fn settle_orphans(tx: &WriteTxn<'_>, cluster: ClusterId) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET orphans_owed = 0 WHERE id = ?1",
        [cluster.0],
    )?;
    Ok(())
}

/// Marks a cluster as being deleted: from here only the deletion goes on.
pub(crate) fn begin_delete(tx: &WriteTxn<'_>, cluster: ClusterId, at: Timestamp) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET deleting_at = coalesce(deleting_at, ?2) WHERE id = ?1",
        (cluster.0, at.timestamp()),
    )?;
    Ok(())
}

/// Removes a cluster from view with its secrets; the rest stays as history.
pub(crate) fn remove(tx: &WriteTxn<'_>, cluster: ClusterId, at: Timestamp) -> Result<()> {
    tx.sql().execute(
        "UPDATE clusters SET removed_at = ?2, manager_secret = NULL WHERE id = ?1",
        (cluster.0, at.timestamp()),
    )?;
    tx.sql().execute(
        "DELETE FROM provider_tokens WHERE cluster = ?1",
        [cluster.0],
    )?;
    tx.sql().execute(
        "UPDATE ssh_keys SET custody = 'destroyed', secret = NULL
         WHERE cluster = ?1 AND custody IN ('available','claimed')",
        [cluster.0],
    )?;
    tx.sql()
        .execute("DELETE FROM blocks WHERE cluster = ?1", [cluster.0])?;
    tx.sql().execute(
        "UPDATE grants SET removed_at = ?2 WHERE cluster = ?1 AND removed_at IS NULL",
        (cluster.0, at.timestamp()),
    )?;
    Ok(())
}
