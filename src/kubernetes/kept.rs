//! What is kept of the bindings and roles of a cluster, and what is thought of those that could not
//! be read: the worst, within the namespace they are in.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::rbac::v1 as rbac;
use kube::api::ObjectMeta;

use super::list::{Found, Kept, Outline};
use super::objects;
use crate::domain::power::{Binding, RoleRef, Roles, Rule, Subject};
use crate::domain::text::clean;

/// What an unread binding may give.
const WORST_ROLE: &str = "cluster-admin";
/// The label of a ClusterRole that is aggregated into another begins so.
const AGGREGATES: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// What is kept of a binding.
#[derive(Debug)]
pub(super) struct KeptBinding {
    /// Its uid, version, labels and end.
    pub(super) meta: ObjectMeta,
    /// Itself; for anybody, where it could not be read.
    pub(super) binding: Binding,
    /// Whether it could not be read.
    pub(super) is_unread: bool,
}

impl Kept for KeptBinding {
    fn weight(&self) -> usize {
        let words = self.binding.subjects.iter().map(|subject| match subject {
            Subject::Account { namespace, name } => namespace.len() + name.len(),
            Subject::User(name) | Subject::Group(name) => name.len(),
        });
        let each = size_of::<Subject>() + 32;
        size_of::<Self>() + 256 + words.map(|length| length + each).sum::<usize>()
    }

    fn is_ours(&self) -> bool {
        let labels = self.meta.labels.as_ref();
        labels.is_some_and(|labels| labels.contains_key(objects::INSTALLATION))
    }
}

/// Keeps a ClusterRoleBinding.
pub(super) fn cluster_binding(found: Found<rbac::ClusterRoleBinding>) -> KeptBinding {
    match found {
        Found::Object(found) => read(found.metadata, &found.role_ref, found.subjects.as_ref()),
        Found::TooLarge(outline) => unread(*outline),
    }
}

/// Keeps a RoleBinding.
pub(super) fn role_binding(found: Found<rbac::RoleBinding>) -> KeptBinding {
    match found {
        Found::Object(found) => read(found.metadata, &found.role_ref, found.subjects.as_ref()),
        Found::TooLarge(outline) => unread(*outline),
    }
}

/// The bindings that could not be read.
#[derive(Debug, Default)]
pub(super) struct Unread {
    /// One for each role in each namespace.
    bindings: Vec<Binding>,
    known: BTreeSet<(Option<String>, bool, String)>,
    /// The first of each namespace by name, and how many there are.
    places: BTreeMap<Option<String>, (String, usize)>,
}

impl Unread {
    /// Adds a binding.
    pub(super) fn add(&mut self, binding: Binding) {
        let place = self.places.entry(binding.namespace.clone());
        place.or_insert_with(|| (clean(&binding.name), 0)).1 += 1;
        let is_role = binding.role.kind() == "Role";
        let role = binding.role.name().to_owned();
        if self
            .known
            .insert((binding.namespace.clone(), is_role, role))
        {
            self.bindings.push(binding);
        }
    }

    /// What they may give, to any account: the worst that is known to be possible.
    pub(super) fn at_worst(&self) -> &[Binding] {
        &self.bindings
    }

    /// What could not be read, in words, by namespace.
    pub(super) fn description(&self) -> impl Iterator<Item = (Option<&String>, String)> {
        self.places.iter().map(|(namespace, (name, count))| {
            let words = match (name.as_str(), count) {
                ("", _) => "its RoleBindings could not be read to the end".to_owned(),
                (name, 1) => format!("binding '{name}' is too large to be read"),
                (name, count) => {
                    format!(
                        "binding '{name}' and {} more are too large to be read",
                        count - 1
                    )
                }
            };
            (namespace.as_ref(), words)
        })
    }
}

/// What the RoleBindings of a namespace may be whose list could not be read to its end.
pub(super) fn anything_in(namespace: &str) -> Binding {
    Binding {
        namespace: Some(namespace.to_owned()),
        name: String::new(),
        role: RoleRef::Cluster(WORST_ROLE.to_owned()),
        subjects: vec![anybody(Some(namespace))],
    }
}

/// To whom an unread binding may give its role: to any account, of its own namespace where it has
/// one. Whoever writes there gives accounts of other namespaces no more than they could take.
fn anybody(namespace: Option<&str>) -> Subject {
    Subject::Group(match namespace {
        None => "system:serviceaccounts".to_owned(),
        Some(namespace) => format!("system:serviceaccounts:{namespace}"),
    })
}

