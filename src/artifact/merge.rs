//! Merges entries into the user's own kubeconfig, and takes them out again.
//!
//! Everything else in it stays. Where the file has the usual layout, every other line stays byte
//! for byte, comments too: only whole lines of our entries come and go. What comes out is read
//! back, and compared with what should be there; if it is not that, the file is written anew from
//! the tree, without its comments, and if even that differs, nothing is written at all.
//!
//! Our entries carry a mark, as `extensions` do for minikube: which installation, which cluster,
//! whose. Only by it are they known as ours. An entry of the same name without the mark is
//! somebody else's, and is left alone.

mod error;
mod found;
mod kubectl;
mod names;
mod splice;
#[cfg(test)]
mod tests;
mod tree;

use zeroize::Zeroizing;

use super::kubeconfig::{KubeconfigFields, render_items};
use crate::domain::KUBECONFIG_BYTES_MAX;
use crate::domain::installation::InstallationId;
use crate::domain::subject::SubjectName;
pub(crate) use error::MergeError;
pub(crate) use found::{FoundKind, FoundLogin, logins, tokens_alone};
pub(super) use names::Names;
use names::names_to_be;
use splice::Edits;
use tree::{Node, Placed, View};

/// The largest kubeconfig that is merged into, in bytes.
pub(crate) const BYTES_MAX: usize = KUBECONFIG_BYTES_MAX;

/// The name of the extension that marks our entries.
pub(super) const MARK: &str = "kubegrant.io";

/// By what our entries are known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The id of the installation.
    pub(crate) installation: InstallationId,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// Whose it is; `None` is everybody's.
    pub(crate) subject: Option<SubjectName>,
}

/// One hand-over to merge.
pub(crate) struct Addition<'a> {
    /// What goes into the entries.
    pub(crate) fields: &'a KubeconfigFields,
    /// By what they are known again.
    pub(crate) mark: &'a Mark,
    /// Whether the context's name was chosen now; a name that the user gave it before goes else.
    pub(crate) context_is_chosen: bool,
}

/// A kubeconfig after the change.
pub(crate) struct Merged {
    /// Its text.
    pub(crate) text: Zeroizing<String>,
    /// Whether it was written anew, and its comments are lost.
    pub(crate) rewritten: bool,
    /// Contexts of others that refer to a user that is gone.
    pub(crate) dangling: Vec<String>,
    /// The context that is current now, where it was changed; empty for none.
    pub(crate) current: Option<String>,
    /// Entries of ours that others' contexts use, and that stay for them.
    pub(crate) kept: Vec<String>,
    /// How many entries came or went.
    pub(crate) changed: usize,
}

/// A list of a kubeconfig: its key, and the key of an item's content.
struct Section {
    list: &'static str,
    kind: &'static str,
}

// kubectl writes its own files in this order.
const SECTIONS: [Section; 3] = [
    Section {
        list: "clusters",
        kind: "cluster",
    },
    Section {
        list: "contexts",
        kind: "context",
    },
    Section {
        list: "users",
        kind: "user",
    },
];

/// What happens to one list: which items go, and what comes where.
struct Change {
    section: &'static Section,
    gone: Vec<usize>,
    /// The new item, and the index that it takes; at the end where that is the length.
    comes: Option<(Zeroizing<String>, usize)>,
}

/// Merges one hand-over into a kubeconfig.
///
/// Older entries of the same mark are replaced where they stand. The current context changes only
/// if there is none, if it was ours and got another name, or if `set_current` says so.
pub(crate) fn merge(
    before: &str,
    addition: &Addition<'_>,
    set_current: bool,
) -> Result<Merged, MergeError> {
    let root = read(before)?;
    let to_be = names_to_be(root.as_ref(), addition)?;
    let items = render_items(addition.fields, addition.mark, &to_be)?;
    let context = to_be.context().clone();
    let names = [&to_be.cluster, &context, &to_be.user];
    let mut changes = Vec::new();
    let mut old_users = Vec::new();
    let mut old_contexts = Vec::new();
    for ((section, text), name) in SECTIONS.iter().zip(items).zip(names) {
        // A cluster's address is the same whoever logs in; logins are somebody's.
        let by_subject = section.kind != "cluster";
        let mut gone = Vec::new();
        for (number, item) in entries(root.as_ref(), section).enumerate() {
            let item_name = item.get("name").and_then(Placed::text);
            if is_ours(item, section, addition.mark, by_subject) {
                gone.push(number);
                let list = match section.kind {
                    "user" => &mut old_users,
                    _ => &mut old_contexts,
                };
                list.extend(item_name.filter(|_| by_subject).map(str::to_owned));
            } else if item_name == Some(name) {
                return Err(MergeError::Taken {
                    kind: section.kind,
                    name: name.clone(),
                });
            }
        }
        let at = gone
            .first()
            .copied()
            .unwrap_or_else(|| entries(root.as_ref(), section).count());
        changes.push(Change {
            section,
            gone,
            comes: Some((text, at)),
        });
    }
    if let Some(root) = &root {
        kubectl::check(root, before, |list, number| {
            let mut changes = changes.iter();
            changes.any(|it| it.section.list == list && it.gone.contains(&number))
        })?;
    }
    let was = current(root.as_ref());
    let wants = set_current || was.is_empty() || old_contexts.iter().any(|name| name == was);
    let is_there = |wanted: &str| {
        let mut items = entries(root.as_ref(), &SECTIONS[1]);
        items.any(|item| item.get("name").and_then(Placed::text) == Some(wanted))
    };
    // Also where the name stood there before the context: it is current from now on.
    let becomes = if was == context {
        !is_there(was)
    } else {
        wants
    };
    let next = becomes.then_some(context);
    old_users.retain(|name| *name != to_be.user);
    let dangling = referring(root.as_ref(), &changes, "user", &old_users);
    let changed = changes.len();
    finish(before, root.as_ref(), &changes, next.as_deref(), changed)
        .map(|merged| Merged { dangling, ..merged })
}

