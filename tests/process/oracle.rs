//! The oracle: reads the store's file and the API server's objects, and decides by itself whether
//! they are as they must be. It shares no code with the program.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::home::{Home, text};

const MANAGED_BY: &str = "/metadata/labels/app.kubernetes.io~1managed-by";
const INSTALLATION: &str = "/metadata/labels/kubegrant.io~1installation";

/// A credential's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) id: i64,
    pub(crate) cluster: i64,
    /// 0 where it is a project's.
    pub(crate) user: i64,
    /// `personal`, `shell` or `shared`.
    kind: String,
    /// The project and the level, where it is a project's.
    shared: Option<(i64, String)>,
    pub(crate) version: i64,
    pub(crate) account: String,
    pub(crate) power: String,
    pub(crate) state: String,
    pub(crate) issued: bool,
}

/// An audit row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Event {
    seq: i64,
    action: String,
    phase: String,
    cluster: String,
    user: String,
    detail: String,
    prev: String,
    hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct User {
    id: i64,
    name: String,
    role: String,
    active: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cluster {
    id: i64,
    name: String,
    owner: Option<i64>,
    project: Option<i64>,
    write_scope: String,
    held_back: String,
    manager: String,
    older_logins: bool,
}

/// A role bound to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Binding {
    cluster: i64,
    user: i64,
    kind: String,
    role: String,
    namespace: String,
    removed: bool,
    owed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    cluster: i64,
    user: i64,
    level: String,
    ends_at: Option<i64>,
    removed: bool,
}

/// What the store says, read without the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Books {
    installation: String,
    users: Vec<User>,
    clusters: Vec<Cluster>,
    grants: Vec<Grant>,
    bindings: Vec<Binding>,
    pub(crate) credentials: Vec<Credential>,
    deliveries: Vec<(i64, i64)>,
    projects: Vec<(i64, String)>,
    members: Vec<(i64, i64, String)>,
    /// Credential, user, and whether it was decided that they may keep it.
    holders: Vec<(i64, i64, bool)>,
    blocks: Vec<(i64, i64)>,
    audit: Vec<Event>,
}

fn rows<T>(
    sql: &Connection,
    query: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    sql.prepare(query)?.query_map([], read)?.collect()
}

