//! The tables of projects and their members. A deleted project stays as history.

use std::collections::BTreeMap;

use super::engine::{self, Row};

use super::columns::{Time, time};
use super::{ReadTxn, Result, WriteTxn, credentials};
use crate::domain::Timestamp;
use crate::domain::cluster::ClusterId;
use crate::domain::credential::Subject;
use crate::domain::name::ProjectName;
use crate::domain::project::{Member, Project, ProjectId, ProjectRole, SharedLevel};
use crate::domain::subject::SubjectName;
use crate::domain::user::UserId;

const COLUMNS: &str = "id, name, description, created_at";

fn project(row: &Row<'_>) -> engine::Result<Project> {
    Ok(Project {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        created_at: time(row, 3)?,
    })
}

/// Finds a project by name.
pub(crate) fn find(tx: &ReadTxn<'_>, name: &ProjectName) -> Result<Option<Project>> {
    let sql = format!("SELECT {COLUMNS} FROM projects WHERE name = ?1 AND removed_at IS NULL");
    tx.first("project", &sql, [name], project)
}

/// Lists all projects by name.
pub(crate) fn list(tx: &ReadTxn<'_>) -> Result<Vec<Project>> {
    let sql = format!("SELECT {COLUMNS} FROM projects WHERE removed_at IS NULL ORDER BY name");
    tx.all("project", &sql, [], project)
}

/// The names of all projects, deleted ones too: their credentials stay as history.
pub(crate) fn names(tx: &ReadTxn<'_>) -> Result<BTreeMap<ProjectId, ProjectName>> {
    let sql = "SELECT id, name FROM projects";
    let names = tx.all("project", sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(names.into_iter().collect())
}

/// Inserts a project.
pub(crate) fn insert(
    tx: &WriteTxn<'_>,
    name: &ProjectName,
    description: &str,
    by: UserId,
    at: Timestamp,
) -> Result<ProjectId> {
    let id = tx.insert(
        "INSERT INTO projects (id, name, description, created_at, created_by)
         VALUES ((SELECT coalesce(max(id), 0) + 1 FROM projects), ?1, ?2, ?3, ?4) RETURNING id",
        (name, description, Time(at), by),
    )?;
    Ok(ProjectId(id))
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
        tx.execute(
            "INSERT INTO version_floors (cluster, owner, version)
             SELECT cluster, ?2, version FROM version_floors WHERE owner = ?1
             ON CONFLICT (cluster, owner) DO UPDATE SET version =
               CASE WHEN version_floors.version > excluded.version THEN version_floors.version
               ELSE excluded.version END",
            (before, after),
        )?;
    }
    tx.execute(
        "UPDATE projects SET name = ?2 WHERE id = ?1",
        (project, name),
    )?;
    Ok(())
}

/// Sets a project's description.
pub(crate) fn describe(tx: &WriteTxn<'_>, project: ProjectId, description: &str) -> Result<()> {
    tx.execute(
        "UPDATE projects SET description = ?2 WHERE id = ?1",
        (project, description),
    )?;
    Ok(())
}

/// Removes a project from view, with its members.
pub(crate) fn remove(tx: &WriteTxn<'_>, project: ProjectId, at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE projects SET removed_at = ?2 WHERE id = ?1",
        (project, Time(at)),
    )?;
    tx.execute("DELETE FROM project_members WHERE project = ?1", [project])?;
    Ok(())
}

/// Lists a project's members, the first ones first.
pub(crate) fn members(tx: &ReadTxn<'_>, project: ProjectId) -> Result<Vec<Member>> {
    let sql = "SELECT user, role, added_at FROM project_members WHERE project = ?1
         ORDER BY added_at, user";
    tx.all("project member", sql, [project], |row| {
        Ok(Member {
            user: row.get(0)?,
            role: row.get(1)?,
            added_at: time(row, 2)?,
        })
    })
}

/// The project that a cluster is in.
pub(super) fn of_cluster(tx: &ReadTxn<'_>, cluster: ClusterId) -> Result<Option<ProjectId>> {
    let sql = "SELECT project FROM clusters WHERE id = ?1 AND project IS NOT NULL";
    tx.first("cluster", sql, [cluster], |row| row.get(0))
}

/// What a user is in a project.
pub(crate) fn role_of(
    tx: &ReadTxn<'_>,
    project: ProjectId,
    user: UserId,
) -> Result<Option<ProjectRole>> {
    let sql = "SELECT role FROM project_members WHERE project = ?1 AND user = ?2";
    tx.first("project member", sql, (project, user), |row| row.get(0))
}

/// Lists all memberships.
pub(crate) fn roles(tx: &ReadTxn<'_>) -> Result<BTreeMap<(ProjectId, UserId), ProjectRole>> {
    let sql = "SELECT project, user, role FROM project_members";
    let read = |row: &Row<'_>| Ok(((row.get(0)?, row.get(1)?), row.get(2)?));
    let roles = tx.all("project member", sql, [], read)?;
    Ok(roles.into_iter().collect())
}

/// What a user is in each of their projects.
pub(super) fn roles_of(tx: &ReadTxn<'_>, user: UserId) -> Result<Vec<(ProjectId, ProjectRole)>> {
    let sql = "SELECT project, role FROM project_members WHERE user = ?1";
    tx.all("project member", sql, [user], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
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
    project: ProjectId,
    user: UserId,
    role: ProjectRole,
    by: UserId,
    at: Timestamp,
) -> Result<()> {
    tx.execute(
        "INSERT INTO project_members (project, user, role, added_at, added_by)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (project, user) DO UPDATE SET role = excluded.role",
        (project, user, role, Time(at), by),
    )?;
    Ok(())
}

/// Removes a member.
pub(crate) fn remove_member(tx: &WriteTxn<'_>, project: ProjectId, user: UserId) -> Result<()> {
    tx.execute(
        "DELETE FROM project_members WHERE project = ?1 AND user = ?2",
        (project, user),
    )?;
    Ok(())
}