/// Takes the entries of a cluster out again; nothing changes where there are none.
pub(crate) fn remove(
    before: &str,
    installation: &InstallationId,
    cluster: &str,
) -> Result<Merged, MergeError> {
    let root = read(before)?;
    let mark = Mark {
        installation: installation.clone(),
        cluster: cluster.to_owned(),
        subject: None,
    };
    let mut changes: Vec<Change> = Vec::new();
    // Contexts first: what only they refer to can go.
    for kind in ["context", "user", "cluster"] {
        let Some(section) = SECTIONS.iter().find(|section| section.kind == kind) else {
            continue;
        };
        let gone = entries(root.as_ref(), section)
            .enumerate()
            .filter(|(_, item)| is_ours(item, section, &mark, false))
            .map(|(number, _)| number)
            .collect();
        changes.push(Change {
            section,
            gone,
            comes: None,
        });
    }
    let mut kept = Vec::new();
    let names = |change: &Change, gone: &[usize]| -> Vec<String> {
        entries(root.as_ref(), change.section)
            .enumerate()
            .filter(|(number, _)| gone.contains(number))
            .filter_map(|(_, item)| item.get("name")?.text().map(str::to_owned))
            .collect()
    };
    let gone_contexts = names(&changes[0], &changes[0].gone);
    // A login dies with its version; an address that somebody's own context uses may stay.
    let used: Vec<String> = names(&changes[2], &changes[2].gone)
        .into_iter()
        .filter(|name| {
            let one = std::slice::from_ref(name);
            !referring(root.as_ref(), &changes, "cluster", one).is_empty()
        })
        .collect();
    let dangling = referring(
        root.as_ref(),
        &changes,
        "user",
        &names(&changes[1], &changes[1].gone),
    );
    if !used.is_empty() {
        let clusters = &SECTIONS[0];
        let stays: Vec<usize> = entries(root.as_ref(), clusters)
            .enumerate()
            .filter(|(_, item)| {
                let name = item.get("name").and_then(Placed::text);
                name.is_some_and(|name| used.iter().any(|used| used == name))
            })
            .map(|(number, _)| number)
            .collect();
        changes[2].gone.retain(|number| !stays.contains(number));
        kept = used;
    }
    let changed = changes.iter().map(|change| change.gone.len()).sum();
    let was = current(root.as_ref());
    let next = gone_contexts
        .iter()
        .any(|name| name == was)
        .then(String::new);
    finish(before, root.as_ref(), &changes, next.as_deref(), changed).map(|merged| Merged {
        dangling,
        kept,
        ..merged
    })
}

/// Reads a kubeconfig, as far as it must make sense.
fn read(text: &str) -> Result<Option<Placed>, MergeError> {
    let Some(root) = tree::parse(text)?.filter(|root| !root.is_null()) else {
        return Ok(None);
    };
    if !matches!(root.node, Node::Map(_)) {
        return Err(MergeError::NotKubeconfig {
            what: "it is no mapping",
        });
    }
    let kind = root.get("kind").filter(|kind| !kind.is_null());
    if kind.is_some_and(|kind| kind.text() != Some("Config")) {
        return Err(MergeError::NotKubeconfig {
            what: "its kind is another",
        });
    }
    for section in &SECTIONS {
        if root
            .get(section.list)
            .is_some_and(|list| list.items().is_none())
        {
            return Err(MergeError::NotKubeconfig {
                what: "its clusters, contexts or users are no list",
            });
        }
    }
    Ok(Some(root))
}

fn entries<'t>(
    root: Option<&'t Placed>,
    section: &Section,
) -> impl Iterator<Item = &'t Placed> + use<'t> {
    let items = root
        .and_then(|root| root.get(section.list)?.items())
        .unwrap_or_default();
    items.iter()
}

fn current(root: Option<&Placed>) -> &str {
    root.and_then(|root| root.get("current-context"))
        .filter(|it| !it.is_null())
        .and_then(Placed::text)
        .unwrap_or_default()
}

