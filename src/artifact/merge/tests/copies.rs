//! Contexts of ours that the user renamed or copied: their names, namespaces and order are theirs.

use super::*;

/// A file with two contexts of ours: `prod`, renamed, and a copy of it for another namespace.
fn with_a_copy() -> String {
    let once = good("apiVersion: v1\nkind: Config\n").text.to_string();
    let at = once.find("- name: bob@prod\n").expect("our context");
    let item = &once[at..];
    let end = item.find("users:").expect("the next list");
    let item = item[..end].replace("bob@prod", "prod");
    let copy = item
        .replace("- name: prod\n", "- name: prod-shop\n")
        .replace("  context:\n", "  context:\n    namespace: shop\n");
    format!("{}{item}{copy}{}", &once[..at], &once[at + end..])
}

#[test]
fn a_copy_of_our_context_keeps_its_name_its_namespace_and_its_login() {
    let before = with_a_copy();
    let all = names(&before, "contexts");
    assert!(
        all.contains(&"prod".to_owned()) && all.contains(&"prod-shop".to_owned()),
        "{before}"
    );
    for current in ["prod", "prod-shop", "somebody-elses"] {
        let lines = before
            .lines()
            .filter(|line| !line.starts_with("current-context"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let text = format!("{text}\ncurrent-context: {current}\n");
        for version in [1, 2] {
            let merged = added(&text, "bob", "prod", version).expect("it merges");
            assert_eq!(names(&merged.text, "contexts"), all, "{}", *merged.text);
            assert!(merged.dangling.is_empty(), "{:?}", merged.dangling);
            let value = value(&merged.text);
            assert_eq!(value["current-context"], current);
            let contexts = value["contexts"].as_array().expect("a list");
            let of = |name: &str| {
                let mut found = contexts.iter();
                let found = found.find(|it| it["name"] == name).expect("a context");
                found["context"].clone()
            };
            let (one, other) = (of("prod"), of("prod-shop"));
            assert_eq!(one["user"], other["user"]);
            assert_eq!(one["cluster"], other["cluster"]);
            assert!(one.get("namespace").is_none());
            assert_eq!(other["namespace"], "shop");
            let users = names(&merged.text, "users");
            assert!(users.contains(&one["user"].as_str().expect("a name").to_owned()));
        }
    }
    // All of them go with the cluster.
    let gone = remove(&before, &id(), "prod").expect("it is removed").text;
    assert!(names(&gone, "contexts").is_empty(), "{}", *gone);
}
