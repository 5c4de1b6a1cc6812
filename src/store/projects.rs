//! The tables of projects and their members. A deleted project stays as history.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row};

use super::{ReadTxn, Result, WriteTxn, credentials, damaged, time};
use crate::domain::Timestamp;
use crate::domain::credential::Subject;
use crate::domain::name::{NameError, ProjectName};
use crate::domain::project::{Member, Project, ProjectId, ProjectRole, SharedLevel};
use crate::domain::subject::SubjectName;
use crate::domain::user::UserId;

const COLUMNS: &str = "id, name, description, created_at";

type Raw = (i64, String, String, i64);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn project((id, name, description, created_at): Raw) -> Result<Project> {
    Ok(Project {
        id: ProjectId(id),
        name: name
            .parse()
            .map_err(|e| damaged("project")(format!("{e}")))?,
        description,
        created_at: time(created_at)?,
    })
}

/// Finds a project by name.
pub(crate) fn find(tx: &ReadTxn<'_>, name: &ProjectName) -> Result<Option<Project>> {
    let sql = format!("SELECT {COLUMNS} FROM projects WHERE name = ?1 AND removed_at IS NULL");
    let mut statement = tx.sql().prepare_cached(&sql)?;
    statement
        .query_row([name.as_str()], raw)
        .optional()?
        .map(project)
        .transpose()
}

/// Lists all projects by name.
pub(crate) fn list(tx: &ReadTxn<'_>) -> Result<Vec<Project>> {
    let sql = format!("SELECT {COLUMNS} FROM projects WHERE removed_at IS NULL ORDER BY name");
    let mut statement = tx.sql().prepare_cached(&sql)?;
    let rows = statement
        .query_map([], raw)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    rows.into_iter().map(project).collect()
}

/// The names of all projects, deleted ones too: their credentials stay as history.
pub(crate) fn names(tx: &ReadTxn<'_>) -> Result<BTreeMap<ProjectId, ProjectName>> {
    let mut statement = tx.sql().prepare_cached("SELECT id, name FROM projects")?;
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
    rows.into_iter()
        .map(|(id, name)| {
            let name = name.parse();
            let name = name.map_err(|e: NameError| damaged("project")(e.to_string()))?;
            Ok((ProjectId(id), name))
        })
        .collect()
}

/// Inserts a project.
pub(crate) fn insert(
    tx: &WriteTxn<'_>,
    name: &ProjectName,
    description: &str,
    by: UserId,
    at: Timestamp,
) -> Result<ProjectId> {
    tx.sql().execute(
        "INSERT INTO projects (name, description, created_at, created_by) VALUES (?1, ?2, ?3, ?4)",
        (name.as_str(), description, at.timestamp(), by.0),
    )?;
    Ok(ProjectId(tx.sql().last_insert_rowid()))
}

/// Renames a project. The numbers that its versions must not use again are known by its name: they
/// go with it.
pub(crate) fn rename(tx: &WriteTxn<'_>, project: ProjectId, name: &ProjectName) -> Result<()> {
    for level in SharedLevel::ALL {
        let before = credentials::owner(tx, Subject::Shared { project, level })?;
        let after = SubjectName::Shared {
            project: name.clone(),
            level,
        };
        tx.sql().execute(
            "INSERT INTO version_floors (cluster, owner, version)
             SELECT cluster, ?2, version FROM version_floors WHERE owner = ?1
             ON CONFLICT (cluster, owner) DO UPDATE SET version = max(version, excluded.version)",
            (before.to_string(), after.to_string()),
        )?;
    }
    tx.sql().execute(
        "UPDATE projects SET name = ?2 WHERE id = ?1",
        (project.0, name.as_str()),
    )?;
    Ok(())
}

/// Removes a project from view, with its members.
pub(crate) fn remove(tx: &WriteTxn<'_>, project: ProjectId, at: Timestamp) -> Result<()> {
    tx.sql().execute(
        "UPDATE projects SET removed_at = ?2 WHERE id = ?1",
        (project.0, at.timestamp()),
    )?;
    tx.sql().execute(
        "DELETE FROM project_members WHERE project = ?1",
        [project.0],
    )?;
    Ok(())
}

/// Lists a project's members, the first ones first.
pub(crate) fn members(tx: &ReadTxn<'_>, project: ProjectId) -> Result<Vec<Member>> {
    let mut statement = tx.sql().prepare_cached(
        "SELECT user, role, added_at FROM project_members WHERE project = ?1
         ORDER BY added_at, user",
    )?;
    let rows = statement
        .query_map([project.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<rusqlite::Result<Vec<(i64, String, i64)>>>()?;
    rows.into_iter()
        .map(|(user, role, added_at)| {
            Ok(Member {
                user: UserId(user),
                role: role.parse().map_err(damaged("project member"))?,
                added_at: time(added_at)?,
            })
        })
        .collect()
}

/// What a user is in a project.
pub(crate) fn role_of(
    tx: &ReadTxn<'_>,
    project: ProjectId,
    user: UserId,
) -> Result<Option<ProjectRole>> {
    let mut statement = tx
        .sql()
        .prepare_cached("SELECT role FROM project_members WHERE project = ?1 AND user = ?2")?;
    let word: Option<String> = statement
        .query_row([project.0, user.0], |row| row.get(0))
        .optional()?;
    word.map(|word| word.parse().map_err(damaged("project member")))
        .transpose()
}

/// Lists all memberships.
pub(crate) fn roles(tx: &ReadTxn<'_>) -> Result<BTreeMap<(ProjectId, UserId), ProjectRole>> {
    let mut statement = tx
        .sql()
        .prepare_cached("SELECT project, user, role FROM project_members")?;
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(i64, i64, String)>>>()?;
    rows.into_iter()
        .map(|(project, user, role)| {
            let role = role.parse().map_err(damaged("project member"))?;
            Ok(((ProjectId(project), UserId(user)), role))
        })
        .collect()
}

/// Lists a user's projects by name, with what they are in each.
pub(crate) fn of_user(tx: &ReadTxn<'_>, user: UserId) -> Result<Vec<(Project, ProjectRole)>> {
    let mut found = Vec::new();
    for project in list(tx)? {
        if let Some(role) = role_of(tx, project.id, user)? {
            found.push((project, role));
        }
    }
    Ok(found)
}

/// Makes a user a member, or gives a member another role.
pub(crate) fn put_member(
    tx: &WriteTxn<'_>,
    (project, user): (ProjectId, UserId),
    role: ProjectRole,
    by: UserId,
    at: Timestamp,
) -> Result<()> {
    tx.sql().execute(
        "INSERT INTO project_members (project, user, role, added_at, added_by)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET role = excluded.role",
        (project.0, user.0, role.as_str(), at.timestamp(), by.0),
    )?;
    Ok(())
}

/// Removes a member.
pub(crate) fn remove_member(tx: &WriteTxn<'_>, project: ProjectId, user: UserId) -> Result<()> {
    tx.sql().execute(
        "DELETE FROM project_members WHERE project = ?1 AND user = ?2",
        [project.0, user.0],
    )?;
    Ok(())
}
