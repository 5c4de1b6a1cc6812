//! What a level lets its holder do, and what not.

use std::process::Command;

use serde_json::{Value, json};

use crate::home::{Account, Home};
use crate::probes::{self, Names};
use crate::world::{self, World};

pub(crate) const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// A namespace.
pub(crate) fn namespace(world: &(impl World + ?Sized), name: &str) {
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name },
    });
    world
        .admin()
        .post("/api/v1/namespaces", &namespace)
        .expect(201);
}

/// An account.
pub(crate) fn account(world: &(impl World + ?Sized), namespace: &str, name: &str) {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name },
    });
    world.admin().post(&path, &account).expect(201);
}

/// Binds an account of `from` to a ClusterRole, everywhere or in a namespace.
pub(crate) fn bind(
    world: &(impl World + ?Sized),
    place: Option<&str>,
    role: &str,
    (from, account): (&str, &str),
) {
    let (path, kind) = match place {
        None => (format!("{RBAC}/clusterrolebindings"), "ClusterRoleBinding"),
        Some(place) => (
            format!("{RBAC}/namespaces/{place}/rolebindings"),
            "RoleBinding",
        ),
    };
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": { "name": format!("{from}-{account}") },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role,
        },
        "subjects": [{ "kind": "ServiceAccount", "namespace": from, "name": account }],
    });
    world.admin().post(&path, &binding).expect(201);
}

/// A config map.
pub(crate) fn config_map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } })
}

/// Where a namespace's config maps are; nothing is stored there.
pub(crate) fn config_maps(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps?dryRun=All")
}

/// The label of the installation on an account of ours.
pub(crate) fn installation(world: &(impl World + ?Sized), account: &Account) -> String {
    let found = world.admin().get(&account.path()).expect(200);
    let label = &found["metadata"]["labels"]["kubegrant.io/installation"];
    label.as_str().expect("a label").to_owned()
}

/// The manager's account of an installation.
pub(crate) fn manager(world: &(impl World + ?Sized), installation: &str) -> Account {
    bound(world, installation, "manager")
}

/// The issuer's account of an installation.
pub(crate) fn issuer(world: &(impl World + ?Sized), installation: &str) -> Account {
    bound(world, installation, "issuer")
}

fn bound(world: &(impl World + ?Sized), installation: &str, role: &str) -> Account {
    let path = format!("{RBAC}/clusterrolebindings/kubegrant:{installation}:{role}");
    let found = world.admin().get(&path).expect(200);
    let name = found["subjects"][0]["name"].as_str();
    Account::new("kubegrant", name.expect("a name"))
}

#[test]
fn read_sees_and_changes_nothing() {
    let world = world::shared();
    let world = world.as_ref();
    namespace(world, "read-only");
    let home = Home::new(world);
    let bob = home.developer("bob", "read").caller;
    for path in [
        "/api/v1/pods",
        "/api/v1/namespaces/kube-system/pods",
        "/api/v1/namespaces",
        "/apis/apps/v1/deployments",
    ] {
        bob.get(path).expect(200);
    }
    let admin = world.admin();
    for probe in probes::writes("read-only") {
        probe.is_refused(&bob, "read");
        probe.is_open_to(&admin);
    }
}

#[test]
fn no_level_escalates() {
    let world = world::shared();
    let world = world.as_ref();
    namespace(world, "privileged");
    account(world, "privileged", "robot");
    bind(world, None, "cluster-admin", ("privileged", "robot"));
    let home = Home::new(world);
    let reader = home.developer("rita", "read");
    let writer = home.developer("will", "write");
    let installation = installation(world, &writer.account);
    let manager = manager(world, &installation);
    let issuer = issuer(world, &installation);
    let admin = world.admin();
    let names = |own, other| Names {
        manager: &manager,
        issuer: &issuer,
        own,
        other,
        installation: &installation,
        privileged: "privileged",
    };
    let mut count = 0;
    for probe in probes::all(&names(&writer.account, &reader.account)) {
        probe.is_refused(&writer.caller, "write");
        probe.is_open_to(&admin);
        count += 1;
    }
    for probe in probes::all(&names(&reader.account, &writer.account)) {
        probe.is_refused(&reader.caller, "read");
    }
    assert!(count >= 40, "{count} probes");
    crate::say(&format!(
        "e2e: {count} ways up are closed to read and write"
    ));
}

