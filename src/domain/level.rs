//! What `read` and `write` carry of the cluster's own `view` and `edit`.
//!
//! Both are aggregated: whoever makes a ClusterRole with the right label adds to them. An object
//! that one may make there can be an order to a controller with cluster-admin. So `write` carries
//! Kubernetes' own part of `edit`, and of the rest what is known to be harmless or was allowed by
//! name; `read` carries what only reads, Secrets and tokens apart. The labels of the roles prove
//! nothing: it is judged rule by rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::escalation;
use super::power::{Roles, Rule, covers, has};

mod harmless;

/// A level that is made of an aggregated ClusterRole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// `view`.
    Read,
    /// `edit`.
    Write,
}

impl Part {
    /// The ClusterRole that it is a part of, and the last word of our own role's name.
    pub(crate) fn role(self) -> &'static str {
        match self {
            Self::Read => "view",
            Self::Write => "edit",
        }
    }
}

/// Resources of others that an operator allowed to `write`: `GROUP/RESOURCE` or `GROUP/*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Allowed {
    group: String,
    resource: String,
}

impl Allowed {
    /// Why it should not be allowed without a second thought, where that is known.
    pub(crate) fn warning(&self) -> Option<String> {
        escalation::deputy(&self.group, &self.resource).map(str::to_owned)
    }

    fn is_about(&self, group: &str, resource: &str) -> bool {
        let kind = resource.split('/').next().unwrap_or(resource);
        self.group == group && (self.resource == "*" || self.resource == kind)
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.resource)
    }
}

impl FromStr for Allowed {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        let shown = input.escape_default();
        let bad = || {
            format!(
                "'{shown}' is no `GROUP/RESOURCE` or `GROUP/*`, such as \
                 'postgresql.cnpg.io/clusters'"
            )
        };
        let (group, resource) = input.split_once('/').ok_or_else(bad)?;
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        let is_name = |text: &str| {
            let length = (1..=253).contains(&text.len());
            length && text.chars().all(good) && !text.starts_with(['-', '.'])
        };
        if !is_name(group) || resource != "*" && !is_name(resource) {
            return Err(bad());
        }
        if escalation::is_kubernetes(group) {
            return Err(format!(
                "'{group}' is a group of Kubernetes itself: write carries what `edit` has of it"
            ));
        }
        Ok(Self {
            group: group.to_owned(),
            resource: resource.to_owned(),
        })
    }
}

/// Whether an operator allowed objects of this kind.
pub(crate) fn is_allowed(allowed: &BTreeSet<Allowed>, group: &str, resource: &str) -> bool {
    allowed.iter().any(|it| it.is_about(group, resource))
}

/// What a level leaves out of its ClusterRole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Of which level.
    pub(crate) part: Part,
    /// The API group.
    pub(crate) group: String,
    /// The resource, or a path.
    pub(crate) resource: String,
    /// The verbs.
    pub(crate) verbs: BTreeSet<String>,
    /// The reason.
    pub(crate) why: String,
    /// The ClusterRoles that it came from.
    pub(crate) from: BTreeSet<String>,
}

impl LeftOut {
    /// What an operator would allow, where that can be.
    pub(crate) fn allowed_by(&self) -> Option<Allowed> {
        let line = format!("{}/{}", self.group, self.resource);
        let kind = line.splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
        (self.part == Part::Write).then(|| kind.parse().ok())?
    }
}

/// What a level carries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Carried {
    /// The rules, in a fixed order.
    pub(crate) rules: Vec<Rule>,
    /// What is left out; where there is nothing, the level is the ClusterRole itself.
    pub(crate) left_out: Vec<LeftOut>,
}

/// Verbs that only read.
const READS: [&str; 3] = ["get", "list", "watch"];

/// One verb on one kind of object.
struct Asked<'a> {
    group: &'a str,
    resource: &'a str,
    verb: &'a str,
    names: &'a [String],
}

impl Asked<'_> {
    fn rule(&self) -> Rule {
        Rule {
            groups: vec![self.group.to_owned()],
            resources: vec![self.resource.to_owned()],
            verbs: vec![self.verb.to_owned()],
            names: self.names.to_vec(),
            urls: vec![],
        }
    }

    fn is_read(&self) -> bool {
        READS.contains(&self.verb)
    }

    /// Why a level does not carry it; `None` if it does.
    fn is_left_out(&self, part: Part, allowed: &BTreeSet<Allowed>) -> Option<String> {
        match part {
            Part::Read => self.is_left_out_of_read(),
            Part::Write => self.is_left_out_of_write(allowed),
        }
    }

    /// `read` is bound cluster-wide.
    fn is_left_out_of_read(&self) -> Option<String> {
        let why = escalation::leads_anywhere(&self.rule());
        if let Some(why) = why {
            return Some(format!("it gives {why}"));
        }
        let asks = escalation::is_kubernetes(self.group);
        (!self.is_read() && !asks).then(|| "it does more than read".to_owned())
    }

    /// `write` is bound in namespaces that are like any other.
    fn is_left_out_of_write(&self, allowed: &BTreeSet<Allowed>) -> Option<String> {
        if self.is_read() {
            return None;
        }
        if is_allowed(allowed, self.group, self.resource) {
            return None;
        }
        if let Some(why) = escalation::leads_out(&self.rule()) {
            return Some(why);
        }
        if self.group == "*" {
            return Some("it is about every group, those of controllers too".to_owned());
        }
        let is_known = escalation::is_kubernetes(self.group)
            || harmless::harmless(self.group, self.resource).is_some();
        (!is_known).then(|| "what acts on it, and with which rights, is not known".to_owned())
    }
}

