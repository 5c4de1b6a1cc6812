//! `kubegrant rbac`.

use serde_json::{Value, json};

use crate::home::{CONFIG_MAPS, Home, PODS, call, get};

/// Where roles and their bindings are.
pub(crate) const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
/// What only the role `keeper` lets one read.
pub(crate) const SECRETS: &str = "/api/v1/namespaces/shop/secrets";
const SHOP_PODS: &str = "/api/v1/namespaces/shop/pods";

/// Asks as the cluster's admin, which must work.
pub(crate) fn admin(kg: &Home, method: &str, path: &str, body: Option<&Value>) {
    let code = call(&kg.sandbox.admin_kubeconfig_token(), method, path, body);
    assert!(code < 300, "{method} {path}: {code}");
}

pub(crate) fn namespace(kg: &Home, name: &str) {
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    admin(kg, "POST", "/api/v1/namespaces", Some(&namespace));
}

/// A role about one resource; a ClusterRole, or a Role of a namespace.
pub(crate) fn role(kg: &Home, place: Option<&str>, name: &str, (resource, verbs): (&str, &[&str])) {
    let (kind, path) = match place {
        None => ("ClusterRole", format!("{RBAC}/clusterroles")),
        Some(place) => ("Role", format!("{RBAC}/namespaces/{place}/roles")),
    };
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": { "name": name },
        "rules": [{ "apiGroups": [""], "resources": [resource], "verbs": verbs }],
    });
    admin(kg, "POST", &path, Some(&role));
}

/// A home whose cluster has a namespace `shop` and two roles of its own.
pub(crate) fn home() -> Home {
    let kg = Home::new();
    namespace(&kg, "shop");
    role(&kg, None, "pod-reader", ("pods", &["get", "list"]));
    role(&kg, Some("shop"), "keeper", ("secrets", &["get", "list"]));
    kg
}

/// The lists of bound roles on the cluster.
pub(crate) fn lists(kg: &Home) -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["ClusterRoleBinding", "RoleBinding"] {
        let names = kg.objects(kind).into_iter().map(|(name, _)| name);
        found.extend(names.filter(|name| name.contains("role:")));
    }
    found
}

