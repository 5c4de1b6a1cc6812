//! What the store says, read without the program.

use rusqlite::{Connection, OpenFlags, params_from_iter, types};
use serde_json::Value;

use crate::home::{Database, HANG, Home};

/// A credential's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) id: i64,
    pub(crate) cluster: i64,
    /// 0 where it is a project's.
    pub(crate) user: i64,
    /// `personal`, `shell` or `shared`.
    pub(super) kind: String,
    /// The project and the level, where it is a project's.
    pub(super) shared: Option<(i64, String)>,
    pub(crate) version: i64,
    pub(crate) account: String,
    pub(crate) power: String,
    pub(crate) state: String,
    pub(crate) issued: bool,
}

/// An audit row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) seq: i64,
    pub(super) action: String,
    pub(super) phase: String,
    pub(super) cluster: String,
    pub(super) user: String,
    pub(super) detail: String,
    pub(super) prev: String,
    pub(super) hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) role: String,
    pub(super) active: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cluster {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) owner: Option<i64>,
    pub(super) project: Option<i64>,
    pub(super) write_scope: String,
    pub(super) excluded: String,
    pub(super) manager: String,
    /// The issuer's account; "" where there is none.
    pub(super) issuer: String,
    pub(super) older_logins: bool,
    /// Whether its deletion has begun.
    pub(super) deleting: bool,
}

/// A role bound to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) cluster: i64,
    pub(super) user: i64,
    pub(super) kind: String,
    pub(super) role: String,
    pub(super) namespace: String,
    pub(super) removed: bool,
    pub(super) pending: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) cluster: i64,
    pub(super) user: i64,
    pub(super) level: String,
    pub(super) ends_at: Option<i64>,
    pub(super) removed: bool,
}

/// How the names of accounts begin that an issuer may handle.
const USERS: &str = "kubegrant-users/";

/// What the store says, read without the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Books {
    pub(super) installation: String,
    pub(super) users: Vec<User>,
    pub(super) clusters: Vec<Cluster>,
    pub(super) grants: Vec<Grant>,
    pub(super) bindings: Vec<Binding>,
    pub(crate) credentials: Vec<Credential>,
    pub(super) deliveries: Vec<(i64, i64)>,
    pub(super) projects: Vec<(i64, String)>,
    pub(super) members: Vec<(i64, i64, String)>,
    /// Credential, user, and whether it was decided that they may keep it.
    pub(super) holders: Vec<(i64, i64, bool)>,
    pub(super) blocks: Vec<(i64, i64)>,
    pub(super) audit: Vec<Event>,
}

fn rows<T>(
    sql: &Connection,
    query: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    sql.prepare(query)?.query_map([], read)?.collect()
}

/// The rows of a database, as one look at it finds them, in a file's place: tables with the same columns.
fn copied(database: &Database) -> rusqlite::Result<Connection> {
    let ask = |sql: &str| {
        let (good, said) = database.server.psql(&database.name, sql);
        assert!(good, "{sql}: {said}");
        said
    };
    let copy = Connection::open_in_memory()?;
    let tables = ask("SELECT tablename FROM pg_tables WHERE schemaname = 'kubegrant'");
    let each: Vec<String> = tables
        .lines()
        .map(|table| {
            format!(
                "SELECT json_build_array('{table}', (SELECT json_agg(column_name) FROM information_schema.columns
                   WHERE table_schema = 'kubegrant' AND table_name = '{table}'), (SELECT json_agg(it) FROM
                   kubegrant.{table} AS it))::jsonb"
            )
        })
        .collect();
    if each.is_empty() {
        return Ok(copy);
    }
    for line in ask(&each.join(" UNION ALL ")).lines() {
        let table: Value = serde_json::from_str(line).expect("JSON of the database");
        let list = |at: usize| table[at].as_array().cloned().unwrap_or_default();
        let columns: Vec<String> = list(1).iter().map(|it| format!("{it}")).collect();
        let name = &table[0];
        copy.execute_batch(&format!("CREATE TABLE {name} ({})", columns.join(", ")))?;
        let places = vec!["?"; columns.len()].join(", ");
        let mut insert = copy.prepare(&format!("INSERT INTO {name} VALUES ({places})"))?;
        for row in list(2) {
            let values =
                list(1)
                    .into_iter()
                    .map(|column| match &row[column.as_str().expect("a name")] {
                        Value::Null => types::Value::Null,
                        Value::Number(number) => number.as_i64().expect("a whole number").into(),
                        Value::String(text) => text.clone().into(),
                        other => panic!("{name}: {other}"),
                    });
            insert.execute(params_from_iter(values))?;
        }
    }
    Ok(copy)
}

impl Books {
    /// Reads the store; an absent or empty one says nothing.
    pub(crate) fn read(home: &Home) -> rusqlite::Result<Self> {
        if let Some(database) = home.database() {
            let sql = copied(database)?;
            let tx = sql.unchecked_transaction()?;
            return Self::of(&tx);
        }
        let path = home.store();
        if std::fs::metadata(&path).map_or(0, |found| found.len()) == 0 {
            return Ok(Self::default());
        }
        // A file that was just being made may have to be rolled back first, as any reader would.
        let sql = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        sql.busy_timeout(HANG)?;
        let check: String = sql.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        assert_eq!(check, "ok", "the file is damaged");
        let tx = sql.unchecked_transaction()?;
        Self::of(&tx)
    }

