//! A cluster whose owner is no admin: what she does with the issuer alone, and what nobody can.

use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::home::{Account, File, Home, token};
use crate::levels::{self, RBAC, config_map, config_maps, installation, namespace};
use crate::life::{NAMESPACES, left};
use crate::probes::{self, Names};
use crate::world::{self, World};

const PODS: &str = "/api/v1/namespaces/default/pods";
const USERS: &str = "/api/v1/namespaces/kubegrant-users/serviceaccounts";
const ISSUER: &str = "SELECT secret FROM issuers";
/// For longer than this no API server believes a token whose account is gone.
const CACHED: Duration = Duration::from_secs(11);

/// A cluster that alice owns, a developer; bob and carol are others.
fn hers(world: &(impl World + ?Sized)) -> Home {
    let home = Home::new(world);
    for user in ["alice", "bob", "carol"] {
        home.add_with_identity(user);
    }
    home.run("cluster transfer prod --to alice --yes").success();
    home
}

#[track_caller]
fn is_dead(who: &Caller) {
    let status = who.get(PODS).status;
    assert!(matches!(status, 401 | 403), "{status}");
}

/// The issuer, as its owner can log in as it.
fn issuer(home: &Home, owner: &str, file: &File) -> Caller {
    let login = home.opened(owner, ISSUER).expect("the owner's");
    file.with_token(token(&login))
}

#[test]
fn an_owner_who_is_no_admin_gives_and_takes_with_the_issuer_alone() {
    let world = world::alone(None);
    let home = hers(world.as_ref());
    let manager = "SELECT manager_secret FROM clusters";
    for user in ["alice", "bob"] {
        assert_eq!(home.opened(user, manager), None, "{user}");
    }
    assert_eq!(home.opened("bob", ISSUER), None);
    for (user, level) in [("bob", "write"), ("carol", "read")] {
        home.run_as(
            "alice",
            &format!("access grant {user} -c prod --level {level}"),
        )
        .success();
    }
    let (bob, carol) = (
        home.hand_over("alice", "bob"),
        home.hand_over("alice", "carol"),
    );
    for file in [&bob, &carol] {
        assert_eq!(file.account.namespace, "kubegrant-users");
        file.caller.wait_for(PODS, &[200]);
    }
    let (maps, map) = (config_maps("default"), config_map("m"));
    bob.caller.post(&maps, &map).expect(201);
    carol.caller.post(&maps, &map).expect(403);
    // Her own: another level is another file, and so is a rotation.
    home.run_as(
        "alice",
        "kubeconfig download prod --plain -f alice.kubeconfig",
    )
    .success();
    let mine = home.file("alice.kubeconfig");
    mine.caller.wait_for(PODS, &[200]);
    home.run_as("alice", "kubeconfig rotate prod -f next --yes")
        .success();
    is_dead(&mine.caller);
    home.file("next").caller.wait_for(PODS, &[200]);
    home.run_as("alice", "access grant bob -c prod --level read")
        .success();
    is_dead(&bob.caller);
    let bob = home.hand_over("alice", "bob");
    bob.caller.wait_for(PODS, &[200]);
    bob.caller.post(&maps, &map).expect(403);
    home.run_as("alice", "access revoke carol -c prod --yes")
        .success()
        .says("no longer works");
    is_dead(&carol.caller);
    home.run_as("alice", "reconcile").success();
    home.run_as("alice", "cluster check prod")
        .success()
        .says("the issuer may do its work");
    home.run_as("alice", "status").success();
    for line in ["reconcile", "cluster check prod", "status"] {
        home.run(line).success();
    }
}

/// Gives a list of ours these subjects.
fn put_on(who: &Caller, list: &str, subjects: &[Value]) {
    who.patch(list, &json!({ "subjects": subjects }))
        .expect(200);
}