#[test]
fn a_binding_takes_effect_at_once_on_the_file_that_is_out() {
    let mut kg = home();
    let file = kg.grant_and_download("alice", "read");
    assert_eq!(get(&file, SECRETS), 403);
    insta::assert_snapshot!(kg.run("rbac bind alice -c prod --role keeper -n shop"), @r"
        USER    CLUSTER   KIND   ROLE     NAMESPACE   LEVEL   APPLIED
        alice   prod      Role   keeper   shop        read    yes
        ----- stderr -----
        'alice' has Role 'keeper' in namespace 'shop' on cluster 'prod'.
        [exit 0]
    ");
    assert_eq!(get(&file, SECRETS), 200);
    assert_eq!(get(&file, "/api/v1/namespaces/default/secrets"), 403);
    insta::assert_snapshot!(kg.run("rbac unbind alice -c prod --role keeper -n shop --yes"), @r"
        USER    CLUSTER   KIND   ROLE     NAMESPACE   LEVEL   APPLIED
        alice   prod      Role   keeper   shop        read    yes
        ----- stderr -----
        Role 'keeper' in namespace 'shop' is no longer bound to 'alice' on cluster 'prod'.
        [exit 0]
    ");
    assert_eq!(get(&file, SECRETS), 403);
    // The kubeconfig itself goes on, with its level.
    assert_eq!(get(&file, PODS), 200);
    assert_eq!(lists(&kg), Vec::<String>::new());
    // Read back from the cluster, and done.
    assert_eq!(kg.events("rbac bind", "done"), 2);
    assert_eq!(kg.events("rbac unbind", "done"), 2);
}

#[test]
fn doing_it_twice_changes_nothing() {
    let mut kg = home();
    let bind = "rbac bind alice -c prod --cluster-role pod-reader";
    kg.run(bind).success();
    insta::assert_snapshot!(kg.run(bind), @r"
        USER    CLUSTER   KIND          ROLE         NAMESPACE   LEVEL   APPLIED
        alice   prod      ClusterRole   pod-reader   *           bound   yes
        ----- stderr -----
        'alice' has ClusterRole 'pod-reader' cluster-wide on cluster 'prod' already; nothing was changed.
        [exit 0]
    ");
    let unbind = "rbac unbind alice -c prod --cluster-role pod-reader --yes";
    kg.run(unbind).success();
    insta::assert_snapshot!(kg.run(unbind), @r"
        USER    CLUSTER   KIND          ROLE         NAMESPACE   LEVEL   APPLIED
        alice   prod      ClusterRole   pod-reader   *           none    yes
        ----- stderr -----
        ClusterRole 'pod-reader' cluster-wide is not bound to 'alice' on cluster 'prod'; nothing was changed.
        hint: `kubegrant rbac list --cluster prod --user alice` lists what is
        [exit 0]
    ");
    assert_eq!(kg.events("rbac bind", "requested"), 1);
    assert_eq!(kg.events("rbac unbind", "requested"), 1);
}

#[test]
fn bindings_alone_give_a_file_that_carries_exactly_them() {
    let mut kg = home();
    kg.run_as("alice", "cluster show prod").exit(3);
    insta::assert_snapshot!(kg.run("rbac bind alice -c prod --cluster-role pod-reader -n shop"), @r"
        USER    CLUSTER   KIND          ROLE         NAMESPACE   LEVEL   APPLIED
        alice   prod      ClusterRole   pod-reader   shop        bound   yes
        ----- stderr -----
        'alice' has ClusterRole 'pod-reader' in namespace 'shop' on cluster 'prod'.
        hint: hand a kubeconfig over with `kubegrant kubeconfig download prod --user alice`: it carries the bound roles and no level
        [exit 0]
    ");
    kg.run_as("alice", "cluster show prod").success();
    assert!(kg.accounts().is_empty());
    let file = kg.download_for("alice");
    assert_eq!(get(&file, SHOP_PODS), 200);
    for path in [PODS, "/api/v1/pods", CONFIG_MAPS, SECRETS, "/api/v1/nodes"] {
        assert_eq!(get(&file, path), 403, "{path}");
    }
    let names: Vec<String> = lists(&kg);
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(
        names[0].starts_with("shop/kubegrant:") && names[0].ends_with(":clusterrole:pod-reader")
    );
    // With the last binding goes the file.
    kg.run("rbac unbind alice -c prod --cluster-role pod-reader -n shop --yes")
        .success()
        .says("Version 1 of 'alice' no longer works on cluster 'prod'");
    assert!(matches!(get(&file, SHOP_PODS), 401 | 403));
    assert!(kg.accounts().is_empty());
    kg.run_as("alice", "cluster show prod").exit(3);
}

#[test]
fn of_two_bindings_one_may_go_without_the_file() {
    let mut kg = home();
    kg.run("rbac bind alice -c prod --cluster-role pod-reader -n shop")
        .success();
    kg.run("rbac bind alice -c prod --role keeper -n shop")
        .success();
    let file = kg.download_for("alice");
    assert_eq!((get(&file, SHOP_PODS), get(&file, SECRETS)), (200, 200));
    kg.run("rbac unbind alice -c prod --role keeper -n shop --yes")
        .success()
        .never_says("no longer works");
    assert_eq!((get(&file, SHOP_PODS), get(&file, SECRETS)), (200, 403));
}

#[test]
fn a_change_of_level_still_ends_the_file_and_the_next_one_carries_both() {
    let mut kg = home();
    kg.run("rbac bind alice -c prod --role keeper -n shop")
        .success();
    let bound = kg.download_for("alice");
    kg.run("access grant alice -c prod -l read")
        .success()
        .says("Version 1 of 'alice' no longer works");
    assert!(matches!(get(&bound, SECRETS), 401 | 403));
    let both = kg.download_for("alice");
    assert_eq!((get(&both, PODS), get(&both, SECRETS)), (200, 200));
    kg.run("access revoke alice -c prod --yes")
        .success()
        .says("role bindings stay");
    assert!(matches!(get(&both, SECRETS), 401 | 403));
    let bound = kg.download_for("alice");
    assert_eq!((get(&bound, PODS), get(&bound, SECRETS)), (403, 200));
    kg.run("access revoke alice -c prod --yes")
        .success()
        .says("'alice' has no grant on cluster 'prod'; nothing was changed.");
    assert_eq!(get(&bound, SECRETS), 200);
}

#[test]
fn what_escalates_is_named_and_needs_a_yes() {
    let mut kg = home();
    let line = "rbac bind alice -c prod --cluster-role cluster-admin";
    insta::assert_snapshot!(kg.run(line), @r"
        ----- stderr -----
        warning: ClusterRole 'cluster-admin' cluster-wide lets its holder escalate on cluster 'prod': it is cluster-admin
        error: cannot ask without a terminal; say it with `--yes`
        [exit 2]
    ");
    insta::assert_snapshot!(kg.run(&format!("{line} --dry-run")), @r"
        WOULD
        bind ClusterRole 'cluster-admin' cluster-wide to 'alice' on cluster 'prod'
        although ClusterRole 'cluster-admin' cluster-wide lets its holder escalate on cluster 'prod': it is cluster-admin
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
    ");
    assert_eq!(kg.events("rbac bind", "requested"), 0);
    kg.run(&format!("{line} --yes")).success();
    kg.run("rbac list -c prod -o wide")
        .success()
        .says("it is cluster-admin");
    role(&kg, None, "minter", ("serviceaccounts/token", &["create"]));
    role(&kg, None, "watcher", ("secrets", &["watch"]));
    role(&kg, None, "mapper", ("configmaps", &["patch"]));
    for (what, why) in [
        ("--cluster-role admin", "cluster-wide"),
        ("--cluster-role edit", "cluster-wide"),
        ("--cluster-role edit -n kube-system", "excluded from write"),
        ("--cluster-role minter", "tokens of accounts"),
        ("--cluster-role watcher", "secrets"),
        ("--cluster-role mapper", "settings of other components"),
        (
            "--cluster-role mapper -n kube-system",
            "settings of other components",
        ),
        ("--cluster-role system:node -n shop", "own components"),
    ] {
        let ran = kg.run(&format!("rbac bind bob -c prod {what}"));
        ran.exit(2).says("lets its holder escalate").says(why);
    }
    for what in [
        "edit -n shop",
        "view",
        "minter -n shop",
        "view -n kube-system",
    ] {
        kg.run(&format!("rbac bind bob -c prod --cluster-role {what}"))
            .success()
            .never_says("escalate");
    }
}

#[test]
fn nobody_gets_into_our_own_namespace_or_our_own_roles() {
    let mut kg = home();
    role(&kg, Some("kubegrant"), "look", ("pods", &["list"]));
    role(&kg, Some("kubegrant"), "take", ("secrets", &["get"]));
    insta::assert_snapshot!(
        kg.run("rbac bind alice -c prod --cluster-role edit -n kubegrant --yes"), @r"
        ----- stderr -----
        error: ClusterRole 'edit' in namespace 'kubegrant' can be bound to nobody: it can write, or read Secrets, in namespace 'kubegrant', and so become kubegrant's manager

        hint: `kubegrant rbac roles prod` lists what can be bound
        [exit 5]
    "
    );
    for role in [
        "--cluster-role admin",
        "--cluster-role cluster-admin",
        "--role take",
    ] {
        kg.run(&format!(
            "rbac bind alice -c prod {role} -n kubegrant --yes"
        ))
        .exit(5)
        .says("can be bound to nobody");
    }
    let roles = kg.objects("ClusterRole");
    let (manager, _) = roles
        .iter()
        .find(|(name, _)| name.starts_with("kubegrant:"))
        .expect("the manager's role");
    kg.run(&format!(
        "rbac bind alice -c prod --cluster-role {manager} --yes"
    ))
    .exit(5)
    .says("for its manager alone");
    kg.run("rbac bind alice -c prod --role look -n kubegrant")
        .success();
    assert_eq!(kg.events("rbac bind", "denied"), 5);
}

#[test]
fn what_is_not_there_is_said_with_what_is_like_it() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("rbac bind alice -c prod --cluster-role pod-readr"), @r"
        ----- stderr -----
        error: no ClusterRole 'pod-readr' on cluster 'prod'

        hint: did you mean 'pod-reader'?
        [exit 3]
    ");
    insta::assert_snapshot!(kg.run("rbac bind alice -c prod --role keepr -n shop"), @r"
        ----- stderr -----
        error: no Role 'keepr' in namespace 'shop' on cluster 'prod'

        hint: did you mean 'keeper'?
        [exit 3]
    ");
    insta::assert_snapshot!(kg.run("rbac bind alice -c prod --role keeper -n shp"), @r"
        ----- stderr -----
        error: no namespace 'shp' on cluster 'prod'

        hint: did you mean 'shop'?
        [exit 3]
    ");
    insta::assert_snapshot!(kg.run("rbac bind alice -c prod --role keeper -n default"), @r"
        ----- stderr -----
        error: no Role 'keeper' in namespace 'default' on cluster 'prod'

        hint: `kubegrant rbac roles prod -n default` lists what can be bound
        [exit 3]
    ");
    kg.run("rbac bind alice -c prod --role keeper").exit(2);
    kg.run("rbac bind alice -c prod").exit(2);
    kg.run("rbac bind alice -c prod --role a --cluster-role b -n shop")
        .exit(2);
    kg.run("rbac bind alice -c prod --cluster-role a/b").exit(2);
    kg.run("rbac bind alice -c nowhere --cluster-role view")
        .exit(3);
    kg.run("rbac bind nobody -c prod --cluster-role view")
        .exit(3);
    kg.run("rbac bind olivia -c prod --cluster-role view")
        .exit(5)
        .says("full access to every cluster");
}

#[test]
fn cluster_owners_bind_levels_and_nothing_else() {
    let mut kg = home();
    kg.run("cluster transfer prod --to bob --yes").success();
    kg.run_as("bob", "rbac bind alice -c prod --cluster-role edit -n shop")
        .success();
    kg.run_as("bob", "rbac bind alice -c prod --cluster-role pod-reader")
        .exit(4)
        .says("organization owners and admins may");
    // Where it escalates, edit is no level: nobody makes themselves more than they are.
    for place in ["", "-n kube-system"] {
        kg.run_as(
            "bob",
            &format!("rbac bind bob -c prod --cluster-role edit {place} --yes"),
        )
        .exit(4);
    }
    kg.run("rbac bind alice -c prod --role keeper -n shop")
        .success();
    kg.run_as(
        "bob",
        "rbac unbind alice -c prod --role keeper -n shop --yes",
    )
    .exit(4);
    kg.run_as(
        "bob",
        "rbac unbind alice -c prod --cluster-role edit -n shop --yes",
    )
    .success();
    kg.run_as("alice", "rbac bind alice -c prod --cluster-role view")
        .exit(4);
    kg.run_as("alice", "rbac list").success().says("keeper");
    // A login with bound roles is only an owner's or admin's to take.
    kg.run("rbac bind alice -c prod --cluster-role view")
        .success();
    kg.run_as("bob", "kubeconfig download prod --user alice --plain -f -")
        .exit(4);
}

#[test]
fn what_can_be_bound_is_listed_with_what_it_allows() {
    let mut kg = home();
    let listed = kg.run("rbac roles prod -n shop -o json").json();
    let roles = listed.as_array().expect("a list");
    let of = |name: &str| roles.iter().find(|role| role["role"] == name);
    let keeper = of("keeper").expect("listed");
    assert_eq!(keeper["kind"], "Role");
    assert_eq!(keeper["allows"], "read secrets");
    assert_eq!(keeper["escalates"], false);
    assert_eq!(of("pod-reader").expect("listed")["allows"], "read pods");
    let hidden = |role: &Value| {
        let name = role["role"].as_str().unwrap_or_default();
        name.starts_with("system:") || name.starts_with("kubegrant:")
    };
    assert!(!roles.iter().any(hidden));
    insta::assert_snapshot!(kg.run("rbac roles prod"), @r"
        KIND          ROLE            ESCALATES   ALLOWS
        ClusterRole   admin           escalates   write configmaps, cronjobs, daemonsets, deployments and 32 more; read bindings, controllerrevisions, cronjobs/status, daemonsets/status and 20 more
        ClusterRole   cluster-admin   escalates   everything
        ClusterRole   edit            escalates   write configmaps, cronjobs, daemonsets, deployments and 29 more; read bindings, controllerrevisions, cronjobs/status, daemonsets/status and 20 more
        ClusterRole   pod-reader      -           read pods
        ClusterRole   view            -           read bindings, configmaps, controllerrevisions, cronjobs and 43 more
        [exit 0]
    ");
    kg.run("rbac roles prod --all")
        .success()
        .says("system:node");
    kg.run("rbac roles prod -n nowhere").exit(3);
    kg.run_as("alice", "rbac roles prod").exit(3);
}

#[test]
fn who_is_disabled_or_leaves_keeps_nothing() {
    let mut kg = home();
    kg.run("rbac bind alice -c prod --role keeper -n shop")
        .success();
    let file = kg.download_for("alice");
    kg.run("user disable alice --yes").success();
    assert!(matches!(get(&file, SECRETS), 401 | 403));
    assert_eq!(lists(&kg), Vec::<String>::new());
    kg.run("rbac bind alice -c prod --cluster-role view")
        .exit(5);
    kg.run("user enable alice").success();
    kg.run("access explain alice -c prod")
        .success()
        .says("Role 'keeper' in namespace 'shop' is bound to 'alice'");
    let again = kg.download_for("alice");
    assert_eq!(get(&again, SECRETS), 200);
    kg.run("user offboard alice --yes")
        .success()
        .says("role binding Role 'keeper' in namespace 'shop' on cluster 'prod'");
    kg.run("user enable alice").success();
    kg.run("rbac list").success().says("No role is bound.");
    kg.run("status").success();
}
