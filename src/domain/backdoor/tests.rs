//! The ways that a binding of others can lead.

use super::*;
use std::collections::BTreeMap;

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Rule {
    let own = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
    Rule {
        groups: own(groups),
        resources: own(resources),
        verbs: own(verbs),
        ..Rule::default()
    }
}

fn named(rule: Rule, name: &str) -> Rule {
    Rule {
        names: vec![name.to_owned()],
        ..rule
    }
}

fn core(resource: &str, verb: &str) -> Rule {
    rule(&[""], &[resource], &[verb])
}

fn bind(namespace: Option<&str>, role: &str, subject: Subject) -> Binding {
    Binding {
        namespace: namespace.map(str::to_owned),
        name: format!("to-{role}"),
        role: RoleRef::Cluster(role.to_owned()),
        subjects: vec![subject],
    }
}

fn user(name: &str) -> Subject {
    Subject::User(name.to_owned())
}

fn group(name: &str) -> Subject {
    Subject::Group(name.to_owned())
}

fn account(namespace: &str, name: &str) -> Subject {
    Subject::Account {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }
}

/// What a role of these rules gives in a place.
fn gives(rules: Vec<Rule>, place: Option<&str>) -> Option<Gives> {
    let roles = Roles {
        cluster: BTreeMap::from([
            ("r".to_owned(), rules),
            ("edit".to_owned(), vec![core("secrets", "get")]),
        ]),
        ..Roles::default()
    };
    let targets = Targets {
        accounts: ["kubegrant-manager".to_owned()].into(),
        secrets: ["login".to_owned()].into(),
    };
    let others = [bind(place, "r", user("eve"))];
    let found = backdoors(&others, &roles, &targets);
    found.into_iter().next().map(|it| it.gives)
}

fn ways(rule: Rule, place: Option<&str>) -> Vec<&'static str> {
    match gives(vec![rule], place) {
        Some(Gives::Ways(ways)) => ways,
        None => vec![],
        Some(Gives::Everything) => vec!["everything"],
    }
}

#[test]
fn each_way_to_our_accounts_is_seen_where_it_counts() {
    let cases = [
        (
            core("serviceaccounts/token", "create"),
            "mint tokens of accounts",
        ),
        (core("*/token", "create"), "mint tokens of accounts"),
        (
            core("serviceaccounts", "impersonate"),
            "impersonate accounts",
        ),
        (
            rule(
                &["authentication.k8s.io"],
                &["serviceaccounts"],
                &["impersonate:serviceaccount"],
            ),
            "impersonate accounts",
        ),
        (core("pods", "create"), "run pods as accounts"),
        (
            rule(&["apps"], &["deployments"], &["patch"]),
            "run pods as accounts",
        ),
        (core("pods/exec", "get"), "run commands in pods"),
        (core("secrets", "list"), "read Secrets"),
        (core("secrets", "patch"), "read Secrets"),
        (named(core("secrets", "get"), "login"), "read Secrets"),
        (
            named(core("serviceaccounts/token", "create"), "kubegrant-manager"),
            "mint tokens of accounts",
        ),
    ];
    for (rule, way) in cases {
        for place in [None, Some(NAMESPACE)] {
            assert_eq!(ways(rule.clone(), place), [way], "{rule:?} {place:?}");
        }
        assert!(ways(rule.clone(), Some("shop")).is_empty(), "{rule:?}");
    }
}

#[test]
fn what_leads_nowhere_is_no_alarm() {
    let harmless = [
        core("pods", "list"),
        core("configmaps", "update"),
        rule(&["cert-manager.io"], &["*"], &["*"]),
        rule(&["apps"], &["deployments"], &["get"]),
        named(core("secrets", "get"), "of-somebody"),
        named(core("serviceaccounts/token", "create"), "robot"),
        named(core("users", "impersonate"), "bob"),
        rule(&["user.example.io"], &["users", "groups"], &["*"]),
        rule(&[RBAC], &["clusterroles"], &["bind"]),
        rule(&[RBAC], &["rolebindings"], &["create"]),
    ];
    for rule in harmless {
        assert!(ways(rule.clone(), None).is_empty(), "{rule:?}");
    }
}

#[test]
fn binding_and_widening_take_two_rights() {
    let lists = rule(&[RBAC], &["clusterrolebindings"], &["create"]);
    let bind = rule(&[RBAC], &["clusterroles"], &["bind"]);
    let expected = Some(Gives::Ways(vec!["bind stronger roles"]));
    assert_eq!(gives(vec![lists.clone(), bind.clone()], None), expected);
    let strong = named(bind.clone(), "edit");
    assert_eq!(gives(vec![lists.clone(), strong], None), expected);
    assert_eq!(gives(vec![lists, named(bind, "view")], None), None);
    let widen = rule(&[RBAC], &["clusterroles"], &["escalate", "update"]);
    assert_eq!(
        gives(vec![widen], None),
        Some(Gives::Ways(vec!["widen roles"]))
    );
}

