//! Whether every change has its event.

use std::collections::BTreeMap;

use super::books::{Binding, Books, Event, Grant};

/// Every change has its event.
#[expect(clippy::too_many_lines, reason = "one rule after the other")]
pub(super) fn audited(books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    let mut by_user: BTreeMap<(&str, &str), Vec<&Event>> = BTreeMap::new();
    for event in &books.audit {
        let about = (event.cluster.as_str(), event.user.as_str());
        by_user.entry(about).or_default().push(event);
    }
    let clusters = books.clusters.iter();
    let names: BTreeMap<i64, &str> = clusters.map(|it| (it.id, it.name.as_str())).collect();
    let count = |cluster: i64, user: &str, wanted: &str| {
        let cluster = names.get(&cluster).copied().unwrap_or_default();
        let about = by_user.get(&(cluster, user)).into_iter().flatten();
        about
            .filter(|event| event.detail.starts_with(wanted))
            .count()
    };
    let is_here = |event: &Event| names.values().any(|name| *name == event.cluster);
    // What became of a cluster's credentials when it was removed is no longer a question.
    let rows = books.credentials.iter();
    for row in rows.filter(|row| names.contains_key(&row.cluster)) {
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
            let events = count(row.cluster, name, text);
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
            count(
                row.cluster,
                user,
                &format!("shell {version} of '{user}' has begun"),
            )
        } else {
            count(row.cluster, name, &handed)
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
            let mine = |it: &&Binding| {
                it.user == user.id && (all || it.removed) && names.contains_key(&it.cluster)
            };
            let rows = books.bindings.iter().filter(mine).count();
            let events = books.audit.iter().filter(|event| {
                let asked = event.action == action
                    && event.phase == "requested"
                    && ["ClusterRole '", "Role '"]
                        .iter()
                        .any(|kind| event.detail.starts_with(kind));
                // Whoever leaves is unbound without being asked for each.
                let left =
                    !all && event.action == "user offboard" && event.detail.ends_with(" unbound");
                event.user == name && (asked || left) && is_here(event)
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
        // Whoever leaves is disabled by the same event.
        let off = asked("user disable", &format!("disable '{name}'"))
            + asked("user offboard", &format!("'{name}' leaves"));
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