fn read(
    meta: ObjectMeta,
    role: &rbac::RoleRef,
    subjects: Option<&Vec<rbac::Subject>>,
) -> KeptBinding {
    KeptBinding {
        binding: objects::binding(&meta, role, subjects),
        meta: slim(meta),
        is_unread: false,
    }
}

fn unread(outline: Outline) -> KeptBinding {
    let role = outline.role().map_or_else(
        || RoleRef::Cluster(WORST_ROLE.to_owned()),
        objects::role_ref,
    );
    let meta = outline.into_meta();
    let name = meta.name.as_deref().unwrap_or_default();
    // A name may be a megabyte long; those of ours are not.
    let name = if name.len() > 512 {
        clean(name)
    } else {
        name.to_owned()
    };
    KeptBinding {
        binding: Binding {
            namespace: meta.namespace.clone(),
            name,
            role,
            subjects: vec![anybody(meta.namespace.as_deref())],
        },
        meta: slim(meta),
        is_unread: true,
    }
}

/// The part of the metadata that says whose an object is, and which.
pub(super) fn slim(meta: ObjectMeta) -> ObjectMeta {
    let ours = [
        objects::MANAGED_BY,
        objects::INSTALLATION,
        objects::USER,
        objects::CREDENTIAL,
    ];
    let only = |map: Option<BTreeMap<String, String>>| {
        let mut map = map?;
        map.retain(|key, _| ours.contains(&key.as_str()));
        (!map.is_empty()).then_some(map)
    };
    ObjectMeta {
        name: meta.name,
        namespace: meta.namespace,
        uid: meta.uid,
        resource_version: meta.resource_version,
        deletion_timestamp: meta.deletion_timestamp,
        finalizers: meta.finalizers,
        labels: only(meta.labels),
        annotations: only(meta.annotations),
        ..ObjectMeta::default()
    }
}

/// What is kept of a role.
#[derive(Debug)]
pub(super) struct KeptRole {
    /// Its namespace; `None` for a ClusterRole.
    pub(super) namespace: Option<String>,
    /// Its name.
    pub(super) name: String,
    /// The roles that it is aggregated into.
    pub(super) aggregated_into: Vec<String>,
    /// Its rules; everything, where it could not be read.
    pub(super) rules: Vec<Rule>,
}

impl Kept for KeptRole {
    fn weight(&self) -> usize {
        let of = |list: &Vec<String>| -> usize { list.iter().map(Kept::weight).sum() };
        let rules = self.rules.iter().map(|rule| {
            let lists = [
                &rule.groups,
                &rule.resources,
                &rule.verbs,
                &rule.names,
                &rule.urls,
            ];
            size_of::<Rule>() + lists.into_iter().map(of).sum::<usize>()
        });
        size_of::<Self>() + self.name.len() + rules.sum::<usize>()
    }
}

/// Keeps a ClusterRole.
pub(super) fn cluster_role(found: Found<rbac::ClusterRole>) -> KeptRole {
    match found {
        Found::Object(role) => kept_role(role.metadata, objects::rules(role.rules)),
        Found::TooLarge(outline) => kept_role(outline.into_meta(), vec![everything()]),
    }
}

/// Keeps a Role.
pub(super) fn role(found: Found<rbac::Role>) -> KeptRole {
    match found {
        Found::Object(role) => kept_role(role.metadata, objects::rules(role.rules)),
        Found::TooLarge(outline) => kept_role(outline.into_meta(), vec![everything()]),
    }
}

fn kept_role(meta: ObjectMeta, rules: Vec<Rule>) -> KeptRole {
    let labels = meta.labels.into_iter().flatten();
    let is_true = labels.filter(|(_, value)| value == "true");
    KeptRole {
        aggregated_into: is_true
            .filter_map(|(label, _)| label.strip_prefix(AGGREGATES).map(str::to_owned))
            .collect(),
        namespace: meta.namespace,
        name: meta.name.unwrap_or_default(),
        rules,
    }
}

/// The rule that an unread role may have.
fn everything() -> Rule {
    let all = || vec!["*".to_owned()];
    Rule {
        groups: all(),
        resources: all(),
        verbs: all(),
        names: Vec::new(),
        urls: all(),
    }
}

/// Takes the Roles for everything that are bound in a namespace whose Roles could not be read.
pub(super) fn assume_roles(roles: &mut Roles, unread: &[String], bindings: &[Binding]) {
    for binding in bindings {
        let (Some(namespace), RoleRef::Namespaced(name)) = (&binding.namespace, &binding.role)
        else {
            continue;
        };
        if unread.contains(namespace) {
            let key = (namespace.clone(), name.clone());
            let rules = roles.namespaced.entry(key);
            rules.or_insert_with(|| vec![everything()]);
        }
    }
}