    fn of(tx: &Connection) -> rusqlite::Result<Self> {
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'";
        let is_there: bool = tx.query_row(tables, [], |row| row.get(0))?;
        if !is_there {
            return Ok(Self::default()); // The store is there, and no table yet.
        }
        Ok(Self {
            installation: tx
                .query_row(
                    "SELECT value FROM meta WHERE key = 'installation'",
                    [],
                    |row| row.get(0),
                )
                .unwrap_or_default(),
            users: rows(
                tx,
                "SELECT id, name, role, active FROM users ORDER BY id",
                |row| {
                    Ok(User {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        role: row.get(2)?,
                        active: row.get(3)?,
                    })
                },
            )?,
            clusters: rows(
                tx,
                "SELECT id, name, owner, write_scope, held_back, manager, older_logins OR reach_owed, project, deleting_at IS NOT NULL,
                   coalesce((SELECT account FROM issuers WHERE issuers.cluster = clusters.id), '') FROM clusters
                 WHERE removed_at IS NULL ORDER BY id",
                |row| {
                    Ok(Cluster {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        owner: row.get(2)?,
                        write_scope: row.get(3)?,
                        excluded: row.get(4)?,
                        manager: row.get(5)?,
                        older_logins: row.get(6)?,
                        project: row.get(7)?,
                        deleting: row.get(8)?,
                        issuer: row.get(9)?,
                    })
                },
            )?,
            grants: rows(
                tx,
                "SELECT cluster, user, level, ends_at, removed_at IS NOT NULL FROM grants
                 ORDER BY id",
                |row| {
                    Ok(Grant {
                        cluster: row.get(0)?,
                        user: row.get(1)?,
                        level: row.get(2)?,
                        ends_at: row.get(3)?,
                        removed: row.get(4)?,
                    })
                },
            )?,
            bindings: bindings(tx)?,
            credentials: credentials(tx)?,
            deliveries: rows(
                tx,
                "SELECT id, credential FROM deliveries ORDER BY id",
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?,
            projects: rows(tx, "SELECT id, name FROM projects ORDER BY id", |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?,
            members: rows(
                tx,
                "SELECT project, user, role FROM project_members ORDER BY project, user",
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?,
            holders: rows(
                tx,
                "SELECT credential, user, kept FROM holders ORDER BY credential, user",
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?,
            blocks: rows(
                tx,
                "SELECT cluster, user FROM blocks ORDER BY cluster, user",
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?,
            audit: events(tx)?,
        })
    }

    /// The same without the audit log and without what a mere look at a cluster changes.
    pub(crate) fn decisions(&self) -> Self {
        Self {
            audit: vec![],
            ..self.clone()
        }
    }

    /// The installation's id.
    pub(crate) fn installation(&self) -> &str {
        &self.installation
    }

    /// Whether a cluster is registered.
    pub(crate) fn is_registered(&self) -> bool {
        !self.clusters.is_empty()
    }

    /// Whether anything is decided here and not yet seen on a cluster.
    pub(crate) fn has_pending(&self) -> bool {
        self.credentials
            .iter()
            .any(|found| found.state == "pending" || found.state == "revoking")
            || self.bindings.iter().any(|binding| binding.pending)
            || self
                .clusters
                .iter()
                .any(|it| it.older_logins || it.deleting)
    }

    pub(super) fn user(&self, id: i64) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    /// What a user has on a cluster: the rules of the design, written down once more.
    pub(super) fn power(&self, cluster: &Cluster, user: i64, now: i64) -> Option<&'static str> {
        let found = self.user(user).filter(|user| user.active)?;
        if found.role != "developer" {
            return Some("full");
        }
        if cluster.owner == Some(user) {
            return Some("write");
        }
        let grant = self.grants.iter().find(|grant| {
            grant.cluster == cluster.id
                && grant.user == user
                && !grant.removed
                && grant.ends_at.is_none_or(|end| now < end)
        });
        let is_bound = self.bindings.iter().any(|binding| {
            binding.cluster == cluster.id && binding.user == user && !binding.removed
        });
        match grant.map(|grant| grant.level.as_str()) {
            Some("write") => Some("write"),
            Some(_) => Some("read"),
            None => is_bound.then_some("bound"),
        }
    }

    /// Whether a cluster's owner is no admin, and works with the issuer.
    pub(super) fn works_by_issuer(&self, cluster: &Cluster) -> bool {
        let owner = cluster.owner.and_then(|owner| self.user(owner));
        !cluster.issuer.is_empty() && owner.is_some_and(|owner| owner.role == "developer")
    }

    /// Why a version's account stands in the wrong namespace: what is more than write is out of an
    /// issuer's reach.
    pub(super) fn misplaced(row: &Credential) -> Option<String> {
        let is_level = matches!(row.power.as_str(), "read" | "write");
        let is_wrong = !is_level && row.account.starts_with(USERS);
        is_wrong.then(|| format!("an issuer may handle it, and it carries {}", row.power))
    }

    /// Whose a credential is, in the words of the audit log.
    pub(super) fn owner(&self, row: &Credential) -> String {
        let user = || self.user(row.user).map_or("", |user| user.name.as_str());
        match &row.shared {
            Some((project, level)) => {
                let found = self.projects.iter().find(|(id, _)| id == project);
                format!("{}/{level}", found.map_or("", |(_, name)| name))
            }
            None if row.kind == "shell" => format!("{}/shell", user()),
            None => user().to_owned(),
        }
    }

    /// Why a shared version should not be live: the rules of projects, written down once more.
    pub(super) fn shared_wrong(&self, cluster: &Cluster, row: &Credential) -> Option<String> {
        let (project, level) = row.shared.as_ref()?;
        if cluster.project != Some(*project) {
            return Some("its cluster is not in its project".to_owned());
        }
        let carries = if level == "admin" { "full" } else { "read" };
        if row.power != carries {
            return Some(format!("it carries {}", row.power));
        }
        let mine = self.holders.iter().filter(|(id, ..)| *id == row.id);
        for (_, user, kept) in mine {
            let member = self
                .members
                .iter()
                .find(|(p, u, _)| p == project && u == user);
            let has_it = match member.map(|(_, _, role)| role.as_str()) {
                Some("viewer") => level == "read",
                Some(_) => true,
                None => false,
            };
            let active = self.user(*user).is_some_and(|user| user.active);
            let blocked = self.blocks.contains(&(cluster.id, *user));
            if !active || blocked || !(has_it || *kept) {
                return Some(format!("user {user} holds it"));
            }
        }
        None
    }

    /// The state of a user's latest version on the first cluster; "" where there is none.
    pub(crate) fn latest(&self, user: &str) -> &str {
        let id = self.users.iter().find(|found| found.name == user);
        self.credentials
            .iter()
            .rfind(|found| found.kind == "personal" && id.is_some_and(|user| user.id == found.user))
            .map_or("", |found| found.state.as_str())
    }

    /// The versions of a user's shells, or of a project's level, whatever became of them.
    pub(crate) fn others(&self, owner: &str) -> Vec<&Credential> {
        let rows = self.credentials.iter();
        rows.filter(|row| row.kind != "personal" && self.owner(row) == owner)
            .collect()
    }

    /// Whether a user has a role, as it is decided here.
    pub(crate) fn has_role(&self, user: &str, role: &str) -> bool {
        let id = self.users.iter().find(|found| found.name == user);
        self.bindings
            .iter()
            .any(|it| !it.removed && it.role == role && id.is_some_and(|user| user.id == it.user))
    }

    /// The accounts of a user's own kubeconfigs, whatever became of them.
    pub(crate) fn accounts(&self, user: &str) -> Vec<&Credential> {
        let id = self.users.iter().find(|found| found.name == user);
        self.credentials
            .iter()
            .filter(|found| {
                found.kind == "personal" && id.is_some_and(|user| user.id == found.user)
            })
            .collect()
    }
}

fn credentials(sql: &Connection) -> rusqlite::Result<Vec<Credential>> {
    rows(
        sql,
        "SELECT id, cluster, coalesce(user, 0), version, account, power, state,
           issued_at IS NOT NULL, kind, project, level
         FROM credentials ORDER BY id",
        |row| {
            Ok(Credential {
                id: row.get(0)?,
                cluster: row.get(1)?,
                user: row.get(2)?,
                version: row.get(3)?,
                account: row.get(4)?,
                power: row.get(5)?,
                state: row.get(6)?,
                issued: row.get(7)?,
                kind: row.get(8)?,
                shared: match (row.get(9)?, row.get(10)?) {
                    (Some(project), Some(level)) => Some((project, level)),
                    _ => None,
                },
            })
        },
    )
}

fn bindings(sql: &Connection) -> rusqlite::Result<Vec<Binding>> {
    rows(
        sql,
        "SELECT cluster, user, kind, role, coalesce(namespace, ''), removed_at IS NOT NULL, owed
         FROM bindings ORDER BY id",
        |row| {
            Ok(Binding {
                cluster: row.get(0)?,
                user: row.get(1)?,
                kind: row.get(2)?,
                role: row.get(3)?,
                namespace: row.get(4)?,
                removed: row.get(5)?,
                pending: row.get(6)?,
            })
        },
    )
}

fn events(sql: &Connection) -> rusqlite::Result<Vec<Event>> {
    rows(
        sql,
        "SELECT seq, action, phase, coalesce(cluster, ''), coalesce(user, ''), detail, prev, hash
         FROM audit ORDER BY seq",
        |row| {
            Ok(Event {
                seq: row.get(0)?,
                action: row.get(1)?,
                phase: row.get(2)?,
                cluster: row.get(3)?,
                user: row.get(4)?,
                detail: row.get(5)?,
                prev: row.get(6)?,
                hash: row.get(7)?,
            })
        },
    )
}
