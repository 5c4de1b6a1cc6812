//! `kubeconfig download --renew`: a file without a secret, and the pair of accounts behind it.

use std::time::Duration;

use kubegrant_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::home::{Home, PODS, call, get, yaml};

/// The name that a kubeconfig gives `credential`.
fn renewal_of(kubeconfig: &str) -> String {
    let exec = &yaml(kubeconfig)["users"][0]["user"]["exec"];
    assert_eq!(exec["command"], "kubegrant", "{exec}");
    let args = exec["args"].as_array().expect("arguments");
    assert_eq!(args[0], "credential");
    args.last()
        .and_then(Value::as_str)
        .expect("a name")
        .to_owned()
}

/// What the plugin gives for a kubeconfig, as a login.
fn ask(kg: &mut Home, user: &str, kubeconfig: &str) -> String {
    let line = format!("credential --renewal {} -o token", renewal_of(kubeconfig));
    let ran = kg.run_as(user, &line);
    ran.success();
    kg.sandbox.kubeconfig_for_token(ran.stdout.trim_end())
}

fn roles(kg: &Home) -> Vec<String> {
    let roles = kg
        .objects("Role")
        .into_iter()
        .chain(kg.objects("RoleBinding"));
    let ours = roles
        .map(|(name, _)| name)
        .filter(|name| name.contains(":renew:"));
    ours.collect()
}

#[test]
fn ones_own_holds_no_secret_and_works_until_it_is_revoked() {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    let ran = kg.run("kubeconfig download prod --renew");
    ran.success()
        .says("renews itself")
        .says("credentialPluginAllowlist");
    let file = kg.read("prod.kubeconfig");
    assert!(!file.contains("token"), "{file}");
    let login = ask(&mut kg, "olivia", &file);
    assert_eq!(get(&login, PODS), 200);
    kg.run("kubeconfig show prod -o json")
        .success()
        .says("\"renews\": \"fixed\"");
    kg.run("cluster check prod").success();
    assert_eq!(roles(&kg).len(), 2);
    kg.run("reconcile").success();
    kg.run("cluster check prod").success();
    let again = kg.run("kubeconfig rotate prod --yes --force");
    again.success().says("renews itself");
    assert!(matches!(get(&login, PODS), 401 | 403));
    let file = kg.read("prod.kubeconfig");
    let login = ask(&mut kg, "olivia", &file);
    assert_eq!(get(&login, PODS), 200);
    assert_eq!(roles(&kg).len(), 2, "{:?}", roles(&kg));
}

#[test]
fn somebody_elses_is_sealed_and_put_in_its_place_by_opening_it() {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    kg.run("access grant bob -c prod --level write").success();
    kg.run("kubeconfig download prod --user bob --renew")
        .success();
    let name = "prod.bob.kubeconfig.age";
    kg.run_as("alice", &format!("open {name}")).exit(4);
    kg.run_as("bob", &format!("open {name}"))
        .success()
        .says("what renews it lies in");
    let file = kg.read("prod.bob.kubeconfig");
    assert!(!file.contains("token"), "{file}");
    let login = ask(&mut kg, "bob", &file);
    assert_eq!(get(&login, PODS), 200);
    let found = kg.accounts();
    assert_eq!(found.len(), 2, "{found:?}");
    kg.write("login", &login);
    kg.run("kubeconfig whose login").success().says("bob");
    kg.run("access revoke bob -c prod --yes").success();
    assert!(matches!(get(&login, PODS), 401 | 403));
    assert_eq!(kg.accounts(), [""; 0]);
    assert_eq!(roles(&kg), [""; 0]);
    kg.tick(1);
    let line = format!("credential --renewal {}", renewal_of(&file));
    kg.run_as("bob", &line).exit(4).says("Access Revoked");
    kg.run("cluster check prod").success();
}

#[test]
fn the_renewer_mints_for_its_account_alone() {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    kg.run("access grant bob -c prod --level read").success();
    kg.run("kubeconfig download prod --user bob --renew")
        .success();
    let sealed = std::fs::read(kg.path("prod.bob.kubeconfig.age")).expect("the file");
    let opened = kg.open("bob", &sealed).expect("bob's");
    let renewal: Value = serde_json::from_str(&opened).expect("JSON");
    let text = |field: &str| renewal[field].as_str().expect(field).to_owned();
    let login = kg.sandbox.kubeconfig_for_token(&text("token"));
    let accounts = format!("/api/v1/namespaces/{}/serviceaccounts", text("namespace"));
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
    });
    let mint = |path: &str| call(&login, "POST", &format!("{path}/token"), Some(&request));
    assert_eq!(mint(&format!("{accounts}/{}", text("account"))), 201);
    assert_eq!(mint(&format!("{accounts}/{}", text("renewer"))), 403);
    let manager = "/api/v1/namespaces/kubegrant/serviceaccounts/kubegrant-manager";
    assert_eq!(mint(manager), 403);
    for path in [
        PODS,
        accounts.as_str(),
        "/api/v1/namespaces/kubegrant/secrets",
    ] {
        assert_eq!(get(&login, path), 403, "{path}");
    }
    // Somebody who widens it is found out.
    let (_, mut role) = kg
        .objects("Role")
        .into_iter()
        .find(|(name, _)| name.contains(":renew:"))
        .expect("its role");
    role["rules"][0]["resourceNames"] = json!([]);
    kg.sandbox.put_object(role).expect("stored");
    kg.run("cluster check prod")
        .exit(6)
        .says("more than renewing");
}

