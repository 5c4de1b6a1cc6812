//! Whether a role in a place lets its holder climb, and what it allows, in a line.

use std::collections::{BTreeMap, BTreeSet};

use super::binding::Bound;
use super::power::{Rule, WRITES, covers, danger, has};

/// Writes that reach further than their words when they count everywhere (Kubernetes' "RBAC good
/// practices"): a node's disk, what guards a namespace, and what cluster components believe.
const REACHES_FURTHER: [(&str, &str, &str); 3] = [
    ("", "persistentvolumes", "volumes on the nodes' disks"),
    ("", "namespaces", "what guards namespaces"),
    ("", "configmaps", "settings of kube-system"),
];

/// Says why a role in a place lets its holder climb beyond it; `None` if it does not.
///
/// `held_back` are the namespaces that `write` must not reach: those of the system, and those with
/// an account that can climb. In any other namespace a role reaches no further than the namespace.
pub(crate) fn climbs(
    bound: &Bound,
    rules: &[Rule],
    held_back: &BTreeMap<String, String>,
) -> Option<String> {
    let name = bound.role.name();
    let Some(namespace) = &bound.place else {
        if name == "cluster-admin" {
            return Some("it is cluster-admin".to_owned());
        }
        if let Some(why) = rules.iter().find_map(danger) {
            return Some(format!("it gives {why} cluster-wide"));
        }
        return rules.iter().find_map(|rule| {
            let found = REACHES_FURTHER.iter().find(|(group, resource, _)| {
                WRITES.iter().any(|verb| {
                    // A rule about named objects makes none.
                    let made = *verb == "create" && !rule.names.is_empty();
                    !made && covers(rule, group, resource, verb)
                })
            });
            found.map(|(_, _, what)| format!("it changes {what}"))
        });
    };
    let because = held_back.get(namespace)?;
    let there = format!("in namespace '{namespace}', which is held back from write ({because})");
    if name == "cluster-admin" {
        return Some(format!("it gives everything {there}"));
    }
    if let Some(why) = rules.iter().find_map(danger) {
        return Some(format!("it gives {why} {there}"));
    }
    rules
        .iter()
        .any(Rule::changes_anything)
        .then(|| format!("it changes objects {there}"))
}

/// How many kinds of objects a summary names.
const NAMED_MAX: usize = 4;

/// What a role allows, in a line: `read pods, services; write configmaps`.
pub(crate) fn summary(rules: &[Rule]) -> String {
    let mut reads = BTreeSet::new();
    let mut writes = BTreeSet::new();
    let mut urls = BTreeSet::new();
    for rule in rules {
        let wild = |list: &[String]| has(list, "*");
        if wild(&rule.verbs) && wild(&rule.resources) && wild(&rule.groups) {
            return "everything".to_owned();
        }
        let list = if rule.changes_anything() {
            &mut writes
        } else {
            &mut reads
        };
        list.extend(rule.resources.iter().map(String::as_str));
        urls.extend(rule.urls.iter().map(String::as_str));
    }
    reads.retain(|resource| !writes.contains(resource));
    let parts = [("write", writes), ("read", reads), ("ask", urls)];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, items)| !items.is_empty())
        .map(|(word, items)| {
            let more = items.len().saturating_sub(NAMED_MAX);
            let named: Vec<&str> = items.into_iter().take(NAMED_MAX).collect();
            let rest = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{word} {}{rest}", named.join(", "))
        })
        .collect();
    if parts.is_empty() {
        "nothing".to_owned()
    } else {
        parts.join("; ")
    }
}

/// One thing that a rule allows, to ask an API server about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Probe {
    /// A verb on objects.
    Object {
        /// Verb.
        verb: String,
        /// API group, "" for core.
        group: String,
        /// Resource.
        resource: String,
        /// Subresource, or "".
        subresource: String,
        /// The only object; "" for any.
        name: String,
    },
    /// A verb on a path outside the objects.
    Url {
        /// Verb.
        verb: String,
        /// Path.
        path: String,
    },
}

/// How many questions may be asked about one role.
const PROBES_MAX: usize = 4;

/// What these rules allow and none of `others` does, as questions; a few at most.
///
/// A role without a rule allows nothing, and one whose every rule is also in the others takes
/// nothing away when it goes: about such a role there is nothing to ask.
pub(crate) fn probes(rules: &[Rule], others: &[Rule], cluster_wide: bool) -> Vec<Probe> {
    let any = |list: &[String], star: &str| -> Vec<String> {
        list.iter()
            .map(|item| if item == "*" { star } else { item }.to_owned())
            .collect()
    };
    let mut found = Vec::new();
    for rule in rules {
        let names = match rule.names.as_slice() {
            [] => vec![String::new()],
            names => names.to_vec(),
        };
        for verb in any(&rule.verbs, "get") {
            for group in any(&rule.groups, "") {
                for resource in any(&rule.resources, "configmaps") {
                    let resource = resource.replace("*/", "pods/");
                    for name in &names {
                        if !allows(others, &verb, &group, &resource, name) {
                            let (resource, subresource) =
                                resource.split_once('/').unwrap_or((&resource, ""));
                            found.push(Probe::Object {
                                verb: verb.clone(),
                                group: group.clone(),
                                resource: resource.to_owned(),
                                subresource: subresource.to_owned(),
                                name: name.clone(),
                            });
                        }
                    }
                    if found.len() >= PROBES_MAX {
                        found.truncate(PROBES_MAX);
                        return found;
                    }
                }
            }
            // Only a cluster-wide binding gives paths.
            for url in rule.urls.iter().filter(|_| cluster_wide) {
                let path = match url.trim_end_matches('*') {
                    "" => "/",
                    path => path,
                };
                let known = |other: &Rule| {
                    let covers = |known: &String| match known.strip_suffix('*') {
                        Some(begin) => path.starts_with(begin),
                        None => known == path,
                    };
                    other.urls.iter().any(covers)
                };
                if !others.iter().any(known) {
                    found.push(Probe::Url {
                        verb: verb.clone(),
                        path: path.to_owned(),
                    });
                }
            }
        }
    }
    found.truncate(PROBES_MAX);
    found
}

