//! What the entries will be called: new names, but where the user's own file has others for ours.

use super::tree::Placed;
use super::{Addition, MergeError, SECTIONS, Section, current, entries, is_ours};

/// What the entries will be called.
pub(in super::super) struct Names {
    pub(in super::super) cluster: String,
    pub(in super::super) contexts: Vec<ContextName>,
    pub(in super::super) user: String,
}

/// A context: the one that comes, or a copy of ours that the user made beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct ContextName {
    pub(in super::super) name: String,
    pub(in super::super) namespace: Option<String>,
    /// Whether it is the one that comes.
    pub(in super::super) comes: bool,
}

impl Names {
    /// The name of the context that comes.
    pub(super) fn context(&self) -> &String {
        let mut contexts = self.contexts.iter();
        let found = contexts.find(|it| it.comes).map(|it| &it.name);
        found.unwrap_or(&self.user)
    }
}

/// What the entries will be called.
///
/// The names that come with the hand-over cannot be guessed, so that nothing in this file, or in
/// another one that kubectl reads beside it, waits for the login. A name that the user's own
/// contexts use stays, where it is ours and leads to our address only.
pub(super) fn names_to_be(
    root: Option<&Placed>,
    addition: &Addition<'_>,
) -> Result<Names, MergeError> {
    let (fields, mark) = (addition.fields, addition.mark);
    let [of_clusters, of_contexts, of_users] = &SECTIONS;
    let ours = |section: &Section, by_subject: bool| -> Vec<&str> {
        entries(root, section)
            .filter(|item| is_ours(item, section, mark, by_subject))
            .filter_map(|item| item.get("name")?.text())
            .collect()
    };
    let (clusters, contexts, users) = (
        ours(of_clusters, false),
        ours(of_contexts, true),
        ours(of_users, true),
    );
    let others: Vec<&Placed> = entries(root, of_contexts)
        .filter(|item| !is_ours(item, of_contexts, mark, true))
        .collect();
    let refers = |item: &Placed, kind: &str, name: &str| {
        let referred = item
            .get("context")
            .and_then(|context| context.get(kind)?.text());
        referred == Some(name)
    };
    let of = |kind: &str, name: &str| -> Vec<&Placed> {
        let mut found = others.clone();
        found.retain(|item| refers(item, kind, name));
        found
    };
    let cluster = clusters
        .iter()
        .find(|name| !of("cluster", name).is_empty())
        .map_or(fields.cluster.as_str(), |name| *name);
    let version = |name: &str| name.rsplit_once("-v").map(|(_, number)| number.to_owned());
    let user = users.iter().find(|name| {
        let using = of("user", name);
        let to_us = using.iter().all(|item| refers(item, "cluster", cluster));
        let is_same = version(name) == version(&fields.user);
        is_same && clusters.contains(&cluster) && !using.is_empty() && to_us
    });
    let user = user.map_or(fields.user.as_str(), |name| *name);
    for (section, name) in [(of_clusters, cluster), (of_users, user)] {
        let there = entries(root, section)
            .any(|item| item.get("name").and_then(Placed::text) == Some(name));
        // An entry of that name which is not ours is an error of its own.
        let waiting = of(section.kind, name);
        if let Some(item) = waiting.first().filter(|_| !there) {
            let context = item.get("name").and_then(Placed::text).unwrap_or_default();
            return Err(MergeError::Waiting {
                context: context.to_owned(),
                kind: section.kind,
                name: name.to_owned(),
            });
        }
    }
    let was = current(root);
    let kept = contexts.iter().find(|name| **name == was);
    let kept = kept.or(contexts.first()).copied();
    let context = kept
        .filter(|_| !addition.context_is_chosen)
        .unwrap_or(&fields.context);
    Ok(Names {
        cluster: cluster.to_owned(),
        contexts: contexts_to_be(root, addition, context, kept),
        user: user.to_owned(),
    })
}

/// The contexts that will be ours, in their order: the one that comes, in the place of the one that
/// is kept, and those that the user copied from it, perhaps for other namespaces.
///
/// `kubens` and `set-context --current --namespace` change our contexts: that is kept too.
fn contexts_to_be(
    root: Option<&Placed>,
    addition: &Addition<'_>,
    context: &str,
    kept: Option<&str>,
) -> Vec<ContextName> {
    let of_contexts = &SECTIONS[1];
    let chosen = &addition.fields.namespace;
    let mut found: Vec<ContextName> = Vec::new();
    for item in entries(root, of_contexts) {
        if !is_ours(item, of_contexts, addition.mark, true) {
            continue;
        }
        let name = item.get("name").and_then(Placed::text).unwrap_or_default();
        let comes = kept == Some(name);
        let namespace = item
            .get("context")
            .and_then(|context| context.get("namespace")?.text());
        let next = ContextName {
            name: if comes { context } else { name }.to_owned(),
            namespace: chosen
                .clone()
                .filter(|_| comes)
                .or(namespace.map(str::to_owned)),
            comes,
        };
        let is_taken = found.iter().any(|it| it.name == next.name) || (!comes && name == context);
        if !name.is_empty() && !is_taken {
            found.push(next);
        }
    }
    if !found.iter().any(|it| it.comes) {
        found.push(ContextName {
            name: context.to_owned(),
            namespace: chosen.clone(),
            comes: true,
        });
    }
    found
}
