//! The issuer: what a cluster's owner does with it who is no admin, and what nobody can.

use kubegrant_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::home::{CONFIG_MAPS, Home, PODS, answer, call, get};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// A cluster that `alice` owns, a developer; `bob` and `carol` are others.
fn home() -> Home {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    kg.add_user("carol", "developer");
    kg.run("cluster transfer prod --to alice --yes").success();
    kg
}

/// What logs in as the issuer, as its owner can open it.
pub(crate) fn issuer(kg: &Home, owner: &str) -> String {
    let sealed = kg.sealed("SELECT secret FROM issuers");
    let opened = kg.open(owner, &sealed).expect("theirs to open");
    let token = &opened[opened.find("ey").expect("a token")..];
    let end = token.find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c));
    kg.sandbox
        .kubeconfig_for_token(&token[..end.unwrap_or(token.len())])
}

/// A file that somebody else sealed to a user, opened.
fn download_as(kg: &mut Home, owner: &str, user: &str) -> String {
    let line = format!("kubeconfig download prod --user {user} -f {user}.age --force");
    kg.run_as(owner, &line).success();
    let opened = kg.run_as(user, &format!("open {user}.age -f -"));
    opened.success();
    opened.stdout.clone()
}

fn map() -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "generateName": "m-" } })
}

fn installation(kg: &Home) -> String {
    let roles = kg.objects("ClusterRole").into_iter();
    let mut ids = roles.filter_map(|(name, _)| {
        let id = name.strip_prefix("kubegrant:")?.strip_suffix(":issuer")?;
        Some(id.to_owned())
    });
    ids.next().expect("the issuer's role")
}

#[test]
fn an_owner_who_is_no_admin_gives_and_takes_with_the_issuer_alone() {
    let mut kg = home();
    assert_eq!(kg.openers(&["olivia", "alice", "bob"]), ["olivia"]);
    kg.run_as("alice", "access grant bob -c prod --level write")
        .success();
    let bob = download_as(&mut kg, "alice", "bob");
    assert_eq!(call(&bob, "POST", CONFIG_MAPS, Some(&map())), 201);
    kg.run_as("alice", "access grant carol -c prod --level read")
        .success();
    let carol = download_as(&mut kg, "alice", "carol");
    assert_eq!(get(&carol, PODS), 200);
    assert_eq!(call(&carol, "POST", CONFIG_MAPS, Some(&map())), 403);
    // Her own, and again.
    kg.run_as("alice", "kubeconfig download prod").success();
    let hers = kg.read("prod.kubeconfig");
    kg.run_as("alice", "kubeconfig rotate prod --yes --force")
        .success();
    assert!(matches!(get(&hers, PODS), 401 | 403));
    assert_eq!(get(&kg.read("prod.kubeconfig"), PODS), 200);
    kg.run_as("alice", "access grant bob -c prod --level read")
        .success();
    assert!(
        matches!(get(&bob, PODS), 401 | 403),
        "another level ends it"
    );
    kg.run_as("alice", "access revoke carol -c prod --yes")
        .success()
        .says("no longer works");
    assert!(matches!(get(&carol, PODS), 401 | 403));
    kg.run_as("alice", "reconcile prod").success();
    kg.run_as("alice", "cluster check prod")
        .success()
        .says("the issuer may do its work");
    kg.run_as("alice", "status").success();
    kg.run("cluster check prod").success();
    let users = kg.accounts();
    assert!(
        users.iter().all(|it| it.starts_with("kubegrant-users/")),
        "{users:?}"
    );
}

/// A request that must lead nowhere: what it is, its method, path and body.
type Way = (&'static str, &'static str, String, Option<Value>);