#[test]
fn the_issuer_does_its_six_jobs() {
    let world = world::shared();
    let world = world.as_ref();
    let home = hers(world);
    let file = home.download("alice");
    let id = installation(world, &file.account);
    let issuer = issuer(&home, "alice", &file);
    let view = format!("{RBAC}/clusterrolebindings/kubegrant:{id}:view");
    let edit = format!("{RBAC}/namespaces/default/rolebindings/kubegrant:{id}:edit");
    // Others share the namespace.
    let account = Account::new("kubegrant-users", &format!("probe-{id}"));
    let made = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": account.name },
    });
    issuer.post(USERS, &made).expect(201);
    let both = [file.account.subject(), account.subject()];
    put_on(&issuer, &view, &both);
    put_on(&issuer, &edit, &both);
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
    });
    let minted = issuer.post(&format!("{}/token", account.path()), &request);
    let minted = minted.expect(201);
    let who = file.with_token(minted["status"]["token"].as_str().expect("a token"));
    who.wait_for("/api/v1/pods", &[200]);
    let config_maps = "/api/v1/namespaces/default/configmaps?dryRun=All";
    while who.post(config_maps, &config_map("m")).status != 201 {}
    put_on(&issuer, &edit, &both[..1]);
    put_on(&issuer, &view, &both[..1]);
    who.wait_for("/api/v1/pods", &[403]);
    issuer.delete(&account.path()).expect(200);
    who.wait_for("/api/v1/pods", &[401]);
    file.caller.get(PODS).expect(200);
}

#[test]
fn no_way_leads_from_the_issuer_to_more_than_write() {
    let world = world::shared();
    let world = world.as_ref();
    let home = hers(world);
    let ana = home.download("ana");
    let id = installation(world, &ana.account);
    namespace(world, &format!("strong-{id}"));
    let [manager, own] = [levels::manager(world, &id), levels::issuer(world, &id)];
    levels::account(world, &format!("strong-{id}"), "robot");
    let names = Names {
        manager: &manager,
        issuer: &own,
        own: &own,
        other: &ana.account,
        installation: &id,
        privileged: &format!("strong-{id}"),
    };
    let (issuer, admin) = (issuer(&home, "alice", &ana), world.admin());
    issuer.wait_for(USERS, &[200]);
    let ways = probes::of_issuer(&names);
    for probe in &ways {
        probe.is_refused(&issuer, "the issuer");
        probe.is_open_to(&admin);
    }
    // Of what nobody below `full` may, it may what its work is.
    let mut all = probes::all(&names);
    all.extend(probes::writes("default"));
    let count = all.len() + ways.len();
    let mut may: Vec<String> = all
        .into_iter()
        .filter(|probe| !probe.refuses(&issuer))
        .map(|probe| probe.name)
        .collect();
    may.sort();
    assert_eq!(
        may,
        [
            "join our readers",
            "join our writers",
            "make an account in kubegrant-users",
            "mint a token of system:serviceaccount:kubegrant-users:default",
            "relabel kubegrant-users",
        ]
    );
    // Nor does a list of ours become one of another role.
    let lists = [
        format!("{RBAC}/clusterrolebindings/kubegrant:{id}:view"),
        format!("{RBAC}/namespaces/default/rolebindings/kubegrant:{id}:edit"),
    ];
    for path in &lists {
        let mut list = issuer.get(path).expect(200);
        let before = list["roleRef"].clone();
        list["roleRef"]["name"] = json!("cluster-admin");
        list["subjects"] = json!([own.subject()]);
        for (method, body) in [
            ("PUT", &list),
            ("PATCH", &json!({ "roleRef": list["roleRef"] })),
        ] {
            let answer = issuer.ask(method, path, Some(body));
            assert!(
                matches!(answer.status, 403 | 422),
                "{} {}",
                answer.status,
                answer.body
            );
        }
        assert_eq!(admin.get(path).expect(200)["roleRef"], before);
    }
    crate::say(&format!("e2e: {count} ways up are closed to the issuer"));
}

