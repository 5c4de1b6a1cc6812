//! Keeps the objects, counts revisions, and tells watchers what changes.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::object;
use crate::resource::{self, Resource};
use crate::selector::Selection;

/// How many changes a late watcher can still be told of.
const HISTORY: usize = 4096;

type Key = (usize, String, String);

/// Every stored object, full, with `apiVersion` and kind.
pub(crate) struct Store {
    objects: BTreeMap<Key, Value>,
    revision: u64,
    history: VecDeque<Change>,
    watchers: Vec<Watcher>,
}

/// One change of one object.
#[derive(Clone)]
struct Change {
    revision: u64,
    resource: usize,
    event: &'static str,
    object: Value,
}

/// Someone who wants to be told.
pub(crate) struct Watcher {
    /// The table position of the watched resource.
    pub(crate) resource: usize,
    /// Which of its objects.
    pub(crate) selection: Selection,
    /// Where to tell it: the event's name, and the object.
    pub(crate) sender: UnboundedSender<(&'static str, Value)>,
}

impl Store {
    /// An empty store.
    pub(crate) fn new() -> Store {
        Store {
            objects: BTreeMap::new(),
            revision: 1,
            history: VecDeque::new(),
            watchers: Vec::new(),
        }
    }

    /// The revision of the last change.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// One object.
    pub(crate) fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Option<&Value> {
        self.objects
            .get(&(resource.index, namespace.to_owned(), name.to_owned()))
    }

    /// The objects of a resource, by namespace and name; of one namespace, if it is given.
    pub(crate) fn list<'a>(
        &'a self,
        resource: &Resource,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Value> {
        let index = resource.index;
        let start = (
            index,
            namespace.unwrap_or_default().to_owned(),
            String::new(),
        );
        self.objects
            .range(start..)
            .take_while(move |((at, within, _), _)| {
                *at == index && namespace.is_none_or(|namespace| namespace == within)
            })
            .map(|(_, object)| object)
    }

    /// Every object there is.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Value> {
        self.objects.values()
    }

    /// Stores an object under its name, gives it a new resource version, and returns it.
    pub(crate) fn put(&mut self, resource: &Resource, object: Value) -> Value {
        self.revision += 1;
        let key = key(resource, &object);
        let mut object = object::arrange(object, resource.kind, &resource.api_version());
        object::set(&mut object, "resourceVersion", self.revision.to_string());
        let object = object::arrange(object, resource.kind, &resource.api_version());
        let event = match self.objects.insert(key, object.clone()) {
            Some(_) => "MODIFIED",
            None => "ADDED",
        };
        self.tell(resource.index, event, object.clone());
        object
    }

    /// Takes an object away and returns it with the revision of its end.
    pub(crate) fn remove(
        &mut self,
        resource: &Resource,
        namespace: &str,
        name: &str,
    ) -> Option<Value> {
        let key = (resource.index, namespace.to_owned(), name.to_owned());
        let mut object = self.objects.remove(&key)?;
        self.revision += 1;
        object::set(&mut object, "resourceVersion", self.revision.to_string());
        self.tell(resource.index, "DELETED", object.clone());
        Some(object)
    }

    /// Takes away everything inside a namespace.
    pub(crate) fn remove_namespaced(&mut self, namespace: &str) {
        let doomed: Vec<Key> = self
            .objects
            .keys()
            .filter(|(_, within, _)| within == namespace)
            .cloned()
            .collect();
        for (index, within, name) in doomed {
            self.remove(&resource::all()[index], &within, &name);
        }
    }

    /// Adds a watcher. It is told of every change after `since`, and, where `since` is absent, of
    /// all that exists. `bookmarked` adds a bookmark behind what exists.
    pub(crate) fn watch(&mut self, watcher: Watcher, since: Option<u64>, bookmarked: bool) {
        if let Some(since) = since {
            for change in self.history.iter().filter(|change| change.revision > since) {
                watcher.tell(change);
            }
        } else {
            let namespace = watcher.selection.namespace.as_deref();
            for object in self.list(&resource::all()[watcher.resource], namespace) {
                watcher.tell(&Change {
                    revision: 0,
                    resource: watcher.resource,
                    event: "ADDED",
                    object: object.clone(),
                });
            }
        }
        if bookmarked {
            let resource = &resource::all()[watcher.resource];
            let bookmark = json!({
                "kind": resource.kind,
                "apiVersion": resource.api_version(),
                "metadata": {
                    "resourceVersion": self.revision.to_string(),
                    "annotations": { "k8s.io/initial-events-end": "true" },
                },
            });
            watcher
                .sender
                .send(("BOOKMARK", bookmark))
                .unwrap_or_default();
        }
        self.watchers.push(watcher);
    }

    /// Ends every watch.
    pub(crate) fn end_watches(&mut self) {
        self.watchers.clear();
    }

    fn tell(&mut self, resource: usize, event: &'static str, object: Value) {
        let change = Change {
            revision: self.revision,
            resource,
            event,
            object,
        };
        self.watchers.retain(|watcher| !watcher.sender.is_closed());
        for watcher in &self.watchers {
            watcher.tell(&change);
        }
        self.history.push_back(change);
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }
}

impl Watcher {
    fn tell(&self, change: &Change) {
        if change.resource == self.resource && self.selection.matches(&change.object) {
            // A receiver that went away is dropped at the next change.
            self.sender
                .send((change.event, change.object.clone()))
                .unwrap_or_default();
        }
    }
}

fn key(resource: &Resource, object: &Value) -> Key {
    let namespace = if resource.namespaced {
        object::namespace(object)
    } else {
        ""
    };
    (
        resource.index,
        namespace.to_owned(),
        object::name(object).to_owned(),
    )
}