/// The ways up, with the installation's id and the account of somebody who has everything.
fn ways_up(id: &str, own: &str) -> Vec<Way> {
    let us = json!([{
        "kind": "ServiceAccount", "namespace": "kubegrant", "name": "kubegrant-issuer-x",
    }]);
    let admin = json!({
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin",
    });
    let binding = |kind: &str, name: &str, role: &Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
            "metadata": { "name": name }, "roleRef": role, "subjects": us,
        })
    };
    let edit = json!({
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit",
    });
    let token = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
    });
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "x" },
    });
    let system = format!("{RBAC}/namespaces/kube-system/rolebindings");
    let lists = format!("{RBAC}/clusterrolebindings");
    let accounts = "/api/v1/namespaces/kubegrant/serviceaccounts";
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": format!("kubegrant:{id}:issuer") },
        "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }],
    });
    let admins = format!("kubegrant:{id}:cluster-admin");
    let edits = format!("kubegrant:{id}:edit");
    vec![
        (
            "itself on the list of cluster-admin",
            "PUT",
            format!("{lists}/{admins}"),
            Some(binding("ClusterRoleBinding", &admins, &admin)),
        ),
        (
            "a binding in kube-system",
            "POST",
            system.clone(),
            Some(binding("RoleBinding", "x", &edit)),
        ),
        (
            "a list of our name in kube-system",
            "POST",
            system.clone(),
            Some(binding("RoleBinding", &edits, &edit)),
        ),
        (
            "the same by its name",
            "PUT",
            format!("{system}/{edits}"),
            Some(binding("RoleBinding", &edits, &edit)),
        ),
        (
            "the manager's token",
            "POST",
            format!("{accounts}/kubegrant-manager/token"),
            Some(token.clone()),
        ),
        (
            "the token of somebody with all",
            "POST",
            format!("{accounts}/{own}/token"),
            Some(token.clone()),
        ),
        (
            "its own successor",
            "POST",
            accounts.to_owned(),
            Some(account),
        ),
        (
            "a new binding",
            "POST",
            lists.clone(),
            Some(binding("ClusterRoleBinding", "x", &edit)),
        ),
        (
            "its own role",
            "PUT",
            format!("{RBAC}/clusterroles/kubegrant:{id}:issuer"),
            Some(role),
        ),
        (
            "Secrets",
            "GET",
            "/api/v1/namespaces/kubegrant/secrets".to_owned(),
            None,
        ),
        (
            "Secrets elsewhere",
            "GET",
            "/api/v1/namespaces/default/secrets".to_owned(),
            None,
        ),
    ]
}

#[test]
fn the_issuers_login_is_no_way_up() {
    let mut kg = home();
    kg.run_as("alice", "access grant bob -c prod --level write")
        .success();
    download_as(&mut kg, "alice", "bob");
    kg.run("kubeconfig download prod -f full").success();
    let (login, id) = (issuer(&kg, "alice"), installation(&kg));
    let own = kg
        .accounts()
        .into_iter()
        .find(|it| it.starts_with("kubegrant/"));
    let own = own.expect("olivia's").replace("kubegrant/", "");
    for (what, method, path, body) in ways_up(&id, &own) {
        let code = call(&login, method, &path, body.as_ref());
        // Behind the name of a list that is not there, the server may say so.
        assert!(matches!(code, 403 | 404), "{what}: {code}");
    }
    // And it does what it is for.
    let users = "/api/v1/namespaces/kubegrant-users/serviceaccounts";
    assert_eq!(get(&login, users), 200);
}

#[test]
fn what_the_issuer_cannot_is_said_and_left_to_an_admin() {
    let mut kg = home();
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } });
    kg.sandbox.put_object(namespace).expect("stored");
    kg.run_as("alice", "access grant bob -c prod --level write")
        .success();
    let bob = download_as(&mut kg, "alice", "bob");
    let maps = CONFIG_MAPS.replace("default", "shop");
    assert_eq!(call(&bob, "POST", &maps, Some(&map())), 403);
    kg.run_as("alice", "status")
        .exit(6)
        .says("your key opens the issuer's login of cluster 'prod' alone");
    kg.run_as("alice", "reconcile prod").exit(6);
    kg.run("reconcile").success().says("in namespace 'shop'");
    assert_eq!(call(&bob, "POST", &maps, Some(&map())), 201);
    kg.run("status").success();
}

#[test]
fn whoever_no_longer_owns_a_cluster_has_no_issuer_any_more() {
    let mut kg = home();
    for line in [
        "cluster transfer prod --to bob --yes",
        "user disable bob --yes",
    ] {
        let owner = if line.contains("disable") {
            "bob"
        } else {
            "alice"
        };
        let login = issuer(&kg, owner);
        let users = "/api/v1/namespaces/kubegrant-users/serviceaccounts";
        assert_eq!(get(&login, users), 200, "{line}");
        kg.run(line).success();
        assert!(matches!(get(&login, users), 401 | 403), "{line}");
        kg.run("cluster check prod").success();
    }
}

