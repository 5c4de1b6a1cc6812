//! What the levels carry of a role that others wrote into.

use super::*;

fn own(list: &[&str]) -> Vec<String> {
    list.iter().map(|item| (*item).to_owned()).collect()
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Rule {
    Rule {
        groups: own(groups),
        resources: own(resources),
        verbs: own(verbs),
        ..Rule::default()
    }
}

/// A cluster whose `view` and `edit` have Kubernetes' own part and these.
fn with(aggregated: &[(&str, &str, Rule)]) -> Roles {
    let view = rule(
        &["", "apps"],
        &["pods", "deployments"],
        &["get", "list", "watch"],
    );
    let edit = rule(
        &["", "apps"],
        &[
            "pods",
            "pods/exec",
            "secrets",
            "serviceaccounts/token",
            "deployments",
        ],
        &[
            "create", "delete", "get", "list", "patch", "update", "watch",
        ],
    );
    let acts = rule(&[""], &["serviceaccounts"], &["impersonate"]);
    let mut roles = Roles::default();
    roles.cluster.insert("view".to_owned(), vec![view.clone()]);
    roles
        .cluster
        .insert("edit".to_owned(), vec![edit, acts, view]);
    for (name, into, rule) in aggregated {
        let known = roles.cluster.entry((*name).to_owned()).or_default();
        known.push(rule.clone());
        let targets: &[&str] = match *into {
            "view" => &["view", "edit"],
            into => &[into],
        };
        for target in targets {
            if let Some(rules) = roles.cluster.get_mut(*target) {
                rules.push(rule.clone());
            }
        }
        let aggregated = roles.aggregated.entry((*into).to_owned()).or_default();
        aggregated.insert((*name).to_owned());
    }
    roles
}

fn allowed(lines: &[&str]) -> BTreeSet<Allowed> {
    lines
        .iter()
        .map(|line| line.parse().expect("a kind"))
        .collect()
}

fn left_out(part: Part, roles: &Roles, allowed: &BTreeSet<Allowed>) -> Vec<String> {
    let found = carried(part, roles, allowed);
    let line = |left: LeftOut| {
        let verbs: Vec<String> = left.verbs.into_iter().collect();
        format!("{}/{} {}", left.group, left.resource, verbs.join(","))
    };
    found.left_out.into_iter().map(line).collect()
}

fn gives(rules: &[Rule], group: &str, resource: &str, verb: &str) -> bool {
    rules.iter().any(|rule| covers(rule, group, resource, verb))
}

const ALL: [&str; 7] = [
    "create", "delete", "get", "list", "patch", "update", "watch",
];

#[test]
fn what_kubernetes_made_is_carried_whole() {
    let roles = with(&[]);
    for part in [Part::Read, Part::Write] {
        assert_eq!(carried(part, &roles, &BTreeSet::new()).left_out, []);
    }
}

#[test]
fn write_carries_of_others_what_is_harmless_or_allowed() {
    let roles = with(&[
        (
            "certificates",
            "edit",
            rule(&["cert-manager.io"], &["certificates"], &ALL),
        ),
        (
            "rollouts",
            "edit",
            rule(&["argoproj.io"], &["rollouts", "rollouts/status"], &ALL),
        ),
        (
            "metrics",
            "edit",
            rule(&["metrics.k8s.io"], &["*"], &["get", "list"]),
        ),
        (
            "flux",
            "edit",
            rule(&["kustomize.toolkit.fluxcd.io"], &["kustomizations"], &ALL),
        ),
        (
            "widgets",
            "edit",
            rule(&["x.io"], &["widgets", "gadgets"], &ALL),
        ),
    ]);
    let writes = "create,delete,patch,update";
    assert_eq!(
        left_out(Part::Write, &roles, &BTreeSet::new()),
        [
            format!("kustomize.toolkit.fluxcd.io/kustomizations {writes}"),
            format!("x.io/gadgets {writes}"),
            format!("x.io/widgets {writes}"),
        ]
    );
    let found = carried(Part::Write, &roles, &BTreeSet::new());
    for (group, resource, verb, is) in [
        ("", "pods", "create", true),
        ("", "serviceaccounts", "impersonate", true),
        ("cert-manager.io", "certificates", "create", true),
        ("argoproj.io", "rollouts/status", "patch", true),
        (
            "kustomize.toolkit.fluxcd.io",
            "kustomizations",
            "list",
            true,
        ),
        (
            "kustomize.toolkit.fluxcd.io",
            "kustomizations",
            "create",
            false,
        ),
        ("x.io", "widgets", "get", true),
        ("x.io", "widgets", "patch", false),
    ] {
        assert_eq!(
            gives(&found.rules, group, resource, verb),
            is,
            "{verb} {resource}"
        );
    }
    let flux = &found.left_out[0];
    assert_eq!(flux.from, ["flux".to_owned()].into());
    assert!(flux.why.contains("Flux applies"), "{}", flux.why);
    let line = flux.allowed_by().expect("it can be allowed");
    assert!(line.warning().is_some());
    // One by name, or a group.
    let one = left_out(Part::Write, &roles, &allowed(&["x.io/widgets"]));
    assert_eq!(one.len(), 2, "{one:?}");
    let group = left_out(Part::Write, &roles, &allowed(&["x.io/*"]));
    assert_eq!(group.len(), 1, "{group:?}");
    let all = allowed(&["x.io/*", "kustomize.toolkit.fluxcd.io/kustomizations"]);
    assert_eq!(left_out(Part::Write, &roles, &all), Vec::<String>::new());
}

#[test]
fn who_labels_a_role_adds_no_more_to_write_than_a_namespace_has() {
    let rbac = "rbac.authorization.k8s.io";
    for (door, is_out) in [
        (rule(&[rbac], &["rolebindings"], &["create"]), true),
        (rule(&[rbac], &["roles"], &["escalate"]), true),
        (rule(&[""], &["namespaces"], &["patch"]), true),
        (rule(&[""], &["*"], &["update"]), true),
        (rule(&["*"], &["*"], &["*"]), true),
        (rule(&["*"], &["widgets"], &["create"]), true),
        (rule(&["x.io"], &["*"], &["*"]), true),
        (rule(&["x.io"], &["widgets"], &["impersonate"]), true),
        // As far as a namespace reaches, and no further.
        (rule(&[""], &["resourcequotas"], &["update"]), false),
        (rule(&["networking.k8s.io"], &["ingresses"], &["*"]), false),
        (rule(&["x.io"], &["widgets"], &["get", "watch"]), false),
        (rule(&["*"], &["*"], &["get", "list"]), false),
    ] {
        let roles = with(&[("stranger", "edit", door.clone())]);
        let out = left_out(Part::Write, &roles, &BTreeSet::new());
        assert_eq!(!out.is_empty(), is_out, "{door:?}: {out:?}");
        // Written into the role itself, it is no better.
        let mut roles = with(&[]);
        let edit = roles.cluster.get_mut("edit").expect("a role");
        edit.push(door.clone());
        let found = carried(Part::Write, &roles, &BTreeSet::new());
        assert_eq!(!found.left_out.is_empty(), is_out, "{door:?}");
        let of_itself = |left: &LeftOut| left.from == ["edit".to_owned()].into();
        assert!(found.left_out.iter().all(of_itself));
    }
    // A star is its reads and the rest.
    let roles = with(&[("stranger", "edit", rule(&["x.io"], &["widgets"], &["*"]))]);
    let found = carried(Part::Write, &roles, &BTreeSet::new());
    assert!(gives(&found.rules, "x.io", "widgets", "list"));
    assert!(!gives(&found.rules, "x.io", "widgets", "create"));
}

#[test]
fn read_only_reads_and_no_secret() {
    for (door, is_out) in [
        (rule(&[""], &["secrets"], &["get", "list"]), true),
        (rule(&["*"], &["*"], &["get"]), true),
        (rule(&[""], &["*"], &["list"]), true),
        (rule(&[""], &["pods/exec"], &["get"]), true),
        (rule(&[""], &["nodes/proxy"], &["get"]), true),
        (rule(&[""], &["configmaps"], &["create"]), true),
        (rule(&["x.io"], &["widgets"], &["create"]), true),
        (
            rule(&["oauth.openshift.io"], &["oauthaccesstokens"], &["list"]),
            true,
        ),
        (rule(&["x.io"], &["*"], &["get", "list"]), false),
        (rule(&[""], &["nodes"], &["get"]), false),
        (
            rule(
                &["authorization.k8s.io"],
                &["subjectaccessreviews"],
                &["create"],
            ),
            false,
        ),
    ] {
        let roles = with(&[("stranger", "view", door.clone())]);
        let found = carried(Part::Read, &roles, &allowed(&["x.io/widgets"]));
        assert_eq!(!found.left_out.is_empty(), is_out, "{door:?}");
        assert!(gives(&found.rules, "", "pods", "list"));
        assert!(!gives(&found.rules, "", "secrets", "get"));
        assert!(!gives(&found.rules, "x.io", "widgets", "create"));
        for left in &found.left_out {
            assert_eq!(left.from, ["stranger".to_owned()].into());
            assert_eq!(left.allowed_by(), None);
        }
    }
}

#[test]
fn what_can_be_allowed_is_a_kind_of_others() {
    for good in ["x.io/widgets", "x.io/*", "postgresql.cnpg.io/clusters"] {
        let line: Allowed = good.parse().expect(good);
        assert_eq!(line.to_string(), good);
        assert_eq!(line.warning(), None);
    }
    for bad in [
        "",
        "x.io",
        "/x",
        "x.io/",
        "*/*",
        "x.io/a b",
        "X.io/a",
        "x.io/a/b",
        "apps/deployments",
        "rbac.authorization.k8s.io/*",
        "x.io/\u{1b}",
    ] {
        assert!(bad.parse::<Allowed>().is_err(), "{bad}");
    }
    let flux: Allowed = "helm.toolkit.fluxcd.io/*".parse().expect("a group");
    assert!(flux.warning().is_some());
}

#[test]
fn the_order_of_rules_is_nobodys() {
    let a = rule(&["x"], &["b", "a"], &["list", "get"]);
    let b = rule(&["x"], &["c"], &["get", "list"]);
    let one = in_order(vec![a.clone(), b.clone()]);
    assert_eq!(one, in_order(vec![b, a]));
    assert_eq!(one, [rule(&["x"], &["a", "b", "c"], &["get", "list"])]);
    assert_eq!(in_order(one.clone()), one);
}
