//! Names that were chosen, or planted, and logins that wait for them.

use serde_json::Value;

use super::{USUAL, added, fields, good, id, mark, names, value};
use crate::artifact::merge::{Addition, MergeError, Merged, merge, remove};

/// A kubeconfig in which an address and a context wait for what is about to come.
fn planted(context: &str, cluster: &str, user: &str) -> String {
    format!(
        "clusters:\n- name: evil\n  cluster: {{server: 'https://evil.example'}}\n\
         contexts:\n- name: {context}\n  context: {{cluster: {cluster}, user: {user}}}\n\
         current-context: {context}\n"
    )
}

/// The entry of a name.
pub(super) fn entry(text: &str, list: &str, name: &str) -> Value {
    let value = value(text);
    let items = value[list].as_array().cloned().unwrap_or_default();
    let found = items.into_iter().find(|item| item["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {list}"))
}

/// A hand-over whose names are these.
fn handed(before: &str, salt: &str, version: u32, chosen: Option<&str>) -> Merged {
    let mut fields = fields("bob", "prod", version);
    fields.cluster = format!("kubegrant-prod-{salt}");
    fields.user = format!("kubegrant-bob@prod-{salt}-v{version}");
    if let Some(chosen) = chosen {
        chosen.clone_into(&mut fields.context);
    }
    let addition = Addition {
        fields: &fields,
        mark: &mark("bob", "prod"),
        context_is_chosen: chosen.is_some(),
    };
    merge(before, &addition, false).expect("it merges")
}

#[test]
fn what_waits_for_the_login_or_the_address_is_refused_by_name() {
    for (cluster, user) in [
        ("evil", "kubegrant-bob@prod-v1"),
        ("kubegrant-prod", "someone"),
    ] {
        let error = added(&planted("staging", cluster, user), "bob", "prod", 1).err();
        let Some(MergeError::Waiting { context, .. }) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(context, "staging");
    }
}

#[test]
fn a_context_that_has_had_the_login_and_leads_elsewhere_gets_no_new_one() {
    let first = handed("", "aaaaaaaa", 1, None).text;
    let text = first.replace(
        "contexts:\n",
        "contexts:\n- name: staging\n  context: {cluster: evil, user: kubegrant-bob@prod-aaaaaaaa-v1}\n",
    );
    assert_ne!(*text, *first);
    let again = handed(&text, "bbbbbbbb", 1, None);
    assert_eq!(again.dangling, ["staging"]);
    assert_eq!(
        names(&again.text, "users"),
        ["kubegrant-bob@prod-bbbbbbbb-v1"]
    );
    // What leads to our address alone is one's own, and goes on.
    let own = text.replace("cluster: evil", "cluster: kubegrant-prod-aaaaaaaa");
    let again = handed(&own, "bbbbbbbb", 1, None);
    assert_eq!(again.dangling, Vec::<String>::new());
    let staging = entry(&again.text, "contexts", "staging");
    for (list, kind) in [("clusters", "cluster"), ("users", "user")] {
        let name = staging["context"][kind].as_str().expect("a name");
        entry(&again.text, list, name);
    }
}

#[test]
fn names_of_before_are_found_renewed_and_removed() {
    let old = good(USUAL).text;
    let again = handed(&old, "aaaaaaaa", 2, None);
    assert_eq!(
        names(&again.text, "users"),
        ["one", "kubegrant-bob@prod-aaaaaaaa-v2"]
    );
    assert_eq!(
        names(&again.text, "clusters"),
        ["one", "two", "kubegrant-prod-aaaaaaaa"]
    );
    let gone = remove(&again.text, &id(), "prod").expect("it is removed");
    assert_eq!(value(&gone.text), value(USUAL));
    let gone = remove(&old, &id(), "prod").expect("it is removed");
    assert_eq!(value(&gone.text), value(USUAL));
}

#[test]
fn a_context_that_the_user_renamed_keeps_its_name() {
    let first = handed(USUAL, "aaaaaaaa", 1, None).text;
    let renamed = first
        .replace("name: bob@prod", "name: shop")
        .replace("current-context: one", "current-context: shop");
    let again = handed(&renamed, "bbbbbbbb", 2, None).text;
    assert_eq!(names(&again, "contexts"), ["one", "shop"]);
    assert_eq!(value(&again)["current-context"], "shop");
    let context = entry(&again, "contexts", "shop");
    assert_eq!(context["context"]["user"], "kubegrant-bob@prod-bbbbbbbb-v2");
    // Unless another one is asked for.
    let other = handed(&again, "cccccccc", 2, Some("web")).text;
    assert_eq!(names(&other, "contexts"), ["one", "web"]);
    assert_eq!(value(&other)["current-context"], "web");
}