/// Whether an entry carries our mark.
fn is_ours(item: &Placed, section: &Section, mark: &Mark, by_subject: bool) -> bool {
    let is_theirs = |says: &dyn Fn(&str, &str) -> bool| {
        let subject = mark.subject.as_ref();
        subject.is_some_and(|subject| says("subject", &subject.to_string()))
    };
    let extensions = item
        .get(section.kind)
        .and_then(|content| content.get("extensions")?.items());
    extensions.unwrap_or_default().iter().any(|extension| {
        let says = |key: &str, value: &str| {
            extension
                .get("extension")
                .and_then(|it| it.get(key)?.text())
                == Some(value)
        };
        extension.get("name").and_then(Placed::text) == Some(MARK)
            && says("installation", mark.installation.as_str())
            && says("cluster", &mark.cluster)
            && (!by_subject || is_theirs(&says))
    })
}

/// Contexts that stay, and refer to one of these clusters or users.
fn referring(
    root: Option<&Placed>,
    changes: &[Change],
    kind: &str,
    names: &[String],
) -> Vec<String> {
    let contexts = &SECTIONS[1];
    let gone = changes
        .iter()
        .find(|change| change.section.kind == contexts.kind)
        .map(|change| change.gone.as_slice())
        .unwrap_or_default();
    entries(root, contexts)
        .enumerate()
        .filter(|(number, _)| !gone.contains(number))
        .filter(|(_, item)| {
            let refers = item
                .get("context")
                .and_then(|context| context.get(kind)?.text());
            refers.is_some_and(|refers| names.iter().any(|name| name == refers))
        })
        .filter_map(|(_, item)| item.get("name")?.text().map(str::to_owned))
        .collect()
}

/// Carries the changes out on the text, and proves that they came out as they were meant.
fn finish(
    before: &str,
    root: Option<&Placed>,
    changes: &[Change],
    current: Option<&str>,
    changed: usize,
) -> Result<Merged, MergeError> {
    let merged = |text, rewritten| Merged {
        text,
        rewritten,
        dangling: vec![],
        current: current.map(str::to_owned),
        kept: vec![],
        changed,
    };
    if changed == 0 && current.is_none() {
        return Ok(merged(Zeroizing::new(before.to_owned()), false));
    }
    let mut new_items = Vec::new();
    for change in changes {
        let item = change.comes.as_ref().map(|(text, _)| tree::parse(text));
        new_items.push(item.transpose()?.flatten());
    }
    let expected = expected(root, changes, &new_items, current);
    let came_out = |text: &str| {
        let read = tree::parse(text).ok().flatten();
        read.is_some_and(|read| tree::same(&expected, &read.as_ref()))
    };
    let spliced = Edits::new(before, root).apply(changes, current);
    if let Some(text) = spliced.filter(|text| came_out(text)) {
        return Ok(merged(text, false));
    }
    let text = tree::write(&expected).ok_or(MergeError::Layout)?;
    if !came_out(&text) {
        return Err(MergeError::Layout);
    }
    // Only what was there can have been lost.
    Ok(merged(text, before.contains('#')))
}

/// The tree that should come out.
fn expected<'t>(
    root: Option<&'t Placed>,
    changes: &'t [Change],
    new_items: &'t [Option<Placed>],
    current: Option<&'t str>,
) -> View<'t> {
    let mut map: Vec<(View<'t>, View<'t>)> = Vec::new();
    if let Some(Node::Map(entries)) = root.map(|root| &root.node) {
        for (key, value) in entries {
            map.push((key.as_ref(), value.as_ref()));
        }
    } else {
        map.push((View::Text("apiVersion"), View::Text("v1")));
        map.push((View::Text("kind"), View::Text("Config")));
    }
    let mut put = |key: &'static str, value: View<'t>| {
        let found = map.iter_mut().find(|(name, _)| match name {
            View::Of(name) => name.text() == Some(key),
            View::Text(name) => *name == key,
            _ => false,
        });
        match found {
            Some((_, old)) => *old = value,
            None => map.push((View::Text(key), value)),
        }
    };
    for (change, new) in changes.iter().zip(new_items) {
        if change.gone.is_empty() && new.is_none() {
            continue;
        }
        let new = new.as_ref().and_then(Placed::items).unwrap_or_default();
        let mut items = Vec::new();
        let mut comes = change.comes.as_ref().map(|(_, at)| *at);
        for (number, item) in entries(root, change.section).enumerate() {
            if comes == Some(number) {
                items.extend(new.iter().map(Placed::as_ref));
                comes = None;
            }
            if !change.gone.contains(&number) {
                items.push(item.as_ref());
            }
        }
        if comes.is_some() {
            items.extend(new.iter().map(Placed::as_ref));
        }
        put(change.section.list, View::List(items));
    }
    if let Some(current) = current {
        put("current-context", View::Text(current));
    }
    View::Map(map)
}
