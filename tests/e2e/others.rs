//! What others hold on a cluster that leads to our accounts, and how it is named and mended.

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::home::Home;
use crate::levels::{RBAC, account, installation};
use crate::world;

const GROUP: &str = "rbac.authorization.k8s.io";

fn user(name: &str) -> Value {
    json!({ "kind": "User", "apiGroup": GROUP, "name": name })
}

fn group(name: &str) -> Value {
    json!({ "kind": "Group", "apiGroup": GROUP, "name": name })
}

fn bindings(place: Option<&str>) -> String {
    match place {
        None => format!("{RBAC}/clusterrolebindings"),
        Some(place) => format!("{RBAC}/namespaces/{place}/rolebindings"),
    }
}

/// A binding of somebody else's to a ClusterRole.
pub(crate) fn bind(admin: &Caller, place: Option<&str>, name: &str, role: &str, whom: &Value) {
    let kind = if place.is_none() {
        "ClusterRoleBinding"
    } else {
        "RoleBinding"
    };
    let binding = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": kind,
        "metadata": { "name": name },
        "roleRef": { "apiGroup": GROUP, "kind": "ClusterRole", "name": role },
        "subjects": [whom],
    });
    admin.post(&bindings(place), &binding).expect(201);
}

fn unbind(admin: &Caller, place: Option<&str>, name: &str) {
    let path = format!("{}/{name}", bindings(place));
    admin.delete(&path).expect(200);
}

/// The lines of a check that begin with this word.
fn lines(home: &Home, check: &str) -> String {
    let found = home.run("cluster check prod").stdout;
    let lines = found.lines().filter(|line| line.starts_with(check));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_check_sees_what_an_attacker_would_leave() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = Home::new(world);
    let admin = world.admin();
    let bob = home.developer("bob", "read");
    let id = installation(world, &bob.account);
    // As it is made, nothing of Kubernetes' own is an alarm.
    home.run("cluster check prod").success();
    for check in ["objects", "admins", "ways in", "levels"] {
        assert!(!lines(&home, check).is_empty());
        assert!(
            lines(&home, check)
                .lines()
                .all(|line| line.contains(" ok ")),
            "{}",
            lines(&home, check)
        );
    }
    // Names like ours hide nobody.
    bind(
        &admin,
        None,
        "kubegrant:ffffffff:cluster-admin",
        "cluster-admin",
        &user("eve"),
    );
    bind(
        &admin,
        None,
        &format!("kubegrant:{id}:backup"),
        "cluster-admin",
        &user("mallory"),
    );
    let admins = lines(&home, "admins");
    assert!(
        admins.contains("'eve'") && admins.contains("installation 'ffffffff'"),
        "{admins}"
    );
    assert!(
        admins.contains("'mallory'") && admins.contains("not ours"),
        "{admins}"
    );
    assert!(lines(&home, "objects").contains("without our labels"));
    // What is as strong as cluster-admin is named as it.
    let all = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRole",
        "metadata": { "name": "helper" },
        "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }],
    });
    admin
        .post(&format!("{RBAC}/clusterroles"), &all)
        .expect(201);
    bind(&admin, None, "helping", "helper", &user("trudy"));
    assert!(lines(&home, "admins").contains("'trudy'"));
}