#[test]
fn write_changes_what_it_reaches() {
    let world = world::shared();
    let world = world.as_ref();
    namespace(world, "open");
    let home = Home::new(world);
    let bob = home.developer("bob", "write").caller;
    for probe in probes::writes("open") {
        probe.is_open_to(&bob);
    }
    let map = config_map("mine");
    bob.post("/api/v1/namespaces/default/configmaps", &map)
        .expect(201);
    bob.delete("/api/v1/namespaces/default/configmaps/mine")
        .expect(200);
    for namespace in ["kube-system", "kubegrant", "kubegrant-users", "kube-public"] {
        bob.post(&config_maps(namespace), &map).expect(403);
    }
}

#[test]
fn full_is_cluster_admin() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    let ana = home.download("ana");
    ana.caller.get("/api/v1/secrets").expect(200);
    let map = config_map("x");
    ana.caller
        .post(&config_maps("kube-system"), &map)
        .expect(201);
}

#[test]
fn everything_of_ours_is_labelled() {
    let world = world::shared();
    let world = world.as_ref();
    let home = Home::new(world);
    let bob = home.developer("bob", "write");
    home.download("ana");
    let id = installation(world, &bob.account);
    let selector = format!(
        "labelSelector=app.kubernetes.io/managed-by%3Dkubegrant,kubegrant.io/installation%3D{id}"
    );
    let admin = world.admin();
    let names = |path: String| -> Vec<String> {
        let listed = admin.get(&format!("{path}?{selector}")).expect(200);
        let items = listed["items"].as_array().expect("a list").clone();
        let name = |item: &Value| {
            item["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        items.iter().map(name).collect()
    };
    let accounts = names("/api/v1/namespaces/kubegrant/serviceaccounts".to_owned());
    assert_eq!(accounts.len(), 3, "{accounts:?}"); // The manager, the issuer and ana.
    let users = names("/api/v1/namespaces/kubegrant-users/serviceaccounts".to_owned());
    assert_eq!(users, [bob.account.name]);
    let bindings = names(format!("{RBAC}/clusterrolebindings"));
    let expected =
        ["cluster-admin", "issuer", "manager", "view"].map(|role| format!("kubegrant:{id}:{role}"));
    assert_eq!(bindings, expected);
    let edit = names(format!("{RBAC}/namespaces/default/rolebindings"));
    assert_eq!(edit, [format!("kubegrant:{id}:edit")]);
}

#[test]
fn kubectl_takes_the_file() {
    let world = world::shared();
    let Some(kubectl) = world::kubectl() else {
        return;
    };
    let home = Home::new(world.as_ref());
    home.developer("bob", "read");
    let run = |line: &str| {
        let output = Command::new(&kubectl)
            .args(line.split_whitespace())
            .args(["--kubeconfig", "bob.kubeconfig"])
            .current_dir(home.path(""))
            .env_clear()
            .env("HOME", home.path(""))
            .output()
            .expect("kubectl runs");
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    };
    let (good, text) = run("get pods --all-namespaces");
    assert!(good, "{text}");
    let (good, text) = run("auth can-i list pods");
    assert!(good, "{text}");
    let (good, text) = run("auth can-i create pods");
    assert!(!good, "{text}");
    let (good, text) = run("create configmap a");
    assert!(!good && text.contains("is forbidden"), "{text}");
    let (good, text) = run("config get-contexts -o name");
    assert!(good && text.trim() == "bob@prod", "{text}");
}
