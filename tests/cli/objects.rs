//! `docs/reference/objects.md` names every object that is made on a cluster, and no other.

use std::path::Path;

use regex::Regex;

use crate::home::Home;

/// A row of the page: the kind, and the name as a pattern.
fn rows() -> Vec<(String, String, Regex)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/reference/objects.md")).expect("the page");
    let row = Regex::new("^\\| ([A-Za-z]+) \\| `([^`]+)` \\|").expect("a pattern");
    let rows = page.lines().filter_map(|line| row.captures(line));
    rows.map(|found| {
        let (kind, name) = (found[1].to_owned(), found[2].to_owned());
        let mut pattern = regex::escape(&name);
        for (word, letters) in [
            ("NAMESPACE", "[a-z-]+"),
            ("ACCOUNT", "[a-z0-9-]+"),
            ("ROLE", "[a-z-]+"),
            ("USER", "[a-z]+"),
            ("PROJECT", "[a-z]+"),
            ("LEVEL", "(read|admin)"),
            ("HEX", "[0-9a-f]{8}"),
            ("ID", "[0-9a-f]{8}"),
            ("N", "[0-9]+"),
        ] {
            pattern = pattern.replace(word, letters);
        }
        let pattern = Regex::new(&format!("^{pattern}$")).expect("a pattern");
        (kind, name, pattern)
    })
    .collect()
}

/// A cluster on which everything was used once.
fn used() -> Home {
    let mut kg = Home::new();
    for line in [
        "cluster transfer prod --to alice --yes",
        "access grant bob --cluster prod --level write",
        "kubeconfig download prod --user bob -f bob.age",
        "kubeconfig download prod",
        "kubeconfig download prod --renew --force",
        "rbac bind alice --cluster prod --cluster-role view -n default --yes",
        "rbac bind alice --cluster prod --cluster-role view --yes",
        "kubeconfig download prod --user alice -f alice.age",
        "project create shop",
        "cluster set prod --project shop",
        "project add-member bob --project shop --role viewer",
        "kubeconfig download prod --shared --user bob -f shared.age",
    ] {
        kg.run(line).success();
    }
    kg
}

#[test]
fn the_page_names_every_object_and_no_other() {
    let rows = rows();
    let mut seen = vec![false; rows.len()];
    let mut unknown = Vec::new();
    for object in used().sandbox.objects() {
        let of = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        let ours = object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kubegrant";
        if !ours {
            continue;
        }
        let kind = object["kind"].as_str().unwrap_or_default();
        let name = match of("namespace") {
            "" => of("name").to_owned(),
            namespace => format!("{namespace}/{}", of("name")),
        };
        let found = rows
            .iter()
            .position(|(of_kind, _, pattern)| of_kind == kind && pattern.is_match(&name));
        match found {
            Some(row) => seen[row] = true,
            None => unknown.push(format!("{kind} {name}")),
        }
    }
    let unseen = rows.iter().zip(&seen).filter(|(_, seen)| !**seen);
    let unseen: Vec<_> = unseen
        .map(|((kind, name, _), _)| format!("{kind} {name}"))
        .collect();
    assert!(
        unknown.is_empty() && unseen.is_empty(),
        "not on the page: {unknown:#?}\nnot on the cluster: {unseen:#?}"
    );
}