#[test]
fn a_check_sees_who_can_come_to_our_accounts() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = Home::new(world);
    let admin = world.admin();
    // Cluster-wide, in our namespaces, by whatever role.
    bind(&admin, None, "devs", "edit", &group("developers"));
    for (place, whom) in [("kubegrant", "tenants"), ("kubegrant-users", "lodgers")] {
        bind(
            &admin,
            Some(place),
            "rb-project-member",
            "edit",
            &group(whom),
        );
    }
    let minter = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRole",
        "metadata": { "name": "minter" },
        "rules": [{
            "apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"],
            "resourceNames": ["kubegrant-manager"],
        }],
    });
    admin
        .post(&format!("{RBAC}/clusterroles"), &minter)
        .expect(201);
    let robot = json!({ "kind": "ServiceAccount", "namespace": "default", "name": "robot" });
    bind(&admin, None, "mints", "minter", &robot);
    let ways = lines(&home, "ways in");
    for whom in [
        "group 'developers'",
        "group 'tenants'",
        "group 'lodgers'",
        "account 'default/robot'",
    ] {
        assert!(ways.contains(whom), "{whom}: {ways}");
    }
    assert!(!ways.contains(" ok "), "{ways}");
    assert!(lines(&home, "objects").contains("rb-project-member"));
    home.run("cluster check prod").says("warning:");
    // Names like Kubernetes' own hide nobody.
    let evil = json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": "ClusterRole",
        "metadata": { "name": "system:controller:evil" },
        "rules": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["list"] }],
    });
    admin
        .post(&format!("{RBAC}/clusterroles"), &evil)
        .expect(201);
    let evil = json!({ "kind": "ServiceAccount", "namespace": "kube-system", "name": "evil" });
    bind(
        &admin,
        None,
        "system:controller:evil",
        "system:controller:evil",
        &evil,
    );
    assert!(lines(&home, "ways in").contains("account 'kube-system/evil'"));
    // What leads nowhere does not.
    bind(&admin, None, "lookers", "view", &group("lookers"));
    assert!(!lines(&home, "ways in").contains("lookers"));
}

#[test]
fn what_platforms_put_into_every_namespace_is_no_alarm() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = Home::new(world);
    let admin = world.admin();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "builder-dockercfg" },
    });
    for place in ["kubegrant", "kubegrant-users"] {
        for name in ["builder", "deployer"] {
            account(world, place, name);
        }
        let all = group(&format!("system:serviceaccounts:{place}"));
        bind(&admin, Some(place), "system:image-pullers", "view", &all);
        let secrets = format!("/api/v1/namespaces/{place}/secrets");
        admin.post(&secrets, &secret).expect(201);
    }
    home.run("cluster check prod").success();
    let found = lines(&home, "objects");
    assert!(found.lines().all(|line| line.contains(" ok ")), "{found}");
    assert!(found.contains("system:image-pullers") && found.contains("no way to our accounts"));
    home.reconcile();
    // A user with a role stands in the one namespace, others in the other.
    home.run("user add bob").success();
    home.run("rbac bind bob -c prod --cluster-role view -n default")
        .success();
    home.grant("bob", "write");
    home.download("bob");
    home.developer("carol", "write");
    // The same name with another role is one.
    for (place, user) in [("kubegrant", "bob"), ("kubegrant-users", "carol")] {
        let all = group(&format!("system:serviceaccounts:{place}"));
        bind(&admin, Some(place), "system:deployers", "edit", &all);
        let found = lines(&home, "ways in");
        assert!(found.contains("system:deployers"), "{found}");
        assert!(
            found.contains("every account of ours is among them"),
            "{found}"
        );
        home.run(&format!(
            "kubeconfig download prod --user {user} --plain -f again"
        ))
        .exit(5)
        .says("system:deployers");
        unbind(&admin, Some(place), "system:deployers");
    }
    home.run("cluster check prod").success();
}

