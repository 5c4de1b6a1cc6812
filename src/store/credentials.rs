//! The tables of credentials and deliveries.

use rusqlite::{Row, named_params};

use super::{ReadTxn, Result, WriteTxn, damaged, time, time_option};
use crate::domain::Timestamp;
use crate::domain::access::Power;
use crate::domain::cluster::ClusterId;
use crate::domain::credential::{Credential, CredentialId, Delivery, Subject};
use crate::domain::name::NameError;
use crate::domain::project::{Holder, ProjectId};
use crate::domain::subject::SubjectName;
use crate::domain::user::UserId;

const COLUMNS: &str = "id, kind, user, project, level, cluster, version, account, power, state, \
     ended_because, created_at, issued_at, ended_at, revoked_at, token_expires_at, until, \
     (SELECT name FROM users WHERE users.id = credentials.user), \
     (SELECT name FROM projects WHERE projects.id = credentials.project)";

struct Raw {
    id: i64,
    subject: (String, Option<i64>, Option<i64>, Option<String>),
    cluster: i64,
    version: u32,
    account: String,
    power: String,
    state: String,
    ended_because: Option<String>,
    times: (i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>),
    until: Option<i64>,
    names: (Option<String>, Option<String>),
}

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        id: row.get(0)?,
        subject: (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?),
        cluster: row.get(5)?,
        version: row.get(6)?,
        account: row.get(7)?,
        power: row.get(8)?,
        state: row.get(9)?,
        ended_because: row.get(10)?,
        times: (
            row.get(11)?,
            row.get(12)?,
            row.get(13)?,
            row.get(14)?,
            row.get(15)?,
        ),
        until: row.get(16)?,
        names: (row.get(17)?, row.get(18)?),
    })
}

fn subject(raw: (String, Option<i64>, Option<i64>, Option<String>)) -> Result<Subject> {
    match raw {
        (kind, Some(user), None, None) if kind == "personal" => Ok(Subject::Personal(UserId(user))),
        (kind, Some(user), None, None) if kind == "shell" => Ok(Subject::Shell(UserId(user))),
        (kind, None, Some(project), Some(level)) if kind == "shared" => Ok(Subject::Shared {
            project: ProjectId(project),
            level: level.parse().map_err(damaged("credential"))?,
        }),
        (kind, ..) => Err(damaged("credential")(format!(
            "no subject of kind '{kind}'"
        ))),
    }
}

/// The name of a subject, of the names of its user and its project.
fn named(subject: Subject, names: (Option<String>, Option<String>)) -> Result<SubjectName> {
    let bad = |why: NameError| damaged("credential")(why.to_string());
    match (subject, names) {
        (Subject::Personal(_), (Some(user), _)) => {
            Ok(SubjectName::Personal(user.parse().map_err(bad)?))
        }
        (Subject::Shell(_), (Some(user), _)) => Ok(SubjectName::Shell(user.parse().map_err(bad)?)),
        (Subject::Shared { level, .. }, (_, Some(project))) => Ok(SubjectName::Shared {
            project: project.parse().map_err(bad)?,
            level,
        }),
        _ => Err(damaged("credential")("it is nobody's".to_owned())),
    }
}

/// The name of whose a subject's credentials are.
pub(crate) fn owner(tx: &ReadTxn<'_>, subject: Subject) -> Result<SubjectName> {
    let (_, user, project, _) = columns(subject);
    let mut statement = tx.sql().prepare_cached(
        "SELECT (SELECT name FROM users WHERE id = ?1), (SELECT name FROM projects WHERE id = ?2)",
    )?;
    let names = statement.query_row((user, project), |row| Ok((row.get(0)?, row.get(1)?)))?;
    named(subject, names)
}

fn credential(raw: Raw) -> Result<Credential> {
    let (created_at, issued_at, ended_at, revoked_at, token_expires_at) = raw.times;
    let subject = subject(raw.subject)?;
    Ok(Credential {
        id: CredentialId(raw.id),
        owner: named(subject, raw.names)?,
        subject,
        cluster: ClusterId(raw.cluster),
        version: raw.version,
        account: raw.account,
        power: raw.power.parse().map_err(damaged("credential"))?,
        state: raw.state.parse().map_err(damaged("credential"))?,
        ended_because: raw.ended_because,
        created_at: time(created_at)?,
        issued_at: time_option(issued_at)?,
        ended_at: time_option(ended_at)?,
        revoked_at: time_option(revoked_at)?,
        token_expires_at: time_option(token_expires_at)?,
        until: time_option(raw.until)?,
    })
}

