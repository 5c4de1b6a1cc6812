//! Aggregated `ClusterRole`s: their rules are those of the roles their selectors match.

use serde_json::Value;

use crate::managed::{self, Entry, Manager};
use crate::object;
use crate::rbac::GROUP;
use crate::resource;
use crate::selector;
use crate::store::Store;

/// Fills the rules of every aggregated `ClusterRole` from the roles its selectors match.
pub(crate) fn fill(store: &mut Store) {
    let roles = resource::named("clusterroles");
    // A role may feed a second one through a third: view, edit, admin.
    for _ in 0..4 {
        let changed: Vec<Value> = store
            .list(roles, None)
            .filter(|role| role.get("aggregationRule").is_some())
            .filter_map(|role| {
                let rules = aggregated_rules(store, role);
                let stale = role.get("rules") != Some(&Value::Array(rules.clone()));
                stale.then(|| aggregated(role, rules))
            })
            .collect();
        if changed.is_empty() {
            return;
        }
        for role in changed {
            store.put(roles, role);
        }
    }
}

fn aggregated_rules(store: &Store, role: &Value) -> Vec<Value> {
    let mut rules: Vec<Value> = Vec::new();
    for selector in object::items(role, "/aggregationRule/clusterRoleSelectors") {
        for source in store.list(resource::named("clusterroles"), None) {
            let own = object::name(source) == object::name(role);
            if own || !selector::matches_labels(selector, source) {
                continue;
            }
            for rule in object::items(source, "/rules") {
                if !rules.contains(rule) {
                    rules.push(rule.clone());
                }
            }
        }
    }
    rules
}

fn aggregated(role: &Value, rules: Vec<Value>) -> Value {
    let mut role = role.clone();
    role["rules"] = rules.into();
    let manager = Manager {
        name: "clusterrole-aggregation-controller".into(),
        applies: true,
        subresource: String::new(),
    };
    let mut entries = managed::entries(&role);
    entries.retain(|entry| entry.manager != manager);
    entries.push(Entry {
        manager,
        api_version: format!("{GROUP}/v1"),
        time: object::now(),
        fields: [vec!["f:rules".to_owned()]].into(),
    });
    managed::set_entries(&mut role, entries);
    role
}
