//! The tables of credentials and deliveries.

use std::collections::BTreeMap;

use super::engine::{self, Params, Row, named_params};

use super::columns::{Time, misfit, of_another, time, time_option};
use super::{ReadTxn, Result, WriteTxn, damaged};
use crate::domain::Timestamp;
use crate::domain::access::Power;
use crate::domain::account_name::AccountName;
use crate::domain::cluster::ClusterId;
use crate::domain::credential::{Credential, CredentialId, Delivery, Renews, Subject};
use crate::domain::name::{ProjectName, UserName};
use crate::domain::project::{Holder, ProjectId, SharedLevel};
use crate::domain::shard::{Places, Shard};
use crate::domain::subject::SubjectName;
use crate::domain::user::UserId;

const COLUMNS: &str = "id, kind, user, project, level, \
     (SELECT name FROM users WHERE users.id = credentials.user), \
     (SELECT name FROM projects WHERE projects.id = credentials.project), \
     cluster, version, account, power, state, ended_because, created_at, issued_at, ended_at, \
     revoked_at, token_expires_at, until, shard, renews";

fn subject(row: &Row<'_>) -> engine::Result<Subject> {
    let kind: String = row.get(1)?;
    match (kind.as_str(), row.get(2)?, row.get(3)?, row.get(4)?) {
        ("personal", Some(user), None, None::<SharedLevel>) => Ok(Subject::Personal(user)),
        ("shell", Some(user), None, None) => Ok(Subject::Shell(user)),
        ("shared", None, Some(project), Some(level)) => Ok(Subject::Shared { project, level }),
        _ => Err(misfit(format!("no subject of kind '{kind}'"))),
    }
}

/// The name of a subject, of the names of its user and its project, which stand in two columns.
fn named(subject: Subject, row: &Row<'_>, column: usize) -> engine::Result<SubjectName> {
    let user: Option<UserName> = of_another("user", row, column)?;
    let project: Option<ProjectName> = of_another("project", row, column + 1)?;
    match (subject, user, project) {
        (Subject::Personal(_), Some(user), _) => Ok(SubjectName::Personal(user)),
        (Subject::Shell(_), Some(user), _) => Ok(SubjectName::Shell(user)),
        (Subject::Shared { level, .. }, _, Some(project)) => {
            Ok(SubjectName::Shared { project, level })
        }
        _ => Err(misfit("it is nobody's")),
    }
}

fn credential(row: &Row<'_>) -> engine::Result<Credential> {
    let subject = subject(row)?;
    Ok(Credential {
        id: row.get(0)?,
        subject,
        owner: named(subject, row, 5)?,
        cluster: row.get(7)?,
        version: row.get(8)?,
        account: row.get(9)?,
        power: row.get(10)?,
        state: row.get(11)?,
        ended_because: row.get(12)?,
        created_at: time(row, 13)?,
        issued_at: time_option(row, 14)?,
        ended_at: time_option(row, 15)?,
        revoked_at: time_option(row, 16)?,
        token_expires_at: time_option(row, 17)?,
        until: time_option(row, 18)?,
        shard: row.get(19)?,
        renews: row.get(20)?,
    })
}

/// The name of whose a subject's credentials are.
pub(crate) fn owner(tx: &ReadTxn<'_>, subject: Subject) -> Result<SubjectName> {
    let (_, user, project, _) = columns(subject);
    let sql = "SELECT (SELECT name FROM users WHERE id = ?1),
         (SELECT name FROM projects WHERE id = ?2)";
    let read = |row: &Row<'_>| named(subject, row, 0);
    let found = tx.first("credential", sql, (user, project), read)?;
    found.ok_or_else(|| damaged("credential")("it is nobody's".to_owned()))
}