pub(super) fn collect(
    tx: &ReadTxn<'_>,
    filter: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<Credential>> {
    let sql = format!("SELECT {COLUMNS} FROM credentials WHERE {filter}");
    let mut statement = tx.sql().prepare_cached(&sql)?;
    let rows = statement
        .query_map(params, raw)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    rows.into_iter().map(credential).collect()
}

/// Lists the versions of a user's own kubeconfig on a cluster, oldest first.
pub(crate) fn versions(
    tx: &ReadTxn<'_>,
    cluster: ClusterId,
    user: UserId,
) -> Result<Vec<Credential>> {
    versions_of(tx, cluster, Subject::Personal(user))
}

/// A subject as the table's columns have it: kind, user, project, level.
type Columns = (&'static str, Option<i64>, Option<i64>, Option<&'static str>);

fn columns(subject: Subject) -> Columns {
    match subject {
        Subject::Personal(user) => ("personal", Some(user.0), None, None),
        Subject::Shell(user) => ("shell", Some(user.0), None, None),
        Subject::Shared { project, level } => {
            ("shared", None, Some(project.0), Some(level.as_str()))
        }
    }
}

/// Lists the versions of a subject on a cluster, oldest first.
pub(crate) fn versions_of(
    tx: &ReadTxn<'_>,
    cluster: ClusterId,
    subject: Subject,
) -> Result<Vec<Credential>> {
    let (kind, user, project, level) = columns(subject);
    collect(
        tx,
        "cluster = ?1 AND kind = ?2 AND user IS ?3 AND project IS ?4 AND level IS ?5
         ORDER BY version",
        (cluster.0, kind, user, project, level),
    )
}

/// Lists everything on a cluster that is not revoked: live, and owed.
pub(crate) fn unfinished(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Vec<Credential>> {
    collect(
        tx,
        "cluster = ?1 AND state <> 'revoked' ORDER BY id",
        [cluster.0],
    )
}

/// Lists the live versions of a user everywhere.
pub(crate) fn live_of_user(tx: &ReadTxn<'_>, user: UserId) -> Result<Vec<Credential>> {
    collect(
        tx,
        "user = ?1 AND state IN ('pending','active') ORDER BY cluster",
        [user.0],
    )
}

/// Lists the shared versions that a user may have in their hands and that are not revoked.
pub(crate) fn shared_held_by(tx: &ReadTxn<'_>, user: UserId) -> Result<Vec<Credential>> {
    let filter = "kind = 'shared' AND state <> 'revoked'
         AND id IN (SELECT credential FROM holders WHERE user = ?1
           UNION SELECT credential FROM deliveries WHERE to_user = ?1)
         AND cluster IN (SELECT id FROM clusters WHERE removed_at IS NULL) ORDER BY cluster, id";
    collect(tx, filter, [user.0])
}

/// Lists the live shared versions that somebody was let keep without their level.
pub(crate) fn kept(tx: &ReadTxn<'_>) -> Result<Vec<Credential>> {
    let filter = "kind = 'shared' AND state IN ('pending','active')
         AND id IN (SELECT credential FROM holders WHERE kept)
         AND cluster IN (SELECT id FROM clusters WHERE removed_at IS NULL) ORDER BY cluster, id";
    collect(tx, filter, [])
}

/// Lists the kubeconfigs on a cluster whose latest version ended for this reason.
pub(crate) fn last_ended(
    tx: &ReadTxn<'_>,
    cluster: ClusterId,
    because: &str,
) -> Result<Vec<Credential>> {
    let filter = "cluster = ?1 AND ended_because = ?2 AND state = 'revoked' AND kind <> 'shell'
         AND version = (SELECT max(version) FROM credentials AS other
           WHERE other.cluster = credentials.cluster AND other.kind = credentials.kind
             AND other.user IS credentials.user AND other.project IS credentials.project
             AND other.level IS credentials.level) ORDER BY id";
    collect(tx, filter, (cluster.0, because))
}

/// Lists the latest version of every shared kubeconfig on every cluster that is in view.
pub(crate) fn latest_shared(tx: &ReadTxn<'_>) -> Result<Vec<Credential>> {
    let filter = "kind = 'shared' AND version = (SELECT max(version) FROM credentials AS other
           WHERE other.cluster = credentials.cluster AND other.project = credentials.project
             AND other.level = credentials.level AND other.kind = 'shared')
         AND cluster IN (SELECT id FROM clusters WHERE removed_at IS NULL)
         ORDER BY cluster, project, level";
    collect(tx, filter, [])
}

/// Records that a user may have a shared version in their hands, before they do.
pub(crate) fn hold(tx: &WriteTxn<'_>, id: CredentialId, user: UserId, at: Timestamp) -> Result<()> {
    tx.sql().execute(
        "INSERT INTO holders (credential, user, at) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET at = excluded.at, kept = 0",
        (id.0, user.0, at.timestamp()),
    )?;
    Ok(())
}

/// Records whether a shared version lives on though this holder lost the level.
pub(crate) fn set_kept(
    tx: &WriteTxn<'_>,
    id: CredentialId,
    user: UserId,
    kept: bool,
) -> Result<()> {
    // Who took one without being noted as a holder is noted now.
    tx.sql().execute(
        "INSERT INTO holders (credential, user, at)
         SELECT ?1, ?2, min(at) FROM deliveries WHERE credential = ?1 AND to_user = ?2
         HAVING count(*) > 0
         ON CONFLICT DO NOTHING",
        (id.0, user.0),
    )?;
    tx.sql().execute(
        "UPDATE holders SET kept = ?3 WHERE credential = ?1 AND user = ?2",
        (id.0, user.0, kept),
    )?;
    Ok(())
}

/// Lists who may have a shared version in their hands, in the order in which they took it: whoever
/// was noted before they had it, and whoever was handed it.
pub(crate) fn holders(tx: &ReadTxn<'_>, id: CredentialId) -> Result<Vec<Holder>> {
    let mut statement = tx.sql().prepare_cached(
        "SELECT user, at, kept FROM holders WHERE credential = ?1
         UNION ALL
         SELECT to_user, min(at), 0 FROM deliveries WHERE credential = ?1 AND to_user NOT IN
           (SELECT user FROM holders WHERE credential = ?1) GROUP BY to_user
         ORDER BY 2, 1",
    )?;
    let rows = statement
        .query_map([id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(i64, i64, bool)>>>()?;
    rows.into_iter()
        .map(|(user, at, kept)| {
            Ok(Holder {
                user: UserId(user),
                at: time(at)?,
                kept,
            })
        })
        .collect()
}

/// Lists everything that is not revoked, everywhere.
pub(crate) fn all_unfinished(tx: &ReadTxn<'_>) -> Result<Vec<Credential>> {
    let filter = "state <> 'revoked'
         AND cluster IN (SELECT id FROM clusters WHERE removed_at IS NULL) ORDER BY cluster, id";
    collect(tx, filter, [])
}

/// Lists the latest version of every user's own kubeconfig on every cluster that is in view.
pub(crate) fn latest(tx: &ReadTxn<'_>) -> Result<Vec<Credential>> {
    let filter = "kind = 'personal' AND version = (SELECT max(version) FROM credentials AS other
           WHERE other.cluster = credentials.cluster AND other.user = credentials.user
             AND other.kind = 'personal')
         AND cluster IN (SELECT id FROM clusters WHERE removed_at IS NULL)
         ORDER BY cluster, user";
    collect(tx, filter, [])
}

/// Reads one credential.
pub(crate) fn get(tx: &ReadTxn<'_>, id: CredentialId) -> Result<Option<Credential>> {
    Ok(collect(tx, "id = ?1", [id.0])?.pop())
}

/// What a new version starts with.
#[derive(Debug)]
pub(crate) struct NewCredential<'a> {
    /// Where.
    pub(crate) cluster: ClusterId,
    /// Whose.
    pub(crate) subject: Subject,
    /// Its number.
    pub(crate) version: u32,
    /// Its account's name.
    pub(crate) account: &'a str,
    /// What it carries.
    pub(crate) power: Power,
    /// When.
    pub(crate) created_at: Timestamp,
}

/// Inserts a version as `pending`.
pub(crate) fn insert(tx: &WriteTxn<'_>, new: &NewCredential<'_>) -> Result<CredentialId> {
    let (kind, user, project, level) = columns(new.subject);
    tx.sql().execute(
        "INSERT INTO credentials (cluster, kind, user, project, level, version, account, power,
           state, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'pending', ?9)",
        (
            new.cluster.0,
            kind,
            user,
            project,
            level,
            new.version,
            new.account,
            new.power.as_str(),
            new.created_at.timestamp(),
        ),
    )?;
    Ok(CredentialId(tx.sql().last_insert_rowid()))
}

