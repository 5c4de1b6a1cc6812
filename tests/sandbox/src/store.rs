//! Keeps the objects, counts revisions, and tells watchers what changes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::object;
use crate::resource::{self, Resource};
use crate::selector::Selection;

/// How many changes a late watcher can still be told of.
const HISTORY: usize = 4096;

type Key = (usize, String, String);

/// A stored object, and its JSON once somebody has asked for it.
pub(crate) struct Stored {
    value: Value,
    item: OnceLock<String>,
}

impl Stored {
    fn new(value: Value) -> Stored {
        Stored {
            value,
            item: OnceLock::new(),
        }
    }

    /// The object, with apiVersion and kind.
    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    /// The JSON of the object as an item of a list: without apiVersion and kind.
    pub(crate) fn item(&self) -> &str {
        self.item.get_or_init(|| {
            // `arrange` writes these two first, so the rest needs no second look.
            let text = self.value.to_string();
            let rest = text.strip_prefix(&self.head()).map(str::to_owned);
            rest.map_or(text, |rest| format!("{{{rest}"))
        })
    }

    /// The JSON of the whole object.
    pub(crate) fn whole(&self) -> String {
        format!("{}{}", self.head(), &self.item()[1..])
    }

    fn head(&self) -> String {
        let (kind, version) = (&self.value["kind"], &self.value["apiVersion"]);
        format!("{{\"kind\":{kind},\"apiVersion\":{version},")
    }
}

/// Every stored object, full, with `apiVersion` and kind.
pub(crate) struct Store {
    objects: BTreeMap<Key, Arc<Stored>>,
    revision: u64,
    history: VecDeque<Change>,
    /// The oldest revision whose state is still known.
    oldest: u64,
    watchers: Vec<Watcher>,
}

/// One change of one object.
#[derive(Clone)]
struct Change {
    revision: u64,
    resource: usize,
    event: &'static str,
    object: Arc<Stored>,
    /// What the object was before; absent where it came to be.
    before: Option<Arc<Stored>>,
}

/// The name of an event, and the object.
pub(crate) type Event = (&'static str, Arc<Stored>);

/// Someone who wants to be told.
pub(crate) struct Watcher {
    /// The table position of the watched resource.
    pub(crate) resource: usize,
    /// Which of its objects.
    pub(crate) selection: Selection,
    /// Where to tell it.
    pub(crate) sender: UnboundedSender<Event>,
}

impl Store {
    /// An empty store.
    pub(crate) fn new() -> Store {
        Store {
            objects: BTreeMap::new(),
            revision: 1,
            history: VecDeque::new(),
            oldest: 0,
            watchers: Vec::new(),
        }
    }

    /// What there is now, for somebody who is not told of what comes.
    pub(crate) fn snapshot(&self) -> Store {
        Store {
            objects: self.objects.clone(),
            revision: self.revision,
            history: VecDeque::new(),
            oldest: self.revision,
            watchers: Vec::new(),
        }
    }

    /// The revision of the last change.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// One object.
    pub(crate) fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Option<&Value> {
        self.find(resource, namespace, name).map(Stored::value)
    }

    /// One object as it is stored.
    pub(crate) fn find(&self, resource: &Resource, namespace: &str, name: &str) -> Option<&Stored> {
        let key = (resource.index, namespace.to_owned(), name.to_owned());
        self.objects.get(&key).map(Arc::as_ref)
    }

    /// The objects of a resource, by namespace and name; of one namespace, if it is given.
    pub(crate) fn list<'a>(
        &'a self,
        resource: &Resource,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Value> {
        self.range(resource, namespace).map(|stored| &stored.value)
    }

    /// The same, as they are stored.
    pub(crate) fn range<'a>(
        &'a self,
        resource: &Resource,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Stored> {
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
            .map(|(_, stored)| stored.as_ref())
    }

    /// The same as they were at an earlier revision, which the later changes are undone for; none
    /// when that is no longer known.
    pub(crate) fn range_at<'a>(
        &'a self,
        resource: &Resource,
        namespace: Option<&'a str>,
        revision: u64,
    ) -> Option<Vec<&'a Stored>> {
        if revision < self.oldest {
            return None;
        }
        let name_of = |stored: &'a Stored| {
            let object = stored.value();
            (object::namespace(object), object::name(object))
        };
        let mut then: BTreeMap<(&str, &str), &Stored> = self
            .range(resource, namespace)
            .map(|stored| (name_of(stored), stored))
            .collect();
        let later = self.history.iter().rev();
        for change in later.take_while(|change| change.revision > revision) {
            let name = name_of(&change.object);
            let elsewhere = namespace.is_some_and(|namespace| namespace != name.0);
            if change.resource != resource.index || elsewhere {
                continue;
            }
            match &change.before {
                Some(before) => then.insert(name, before),
                None => then.remove(&name),
            };
        }
        Some(then.into_values().collect())
    }

    /// Forgets every state but the present one, as etcd's compaction does.
    pub(crate) fn compact(&mut self) {
        self.history.clear();
        self.oldest = self.revision;
    }

    /// Every object there is.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Value> {
        self.objects.values().map(|stored| &stored.value)
    }

    /// Stores an object under its name, gives it a new resource version, and returns it.
    pub(crate) fn put(&mut self, resource: &Resource, mut object: Value) -> Value {
        self.revision += 1;
        let key = key(resource, &object);
        object::set(&mut object, "resourceVersion", self.revision.to_string());
        let object = object::arrange(object, resource.kind, &resource.api_version());
        let stored = Arc::new(Stored::new(object.clone()));
        let before = self.objects.insert(key, stored.clone());
        let event = if before.is_some() {
            "MODIFIED"
        } else {
            "ADDED"
        };
        self.tell(resource.index, event, stored, before);
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
        let before = self.objects.remove(&key)?;
        let mut object = before.value.clone();
        self.revision += 1;
        object::set(&mut object, "resourceVersion", self.revision.to_string());
        self.tell(
            resource.index,
            "DELETED",
            Arc::new(Stored::new(object.clone())),
            Some(before),
        );
        Some(object)
    }

    /// Adds a watcher. It is told of every change after `since`, and, where `since` is absent, of
    /// all that exists. `bookmarked` adds a bookmark behind what exists.
    pub(crate) fn watch(&mut self, watcher: Watcher, since: Option<u64>, bookmarked: bool) {
        if let Some(since) = since {
            for change in self.history.iter().filter(|change| change.revision > since) {
                watcher.tell(change);
            }
        } else {
            for ((index, _, _), object) in &self.objects {
                if *index == watcher.resource {
                    watcher.tell(&Change {
                        revision: 0,
                        resource: watcher.resource,
                        event: "ADDED",
                        object: object.clone(),
                        before: None,
                    });
                }
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
            let bookmark = Arc::new(Stored::new(bookmark));
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

    fn tell(
        &mut self,
        resource: usize,
        event: &'static str,
        object: Arc<Stored>,
        before: Option<Arc<Stored>>,
    ) {
        let change = Change {
            revision: self.revision,
            resource,
            event,
            object,
            before,
        };
        self.watchers.retain(|watcher| !watcher.sender.is_closed());
        for watcher in &self.watchers {
            watcher.tell(&change);
        }
        self.history.push_back(change);
        if self.history.len() > HISTORY
            && let Some(forgotten) = self.history.pop_front()
        {
            self.oldest = forgotten.revision;
        }
    }
}

impl Watcher {
    fn tell(&self, change: &Change) {
        if change.resource == self.resource && self.selection.matches(&change.object.value) {
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