#[test]
fn a_role_of_another_name_is_cluster_admin_where_it_gives_everything() {
    let all = || vec![rule(&["*"], &["*"], &["*"])];
    assert_eq!(gives(all(), None), Some(Gives::Everything));
    assert!(matches!(
        gives(all(), Some(NAMESPACE)),
        Some(Gives::Ways(_))
    ));
    assert_eq!(gives(all(), Some("shop")), None);
}

#[test]
fn who_may_impersonate_somebody_strong_is_strong() {
    let roles = Roles {
        cluster: BTreeMap::from([
            (
                "minter".to_owned(),
                vec![core("serviceaccounts/token", "create")],
            ),
            (
                "as-ann".to_owned(),
                vec![named(core("users", "impersonate"), "ann")],
            ),
            (
                "as-bob".to_owned(),
                vec![named(core("users", "impersonate"), "bob")],
            ),
            (
                "as-eve".to_owned(),
                vec![named(core("users", "impersonate"), "eve")],
            ),
        ]),
        ..Roles::default()
    };
    let others = [
        bind(None, "as-bob", user("eve")),
        bind(None, "as-ann", user("bob")),
        bind(None, "minter", user("ann")),
        bind(None, "as-eve", user("zoe")),
        bind(None, "as-eve", group("nobody")),
    ];
    let found = backdoors(&others[..4], &roles, &Targets::default());
    assert_eq!(found.len(), 4);
    let found = backdoors(&others[4..], &roles, &Targets::default());
    assert!(found.is_empty());
}

#[test]
fn kubernetes_own_components_are_left_out_and_their_names_hide_nobody() {
    let roles = Roles {
        cluster: BTreeMap::from([
            (
                "system:controller:job-controller".to_owned(),
                vec![core("pods", "create")],
            ),
            (
                "system:controller:evil".to_owned(),
                vec![rule(&["*"], &["*"], &["*"])],
            ),
            // A role of Kubernetes' own that somebody widened.
            (
                "system:controller:cronjob-controller".to_owned(),
                vec![core("pods", "create"), core("secrets", "get")],
            ),
            (
                "cluster-admin".to_owned(),
                vec![rule(&["*"], &["*"], &["*"])],
            ),
        ]),
        ..Roles::default()
    };
    let controllers = |subject: Subject| Binding {
        name: "system:controller:job-controller".to_owned(),
        ..bind(None, "system:controller:job-controller", subject)
    };
    let admins = |name: &str, subject| Binding {
        name: name.to_owned(),
        ..bind(None, "cluster-admin", subject)
    };
    let own = [
        controllers(account("kube-system", "job-controller")),
        admins("cluster-admin", group("system:masters")),
    ];
    assert!(backdoors(&own, &roles, &Targets::default()).is_empty());
    let named_as_ours = |role: &str, name: &str| Binding {
        name: role.to_owned(),
        ..bind(None, role, account("kube-system", name))
    };
    let others = [
        named_as_ours("system:controller:evil", "evil"),
        named_as_ours("system:controller:cronjob-controller", "cronjob-controller"),
        controllers(account("kube-system", "default")),
        controllers(account("shop", "job-controller")),
        controllers(user("eve")),
        admins("cluster-admin", user("eve")),
        admins("kubegrant:ffffffff:cluster-admin", user("eve")),
    ];
    let found = backdoors(&others, &roles, &Targets::default());
    assert_eq!(found.len(), others.len());
}

#[test]
fn our_accounts_are_in_these_groups() {
    for ours in [
        group("system:serviceaccounts"),
        group("system:serviceaccounts:kubegrant"),
        group("system:authenticated"),
        group("system:unauthenticated"),
        user("system:serviceaccount:kubegrant:bob-v1"),
        account("kubegrant", "bob-v1"),
        group("system:serviceaccounts:kubegrant-users"),
        user("system:serviceaccount:kubegrant-users:bob-v1"),
        account("kubegrant-users", "bob-v1"),
    ] {
        assert!(holds_our_accounts(&ours), "{ours:?}");
    }
    for other in [
        group("system:serviceaccounts:kubegrant-user"),
        group("developers"),
        user("system:serviceaccount:shop:robot"),
        account("shop", "robot"),
    ] {
        assert!(!holds_our_accounts(&other), "{other:?}");
    }
    assert!(is_more_than_looking(&[core("configmaps", "update")]));
    assert!(is_more_than_looking(&[core("secrets", "get")]));
    assert!(!is_more_than_looking(&[core("pods", "list")]));
    let about_oneself = rule(
        &["authorization.k8s.io"],
        &["selfsubjectaccessreviews"],
        &["create"],
    );
    assert!(!is_more_than_looking(&[about_oneself]));
}