#[test]
fn strangers_on_the_bindings_of_the_manager_and_the_issuer_are_taken_off() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = Home::new(world);
    let admin = world.admin();
    let bob = home.developer("bob", "read");
    let id = installation(world, &bob.account);
    let of = |place: Option<&str>, role: &str| format!("{}/kubegrant:{id}:{role}", bindings(place));
    let users = Some("kubegrant-users");
    let places = [
        of(None, "manager"),
        of(Some("kubegrant"), "manager"),
        of(users, "manager"),
        of(None, "issuer"),
        of(users, "issuer"),
    ];
    for path in &places {
        let mut found = admin.get(path).expect(200);
        let subjects = found["subjects"].as_array_mut().expect("subjects");
        subjects.push(user("eve"));
        let added = json!({ "subjects": subjects });
        admin.patch(path, &added).expect(200);
    }
    home.run("cluster check prod")
        .exit(6)
        .says("user 'eve' has the manager's rights")
        .says("user 'eve' has the issuer's rights");
    home.run("reconcile --dry-run").success().says("'eve'");
    home.run("reconcile").success().says("take user 'eve' off");
    for path in &places {
        let found = admin.get(path).expect(200);
        let subjects = found["subjects"].as_array().map(Vec::len);
        assert_eq!(subjects, Some(1), "{found}");
    }
    home.run("cluster check prod").success();
    home.download("bob");
    // Rules of their roles are not for the manager to change.
    for whose in ["manager", "issuer"] {
        let role = format!("{RBAC}/clusterroles/kubegrant:{id}:{whose}");
        let mut found = admin.get(&role).expect(200);
        let rules = found["rules"].as_array_mut().expect("rules");
        rules.push(json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] }));
        let added = json!({ "rules": rules });
        admin.patch(&role, &added).expect(200);
        home.run("cluster check prod")
            .exit(6)
            .says(&format!("more than the {whose} needs: read secrets"))
            .says("cluster relink");
        home.run("cluster relink prod --kubeconfig admin.kubeconfig --yes")
            .success();
        home.run("cluster check prod").success();
    }
}

#[test]
fn a_namespace_that_holds_bindings_of_others_is_not_taken_unasked() {
    let world = world::alone(None);
    let world = world.as_ref();
    let admin = world.admin();
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": "kubegrant", "labels": { "app.kubernetes.io/managed-by": "kubegrant" },
        },
    });
    admin.post("/api/v1/namespaces", &namespace).expect(201);
    bind(&admin, Some("kubegrant"), "tenant", "edit", &user("eve"));
    bind(&admin, None, "devs", "edit", &group("developers"));
    let home = Home::empty();
    home.put_admin(world);
    let add = "cluster add prod --kubeconfig admin.kubeconfig";
    home.run(add)
        .exit(5)
        .says("tenant")
        .says("user 'eve'")
        .says("--yes");
    home.run("cluster show prod").exit(3);
    let accounts = "/api/v1/namespaces/kubegrant/serviceaccounts/kubegrant-manager";
    admin.get(accounts).expect(404);
    home.run(&format!("{add} --dry-run"))
        .success()
        .says("tenant");
    home.run(&format!("{add} --yes"))
        .success()
        .says("tenant")
        .says("group 'developers'");
    home.run("audit list -o json").success().says("tenant");
    // Where nothing of others stands, nobody is asked; who would come through us is said.
    unbind(&admin, Some("kubegrant"), "tenant");
    home.run("cluster delete prod --yes --confirm prod")
        .success();
    home.run(add).success().says("group 'developers'");
    home.run("cluster check prod").success();
    // Another installation is no stranger, and is named; what renews kubeconfigs of its users is its own.
    home.run("user add bob").success();
    home.grant("bob", "read");
    home.run("--as bob kubeconfig download prod --renew -f bob.kubeconfig")
        .success();
    let other = Home::empty();
    other.put_admin(world);
    let renewers = "/apis/rbac.authorization.k8s.io/v1/namespaces/kubegrant-users/roles";
    let found = admin.get(renewers).expect(200);
    let is_renewer = |it: &&Value| it["metadata"]["name"].to_string().contains(":renew:");
    let role = found["items"]
        .as_array()
        .expect("a list")
        .iter()
        .find(is_renewer);
    let mut role = role.expect("what renews").clone();
    let path = format!(
        "{renewers}/{}",
        role["metadata"]["name"].as_str().expect("a name")
    );
    let rules = role["rules"].take();
    let secrets = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] });
    admin
        .patch(&path, &json!({ "rules": [rules[0], secrets] }))
        .expect(200);
    other.run(add).exit(5).says(":renew:bob-");
    admin.patch(&path, &json!({ "rules": rules })).expect(200);
    other
        .run(add)
        .success()
        .says("of kubegrant is on this cluster too");
}
