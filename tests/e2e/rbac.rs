//! Roles of the cluster's own, bound to users: in effect at once, and nothing beyond.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::home::{Account, Home};
use crate::levels::{RBAC, account, bind, installation, issuer, manager, namespace};
use crate::probes::{self, Names};
use crate::world::{self, World};

/// How often a binding comes and goes where the time is taken.
const TIMES: u32 = 10;

/// After this an answer is not the wanted one for good.
const HANGING: Duration = Duration::from_mins(3);

/// A ClusterRole, or a Role of a namespace.
fn role(world: &(impl World + ?Sized), place: Option<&str>, name: &str, rules: &Value) {
    let (kind, path) = match place {
        None => ("ClusterRole", format!("{RBAC}/clusterroles")),
        Some(place) => ("Role", format!("{RBAC}/namespaces/{place}/roles")),
    };
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": { "name": name }, "rules": rules,
    });
    world.admin().post(&path, &role).expect(201);
}

fn rule(resource: &str, verbs: &[&str]) -> Value {
    json!({ "apiGroups": [""], "resources": [resource], "verbs": verbs })
}

fn secrets(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets")
}

/// Asks without rest while something is done, and until the answer is the wanted one; gives how long
/// before its end it was so for good (nothing: after), and whether every question that was *sent* after
/// the end was answered so: an answer that was on its way at the end accuses nobody.
fn watched(who: &Caller, path: &str, wanted: u16, act: impl FnOnce()) -> (Duration, bool) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let (began, mut since, mut wrong) = (Instant::now(), None, None);
            loop {
                let last = done.load(Ordering::SeqCst);
                let asked = Instant::now();
                if who.get(path).status == wanted {
                    since.get_or_insert(asked);
                } else {
                    since = None;
                    wrong = Some(asked);
                }
                // A busy API server sees what is given a moment after it was written.
                if last && (since.is_some() || began.elapsed() > HANGING) {
                    return (since, wrong);
                }
            }
        });
        act();
        let ended = Instant::now();
        done.store(true, Ordering::SeqCst);
        let (since, wrong) = asking.join().expect("the asking ends");
        let since = since.expect("the answer is the wanted one in the end");
        let in_effect = wrong.is_none_or(|asked| asked <= ended);
        (ended.saturating_duration_since(since), in_effect)
    })
}

#[test]
fn a_binding_takes_effect_and_an_unbinding_has_when_its_command_ends() {
    let world = world::shared();
    let world = world.as_ref();
    namespace(world, "bound-shop");
    role(
        world,
        Some("bound-shop"),
        "keeper",
        &json!([rule("secrets", &["list"])]),
    );
    let home = Home::new(world);
    let bob = home.developer("bob", "read");
    let path = secrets("bound-shop");
    bob.caller.get(&path).expect(403);
    let what = "bob -c prod --role keeper -n bound-shop";
    let (mut given, mut taken) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let bind = || drop(home.run(&format!("rbac bind {what}")).success());
        given.push(watched(&bob.caller, &path, 200, bind));
        bob.caller.get("/api/v1/pods").expect(200);
        let unbind = || drop(home.run(&format!("rbac unbind {what} --yes")).success());
        taken.push(watched(&bob.caller, &path, 403, unbind));
    }
    let least = |times: &[(Duration, bool)]| times.iter().map(|(time, _)| *time).min();
    crate::say(&format!(
        "e2e: of {TIMES} bindings each was in effect at least {:?} before the command ended, of as \
         many unbindings {:?}",
        least(&given).unwrap_or_default(),
        least(&taken).unwrap_or_default(),
    ));
    // A command that ends with 0 has asked: nobody is let in after it.
    assert!(taken.iter().all(|(_, before)| *before), "{taken:?}");
    // The same account all along: no new download was needed.
    assert_eq!(home.download("bob").account, bob.account);
}

#[test]
fn bindings_alone_carry_exactly_the_role() {
    let world = world::shared();
    let world = world.as_ref();
    namespace(world, "bound-alone");
    namespace(world, "bound-powerful");
    account(world, "bound-powerful", "robot");
    bind(world, None, "cluster-admin", ("bound-powerful", "robot"));
    role(
        world,
        None,
        "bound:pod.reader",
        &json!([rule("pods", &["get", "list"])]),
    );
    let home = Home::new(world);
    home.run("user add bob").success();
    let other = home.developer("carl", "read");
    home.run("rbac bind bob -c prod --cluster-role bound:pod.reader -n bound-alone")
        .success();
    let bob = home.download("bob");
    bob.caller
        .get("/api/v1/namespaces/bound-alone/pods")
        .expect(200);
    for path in [
        "/api/v1/namespaces/bound-alone/configmaps",
        "/api/v1/namespaces/default/pods",
        "/api/v1/pods",
        "/api/v1/namespaces",
        "/apis/apps/v1/deployments",
    ] {
        bob.caller.get(path).expect(403);
    }
    let installation = installation(world, &bob.account);
    let manager = manager(world, &installation);
    let names = Names {
        manager: &manager,
        issuer: &issuer(world, &installation),
        own: &bob.account,
        other: &other.account,
        installation: &installation,
        privileged: "bound-powerful",
    };
    for probe in probes::all(&names) {
        probe.is_refused(&bob.caller, "bound");
    }
    for probe in probes::writes("bound-alone") {
        probe.is_refused(&bob.caller, "bound");
    }
    // The last one gone, the account goes too.
    home.run("rbac unbind bob -c prod --cluster-role bound:pod.reader -n bound-alone --yes")
        .success()
        .says("Version 1 of 'bob' no longer works");
    let path = "/api/v1/namespaces/bound-alone/pods";
    let status = bob.caller.get(path).status;
    assert!(matches!(status, 401 | 403), "{status}");
    world.admin().get(&bob.account.path()).expect(404);
    home.run("kubeconfig download prod --user bob --plain -f again")
        .exit(5);
}