pub(super) fn collect(
    tx: &ReadTxn<'_>,
    filter: &str,
    params: impl Params,
) -> Result<Vec<Credential>> {
    let sql = format!("SELECT {COLUMNS} FROM credentials WHERE {filter}");
    tx.all("credential", &sql, params, credential)
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
type Columns = (
    &'static str,
    Option<UserId>,
    Option<ProjectId>,
    Option<SharedLevel>,
);

fn columns(subject: Subject) -> Columns {
    match subject {
        Subject::Personal(user) => ("personal", Some(user), None, None),
        Subject::Shell(user) => ("shell", Some(user), None, None),
        Subject::Shared { project, level } => ("shared", None, Some(project), Some(level)),
    }
}

/// Lists the versions of a subject on a cluster, oldest first.
pub(crate) fn versions_of(
    tx: &ReadTxn<'_>,
    cluster: ClusterId,
    subject: Subject,
) -> Result<Vec<Credential>> {
    let (kind, user, project, level) = columns(subject);
    let filter = format!("{} ORDER BY version", of_subject(subject));
    collect(tx, &filter, (cluster, kind, user, project, level))
}

/// Finds the versions of a subject by an index: on cluster `?1`, of kind `?2`, user `?3`, or project `?4` and level
/// `?5`.
fn of_subject(subject: Subject) -> &'static str {
    match subject {
        Subject::Personal(_) | Subject::Shell(_) => {
            "cluster = ?1 AND kind <> 'shared' AND kind = ?2 AND user = ?3
             AND project IS NOT DISTINCT FROM ?4 AND level IS NOT DISTINCT FROM ?5"
        }
        Subject::Shared { .. } => {
            "cluster = ?1 AND kind = 'shared' AND kind = ?2 AND user IS NOT DISTINCT FROM ?3
             AND project = ?4 AND level = ?5"
        }
    }
}

