//! Who acts as another, or hands roles on.

use super::*;

#[test]
fn who_acts_as_another_can_do_what_the_other_can() {
    let token = |name: &str| named(core("serviceaccounts/token", "create"), &[name]);
    let acts = |name: &str| named(core("serviceaccounts", "impersonate"), &[name]);
    let wide = |name: &str| named(rule(&[""], &["*/token"], &["create"]), &[name]);
    for by in [token, acts, wide] {
        counts(&by("root"), &[None, Some("powerful")]);
        is_harmless(&by("nobody"), &POWERFUL);
        is_harmless(&by("root"), &ORDINARY);
        is_harmless(&by("root"), &[Some("kube-system")]);
        // Whoever is an account of ours is somebody.
        counts(&by("alice-v1"), &[Some("kubegrant")]);
    }
    assert_eq!(
        World::why(&token("root"), Some("powerful")).as_deref(),
        Some(
            "account 'robot' has ClusterRole 'role-0' in namespace 'powerful' (acting as account \
             'root' of namespace 'powerful', which can escalate)"
        )
    );
    // A chain, told in the wrong order: ci's account acts as shop's, which acts as root.
    let mut world = World::new();
    world.give(Some("shop"), vec![token("robot")], account("ci", "robot"));
    world.give(
        Some("powerful"),
        vec![token("root")],
        account("shop", "robot"),
    );
    let judged = world.judge();
    assert!(judged.excluded().contains_key("ci"));
    assert!(judged.excluded().contains_key("shop"));
    // Another account of an excluded namespace is not thereby a powerful one.
    let mut world = World::new();
    world.give(
        Some("powerful"),
        vec![token("other")],
        account("shop", "robot"),
    );
    assert!(!world.judge().excluded().contains_key("shop"));
    // Unless a group makes every account one.
    let every = Subject::Group("system:serviceaccounts:powerful".to_owned());
    world.bind(None, "cluster-admin", every);
    assert!(world.judge().excluded().contains_key("shop"));
}

#[test]
fn every_verb_that_begins_with_impersonate_counts() {
    let constrained =
        |verb: &str, resource: &str| rule(&["authentication.k8s.io"], &[resource], &[verb]);
    counts(&constrained("impersonate:user-info", "users"), &[None]);
    counts(&constrained("impersonate:user-info", "groups"), &[None]);
    counts(&constrained("impersonate:arbitrary-node", "nodes"), &[None]);
    counts(&constrained("impersonate:tomorrow", "things"), &[None]);
    let on = rule(
        &[RBAC],
        &["clusterrolebindings"],
        &["impersonate-on:user-info:create"],
    );
    counts(&on, &[None]);
    let one = |name: &str| {
        named(
            constrained("impersonate:serviceaccount", "serviceaccounts"),
            &[name],
        )
    };
    counts(&one("root"), &[None, Some("powerful")]);
    is_harmless(&one("nobody"), &[None, Some("powerful")]);
}

#[test]
fn who_hands_on_roles_excludes_its_namespace_and_escalates_nowhere_else() {
    let doors = [
        rule(&[RBAC], &["rolebindings"], &["create"]),
        named(rule(&[RBAC], &["rolebindings"], &["update"]), &["mine"]),
        rule(&[RBAC], &["roles"], &["escalate"]),
        rule(&[RBAC], &["clusterroles"], &["bind"]),
    ];
    for door in &doors {
        counts(door, &ORDINARY);
        let bound = Bound {
            place: Some("ci".to_owned()),
            role: RoleRef::Cluster("r".to_owned()),
        };
        // Who is given it by name has it, and no more than it.
        assert_eq!(
            World::new().judge().of(&bound, std::slice::from_ref(door)),
            None
        );
    }
    is_harmless(&rule(&[RBAC], &["roles"], &["create"]), &ORDINARY);
    is_harmless(
        &rule(&[RBAC], &["rolebindings"], &["get", "list"]),
        &ORDINARY,
    );
}

#[test]
fn a_chain_of_accounts_through_excluded_namespaces_is_followed() {
    let edit = || vec![core("secrets", "get")];
    let mut world = World::new();
    world.namespaces.extend(set(&["d", "e"]));
    world.give(Some("shop"), edit(), account("ci", "robot"));
    world.give(Some("kube-system"), edit(), account("shop", "robot"));
    // d's account reads e, which is like any other.
    world.give(Some("e"), edit(), account("d", "robot"));
    let judged = world.judge();
    let names: Vec<&str> = judged.excluded().keys().map(String::as_str).collect();
    let excluded = [
        "apart",
        "ci",
        "kube-system",
        "kubegrant",
        "powerful",
        "shop",
    ];
    assert_eq!(names, excluded);
    assert_eq!(
        judged.excluded()["shop"],
        "account 'robot' has ClusterRole 'role-1' in namespace 'kube-system' (secrets)"
    );
}

#[test]
fn groups_and_user_names_of_accounts_count() {
    let excluded = |subject: Subject| {
        let mut world = World::new();
        world.bind(None, "cluster-admin", subject);
        let judged = world.judge();
        let is = |namespace: &str| judged.excluded().contains_key(namespace);
        (is("shop"), is("ci"))
    };
    let group = |name: &str| Subject::Group(name.to_owned());
    let user = |name: &str| Subject::User(name.to_owned());
    assert_eq!(
        excluded(group("system:serviceaccounts:shop")),
        (true, false)
    );
    assert_eq!(
        excluded(user("system:serviceaccount:shop:robot")),
        (true, false)
    );
    assert_eq!(excluded(group("system:serviceaccounts")), (true, true));
    assert_eq!(excluded(group("system:authenticated")), (true, true));
    assert_eq!(excluded(group("system:unauthenticated")), (true, true));
    assert_eq!(excluded(user("somebody")), (false, false));
    assert_eq!(excluded(group("platform-admins")), (false, false));
}

#[test]
fn a_role_in_a_place_is_judged_like_an_account() {
    let judged = World::new().judge();
    let of = |name: &str, place: Option<&str>, rules: &[Rule]| {
        let bound = Bound {
            place: place.map(str::to_owned),
            role: RoleRef::Cluster(name.to_owned()),
        };
        judged.of(&bound, rules)
    };
    let secrets = [core("secrets", "list")];
    assert_eq!(
        of("r", None, &secrets).as_deref(),
        Some("it gives secrets cluster-wide")
    );
    assert_eq!(
        of("r", Some("kube-system"), &secrets).as_deref(),
        Some(
            "it gives secrets in namespace 'kube-system', which is excluded from write (a system \
             namespace)"
        )
    );
    assert_eq!(of("r", Some("shop"), &secrets), None);
    assert_eq!(
        of("cluster-admin", None, &[]).as_deref(),
        Some("it is cluster-admin")
    );
    let token = [named(core("serviceaccounts/token", "create"), &["root"])];
    assert!(of("r", Some("powerful"), &token).is_some());
    assert_eq!(of("r", Some("shop"), &token), None);
}