#[test]
fn where_lives_are_capped_it_goes_on_as_long_as_it_is_used() {
    let day = Duration::from_hours(24);
    let builder = Sandbox::builder()
        .max_token_ttl(Some(day))
        .token_cache(false);
    let mut kg = Home::with(builder);
    kg.run("kubeconfig download prod --renew")
        .success()
        .says("as long as it is used");
    kg.run("kubeconfig show prod -o json")
        .success()
        .says("\"renews\": \"rolling\"");
    let file = kg.read("prod.kubeconfig");
    for _ in 0..6 {
        let login = ask(&mut kg, "olivia", &file);
        assert_eq!(get(&login, PODS), 200);
        kg.tick(13);
    }
    // Who does not use it for as long as a token lives must come again.
    kg.tick(24);
    let line = format!("credential --renewal {}", renewal_of(&file));
    kg.run(&line).exit(4);
}

#[test]
fn a_merged_one_takes_the_place_of_the_one_before_and_back() {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    kg.run("kubeconfig download prod --merge -f all").success();
    assert!(kg.read("all").contains("token:"));
    kg.run("kubeconfig download prod --renew --merge -f all")
        .success();
    let merged = kg.read("all");
    assert!(!merged.contains("token:"), "{merged}");
    assert_eq!(yaml(&merged)["users"].as_array().map(Vec::len), Some(1));
    let login = ask(&mut kg, "olivia", &merged);
    assert_eq!(get(&login, PODS), 200);
    kg.run("kubeconfig download prod --merge -f all").success();
    assert!(kg.read("all").contains("token:"));
}

#[test]
fn what_cannot_be_is_said_before_anything_is_made() {
    let mut kg = Home::new();
    kg.run("kubeconfig download --all --renew").exit(2);
    kg.run("kubeconfig download prod --user bob --plain --renew")
        .exit(2);
    kg.run("cluster transfer prod --to alice --yes").success();
    kg.run_as("alice", "kubeconfig download prod --renew")
        .exit(4)
        .says("more than the issuer of cluster 'prod' may make");
    assert_eq!(kg.accounts(), [""; 0]);
    // Nor does the owner lose the one that an admin made for them.
    kg.run("kubeconfig download prod --user alice --renew -f alice.age")
        .success();
    kg.run_as("alice", "open alice.age").success();
    let accounts = kg.accounts();
    kg.run_as("alice", "kubeconfig rotate prod --yes --force")
        .exit(4)
        .says("more than the issuer of cluster 'prod' may make");
    assert_eq!(kg.accounts(), accounts);
    kg.run("status").success();
}

/// Whoever deletes the Role ends the renewing, not the access: the next `reconcile` makes it anew.
#[test]
fn a_role_that_somebody_deleted_is_made_anew() {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    kg.run("kubeconfig download prod --renew").success();
    let file = kg.read("prod.kubeconfig");
    let all = kg.objects("Role").into_iter();
    let mut names = all.filter(|(name, _)| name.contains(":renew:"));
    let (name, _) = names.next().expect("its Role");
    let (namespace, name) = name.split_once('/').expect("a namespace");
    let group = "rbac.authorization.k8s.io/v1";
    kg.sandbox
        .remove_object(group, "Role", Some(namespace), name);
    kg.run("reconcile").success().says("is there again");
    let login = ask(&mut kg, "olivia", &file);
    assert_eq!(get(&login, PODS), 200);
    kg.run("cluster check prod").success();
}

#[test]
fn a_renewal_that_is_installed_is_not_replaced_unasked() {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    kg.run("access grant bob -c prod --level read --for 8h")
        .success();
    kg.run("kubeconfig download prod --user bob --renew -f 1.age")
        .success()
        .says("could mint tokens for longer");
    kg.run("team rotate bob -c prod --yes").success();
    kg.run("kubeconfig download prod --user bob --renew -f 2.age")
        .success();
    kg.run_as("bob", "open 2.age -f bob.conf").success();
    let file = kg.read("bob.conf");
    kg.run_as("bob", "open 1.age -f old.conf")
        .exit(5)
        .says("is of version 2, and this one of version 1")
        .says("--force");
    assert!(!kg.files().contains(&"old.conf".to_owned()));
    let login = ask(&mut kg, "bob", &file);
    assert_eq!(get(&login, PODS), 200);
    kg.run_as("bob", "open 2.age -f bob.conf --force").success();
    kg.run_as("bob", "open 1.age -f old.conf --force").success();
    let line = format!("credential --renewal {}", renewal_of(&file));
    kg.run_as("bob", &line).exit(4).says("Access Revoked");
}