fn allows(rules: &[Rule], verb: &str, group: &str, resource: &str, name: &str) -> bool {
    rules.iter().any(|rule| {
        covers(rule, group, resource, verb) && (rule.names.is_empty() || has(&rule.names, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::power::RoleRef;

    fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Rule {
        let own = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
        Rule {
            groups: own(groups),
            resources: own(resources),
            verbs: own(verbs),
            ..Rule::default()
        }
    }

    fn bound(name: &str, place: Option<&str>) -> Bound {
        Bound {
            place: place.map(str::to_owned),
            role: RoleRef::Cluster(name.to_owned()),
        }
    }

    fn why(rule: Rule, place: Option<&str>) -> Option<String> {
        let held = BTreeMap::from([
            ("kube-system".to_owned(), "a system namespace".to_owned()),
            ("powerful".to_owned(), "account 'robot' …".to_owned()),
        ]);
        climbs(&bound("r", place), &[rule], &held)
    }

    #[test]
    fn what_climbs_everywhere_climbs_only_where_it_can() {
        let core = |resource: &str, verb: &str| rule(&[""], &[resource], &[verb]);
        let rbac = |verb: &str| rule(&["rbac.authorization.k8s.io"], &["clusterroles"], &[verb]);
        let doors = [
            rule(&["*"], &["*"], &["*"]),
            rbac("escalate"),
            rbac("bind"),
            core("users", "impersonate"),
            core("secrets", "list"),
            core("serviceaccounts/token", "create"),
            core("pods/exec", "create"),
            core("pods", "create"),
            core("nodes/proxy", "get"),
            core("configmaps", "update"),
            core("persistentvolumes", "create"),
            rule(
                &["certificates.k8s.io"],
                &["certificatesigningrequests/approval"],
                &["update"],
            ),
            rule(
                &["admissionregistration.k8s.io"],
                &["mutatingwebhookconfigurations"],
                &["patch"],
            ),
        ];
        for door in doors {
            assert!(why(door.clone(), None).is_some(), "{door:?}");
            let changes = door.changes_anything() || door.resources == ["secrets"];
            for place in ["kube-system", "powerful"] {
                let there = why(door.clone(), Some(place)).is_some();
                assert!(there || !changes, "{door:?} in {place}");
            }
            assert_eq!(why(door, Some("shop")), None);
        }
        for harmless in [core("pods", "get"), core("events", "create")] {
            assert_eq!(why(harmless, None), None);
        }
        assert_eq!(why(core("pods", "get"), Some("kube-system")), None);
        let none = BTreeMap::new();
        assert!(climbs(&bound("cluster-admin", None), &[], &none).is_some());
    }

    #[test]
    fn a_summary_is_a_line() {
        let rules = [
            rule(&[""], &["pods", "services"], &["get", "list"]),
            rule(&["apps"], &["deployments"], &["patch"]),
        ];
        assert_eq!(summary(&rules), "write deployments; read pods, services");
        assert_eq!(summary(&[]), "nothing");
        assert_eq!(summary(&[rule(&["*"], &["*"], &["*"])]), "everything");
        let many = rule(&[""], &["a", "b", "c", "d", "e", "f"], &["get"]);
        assert_eq!(summary(&[many]), "read a, b, c, d and 2 more");
        let paths = Rule {
            urls: vec!["/metrics".to_owned()],
            ..rule(&[], &[], &["get"])
        };
        assert_eq!(summary(&[paths]), "ask /metrics");
    }

    #[test]
    fn a_question_is_what_the_role_alone_allows() {
        let view = [rule(&[""], &["pods", "configmaps"], &["get", "list"])];
        let role = [rule(&[""], &["pods", "secrets"], &["get"])];
        let asked = probes(&role, &view, true);
        let secret = Probe::Object {
            verb: "get".to_owned(),
            group: String::new(),
            resource: "secrets".to_owned(),
            subresource: String::new(),
            name: String::new(),
        };
        assert_eq!(asked, [secret]);
        assert_eq!(probes(&view, &view, true), []);
        assert_eq!(probes(&[], &view, true), []);
        let paths = [Rule {
            urls: vec!["/metrics/*".to_owned()],
            ..rule(&[], &[], &["get"])
        }];
        let path = Probe::Url {
            verb: "get".to_owned(),
            path: "/metrics/".to_owned(),
        };
        assert_eq!(probes(&paths, &[], true), [path]);
        assert_eq!(probes(&paths, &[], false), []);
        let named = [Rule {
            names: vec!["one".to_owned()],
            ..rule(&["*"], &["*/log"], &["*"])
        }];
        let asked = probes(&named, &view, true);
        let [Probe::Object { name, .. }] = asked.as_slice() else {
            panic!("one question, not {asked:?}");
        };
        assert_eq!(name, "one");
    }
}