/// Lists everything on a cluster that is not revoked: live, and pending.
pub(crate) fn unfinished(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Vec<Credential>> {
    collect(
        tx,
        "cluster = ?1 AND state <> 'revoked' ORDER BY id",
        [cluster],
    )
}

/// Lists the live versions of a user everywhere.
pub(crate) fn live_of_user(tx: &ReadTxn<'_>, user: UserId) -> Result<Vec<Credential>> {
    collect(
        tx,
        "user = ?1 AND state IN ('pending','active') ORDER BY cluster",
        [user],
    )
}

/// Lists the shared versions that a user may have in their hands and that are not revoked.
pub(crate) fn shared_held_by(tx: &ReadTxn<'_>, user: UserId) -> Result<Vec<Credential>> {
    let filter = "kind = 'shared' AND state <> 'revoked'
         AND id IN (SELECT credential FROM holders WHERE user = ?1
           UNION SELECT credential FROM deliveries WHERE to_user = ?1)
         AND cluster IN (SELECT id FROM clusters WHERE removed_at IS NULL) ORDER BY cluster, id";
    collect(tx, filter, [user])
}

/// Lists the live shared versions that somebody was let keep without their level.
pub(crate) fn kept(tx: &ReadTxn<'_>) -> Result<Vec<Credential>> {
    let filter = "kind = 'shared' AND state IN ('pending','active')
         AND id IN (SELECT credential FROM holders WHERE kept = 1)
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
         AND version = CASE kind
           WHEN 'shared' THEN (SELECT max(version) FROM credentials AS other
             WHERE other.kind = 'shared' AND other.cluster = credentials.cluster
               AND other.project = credentials.project AND other.level = credentials.level)
           ELSE (SELECT max(version) FROM credentials AS other
             WHERE other.kind <> 'shared' AND other.cluster = credentials.cluster
               AND other.user = credentials.user AND other.kind = credentials.kind) END
         ORDER BY id";
    collect(tx, filter, (cluster, because))
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
    tx.execute(
        "INSERT INTO holders (credential, user, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (credential, user) DO UPDATE SET at = excluded.at, kept = 0",
        (id, user, Time(at)),
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
    tx.execute(
        "INSERT INTO holders (credential, user, at)
         SELECT ?1, ?2, min(at) FROM deliveries WHERE credential = ?1 AND to_user = ?2
         HAVING count(*) > 0
         ON CONFLICT DO NOTHING",
        (id, user),
    )?;
    tx.execute(
        "UPDATE holders SET kept = ?3 WHERE credential = ?1 AND user = ?2",
        (id, user, kept),
    )?;
    Ok(())
}

/// Lists who may have a shared version in their hands, in the order in which they took it: whoever
/// was noted before they had it, and whoever was handed it.
pub(crate) fn holders(tx: &ReadTxn<'_>, id: CredentialId) -> Result<Vec<Holder>> {
    let sql = "SELECT user, at, kept FROM holders WHERE credential = ?1
         UNION ALL
         SELECT to_user, min(at), 0 FROM deliveries WHERE credential = ?1 AND to_user NOT IN
           (SELECT user FROM holders WHERE credential = ?1) GROUP BY to_user
         ORDER BY 2, 1";
    tx.all("holder", sql, [id], |row| {
        Ok(Holder {
            user: row.get(0)?,
            at: time(row, 1)?,
            kept: row.get(2)?,
        })
    })
}

/// Lists the latest version of users' own kubeconfigs: of every user or one, on every cluster that is in view or
/// on one.
pub(crate) fn latest(
    tx: &ReadTxn<'_>,
    cluster: Option<ClusterId>,
    user: Option<UserId>,
) -> Result<Vec<Credential>> {
    // What is not shared has an index, which is found by these very words.
    let mut filter = "kind = 'personal' AND kind <> 'shared'
         AND version = (SELECT max(version) FROM credentials AS other
           WHERE other.cluster = credentials.cluster AND other.user = credentials.user
             AND other.kind = 'personal' AND other.kind <> 'shared')
         AND cluster IN (SELECT id FROM clusters WHERE removed_at IS NULL)"
        .to_owned();
    let mut given = Vec::new();
    for (column, number) in [
        ("cluster", cluster.map(|it| it.0)),
        ("user", user.map(|it| it.0)),
    ] {
        if let Some(number) = number {
            filter.push_str([" AND ", column, " = ?"].concat().as_str());
            given.push(number);
        }
    }
    filter.push_str(" ORDER BY cluster, user");
    collect(tx, &filter, given)
}

/// Reads one credential.
pub(crate) fn get(tx: &ReadTxn<'_>, id: CredentialId) -> Result<Option<Credential>> {
    Ok(collect(tx, "id = ?1", [id])?.pop())
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
    pub(crate) account: &'a AccountName,
    /// What it carries.
    pub(crate) power: Power,
    /// Which of several lists it is on.
    pub(crate) shard: Shard,
    /// When.
    pub(crate) created_at: Timestamp,
}

/// Inserts a version as `pending`.
pub(crate) fn insert(tx: &WriteTxn<'_>, new: &NewCredential<'_>) -> Result<CredentialId> {
    let (kind, user, project, level) = columns(new.subject);
    let id = tx.insert(
        "INSERT INTO credentials (id, cluster, kind, user, project, level, version, account, power,
           shard, state, created_at)
         VALUES ((SELECT coalesce(max(id), 0) + 1 FROM credentials), ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
           ?9, 'pending', ?10) RETURNING id",
        (
            new.cluster,
            kind,
            user,
            project,
            level,
            new.version,
            new.account,
            new.power,
            new.shard,
            Time(new.created_at),
        ),
    )?;
    Ok(CredentialId(id))
}

/// Counts the live accounts of each shard of a cluster.
pub(super) fn places(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Places> {
    let sql = "SELECT shard, power, count(*) FROM credentials
         WHERE cluster = ?1 AND state IN ('pending','active') GROUP BY shard, power";
    let mut places = Places::default();
    tx.sql().all(sql, [cluster], |row| {
        let count: u32 = row.get(2)?;
        places.add(row.get(0)?, row.get(1)?, count as usize);
        Ok(())
    })?;
    Ok(places)
}

/// Moves a live version's account to the list of another shard.
pub(super) fn set_shard(tx: &WriteTxn<'_>, id: CredentialId, shard: Shard) -> Result<()> {
    tx.execute(
        "UPDATE credentials SET shard = ?2 WHERE id = ?1 AND state IN ('pending','active')",
        (id, shard),
    )?;
    Ok(())
}

/// The number that a subject's next version on a cluster gets.
pub(crate) fn next_version(tx: &ReadTxn<'_>, cluster: ClusterId, subject: Subject) -> Result<u32> {
    let (kind, user, project, level) = columns(subject);
    let owner = owner(tx, subject)?;
    let sql = format!(
        "SELECT coalesce((SELECT max(version) FROM credentials WHERE {}), 0),
           coalesce((SELECT max(version) FROM version_floors
             WHERE cluster = ?1 AND owner = ?6), 0)",
        of_subject(subject)
    );
    let of = (cluster, kind, user, project, level, owner);
    let read = |row: &Row<'_>| Ok(row.get::<u32>(0)?.max(row.get(1)?));
    Ok(tx.sql().one(&sql, of, read)? + 1)
}

/// The highest number that each subject's versions on a cluster have used.
pub(super) fn numbers(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<BTreeMap<Subject, u32>> {
    let sql = "SELECT max(version), kind, user, NULL, NULL FROM credentials
           WHERE cluster = ?1 AND kind <> 'shared' GROUP BY user, kind
         UNION ALL SELECT max(version), kind, NULL, project, level FROM credentials
           WHERE cluster = ?1 AND kind = 'shared' GROUP BY kind, project, level";
    let read = |row: &Row<'_>| Ok((subject(row)?, row.get(0)?));
    Ok(tx.sql().all(sql, [cluster], read)?.into_iter().collect())
}

/// The numbers on a cluster that are taken without the store knowing their versions, by subject name.
pub(super) fn floors(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<BTreeMap<SubjectName, u32>> {
    let sql = "SELECT owner, version FROM version_floors WHERE cluster = ?1";
    let floors = tx.sql().all(sql, [cluster], |row| {
        let owner: String = row.get(0)?;
        Ok((owner.parse().map_err(misfit)?, row.get(1)?))
    })?;
    Ok(floors.into_iter().collect())
}

/// Records a version that the cluster holds and the store never heard of: its number is taken.
pub(crate) fn raise_floor(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    owner: &SubjectName,
    version: u32,
) -> Result<()> {
    tx.execute(
        "INSERT INTO version_floors (cluster, owner, version) VALUES (?1, ?2, ?3)
         ON CONFLICT (cluster, owner) DO UPDATE SET version =
           CASE WHEN version_floors.version > excluded.version THEN version_floors.version
           ELSE excluded.version END",
        (cluster, owner, version),
    )?;
    Ok(())
}

/// Records that the cluster was seen to have it. `false` if it is no longer pending.
pub(crate) fn activate(tx: &WriteTxn<'_>, id: CredentialId, at: Timestamp) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE credentials SET state = 'active', issued_at = ?2
         WHERE id = ?1 AND state = 'pending'",
        (id, Time(at)),
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
    let changed = tx.execute(
        "UPDATE credentials SET state = 'revoking', ended_because = ?2, ended_at = ?3
         WHERE id = ?1 AND state IN ('pending','active')",
        (id, because, Time(at)),
    )?;
    Ok(changed == 1)
}

/// Records that the cluster was seen to be without it.
pub(crate) fn set_gone(tx: &WriteTxn<'_>, id: CredentialId, at: Timestamp) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE credentials SET state = 'revoked', revoked_at = ?2
         WHERE id = ?1 AND state = 'revoking'",
        (id, Time(at)),
    )?;
    Ok(changed == 1)
}

/// Records a hand-over, and until when the token in it lives.
pub(crate) fn deliver(tx: &WriteTxn<'_>, delivery: &Delivery) -> Result<()> {
    tx.execute(
        "INSERT INTO deliveries (id, credential, to_user, by_user, at, expires_at, jti, form)
         VALUES ((SELECT coalesce(max(id), 0) + 1 FROM deliveries), :credential, :to, :by, :at, :expires_at, :jti, :form)",
        named_params! {
            ":credential": delivery.credential,
            ":to": delivery.to,
            ":by": delivery.by,
            ":at": Time(delivery.at),
            ":expires_at": Time(delivery.expires_at),
            ":jti": delivery.jti,
            ":form": delivery.form,
        },
    )?;
    Ok(())
}

/// Says how the kubeconfig of a subject's version renews itself.
pub(crate) fn set_renews(
    tx: &WriteTxn<'_>,
    cluster: ClusterId,
    subject: Subject,
    version: u32,
    renews: Renews,
) -> Result<()> {
    let (kind, user, project, level) = columns(subject);
    let sql = format!(
        "UPDATE credentials SET renews = ?7 WHERE {} AND version = ?6",
        of_subject(subject)
    );
    tx.execute(&sql, (cluster, kind, user, project, level, version, renews))?;
    Ok(())
}

/// Remembers that a token lives until then, before the token is in anybody's hands.
pub(crate) fn set_token_expiry(tx: &WriteTxn<'_>, id: CredentialId, at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE credentials SET token_expires_at = ?2
         WHERE id = ?1 AND coalesce(token_expires_at, 0) < ?2",
        (id, Time(at)),
    )?;
    Ok(())
}

/// Lists the hand-overs of a version, oldest first.
pub(crate) fn deliveries(tx: &ReadTxn<'_>, id: CredentialId) -> Result<Vec<Delivery>> {
    let sql = "SELECT credential, to_user, by_user, at, expires_at, jti, form FROM deliveries
         WHERE credential = ?1 ORDER BY id";
    tx.all("delivery", sql, [id], |row| {
        Ok(Delivery {
            credential: row.get(0)?,
            to: row.get(1)?,
            by: row.get(2)?,
            at: time(row, 3)?,
            expires_at: time(row, 4)?,
            jti: row.get(5)?,
            form: row.get(6)?,
        })
    })
}