/// Works out what a level carries of the rules of its ClusterRole.
pub(crate) fn carried(part: Part, roles: &Roles, allowed: &BTreeSet<Allowed>) -> Carried {
    let mut found = Carried::default();
    let mut out: BTreeMap<(String, String), LeftOut> = BTreeMap::new();
    let none = Vec::new();
    let rules = roles.cluster.get(part.role()).unwrap_or(&none);
    for rule in rules {
        for url in rule.urls.iter().filter(|_| part == Part::Read) {
            let only_asks = rule.verbs.iter().all(|verb| verb == "get");
            if only_asks {
                continue;
            }
            out.entry((String::new(), url.clone()))
                .or_insert_with(|| LeftOut {
                    part,
                    group: String::new(),
                    resource: url.clone(),
                    verbs: rule.verbs.iter().cloned().collect(),
                    why: "it does more than read".to_owned(),
                    from: origins(part, roles, |other| has(&other.urls, url)),
                });
        }
        for group in &rule.groups {
            for resource in &rule.resources {
                let mut kept = BTreeSet::new();
                // A star is its reads and the rest.
                let star = has(&rule.verbs, "*");
                let reads = READS.iter().filter(|_| star).map(|verb| (*verb).to_owned());
                let verbs: BTreeSet<String> = rule.verbs.iter().cloned().chain(reads).collect();
                for verb in verbs {
                    let asked = Asked {
                        group,
                        resource,
                        verb: &verb,
                        names: &rule.names,
                    };
                    let Some(why) = asked.is_left_out(part, allowed) else {
                        kept.insert(verb);
                        continue;
                    };
                    let key = (group.clone(), resource.clone());
                    let left = out.entry(key).or_insert_with(|| LeftOut {
                        part,
                        group: group.clone(),
                        resource: resource.clone(),
                        verbs: BTreeSet::new(),
                        why,
                        from: origins(part, roles, |other| covers(other, group, resource, &verb)),
                    });
                    left.verbs.insert(verb);
                }
                if kept.contains("*") {
                    kept = ["*".to_owned()].into();
                }
                if !kept.is_empty() {
                    found.rules.push(Rule {
                        groups: vec![group.clone()],
                        resources: vec![resource.clone()],
                        verbs: kept.into_iter().collect(),
                        names: rule.names.clone(),
                        urls: vec![],
                    });
                }
            }
        }
        if part == Part::Read && !rule.urls.is_empty() && rule.verbs.iter().all(|it| it == "get") {
            found.rules.push(Rule {
                urls: rule.urls.clone(),
                verbs: rule.verbs.clone(),
                ..Rule::default()
            });
        }
    }
    found.rules = in_order(found.rules);
    found.left_out = out.into_values().collect();
    found
}

/// The roles that were aggregated into a level's and give this.
fn origins(part: Part, roles: &Roles, gives: impl Fn(&Rule) -> bool) -> BTreeSet<String> {
    let labels: &[&str] = match part {
        Part::Read => &["view"],
        Part::Write => &["edit", "view"],
    };
    let labelled = labels
        .iter()
        .filter_map(|label| roles.aggregated.get(*label))
        .flatten()
        .filter(|name| !matches!(name.as_str(), "view" | "edit" | "admin"))
        .filter(|name| {
            let rules = roles.cluster.get(*name);
            rules.is_some_and(|rules| rules.iter().any(&gives))
        });
    let found: BTreeSet<String> = labelled.cloned().collect();
    if found.is_empty() {
        // Whoever wrote it into the role itself.
        return [part.role().to_owned()].into();
    }
    found
}

/// Rules in one order, with the resources of equal ones together: what is stored is compared.
pub(crate) fn in_order(rules: Vec<Rule>) -> Vec<Rule> {
    type Key = (Vec<String>, Vec<String>, Vec<String>, Vec<String>);
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list.dedup();
        list
    };
    let mut together: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    for rule in rules {
        let key = (
            sorted(rule.groups),
            sorted(rule.verbs),
            sorted(rule.names),
            sorted(rule.urls),
        );
        together.entry(key).or_default().extend(rule.resources);
    }
    together
        .into_iter()
        .map(|((groups, verbs, names, urls), resources)| Rule {
            groups,
            resources: sorted(resources),
            verbs,
            names,
            urls,
        })
        .collect()
}

#[cfg(test)]
mod tests;