/// The number that a subject's next version on a cluster gets.
pub(crate) fn next_version(tx: &ReadTxn<'_>, cluster: ClusterId, subject: Subject) -> Result<u32> {
    let (kind, user, project, level) = columns(subject);
    let owner = owner(tx, subject)?.to_string();
    let latest: u32 = tx.sql().query_row(
        "SELECT max(
           coalesce((SELECT max(version) FROM credentials WHERE cluster = ?1 AND kind = ?2
             AND user IS ?3 AND project IS ?4 AND level IS ?5), 0),
           coalesce((SELECT max(version) FROM version_floors
             WHERE cluster = ?1 AND owner = ?6), 0))",
        (cluster.0, kind, user, project, level, owner),
        |row| row.get(0),
    )?;
    Ok(latest + 1)
}

/// Records a version that the cluster holds and the store never heard of: its number is taken.
pub(crate) fn raise_floor(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    owner: &SubjectName,
    version: u32,
) -> Result<()> {
    tx.sql().execute(
        "INSERT INTO version_floors (cluster, owner, version) VALUES (?1, ?2, ?3)
         ON CONFLICT (cluster, owner) DO UPDATE SET version = max(version, excluded.version)",
        (cluster.0, owner.to_string(), version),
    )?;
    Ok(())
}