#[test]
fn what_escalates_needs_a_yes_and_what_is_not_there_is_not_bound() {
    let world = world::shared();
    let world = world.as_ref();
    namespace(world, "bound-careful");
    role(
        world,
        None,
        "bound-minter",
        &json!([rule("serviceaccounts/token", &["create"])]),
    );
    let home = Home::new(world);
    let bob = home.developer("bob", "read");
    for role in [
        "cluster-admin",
        "edit",
        "bound-minter",
        "edit -n kube-system",
    ] {
        home.run(&format!("rbac bind bob -c prod --cluster-role {role}"))
            .exit(2)
            .says("lets its holder escalate");
    }
    for role in ["edit", "admin", "cluster-admin", "bound-minter"] {
        home.run(&format!(
            "rbac bind bob -c prod --cluster-role {role} -n kubegrant --yes"
        ))
        .exit(5)
        .says("can be bound to nobody");
    }
    for what in [
        "--cluster-role bound-mintr",
        "--role keeper -n bound-careful",
        "--cluster-role view -n bound-nowhere",
    ] {
        home.run(&format!("rbac bind bob -c prod {what}")).exit(3);
    }
    bob.caller.get("/api/v1/secrets").expect(403);
    home.run("rbac bind bob -c prod --cluster-role cluster-admin --yes")
        .success();
    bob.caller.get("/api/v1/secrets").expect(200);
    home.run("rbac unbind bob -c prod --cluster-role cluster-admin --yes")
        .success();
    bob.caller.get("/api/v1/secrets").expect(403);
}

/// Each kind of role can be taken, and its end be asked about: with names, with paths, with
/// nothing in it, covered by the level, in two places at once.
#[test]
fn roles_of_every_kind_come_and_go() {
    let world = world::shared();
    let world = world.as_ref();
    namespace(world, "bound-kinds");
    let named = json!([{
        "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["one"],
    }]);
    role(world, Some("bound-kinds"), "named", &named);
    let paths = json!([{ "nonResourceURLs": ["/metrics"], "verbs": ["get"] }]);
    role(world, None, "bound-paths", &paths);
    role(world, None, "bound-nothing", &json!([]));
    role(
        world,
        None,
        "bound-covered",
        &json!([rule("pods", &["get", "list"])]),
    );
    role(
        world,
        None,
        &format!("bound-{}", "x".repeat(240)),
        &json!([rule("nodes", &["list"])]),
    );
    let home = Home::new(world);
    let bob = home.developer("bob", "read");
    let long = format!("--cluster-role bound-{}", "x".repeat(240));
    let one = format!("{}/one", secrets("bound-kinds"));
    // A Secret that is not there: who may ask is told so.
    for (what, path, allowed, before) in [
        ("--role named -n bound-kinds", one.as_str(), 404, 403),
        ("--cluster-role bound-paths", "/metrics", 200, 403),
        ("--cluster-role bound-nothing", "/api/v1/pods", 200, 200),
        ("--cluster-role bound-covered", "/api/v1/pods", 200, 200),
        (long.as_str(), "/api/v1/nodes", 200, 403),
    ] {
        if path == "/metrics" && !world.is_real() {
            continue; // Only a real server has it.
        }
        bob.caller.get(path).expect(before);
        home.run(&format!("rbac bind bob -c prod {what}")).success();
        bob.caller.wait_for(path, &[allowed]);
        home.run(&format!("rbac unbind bob -c prod {what} --yes"))
            .success();
        bob.caller.get(path).expect(before);
    }
    home.run("cluster check prod")
        .says("the manager may do its work")
        .success();
}

#[test]
fn what_others_made_is_named_and_left_alone() {
    let world = world::alone(None);
    let world = world.as_ref();
    namespace(world, "others");
    account(world, "others", "robot");
    bind(world, None, "cluster-admin", ("others", "robot"));
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": "forever",
            "annotations": { "kubernetes.io/service-account.name": "robot" },
        },
    });
    let admin = world.admin();
    admin.post(&secrets("others"), &secret).expect(201);
    let home = Home::new(world);
    home.run("cluster check prod")
        .success()
        .says("binding others-robot cluster-wide: account 'others/robot'")
        .says("who may list Secrets may read them, so the manager may not");
    // A binding that carries our labels and not our name is somebody's: the wider rights of the
    // manager do not reach it.
    let id = installation(world, &Account::new("kubegrant", "kubegrant-manager"));
    let path = format!("{RBAC}/clusterrolebindings/others-robot");
    let labels = json!({ "metadata": { "labels": {
        "app.kubernetes.io/managed-by": "kubegrant", "kubegrant.io/installation": id,
    } } });
    admin.patch(&path, &labels).expect(200);
    home.developer("bob", "write");
    home.run("rbac bind bob -c prod --cluster-role view -n others")
        .success();
    home.reconcile();
    admin.get(&path).expect(200);
    home.run("cluster check prod").success().says("foreign");
    admin
        .get(&format!("{}/forever", secrets("others")))
        .expect(200);
    // With the operator's own login all Secrets can be looked for, by name alone.
    home.run("cluster relink prod --kubeconfig admin.kubeconfig --keep-credential --yes")
        .success();
    home.run("cluster check prod")
        .success()
        .says("others/forever");
}