#[test]
fn what_the_issuer_cannot_waits_for_an_admin_and_whoever_lost_the_cluster_has_none() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = hers(world);
    home.run_as("alice", "access grant bob -c prod --level write")
        .success();
    let bob = home.hand_over("alice", "bob");
    let id = installation(world, &bob.account);
    bob.caller.wait_for(PODS, &[200]);
    namespace(world, "shop");
    let (maps, map) = (config_maps("shop"), config_map("m"));
    bob.caller.post(&maps, &map).expect(403);
    home.run_as("alice", "reconcile")
        .exit(6)
        .says("more than its issuer may");
    bob.caller.post(&maps, &map).expect(403);
    home.run("reconcile").success().says("in namespace 'shop'");
    let written = (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        bob.caller.post(&maps, &map).status == 201
    });
    assert!(written, "the API server hears of it");
    home.run_as("alice", "reconcile").success();
    // Nor does it make the list of readers anew.
    let view = format!("{RBAC}/clusterrolebindings/kubegrant:{id}:view");
    world.admin().delete(&view).expect(200);
    bob.caller.wait_for("/api/v1/pods", &[403]);
    home.run_as("alice", "reconcile")
        .exit(6)
        .says("more than its issuer may");
    home.run("reconcile").success();
    bob.caller.wait_for("/api/v1/pods", &[200]);
    home.run_as("alice", "reconcile").success();
    // Whoever may open the issuer's login no longer may have kept it.
    let (kept, account) = (issuer(&home, "alice", &bob), levels::issuer(world, &id));
    kept.get(USERS).expect(200);
    home.run("cluster transfer prod --to carol --yes").success();
    let refused = kept.get(USERS).status;
    assert!(matches!(refused, 401 | 403), "{refused}");
    world.let_pass(CACHED);
    kept.get(USERS).expect(401);
    world.admin().get(&account.path()).expect(404);
    assert_ne!(levels::issuer(world, &id), account);
    assert_eq!(home.opened("alice", ISSUER), None);
    home.run_as("alice", "access revoke bob -c prod --yes")
        .exit(3)
        .says("no cluster 'prod'");
    bob.caller.get(PODS).expect(200);
    home.run_as("carol", "cluster check prod").success();
    home.run_as("carol", "access revoke bob -c prod --yes")
        .success();
    is_dead(&bob.caller);
    assert!(!left(world, &id).is_empty());
    let ran = home.run("cluster delete prod --yes --confirm prod");
    ran.success();
    if world.has_controllers() {
        assert_eq!(left(world, &id), std::collections::BTreeSet::new());
        for namespace in NAMESPACES {
            world.admin().wait_for(namespace, &[404]);
        }
    }
}

#[test]
fn a_cluster_that_is_worked_on_with_the_operators_login_has_an_issuer_too() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = Home::empty();
    home.put_admin(world);
    home.run("cluster add prod --kubeconfig admin.kubeconfig --keep-credential")
        .success();
    for user in ["alice", "bob"] {
        home.add_with_identity(user);
    }
    home.run("cluster transfer prod --to alice --yes").success();
    home.run_as("alice", "access grant bob -c prod --level write")
        .success();
    let bob = home.hand_over("alice", "bob");
    bob.caller.wait_for(PODS, &[200]);
    bob.caller
        .post(&config_maps("default"), &config_map("m"))
        .expect(201);
    let id = installation(world, &bob.account);
    assert_eq!(levels::issuer(world, &id).namespace, "kubegrant");
    home.run_as("alice", "cluster check prod").success();
    home.run("cluster check prod").success();
    home.run_as("alice", "access revoke bob -c prod --yes")
        .success();
    is_dead(&bob.caller);
    home.run("cluster delete prod --yes --confirm prod")
        .success();
    if world.has_controllers() {
        assert_eq!(left(world, &id), std::collections::BTreeSet::new());
    }
}

#[test]
fn whoever_has_a_role_loses_the_level_at_once_and_the_rest_by_an_admin() {
    let world = world::alone(None);
    let home = hers(world.as_ref());
    home.run("rbac bind bob -c prod --cluster-role view -n default")
        .success();
    home.run_as("alice", "access grant bob -c prod --level write")
        .success();
    let bob = home.download("bob");
    assert_eq!(bob.account.namespace, "kubegrant", "out of her reach");
    let maps = config_maps("default");
    bob.caller.wait_for("/api/v1/pods", &[200]);
    bob.caller.post(&maps, &config_map("m")).expect(201);
    home.run_as("alice", "access revoke bob -c prod --yes")
        .exit(6)
        .says("ask 'ana' to run `kubegrant reconcile prod`");
    bob.caller.get("/api/v1/pods").expect(403);
    bob.caller.post(&maps, &config_map("m")).expect(403);
    home.run_as("alice", "status").exit(6);
    home.run("reconcile").success();
    is_dead(&bob.caller);
    home.run_as("alice", "status").success();
}