#[test]
fn a_lost_owner_on_a_cluster_that_is_away_is_pending_until_the_issuer_is_gone() {
    let mut kg = home();
    let login = issuer(&kg, "alice");
    kg.sandbox.stop();
    kg.run("cluster transfer prod --to bob --yes").exit(6);
    kg.run("status")
        .exit(6)
        .says("the issuer's account is to be replaced, and is not yet");
    kg.sandbox.restart().expect("back");
    kg.run_as("bob", "reconcile prod").exit(6);
    kg.run("reconcile").success();
    let users = "/api/v1/namespaces/kubegrant-users/serviceaccounts";
    assert!(matches!(get(&login, users), 401 | 403));
    kg.run_as("bob", "cluster check prod").success();
}

#[test]
fn rights_of_the_issuer_that_were_cut_or_widened_are_found() {
    let mut kg = home();
    let name = format!("kubegrant:{}:issuer", installation(&kg));
    let (_, role) = kg
        .objects("ClusterRole")
        .into_iter()
        .find(|(it, _)| *it == name)
        .expect("its role");
    let mut wider = role.clone();
    wider["rules"].as_array_mut().expect("rules").push(json!({
        "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"],
    }));
    kg.sandbox.put_object(wider).expect("stored");
    kg.run("cluster check prod")
        .exit(6)
        .says("gives more than the issuer needs")
        .says("issuer: get secrets");
    let mut less = role.clone();
    less["rules"].as_array_mut().expect("rules").truncate(2);
    kg.sandbox.put_object(less).expect("stored");
    kg.run("cluster check prod")
        .exit(6)
        .says("issuer: bind clusterroles");
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.run("cluster relink prod --kubeconfig admin.conf --yes")
        .success();
    kg.run("cluster check prod").success();
    kg.run_as("alice", "cluster check prod").success();
}

#[test]
fn a_role_that_escalates_takes_a_version_out_of_the_issuers_reach() {
    let mut kg = home();
    kg.run("access grant bob -c prod --level read").success();
    let old = kg.download_for("bob");
    kg.run("rbac bind bob -c prod --cluster-role cluster-admin --yes")
        .success();
    assert!(matches!(get(&old, PODS), 401 | 403));
    let file = kg.download_for("bob");
    assert_eq!(get(&file, "/api/v1/namespaces/kube-system/secrets"), 200);
    let accounts = kg.accounts();
    assert!(
        accounts.iter().any(|it| it.starts_with("kubegrant/bob-")),
        "{accounts:?}"
    );
    // Whoever becomes the owner of a cluster gets nobody's role with it.
    kg.run("cluster transfer prod --to olivia --yes").success();
    kg.run("access grant carol -c prod --level read").success();
    let carol = kg.download_for("carol");
    kg.run("rbac bind carol -c prod --cluster-role cluster-admin --yes")
        .success();
    assert_eq!(get(&carol, "/api/v1/namespaces/kube-system/secrets"), 200);
    kg.run("cluster transfer prod --to alice --yes").success();
    assert!(matches!(get(&carol, PODS), 401 | 403));
}

#[test]
fn a_namespace_of_developers_that_is_gone_is_made_anew_by_relink() {
    let mut kg = home();
    kg.run("access grant bob -c prod --level read").success();
    let file = kg.download_for("bob");
    kg.sandbox
        .remove_object("v1", "Namespace", None, "kubegrant-users");
    for (account, _) in kg.objects("ServiceAccount") {
        if let Some(name) = account.strip_prefix("kubegrant-users/") {
            kg.sandbox
                .remove_object("v1", "ServiceAccount", Some("kubegrant-users"), name);
        }
    }
    for line in ["cluster check prod", "reconcile"] {
        kg.run(line)
            .exit(5)
            .says("namespace 'kubegrant-users' is gone from the cluster")
            .says("kubegrant cluster relink prod");
    }
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.run("cluster relink prod --kubeconfig admin.conf --yes")
        .success();
    kg.run("reconcile").success();
    kg.run("cluster check prod").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
    let file = download_as(&mut kg, "alice", "bob");
    assert_eq!(get(&file, PODS), 200);
}

