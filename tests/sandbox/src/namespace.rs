//! The end of a namespace: what is in it is deleted, and it goes when all of that is gone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::delete;
use crate::object::{self, texts};
use crate::resource::{self, Resource};
use crate::world::World;

/// What the controller says of each of its steps when nothing is in the way.
const CONDITIONS: [(&str, &str, &str); 5] = [
    (
        "NamespaceDeletionDiscoveryFailure",
        "ResourcesDiscovered",
        "All resources successfully discovered",
    ),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    (
        "NamespaceContentRemaining",
        "ContentRemoved",
        "All content successfully removed",
    ),
    (
        "NamespaceFinalizersRemaining",
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    ),
];

/// What finalizers keep in a namespace, counted by resource and by finalizer.
#[derive(Default)]
struct Remaining {
    resources: BTreeMap<String, usize>,
    finalizers: BTreeMap<String, usize>,
}

impl World {
    /// Deletes what is in a namespace whose deletion has begun, and the namespace itself when
    /// nothing is left. What finalizers keep is begun, and keeps the namespace.
    pub(crate) fn finish_namespace(&mut self, name: &str) {
        let namespaces = resource::named("namespaces");
        let Some(live) = self.store.get(namespaces, "", name).cloned() else {
            return;
        };
        if !object::is_terminating(&live) {
            return;
        }
        let remaining = self.empty_namespace(name);
        let mut after = live.clone();
        after["status"] = remaining.status(&live);
        if remaining.resources.is_empty() {
            after["spec"] = json!({});
            if object::items(&live, "/metadata/finalizers").is_empty() {
                self.store.remove(namespaces, "", name);
                return;
            }
        }
        if after != live {
            self.store.put(namespaces, after);
        }
    }

    /// Every namespace whose deletion has begun.
    pub(crate) fn terminating_namespaces(&self) -> Vec<String> {
        self.store
            .list(resource::named("namespaces"), None)
            .filter(|namespace| object::is_terminating(namespace))
            .map(|namespace| object::name(namespace).to_owned())
            .collect()
    }

    fn empty_namespace(&mut self, name: &str) -> Remaining {
        let mut remaining = Remaining::default();
        let namespaced = resource::all()
            .iter()
            .filter(|resource| resource.namespaced && resource.is_stored());
        for resource in namespaced {
            let all: Vec<Value> = self.store.list(resource, Some(name)).cloned().collect();
            for mut object in all {
                let finalizers = texts(&object, "/metadata/finalizers");
                if finalizers.is_empty() {
                    self.store.remove(resource, name, object::name(&object));
                    continue;
                }
                remaining.count(resource, &finalizers);
                if delete::begin(&mut object) {
                    self.store.put(resource, object);
                }
            }
        }
        remaining
    }
}

impl Remaining {
    fn count(&mut self, resource: &Resource, finalizers: &[&str]) {
        let resource = format!("{}.{}", resource.plural, resource.group);
        *self.resources.entry(resource).or_default() += 1;
        for finalizer in finalizers {
            *self.finalizers.entry((*finalizer).to_owned()).or_default() += 1;
        }
    }

    /// The status of the namespace, with the times of the conditions that did not change.
    fn status(&self, live: &Value) -> Value {
        let before = object::items(live, "/status/conditions");
        let conditions: Vec<Value> = CONDITIONS
            .iter()
            .map(|(kind, reason, message)| {
                let found = self.found(kind);
                let status = if found.is_some() { "True" } else { "False" };
                let (reason, message) = found.unwrap_or((reason, (*message).to_owned()));
                let same = before.iter().find(|condition| {
                    object::text(condition, "/type") == *kind
                        && object::text(condition, "/status") == status
                });
                let since = same.map(|condition| object::text(condition, "/lastTransitionTime"));
                json!({
                    "type": kind,
                    "status": status,
                    "lastTransitionTime": since.map_or_else(object::now, str::to_owned),
                    "reason": reason,
                    "message": message,
                })
            })
            .collect();
        json!({ "phase": "Terminating", "conditions": conditions })
    }

    fn found(&self, condition: &str) -> Option<(&'static str, String)> {
        let list = |counts: &BTreeMap<String, usize>, between: &str| {
            let parts: Vec<String> = counts
                .iter()
                .map(|(what, count)| format!("{what} {between} {count} resource instances"))
                .collect();
            parts.join(", ")
        };
        if self.resources.is_empty() {
            return None;
        }
        match condition {
            "NamespaceContentRemaining" => Some((
                "SomeResourcesRemain",
                format!(
                    "Some resources are remaining: {}",
                    list(&self.resources, "has")
                ),
            )),
            "NamespaceFinalizersRemaining" => Some((
                "SomeFinalizersRemain",
                format!(
                    "Some content in the namespace has finalizers remaining: {}",
                    list(&self.finalizers, "in")
                ),
            )),
            _ => None,
        }
    }
}
