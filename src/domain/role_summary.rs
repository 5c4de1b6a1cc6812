//! What a role allows: in a line, and as questions to an API server.

use std::collections::BTreeSet;

use super::power::{Rule, covers, has};

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

    fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Rule {
        let own = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
        Rule {
            groups: own(groups),
            resources: own(resources),
            verbs: own(verbs),
            ..Rule::default()
        }
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