#[test]
fn an_issuer_that_somebody_deleted_is_named_and_made_anew() {
    let mut kg = home();
    let accounts = kg.objects("ServiceAccount").into_iter();
    let mut names = accounts.filter_map(|(name, _)| {
        let name = name.strip_prefix("kubegrant/")?;
        name.starts_with("kubegrant-issuer")
            .then(|| name.to_owned())
    });
    let name = names.next().expect("the issuer");
    kg.sandbox
        .remove_object("v1", "ServiceAccount", Some("kubegrant"), &name);
    kg.run_as("alice", "access grant bob -c prod --level read")
        .success();
    kg.run_as("alice", "kubeconfig download prod --user bob")
        .says("relink");
    // The manager works on, and says what is missing.
    kg.run("kubeconfig download prod --user bob").success();
    kg.run("cluster check prod")
        .exit(6)
        .says("issuer: log in, as its login is refused");
    // `reconcile` makes another, as where the store is one of before another took its place.
    kg.run("reconcile prod").success().says("is the issuer");
    kg.run("cluster check prod").success();
    kg.run_as("alice", "kubeconfig download prod --user bob --force")
        .success();
}

#[test]
fn whom_the_issuer_cannot_serve_is_sent_to_an_admin() {
    let mut kg = home();
    kg.run("rbac bind bob -c prod --cluster-role view -n default")
        .success();
    kg.run("access grant bob -c prod --level read").success();
    kg.download_for("bob");
    let versions = kg.accounts();
    kg.run_as("alice", "kubeconfig download prod --user bob --force")
        .exit(4)
        .says("mints no token for 'bob'")
        .says("an organization owner or admin hands it over");
    assert_eq!(kg.accounts(), versions);
    kg.run("status").success();
}

#[test]
fn a_store_from_before_another_issuer_makes_one_again() {
    let mut kg = home();
    kg.run("backup b.db").success();
    kg.run("cluster transfer prod --to bob --yes").success();
    kg.run("restore b.db --yes").success();
    kg.run("reconcile").success().says("is the issuer");
    kg.run("cluster check prod").success();
    kg.run_as("alice", "access grant carol -c prod --level read")
        .success();
    download_as(&mut kg, "alice", "carol");
}

#[test]
fn a_namespace_that_became_dangerous_loses_write_with_the_issuer_too() {
    let mut kg = home();
    kg.run("access grant bob -c prod --level write").success();
    let bob = kg.download_for("bob");
    assert_eq!(call(&bob, "POST", CONFIG_MAPS, Some(&map())), 201);
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "robot" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "cluster-admin",
        },
        "subjects": [{ "kind": "ServiceAccount", "name": "robot", "namespace": "default" }],
    });
    kg.sandbox.put_object(binding).expect("stored");
    kg.run_as("alice", "reconcile prod").exit(6);
    assert_eq!(call(&bob, "POST", CONFIG_MAPS, Some(&map())), 403);
    // What the issuer could only empty is gone with the manager.
    kg.run("reconcile").success();
    kg.run("cluster check prod").success();
    assert_eq!(get(&bob, PODS), 200);
}

/// A list, by its path.
fn list_at(kg: &Home, path: &str) -> Value {
    answer(&kg.sandbox.admin_kubeconfig_token(), "GET", path, None)
}

