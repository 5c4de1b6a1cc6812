//! A preview is the deed: what `--dry-run -o json` says of each command of the scenario is what the
//! rows of the store differ by after it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OpenFlags, Row};
use serde_json::{Map, Value, json};

use crate::home::{Home, Ran};
use crate::kill::{SCENARIO, prepare};

/// The one command that is made of no effects: the store is another one after it. Its preview lists
/// the events that it undoes.
const RESTORE: &str = "restore";

/// A command as its preview is asked for.
fn preview_of(words: &str) -> String {
    match words.split_once(" -- ") {
        // What follows is the command of a shell.
        Some((words, command)) => format!("{words} --dry-run -o json -- {command}"),
        None => format!("{words} --dry-run -o json"),
    }
}

/// The rows that effects are about, by table and row, with their names in the place of numbers.
pub(crate) type State = BTreeMap<(&'static str, i64), Vec<Option<String>>>;

/// Each table: the columns that count, with their names resolved; the first is the row's number.
const TABLES: &[(&str, &str)] = &[
    (
        "grants",
        "SELECT t.id, c.name, u.name, t.level FROM grants t JOIN clusters c ON c.id = t.cluster
         JOIN users u ON u.id = t.user WHERE t.removed_at IS NULL",
    ),
    (
        "blocks",
        "SELECT t.cluster * 1000 + t.user, c.name, u.name, NULL FROM blocks t JOIN clusters c ON c.id = t.cluster
         JOIN users u ON u.id = t.user",
    ),
    (
        "bindings",
        "SELECT t.id, c.name, u.name, t.kind || ' ''' || t.role || '''' ||
           coalesce(' in namespace ''' || t.namespace || '''', ' cluster-wide')
         FROM bindings t JOIN clusters c ON c.id = t.cluster JOIN users u ON u.id = t.user
         WHERE t.removed_at IS NULL",
    ),
    (
        "credentials",
        "SELECT t.id, c.name, coalesce(u.name || iif(t.kind = 'shell', '/shell', ''),
           p.name || '/' || t.level), t.version, t.power, t.state IN ('pending', 'active')
         FROM credentials t JOIN clusters c ON c.id = t.cluster LEFT JOIN users u ON u.id = t.user
         LEFT JOIN projects p ON p.id = t.project",
    ),
    (
        "clusters",
        "SELECT t.id, t.name, t.protected, t.state, o.name, p.name, t.description, t.labels,
           t.write_scope, t.held_back, t.included, t.write_allow, t.public_server, t.manager,
           t.server, t.kube_system_uid
         FROM clusters t LEFT JOIN users o ON o.id = t.owner
         LEFT JOIN projects p ON p.id = t.project WHERE t.removed_at IS NULL",
    ),
    (
        "issuers",
        "SELECT t.cluster, c.name, t.account FROM issuers t JOIN clusters c ON c.id = t.cluster",
    ),
    (
        "deliveries",
        "SELECT d.id, c.name, coalesce(u.name || iif(t.kind = 'shell', '/shell', ''),
           p.name || '/' || t.level), t.version, h.name
         FROM deliveries d JOIN credentials t ON t.id = d.credential
         JOIN clusters c ON c.id = t.cluster JOIN users h ON h.id = d.to_user
         LEFT JOIN users u ON u.id = t.user LEFT JOIN projects p ON p.id = t.project",
    ),
    (
        "provider_tokens",
        "SELECT t.cluster, c.name, t.generation FROM provider_tokens t
         JOIN clusters c ON c.id = t.cluster",
    ),
    (
        "ssh_keys",
        "SELECT t.id, c.name, t.fingerprint, t.place IN ('next', 'current')
           OR t.custody IN ('available', 'claimed')
         FROM ssh_keys t JOIN clusters c ON c.id = t.cluster",
    ),
    ("users", "SELECT id, name, role, active, key FROM users"),
    (
        "projects",
        "SELECT id, name, description FROM projects WHERE removed_at IS NULL",
    ),
    (
        "members",
        "SELECT t.project * 1000 + t.user, p.name, u.name, t.role FROM project_members t
         JOIN projects p ON p.id = t.project JOIN users u ON u.id = t.user",
    ),
];

pub(crate) fn state(home: &Home) -> State {
    let path = home.store();
    let sql = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .expect("the store opens");
    let mut state = State::new();
    for (table, query) in TABLES {
        let mut statement = sql.prepare(query).expect("a good query");
        let count = statement.column_count();
        let read = |row: &Row<'_>| -> rusqlite::Result<(i64, Vec<Option<String>>)> {
            let cell = |at| {
                let value: rusqlite::types::Value = row.get(at)?;
                Ok(match value {
                    rusqlite::types::Value::Null => None,
                    rusqlite::types::Value::Integer(number) => Some(number.to_string()),
                    rusqlite::types::Value::Text(text) => Some(text),
                    other => Some(format!("{other:?}")),
                })
            };
            let cells = (1..count).map(cell).collect::<rusqlite::Result<_>>()?;
            Ok((row.get(0)?, cells))
        };
        let rows = statement.query_map([], read).expect("rows");
        for row in rows {
            let (id, cells) = row.expect("a row");
            state.insert((table, id), cells);
        }
    }
    state
}

/// An effect as a plan shows it.
fn effect(kind: &str, fields: &[(&str, &Option<String>)]) -> String {
    let mut effect = Map::new();
    effect.insert("effect".to_owned(), json!(kind));
    for (name, value) in fields {
        if let Some(value) = value {
            effect.insert((*name).to_owned(), json!(value));
        }
    }
    canonical(&Value::Object(effect))
}

/// An object with its keys in order, and every value as text.
fn canonical(effect: &Value) -> String {
    let fields = effect.as_object().expect("an object").iter();
    let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let sorted: BTreeMap<&str, String> = fields.map(|(k, v)| (k.as_str(), text(v))).collect();
    format!("{sorted:?}")
}

fn yes(flag: Option<&str>) -> Option<String> {
    flag.map(|flag| (flag == "1").to_string())
}

/// A setting as a plan shows it: lists are joined, and so are pairs.
fn setting(stored: Option<&str>) -> Option<String> {
    let stored = stored?;
    let joined = match serde_json::from_str(stored) {
        Ok(Value::Array(items)) => {
            let items = items.iter().map(|it| it.as_str().expect("text").to_owned());
            items.collect::<Vec<_>>().join(",")
        }
        Ok(Value::Object(pairs)) => {
            let pairs = pairs.iter().filter(|(key, _)| !key.starts_with("object-"));
            let pairs = pairs.map(|(key, it)| format!("{key}={}", it.as_str().expect("text")));
            pairs.collect::<Vec<_>>().join(",")
        }
        _ => stored.replace('\n', ","),
    };
    Some(joined)
}

/// The effects that lie between two states.
fn between(before: &State, after: &State) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let (old, new) = (before.get(key), after.get(key));
        if old != new {
            found.extend(of_row(key.0, old, new));
        }
    }
    // A member's row that is replaced keeps its number, and a grant's does not: one that is put in
    // the place of another is one effect.
    let put: BTreeSet<String> = found
        .iter()
        .filter(|it| it.contains("\"put-grant\""))
        .map(|it| key_of(it))
        .collect();
    found.retain(|it| !(it.contains("\"remove-grant\"") && put.contains(&key_of(it))));
    // A project takes its list of members along.
    if found.iter().any(|it| it.contains("\"remove-project\"")) {
        found.retain(|it| !it.contains("\"remove-member\""));
    }
    // A cluster takes along what is given on it.
    if found.iter().any(|it| it.contains("\"remove-cluster\"")) {
        let along = [
            "remove-grant",
            "unbind",
            "lift-block",
            "remove-provider-token",
        ];
        found.retain(|it| !along.iter().any(|kind| it.contains(&format!("\"{kind}\""))));
    }
    found
}

/// Whose grant, and where.
fn key_of(effect: &str) -> String {
    let fields = effect.trim_matches(['{', '}']).split(", ");
    let named = fields.filter(|it| it.starts_with("\"cluster\"") || it.starts_with("\"user\""));
    named.collect::<Vec<_>>().join(", ")
}

fn of_row(
    table: &str,
    old: Option<&Vec<Option<String>>>,
    new: Option<&Vec<Option<String>>>,
) -> Vec<String> {
    let pair = |kind: &str, row: &[Option<String>]| {
        effect(
            kind,
            &[("cluster", &row[0]), ("user", &row[1]), ("to", &row[2])],
        )
    };
    match (table, old, new) {
        ("grants", None, Some(new)) => vec![pair("put-grant", new)],
        ("grants", Some(old), None) => vec![pair(
            "remove-grant",
            &[old[0].clone(), old[1].clone(), None],
        )],
        ("blocks", None, Some(new)) => vec![pair("put-block", new)],
        ("blocks", Some(old), None) => vec![pair("lift-block", old)],
        ("bindings", None, Some(new)) => vec![pair("bind", new)],
        ("bindings", Some(old), None) => vec![pair("unbind", old)],
        ("credentials", None, Some(new)) => vec![effect(
            "begin-version",
            &[
                ("cluster", &new[0]),
                ("of", &new[1]),
                ("version", &new[2]),
                ("to", &new[3]),
            ],
        )],
        ("credentials", Some(old), Some(new)) if old[4] != new[4] => vec![effect(
            "end-version",
            &[("cluster", &new[0]), ("of", &new[1]), ("version", &new[2])],
        )],
        ("clusters", Some(old), Some(new)) => of_cluster(old, new),
        ("clusters", None, Some(new)) => vec![effect(
            "add-cluster",
            &[
                ("cluster", &new[0]),
                ("user", &new[3]),
                ("project", &new[4]),
                ("to", &new[13]),
            ],
        )],
        ("issuers", Some(old), Some(new)) => vec![effect(
            "replace-issuer",
            &[("cluster", &new[0]), ("from", &old[1])],
        )],
        ("clusters", Some(old), None) => vec![effect("remove-cluster", &[("cluster", &old[0])])],
        ("deliveries", None, Some(new)) => vec![effect(
            "deliver",
            &[
                ("cluster", &new[0]),
                ("of", &new[1]),
                ("version", &new[2]),
                ("user", &new[3]),
            ],
        )],
        ("provider_tokens", _, Some(new)) => {
            vec![effect("set-provider-token", &[("cluster", &new[0])])]
        }
        ("provider_tokens", Some(old), None) => {
            vec![effect("remove-provider-token", &[("cluster", &old[0])])]
        }
        ("ssh_keys", None, Some(new)) => vec![effect("add-ssh-key", &[("cluster", &new[0])])],
        ("ssh_keys", Some(_), Some(new)) => {
            let fields = [("cluster", &new[0]), ("of", &new[1])];
            vec![effect("retire-ssh-key", &fields)]
        }
        ("users", None, Some(new)) => {
            vec![effect("add-user", &[("user", &new[0]), ("to", &new[1])])]
        }
        ("users", Some(old), Some(new)) => of_user(old, new),
        ("projects", None, Some(new)) => vec![effect("create-project", &[("project", &new[0])])],
        ("projects", Some(old), Some(new)) if old[1] != new[1] => vec![effect(
            "describe-project",
            &[("project", &new[0]), ("to", &new[1])],
        )],
        ("projects", Some(old), None) => vec![effect("remove-project", &[("project", &old[0])])],
        ("members", old, Some(new)) => {
            let from = old.and_then(|old| old[2].clone());
            let fields = [
                ("project", &new[0]),
                ("user", &new[1]),
                ("from", &from),
                ("to", &new[2]),
            ];
            vec![effect("put-member", &fields)]
        }
        ("members", Some(old), None) => {
            vec![effect(
                "remove-member",
                &[("project", &old[0]), ("user", &old[1])],
            )]
        }
        _ => vec![],
    }
}

/// What changed of a user who is there before and after.
fn of_user(old: &[Option<String>], new: &[Option<String>]) -> Vec<String> {
    let mut found = Vec::new();
    if old[1] != new[1] {
        let fields = [("user", &new[0]), ("from", &old[1]), ("to", &new[1])];
        found.push(effect("set-role", &fields));
    }
    if old[2] != new[2] {
        let to = yes(new[2].as_deref());
        found.push(effect("set-active", &[("user", &new[0]), ("to", &to)]));
    }
    if old[3] != new[3] {
        found.push(effect("set-key", &[("user", &new[0]), ("to", &new[3])]));
    }
    found
}

/// What changed of a cluster that is there before and after.
fn of_cluster(old: &[Option<String>], new: &[Option<String>]) -> Vec<String> {
    let mut found = Vec::new();
    if old[1] != new[1] {
        let to = yes(new[1].as_deref());
        found.push(effect(
            "set-protected",
            &[("cluster", &new[0]), ("to", &to)],
        ));
    }
    if old[2] != new[2] {
        found.push(effect(
            "set-state",
            &[("cluster", &new[0]), ("to", &new[2])],
        ));
    }
    if old[3] != new[3] {
        let fields = [("cluster", &new[0]), ("from", &old[3]), ("user", &new[3])];
        found.push(effect("set-owner", &fields));
    }
    if old[4] != new[4] {
        let fields = [
            ("cluster", &new[0]),
            ("from", &old[4]),
            ("project", &new[4]),
        ];
        found.push(effect("set-project", &fields));
    }
    if old[12] != new[12] {
        let fields = [("cluster", &new[0]), ("from", &old[12])];
        found.push(effect("replace-manager", &fields));
    }
    for (at, kind) in [(13, "set-address"), (14, "set-identity")] {
        if old[at] != new[at] {
            found.push(effect(kind, &[("cluster", &new[0]), ("to", &new[at])]));
        }
    }
    let settings = [
        "set-description",
        "set-labels",
        "set-write-scope",
        "set-excluded",
        "set-included",
        "set-write-allow",
        "set-public-server",
    ];
    for (at, kind) in (5..).zip(settings) {
        if old[at] != new[at] {
            let to = setting(new[at].as_deref());
            found.push(effect(kind, &[("cluster", &new[0]), ("to", &to)]));
        }
    }
    found
}

/// The effects that a preview says. `keep-shared` is of a table that is not looked at; that a deletion
/// has begun is over when the cluster is gone.
fn previewed(ran: &Ran) -> BTreeSet<String> {
    let plan: Value = serde_json::from_str(&ran.stdout).expect("the preview is JSON");
    let plans = plan
        .as_array()
        .cloned()
        .unwrap_or_else(|| vec![plan.clone()]);
    let effects = plans.iter().flat_map(|plan| {
        let effects = plan["effects"].as_array();
        effects.cloned().unwrap_or_default()
    });
    let stays = |effect: &Value| effect["effect"] != "begin-delete";
    effects
        .filter(stays)
        .map(|effect| canonical(&effect))
        .collect()
}

#[test]
fn what_a_preview_says_is_what_the_rows_differ_by_after_the_command() {
    let home = Home::new();
    prepare(&home);
    let mut compared = 0;
    for words in SCENARIO {
        if words.starts_with(RESTORE) {
            drop(home.run(words).success());
            continue;
        }
        let preview = home.run(&preview_of(words)).success();
        let before = if compared == 0 {
            State::new()
        } else {
            state(&home)
        };
        drop(home.run(words).success());
        let done = between(&before, &state(&home));
        assert_eq!(previewed(&preview), done, "{preview}");
        compared += 1;
    }
    assert_eq!(compared, SCENARIO.len() - 1, "all commands but `restore`");
}