/// Records that the cluster was seen to have it. `false` if it is no longer pending.
pub(crate) fn activate(tx: &WriteTxn<'_>, id: CredentialId, at: Timestamp) -> Result<bool> {
    let changed = tx.sql().execute(
        "UPDATE credentials SET state = 'active', issued_at = ?2
         WHERE id = ?1 AND state = 'pending'",
        (id.0, at.timestamp()),
    )?;
    Ok(changed == 1)
}

/// Decides the end of a live version. `false` if it had been decided before.
pub(crate) fn end(
    tx: &WriteTxn<'_>,
    id: CredentialId,
    because: &str,
    at: Timestamp,
) -> Result<bool> {
    let changed = tx.sql().execute(
        "UPDATE credentials SET state = 'revoking', ended_because = ?2, ended_at = ?3
         WHERE id = ?1 AND state IN ('pending','active')",
        (id.0, because, at.timestamp()),
    )?;
    Ok(changed == 1)
}

/// Records that the cluster was seen to be without it.
pub(crate) fn settle(tx: &WriteTxn<'_>, id: CredentialId, at: Timestamp) -> Result<bool> {
    let changed = tx.sql().execute(
        "UPDATE credentials SET state = 'revoked', revoked_at = ?2
         WHERE id = ?1 AND state = 'revoking'",
        (id.0, at.timestamp()),
    )?;
    Ok(changed == 1)
}

/// Records a hand-over, and until when the token in it lives.
pub(crate) fn deliver(tx: &WriteTxn<'_>, delivery: &Delivery) -> Result<()> {
    tx.sql().execute(
        "INSERT INTO deliveries (credential, to_user, by_user, at, expires_at, jti, form)
         VALUES (:credential, :to, :by, :at, :expires_at, :jti, :form)",
        named_params! {
            ":credential": delivery.credential.0,
            ":to": delivery.to.0,
            ":by": delivery.by.0,
            ":at": delivery.at.timestamp(),
            ":expires_at": delivery.expires_at.timestamp(),
            ":jti": delivery.jti,
            ":form": delivery.form,
        },
    )?;
    Ok(())
}

/// Remembers that a token lives until then, before the token is in anybody's hands.
pub(crate) fn set_token_expiry(tx: &WriteTxn<'_>, id: CredentialId, at: Timestamp) -> Result<()> {
    tx.sql().execute(
        "UPDATE credentials SET token_expires_at = max(coalesce(token_expires_at, 0), ?2)
         WHERE id = ?1",
        (id.0, at.timestamp()),
    )?;
    Ok(())
}

/// Lists the hand-overs of a version, oldest first.
pub(crate) fn deliveries(tx: &ReadTxn<'_>, id: CredentialId) -> Result<Vec<Delivery>> {
    type Raw = (i64, i64, i64, i64, i64, Option<String>, String);
    let mut statement = tx.sql().prepare_cached(
        "SELECT credential, to_user, by_user, at, expires_at, jti, form FROM deliveries
         WHERE credential = ?1 ORDER BY id",
    )?;
    let rows = statement
        .query_map([id.0], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
            ))
        })?
        .collect::<rusqlite::Result<Vec<Raw>>>()?;
    rows.into_iter()
        .map(|(credential, to, by, at, expires_at, jti, form)| {
            Ok(Delivery {
                credential: CredentialId(credential),
                to: UserId(to),
                by: UserId(by),
                at: time(at)?,
                expires_at: time(expires_at)?,
                jti,
                form,
            })
        })
        .collect()
}
