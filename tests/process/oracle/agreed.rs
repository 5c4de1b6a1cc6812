//! Whether the store and the clusters agree.

use std::collections::{BTreeMap, BTreeSet};

use kubegrant_sandbox::Sandbox;
use serde_json::Value;

use super::books::{Books, Cluster};
use super::held::{Held, write_reaches};
use crate::home::{Home, text};

/// Everything of ours on the cluster is known to the store.
pub(super) fn known(home: &Home, books: &Books) -> Vec<String> {
    let further = home.further.iter().map(|(name, sandbox)| {
        let cluster = books.clusters.iter().find(|cluster| cluster.name == *name);
        (Some(cluster.map_or(0, |cluster| cluster.id)), sandbox)
    });
    std::iter::once((None, &home.sandbox))
        .chain(further)
        .flat_map(|(cluster, sandbox)| known_on(sandbox, cluster, books))
        .collect()
}

/// The same on one cluster; where its number is not given, there is only one.
fn known_on(sandbox: &Sandbox, cluster: Option<i64>, books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    let held = Held::on(sandbox, &books.installation);
    let unfinished = |account: &str| {
        books.credentials.iter().find(|row| {
            row.account == account
                && row.state != "revoked"
                && cluster.is_none_or(|cluster| cluster == row.cluster)
        })
    };
    // A manager that leaves for good needs all power for its last moments.
    let leaving: Vec<&str> = books
        .clusters
        .iter()
        .filter(|it| it.deleting)
        .map(|it| it.manager.as_str())
        .collect();
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
        let names = names
            .iter()
            .filter(|name| !leaving.contains(&name.as_str()));
        for name in names.filter(|name| unfinished(name).is_none()) {
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
pub(super) fn same(home: &Home, books: &Books, cluster: &Cluster) -> Vec<String> {
    let mut found = Vec::new();
    let now = home.fixture().now().timestamp();
    let sandbox = home.sandbox_of(&cluster.name);
    let held = Held::on(sandbox, &books.installation);
    let objects = sandbox.objects();
    let installation = &books.installation;
    let mut accounts = BTreeMap::new();
    let mut lists = kept_lists(books, cluster, &objects);
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
        let wrong = books.shared_wrong(cluster, row);
        for why in wrong.into_iter().chain(Books::misplaced(row)) {
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
                    for namespace in write_reaches(&objects, &cluster.excluded) {
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
    found.extend(installed(&held, installation, cluster));
    found
}

/// Lists by namespace ("" for cluster-wide) and name: the role, and who is on it.
type Lists = BTreeMap<(String, String), (String, BTreeSet<String>)>;

/// The lists that stand although nobody is on them: an issuer makes none.
fn kept_lists(books: &Books, cluster: &Cluster, objects: &[Value]) -> Lists {
    let mut lists = Lists::new();
    if !books.works_by_issuer(cluster) {
        return lists;
    }
    let mut keep = |namespace: &str, role: &str| {
        let name = format!("kubegrant:{}:{role}", books.installation);
        lists.insert(
            (namespace.to_owned(), name),
            (role.to_owned(), BTreeSet::new()),
        );
    };
    keep("", "view");
    if cluster.write_scope == "cluster" {
        keep("", "edit");
    } else {
        for namespace in write_reaches(objects, &cluster.excluded) {
            keep(&namespace, "edit");
        }
    }
    lists
}

/// The manager and the issuer are there, with their rights, and one login each.
fn installed(held: &Held, installation: &str, cluster: &Cluster) -> Option<String> {
    let own = |kind: &str, namespace: &str, name: &str| {
        (kind.to_owned(), namespace.to_owned(), name.to_owned())
    };
    let mut wanted = BTreeSet::from([
        own("Namespace", "", "kubegrant"),
        own("Namespace", "", "kubegrant-users"),
    ]);
    for (role, account, namespaces) in [
        (
            "manager",
            &cluster.manager,
            &["kubegrant", "kubegrant-users"][..],
        ),
        ("issuer", &cluster.issuer, &["kubegrant-users"][..]),
    ] {
        let name = format!("kubegrant:{installation}:{role}");
        wanted.insert(own("ServiceAccount", "kubegrant", account));
        for kind in ["ClusterRole", "ClusterRoleBinding"] {
            wanted.insert(own(kind, "", &name));
        }
        for namespace in namespaces {
            for kind in ["Role", "RoleBinding"] {
                wanted.insert(own(kind, namespace, &name));
            }
        }
    }
    // A login lives and dies with one Secret, whose name the cluster gives.
    let (secrets, others): (BTreeSet<_>, BTreeSet<_>) = held
        .others
        .iter()
        .cloned()
        .partition(|(kind, ..)| kind == "Secret");
    let logins = |account: &str| {
        let prefix = format!("{account}-");
        let theirs = secrets
            .iter()
            .filter(|(_, _, name)| name.starts_with(&prefix));
        theirs.count()
    };
    let is_right = others == wanted
        && secrets.len() == 2
        && [&cluster.manager, &cluster.issuer]
            .iter()
            .all(|it| logins(it) == 1);
    (!is_right).then(|| {
        format!(
            "the manager's and the issuer's objects are {:?}",
            held.others
        )
    })
}