/// Who is cut off had the issuer's login, and used it beside us: what he put on the lists goes with the
/// account, and what he minted is said.
#[test]
fn what_a_former_owner_left_on_the_lists_goes_with_the_transfer() {
    let mut kg = home();
    kg.run("access grant bob -c prod --level write").success();
    kg.download_for("bob");
    let (issuer, id) = (issuer(&kg, "alice"), installation(&kg));
    let accounts = "/api/v1/namespaces/kubegrant-users/serviceaccounts";
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "backdoor" },
    });
    assert_eq!(call(&issuer, "POST", accounts, Some(&account)), 201);
    let mint = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
    });
    let minted = answer(
        &issuer,
        "POST",
        &format!("{accounts}/backdoor/token"),
        Some(&mint),
    );
    let minted = minted["status"]["token"].as_str().expect("a token");
    let backdoor = kg.sandbox.kubeconfig_for_token(minted);
    let edits = format!("{RBAC}/namespaces/default/rolebindings/kubegrant:{id}:edit");
    let put = |labels: Value, kind: &str, namespace: &str| {
        let mut list = list_at(&kg, &edits);
        list["metadata"]["labels"] = labels;
        list["subjects"] = json!([{ "kind": kind, "name": "backdoor", "namespace": namespace }]);
        assert_eq!(call(&issuer, "PUT", &edits, Some(&list)), 200);
    };
    let ours = list_at(&kg, &edits)["metadata"]["labels"].clone();
    put(ours, "ServiceAccount", "kubegrant-users");
    assert_eq!(call(&backdoor, "POST", CONFIG_MAPS, Some(&map())), 201);
    // With nothing of ours on it, and without our labels, it is ours all the same.
    put(json!({}), "ServiceAccount", "default");
    kg.run("cluster transfer prod --to carol --yes")
        .success()
        .says("'alice' handed out kubeconfigs on cluster 'prod'")
        .says("kubegrant cluster rotate-accounts prod");
    let list = list_at(&kg, &edits);
    assert_eq!(list["subjects"].as_array().map(Vec::len), Some(1));
    assert!(
        list["subjects"][0]["name"]
            .as_str()
            .is_some_and(|it| it.starts_with("bob-"))
    );
    assert_eq!(call(&backdoor, "POST", CONFIG_MAPS, Some(&map())), 403);
    kg.run("status").success();
}

#[test]
fn an_owner_who_is_no_admin_does_not_widen_write() {
    let mut kg = home();
    for line in [
        "cluster set prod --write-scope cluster --yes",
        "cluster set prod --include kube-system --yes",
        "cluster set prod --write-allow example.com/widgets --yes",
    ] {
        kg.run_as("alice", line)
            .exit(4)
            .says("may not let write reach or carry more on cluster 'prod'");
    }
    kg.run_as("alice", "cluster set prod --exclude default --yes")
        .exit(6);
    kg.run("cluster set prod --write-scope cluster --yes")
        .success();
}

/// An issuer lists the accounts of one namespace: what it does not see is not gone for that.
#[test]
fn an_issuer_that_ends_many_believes_none_gone_that_it_does_not_see() {
    let mut kg = home();
    for number in 0..34 {
        let user = format!("dev-{number}");
        kg.add_user(&user, "developer");
        kg.run(&format!("access grant {user} -c prod --level read"))
            .success();
        kg.download_for(&user);
    }
    kg.run("kubeconfig download prod -f mine.conf").success();
    let mine = kg.read("mine.conf");
    let secrets = "/api/v1/namespaces/kube-system/secrets";
    assert_eq!(get(&mine, secrets), 200);
    kg.run_as("alice", "cluster archive prod --revoke-all --yes")
        .exit(6);
    assert_eq!(get(&mine, secrets), 200);
    kg.run("kubeconfig show prod").says("revoking");
    kg.run("reconcile").success();
    assert_eq!(get(&mine, secrets), 401);
}

#[test]
fn what_is_beyond_the_issuer_is_pending_and_said() {
    let mut kg = home();
    kg.run("kubeconfig download prod -f mine.conf").success();
    let id = installation(&kg);
    let admins = format!("{RBAC}/clusterrolebindings/kubegrant:{id}:cluster-admin");
    let mut list = list_at(&kg, &admins);
    let stranger =
        json!({ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory" });
    list["subjects"]
        .as_array_mut()
        .expect("subjects")
        .push(stranger);
    kg.sandbox.put_object(list).expect("stored");
    kg.run_as("alice", "reconcile prod")
        .exit(6)
        .says("ask an organization owner or admin");
    kg.run("status").exit(6);
    kg.run("reconcile").success();
    let list = list_at(&kg, &admins);
    assert_eq!(list["subjects"].as_array().map(Vec::len), Some(1));
    kg.run("status").success();
}