impl Books {
    /// Reads the store's file; an absent or empty one says nothing.
    pub(crate) fn read(home: &Home) -> rusqlite::Result<Self> {
        let path = home.store();
        if std::fs::metadata(&path).map_or(0, |found| found.len()) == 0 {
            return Ok(Self::default());
        }
        // A file that was just being made may have to be rolled back first, as any reader would.
        let sql = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        sql.busy_timeout(std::time::Duration::from_secs(10))?;
        let check: String = sql.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        assert_eq!(check, "ok", "the file is damaged");
        let tx = sql.unchecked_transaction()?;
        let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version == 0 {
            return Ok(Self::default()); // The file is there, and no table yet.
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
                &tx,
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
                &tx,
                "SELECT id, name, owner, write_scope, held_back, manager, older_logins OR reach_owed, project FROM clusters
                 WHERE removed_at IS NULL ORDER BY id",
                |row| {
                    Ok(Cluster {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        owner: row.get(2)?,
                        write_scope: row.get(3)?,
                        held_back: row.get(4)?,
                        manager: row.get(5)?,
                        older_logins: row.get(6)?,
                        project: row.get(7)?,
                    })
                },
            )?,
            grants: rows(
                &tx,
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
            bindings: bindings(&tx)?,
            credentials: credentials(&tx)?,
            deliveries: rows(
                &tx,
                "SELECT id, credential FROM deliveries ORDER BY id",
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?,
            projects: rows(&tx, "SELECT id, name FROM projects ORDER BY id", |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?,
            members: rows(
                &tx,
                "SELECT project, user, role FROM project_members ORDER BY project, user",
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?,
            holders: rows(
                &tx,
                "SELECT credential, user, kept FROM holders ORDER BY credential, user",
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?,
            blocks: rows(
                &tx,
                "SELECT cluster, user FROM blocks ORDER BY cluster, user",
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?,
            audit: events(&tx)?,
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
    pub(crate) fn owes(&self) -> bool {
        self.credentials
            .iter()
            .any(|found| found.state == "pending" || found.state == "revoking")
            || self.bindings.iter().any(|binding| binding.owed)
            || self.clusters.iter().any(|cluster| cluster.older_logins)
    }

    fn user(&self, id: i64) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    /// What a user has on a cluster: the rules of the design, written down once more.
    fn power(&self, cluster: &Cluster, user: i64, now: i64) -> Option<&'static str> {
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

    /// Whose a credential is, in the words of the audit log.
    fn owner(&self, row: &Credential) -> String {
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
    fn shared_wrong(&self, cluster: &Cluster, row: &Credential) -> Option<String> {
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
                owed: row.get(6)?,
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

/// What a cluster holds of one installation.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub(crate) struct Held {
    /// ServiceAccounts by name, with the credential's number in their annotation.
    pub(crate) accounts: BTreeMap<String, String>,
    /// Lists by namespace ("" for cluster-wide) and name: the role, and who is on it.
    pub(crate) lists: BTreeMap<(String, String), (String, BTreeSet<String>)>,
    /// Everything else of ours, by kind, namespace and name.
    pub(crate) others: BTreeSet<(String, String, String)>,
}

impl Held {
    /// Looks at a sandbox.
    pub(crate) fn read(home: &Home, installation: &str) -> Self {
        let mut held = Self::default();
        for object in home.sandbox.objects() {
            let part = |pointer| text(&object, pointer).to_owned();
            if text(&object, MANAGED_BY) != "kubegrant" {
                continue;
            }
            let labelled = text(&object, INSTALLATION);
            let (kind, namespace, name) = (
                part("/kind"),
                part("/metadata/namespace"),
                part("/metadata/name"),
            );
            if labelled != installation && kind != "Namespace" {
                continue;
            }
            let manager = format!("kubegrant:{installation}:manager");
            let is_list = kind.ends_with("RoleBinding") && name != manager;
            match kind.as_str() {
                "ServiceAccount" if !name.starts_with("kubegrant-manager") => {
                    let credential = part("/metadata/annotations/kubegrant.io~1credential-id");
                    held.accounts.insert(name, credential);
                }
                _ if is_list => {
                    let subjects = object.get("subjects").and_then(Value::as_array);
                    let names = subjects.into_iter().flatten();
                    let names = names.map(|subject| text(subject, "/name").to_owned());
                    let list = (part("/roleRef/name"), names.collect());
                    held.lists.insert((namespace, name), list);
                }
                _ => {
                    held.others.insert((kind, namespace, name));
                }
            }
        }
        held
    }

    /// Whether a token of this account still gets anywhere: the account is there, and on a list.
    pub(crate) fn lets_in(&self, account: &str) -> bool {
        self.accounts.contains_key(account)
            && self
                .lists
                .values()
                .any(|(_, names)| names.contains(account))
    }
}

/// The namespaces that write must reach, worked out from the cluster's objects alone.
fn write_reaches(objects: &[Value], held_back: &str) -> BTreeSet<String> {
    let held: Vec<String> = serde_json::from_str(held_back).unwrap_or_default();
    let climbs = climbing_roles(objects);
    let powerful: BTreeSet<&str> = objects
        .iter()
        .filter(|object| text(object, "/kind") == "ClusterRoleBinding")
        .filter(|object| climbs.contains(text(object, "/roleRef/name")))
        .filter_map(|object| object.get("subjects").and_then(Value::as_array))
        .flatten()
        .filter(|subject| text(subject, "/kind") == "ServiceAccount")
        .map(|subject| text(subject, "/namespace"))
        .collect();
    objects
        .iter()
        .filter(|object| text(object, "/kind") == "Namespace")
        .filter(|object| text(object, "/metadata/deletionTimestamp").is_empty())
        .map(|object| text(object, "/metadata/name"))
        .filter(|name| !name.starts_with("kube-") && *name != "kubegrant")
        .filter(|name| !powerful.contains(name) && !held.iter().any(|held| held == name))
        .map(str::to_owned)
        .collect()
}

fn climbing_roles(objects: &[Value]) -> BTreeSet<&str> {
    let has = |rule: &Value, field: &str, words: &[&str]| {
        let list = rule.get(field).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|word| words.contains(&word))
    };
    let climbs = |rule: &Value| {
        has(rule, "verbs", &["*", "escalate", "bind", "impersonate"])
            || has(rule, "resources", &["*", "secrets"])
    };
    objects
        .iter()
        .filter(|object| text(object, "/kind") == "ClusterRole")
        .filter(|object| {
            let rules = object.get("rules").and_then(Value::as_array);
            rules.into_iter().flatten().any(climbs)
        })
        .map(|object| text(object, "/metadata/name"))
        .collect()
}

/// Watches one home over its life.
pub(crate) struct Oracle {
    before: BTreeMap<i64, (String, String)>,
    seen_audit: Vec<(i64, String)>,
}

impl Oracle {
    /// Begins to watch: what is there now is the past that must not change.
    pub(crate) fn new(home: &Home) -> Self {
        let mut oracle = Self {
            before: BTreeMap::new(),
            seen_audit: vec![],
        };
        drop(oracle.look(home));
        oracle
    }

    /// What must hold at every moment, whatever was killed or failed. Empty is good.
    pub(crate) fn look(&mut self, home: &Home) -> Vec<String> {
        let books = match Books::read(home) {
            Ok(books) => books,
            Err(error) => return vec![format!("the store cannot be read: {error}")],
        };
        let mut found = self.history(&books);
        found.extend(audited(&books));
        found.extend(known(home, &books));
        found
    }

    fn history(&mut self, books: &Books) -> Vec<String> {
        let mut found = Vec::new();
        let now: BTreeMap<i64, (String, String)> = books
            .credentials
            .iter()
            .map(|row| (row.id, (row.account.clone(), row.state.clone())))
            .collect();
        for (id, (account, state)) in &self.before {
            let Some((same, next)) = now.get(id) else {
                found.push(format!(
                    "credential {id} ({account}) is gone from the store"
                ));
                continue;
            };
            if same != account {
                found.push(format!("credential {id} changed its account"));
            }
            let order = ["pending", "active", "revoking", "revoked"];
            let place = |state: &str| order.iter().position(|word| *word == state);
            if place(next) < place(state) {
                found.push(format!("credential {id} went from {state} to {next}"));
            }
        }
        self.before = now;
        for (seq, hash) in &self.seen_audit {
            let kept = books
                .audit
                .iter()
                .any(|row| row.seq == *seq && row.hash == *hash);
            if !kept {
                found.push(format!("audit row {seq} is not what it was"));
            }
        }
        self.seen_audit = books
            .audit
            .iter()
            .map(|row| (row.seq, row.hash.clone()))
            .collect();
        for (first, second) in books.audit.iter().zip(books.audit.iter().skip(1)) {
            if second.seq != first.seq + 1 || second.prev != first.hash {
                found.push(format!(
                    "audit row {} does not follow {}",
                    second.seq, first.seq
                ));
            }
        }
        found.extend(numbered(books));
        found
    }

    /// What must hold when nothing is owed: the store and the cluster say the same. Empty is good.
    pub(crate) fn settled(&mut self, home: &Home) -> Vec<String> {
        let mut found = self.look(home);
        let Ok(books) = Books::read(home) else {
            return found;
        };
        for cluster in &books.clusters {
            found.extend(same(home, &books, cluster));
        }
        if books.clusters.is_empty() {
            let held = Held::read(home, &books.installation);
            if held != Held::default() {
                found.push(format!(
                    "nothing is registered, and the cluster holds {held:?}"
                ));
            }
        }
        found
    }
}

/// At most one live version, and versions without gap or repeat.
fn numbered(books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    let mut by_holder: BTreeMap<(i64, String), Vec<&Credential>> = BTreeMap::new();
    for row in &books.credentials {
        by_holder
            .entry((row.cluster, books.owner(row)))
            .or_default()
            .push(row);
    }
    for ((_, user), rows) in by_holder {
        let live = rows
            .iter()
            .filter(|row| row.state == "pending" || row.state == "active")
            .count();
        // Of shells as many as one likes.
        if live > 1 && !user.ends_with("/shell") {
            found.push(format!("user {user} has {live} live versions"));
        }
        let versions: Vec<i64> = rows.iter().map(|row| row.version).collect();
        let wanted: Vec<i64> = (1..).take(rows.len()).collect();
        if versions != wanted {
            found.push(format!("user {user} has versions {versions:?}"));
        }
    }
    found
}

/// Every change has its event.
fn audited(books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    let count = |user: &str, wanted: &str| {
        let about = |event: &&Event| event.user == user && event.detail.starts_with(wanted);
        books.audit.iter().filter(about).count()
    };
    for row in &books.credentials {
        let (name, version) = (books.owner(row), row.version);
        let name = name.as_str();
        let begun = format!("version {version} of '{name}' (");
        let there = format!("version {version} of '{name}' is on the cluster");
        let ends = format!("version {version} of '{name}' ends: ");
        let gone = format!("version {version} of '{name}' is gone");
        let ended = row.state == "revoking" || row.state == "revoked";
        let is_shell = row.kind == "shell";
        for (text, wanted) in [
            // A shell gets its number when it is begun: its request is counted below.
            (&begun, usize::from(!is_shell)),
            (&there, usize::from(row.issued)),
            (&ends, usize::from(ended)),
            (&gone, usize::from(row.state == "revoked")),
        ] {
            let events = count(name, text);
            if events != wanted {
                found.push(format!(
                    "'{text}' was recorded {events} times, and {version} of '{name}' is {}",
                    row.state
                ));
            }
        }
        let handed = format!("version {version} of '{name}' handed over");
        let deliveries = books
            .deliveries
            .iter()
            .filter(|(_, id)| *id == row.id)
            .count();
        let said = if is_shell {
            let user = books.user(row.user).map_or("", |user| user.name.as_str());
            count(user, &format!("shell {version} of '{user}' has begun"))
        } else {
            count(name, &handed)
        };
        if said != deliveries {
            found.push(format!("'{handed}' and {deliveries} deliveries"));
        }
    }
    let asked = |action: &str, detail: &str| {
        let same = |event: &&Event| {
            event.action == action && event.phase == "requested" && event.detail.starts_with(detail)
        };
        books.audit.iter().filter(same).count()
    };
    for user in &books.users {
        let name = user.name.as_str();
        for level in ["read", "write"] {
            let mine = |grant: &&Grant| grant.user == user.id && grant.level == level;
            let grants = books.grants.iter().filter(mine).count();
            let events = asked("access grant", &format!("{level} for '{name}'"));
            if events != grants {
                found.push(format!(
                    "'{name}' has {grants} {level} grants and {events} events"
                ));
            }
        }
        for (action, all) in [("rbac bind", true), ("rbac unbind", false)] {
            let mine = |it: &&Binding| it.user == user.id && (all || it.removed);
            let rows = books.bindings.iter().filter(mine).count();
            let events = books.audit.iter().filter(|event| {
                event.action == action
                    && event.user == name
                    && event.phase == "requested"
                    && ["ClusterRole '", "Role '"]
                        .iter()
                        .any(|kind| event.detail.starts_with(kind))
            });
            if events.clone().count() != rows {
                found.push(format!(
                    "'{name}' has {rows} rows for {action} and {} events",
                    events.count()
                ));
            }
        }
        let shells = books.others(&format!("{name}/shell")).len();
        let begun = asked("shell", &format!("a shell of '{name}' ("));
        if begun != shells {
            found.push(format!("'{name}' has {shells} shells and {begun} events"));
        }
        let off = asked("user disable", &format!("disable '{name}'"));
        let on = asked("user enable", &format!("enable '{name}'"));
        if off != on + usize::from(!user.active) {
            found.push(format!(
                "'{name}' was disabled {off} and enabled {on} times"
            ));
        }
    }
    for cluster in &books.clusters {
        let done = books.audit.iter().any(|event| {
            event.action == "cluster add" && event.phase == "done" && event.cluster == cluster.name
        });
        if !done {
            found.push(format!(
                "cluster '{}' was added without an event",
                cluster.name
            ));
        }
    }
    found
}

/// Everything of ours on the cluster is known to the store.
fn known(home: &Home, books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    let held = Held::read(home, &books.installation);
    let unfinished = |account: &str| {
        books
            .credentials
            .iter()
            .find(|row| row.account == account && row.state != "revoked")
    };
    for (account, credential) in &held.accounts {
        match unfinished(account) {
            None => found.push(format!("account {account} is unknown to the store")),
            Some(row) if row.id.to_string() != *credential => {
                found.push(format!(
                    "account {account} says it is credential {credential}"
                ));
            }
            Some(_) => {}
        }
    }
    for ((namespace, list), (_, names)) in &held.lists {
        for name in names.iter().filter(|name| unfinished(name).is_none()) {
            found.push(format!(
                "{name} on {namespace}/{list} is unknown to the store"
            ));
        }
    }
    let asked = books
        .audit
        .iter()
        .any(|event| event.action == "cluster add" && event.phase == "requested");
    if !held.others.is_empty() && !asked {
        found.push("a manager stands there that nobody asked for".to_owned());
    }
    found
}

/// A cluster holds exactly what the store says.
fn same(home: &Home, books: &Books, cluster: &Cluster) -> Vec<String> {
    let mut found = Vec::new();
    let now = home.fixture().now().timestamp();
    let held = Held::read(home, &books.installation);
    let objects = home.sandbox.objects();
    let installation = &books.installation;
    let mut accounts = BTreeMap::new();
    let mut lists: BTreeMap<(String, String), (String, BTreeSet<String>)> = BTreeMap::new();
    let mut put = |namespace: &str, list: &str, role: &str, account: &str| {
        let key = (
            namespace.to_owned(),
            format!("kubegrant:{installation}:{list}"),
        );
        let list = lists
            .entry(key)
            .or_insert((role.to_owned(), BTreeSet::new()));
        list.1.insert(account.to_owned());
    };
    for row in books
        .credentials
        .iter()
        .filter(|row| row.cluster == cluster.id)
    {
        if row.state == "pending" || row.state == "revoking" {
            found.push(format!("{} is still {}", row.account, row.state));
        }
        if row.state != "active" {
            continue;
        }
        if let Some(why) = books.shared_wrong(cluster, row) {
            found.push(format!("{} is live: {why}", row.account));
        }
        let power = match &row.shared {
            Some((_, level)) if level == "admin" => Some("full"),
            Some(_) => Some("read"),
            None => books.power(cluster, row.user, now),
        };
        let strength = |power: &str| {
            let order = ["bound", "read", "write", "full"];
            order.iter().position(|word| *word == power)
        };
        let has_less = row.kind == "shell" && power.and_then(strength) > strength(&row.power);
        if power != Some(row.power.as_str()) && !has_less {
            let has = power.unwrap_or("nothing");
            found.push(format!(
                "{} carries {} and its user has {has}",
                row.account, row.power
            ));
        }
        accounts.insert(row.account.clone(), row.id.to_string());
        let there = |name: &str| {
            objects.iter().any(|object| {
                text(object, "/kind") == "Namespace" && text(object, "/metadata/name") == name
            })
        };
        for bound in books
            .bindings
            .iter()
            .filter(|bound| !bound.removed && (bound.cluster, bound.user) == (cluster.id, row.user))
            .filter(|_| !has_less)
        {
            if bound.namespace.is_empty() || there(&bound.namespace) {
                let name = format!("{}:{}", bound.kind.to_lowercase(), bound.role);
                put(&bound.namespace, &name, &bound.role, &row.account);
            }
        }
        match row.power.as_str() {
            "bound" => {}
            "full" => put("", "cluster-admin", "cluster-admin", &row.account),
            "read" => put("", "view", "view", &row.account),
            _ => {
                put("", "view", "view", &row.account);
                if cluster.write_scope == "cluster" {
                    put("", "edit", "edit", &row.account);
                } else {
                    for namespace in write_reaches(&objects, &cluster.held_back) {
                        put(&namespace, "edit", "edit", &row.account);
                    }
                }
            }
        }
    }
    if held.accounts != accounts {
        found.push(format!(
            "accounts are {:?}, not {accounts:?}",
            held.accounts
        ));
    }
    if held.lists != lists {
        found.push(format!("lists are {:?}, not {lists:?}", held.lists));
    }
    let name = format!("kubegrant:{installation}:manager");
    let own = |kind: &str, namespace: &str, name: &str| {
        (kind.to_owned(), namespace.to_owned(), name.to_owned())
    };
    let manager = BTreeSet::from([
        own("Namespace", "", "kubegrant"),
        own("ServiceAccount", "kubegrant", &cluster.manager),
        own("ClusterRole", "", &name),
        own("ClusterRoleBinding", "", &name),
        own("Role", "kubegrant", &name),
        own("RoleBinding", "kubegrant", &name),
    ]);
    // The manager's login lives and dies with one Secret, whose name the cluster gives.
    let prefix = format!("{}-", cluster.manager);
    let (secrets, others): (BTreeSet<_>, BTreeSet<_>) = held
        .others
        .iter()
        .cloned()
        .partition(|(kind, _, name)| kind == "Secret" && name.starts_with(&prefix));
    if others != manager || secrets.len() != 1 {
        found.push(format!("the manager's objects are {:?}", held.others));
    }
    found
}
