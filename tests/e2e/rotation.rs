//! What somebody with full access leaves behind, and the command that ends it.

use std::time::Duration;

use serde_json::json;

use crate::caller::Caller;
use crate::home::{Account, File, Home};
use crate::levels::{RBAC, bind, installation, manager};
use crate::life::NAMESPACES;
use crate::world::{self, World};

const PODS: &str = "/api/v1/namespaces/default/pods";
const WHOAMI: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// A member of a project with its admin level, and what they are.
struct Leaver {
    file: File,
    /// What they minted for others, and for whom.
    kept: Vec<(String, Caller)>,
}

impl Leaver {
    fn new(home: &Home) -> Self {
        home.run("project create shop").success();
        home.run("cluster set prod --project shop").success();
        for (user, role) in [("olga", "owner"), ("dan", "editor")] {
            home.run(&format!("user add {user}")).success();
            home.run(&format!(
                "project add-member {user} --project shop --role {role}"
            ))
            .success();
        }
        home.run("kubeconfig download prod --shared --user dan --plain -f dan.shared")
            .success();
        Self {
            file: home.file("dan.shared"),
            kept: vec![],
        }
    }

    /// Mints a token of ten years, and uses it.
    fn mint(&mut self, account: &Account) {
        let wish = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": { "audiences": [], "expirationSeconds": 315_360_000 },
        });
        let path = format!("{}/token", account.path());
        let made = self.file.caller.post(&path, &wish).expect(201);
        let token = made["status"]["token"].as_str().expect("a token");
        self.keep(&account.name, token);
    }

    /// Makes a Secret with a token that never ends.
    fn immortalize(&mut self, account: &Account) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": { "name": "theirs", "annotations": {
                "kubernetes.io/service-account.name": account.name,
            } },
        });
        let secrets = format!("/api/v1/namespaces/{}/secrets", account.namespace);
        self.file.caller.post(&secrets, &secret).expect(201);
        let path = format!("{secrets}/theirs");
        for _ in 0..500 {
            let found = self.file.caller.get(&path).expect(200);
            if let Some(token) = found["data"]["token"].as_str() {
                use base64::Engine as _;
                let text = base64::engine::general_purpose::STANDARD.decode(token);
                let text = String::from_utf8(text.expect("base64")).expect("text");
                self.keep(&format!("{} (a Secret)", account.name), &text);
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no controller filled the Secret");
    }

    fn keep(&mut self, what: &str, token: &str) {
        let caller = self.file.with_token(token);
        assert_eq!(whoami(&caller), 201, "{what}");
        self.kept.push((what.to_owned(), caller));
    }

    /// Uses everything: the API server remembers each as it was a moment before the end.
    fn use_all(&self) {
        for (what, caller) in &self.kept {
            assert_eq!(whoami(caller), 201, "{what}");
        }
    }

    fn is_refused_everywhere(&self) {
        for (what, caller) in &self.kept {
            assert_eq!(whoami(caller), 401, "{what} still gets in");
        }
    }
}

fn whoami(caller: &Caller) -> u16 {
    let ask = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    caller.post(WHOAMI, &ask).status
}

/// Somebody's finalizer on an account, without our labels.
fn hide(admin: &Caller, account: &Account) {
    let change = json!({ "metadata": {
        "finalizers": ["example.com/keep"],
        "labels": { "app.kubernetes.io/managed-by": null, "kubegrant.io/installation": null },
    } });
    admin.patch(&account.path(), &change).expect(200);
}

fn is_there(world: &(impl World + ?Sized), account: &Account) -> bool {
    let status = world.admin().get(&account.path()).status;
    assert!(matches!(status, 200 | 404), "{status}");
    status == 200
}

#[test]
fn who_had_full_access_is_refused_everywhere_when_all_accounts_were_rotated() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = Home::new(world);
    let mut dan = Leaver::new(&home);
    let carol = home.developer("carol", "read");
    let ana = home.download("ana");
    let id = installation(world, &carol.account);
    let old = manager(world, &id);
    for account in [
        &old,
        &carol.account,
        &ana.account,
        &dan.file.account.clone(),
    ] {
        dan.mint(account);
    }
    if world.has_controllers() {
        dan.immortalize(&old);
    }
    hide(&dan.file.caller, &old);
    bind(world, None, "cluster-admin", ("default", "robo"));
    dan.use_all();
    home.run("project remove-member dan --project shop --yes")
        .success()
        .says("'dan' had all power on cluster 'prod'")
        .says("`kubegrant cluster rotate-accounts prod`");
    dan.kept.retain(|(_, caller)| whoami(caller) == 201);
    assert!(dan.kept.len() >= 3, "what he minted for others works on");
    home.run("cluster rotate-accounts prod --yes")
        .success()
        .says("robo");
    dan.is_refused_everywhere();
    for file in [&carol, &ana, &dan.file] {
        assert_eq!(file.caller.get(PODS).status, 401);
    }
    assert_ne!(manager(world, &id), old);
    assert!(!is_there(world, &old));
    home.run("status").success();
    home.run("cluster check prod").success();
    home.download("carol").caller.wait_for(PODS, &[200]);
    home.run("cluster delete prod --yes --confirm prod")
        .success();
}

#[test]
fn who_minted_for_the_manager_is_refused_when_it_was_rotated_or_relinked() {
    for line in [
        "cluster rotate-manager prod",
        "cluster relink prod --kubeconfig admin.kubeconfig --yes",
    ] {
        let world = world::shared();
        let world = world.as_ref();
        let home = Home::new(world);
        let mut dan = Leaver::new(&home);
        let id = installation(world, &dan.file.account);
        let old = manager(world, &id);
        dan.mint(&old);
        // Theirs is another installation's account, which stays.
        let other = Home::new(world);
        let eve = other.developer("eve", "read");
        let others = manager(world, &installation(world, &eve.account));
        hide(&dan.file.caller, &old);
        dan.use_all();
        home.run(line).success();
        if line.contains("rotate") {
            dan.is_refused_everywhere();
        } else {
            for (_, caller) in &dan.kept {
                assert_eq!(caller.get(PODS).status / 100, 4, "it may nothing at once");
            }
            world.let_pass(Duration::from_secs(11));
            dan.is_refused_everywhere();
        }
        assert!(!is_there(world, &old));
        assert!(is_there(world, &others));
        let bindings = world
            .admin()
            .get(&format!(
                "{RBAC}/clusterrolebindings/kubegrant:{id}:manager"
            ))
            .expect(200);
        assert_eq!(bindings["subjects"].as_array().map(Vec::len), Some(1));
        home.run("cluster check prod").success();
        other.run("cluster check prod").success();
        eve.caller.get(PODS).expect(200);
    }
}

#[test]
fn a_forged_head_stops_no_revocation() {
    let world = world::shared();
    let world = world.as_ref();
    let home = Home::new(world);
    let bob = home.developer("bob", "read");
    let id = installation(world, &bob.account);
    let zeros = "0".repeat(64);
    let forged = json!({ "metadata": { "annotations": {
        format!("kubegrant.io/head-{id}"): format!("9223372036854775807 999999 {zeros}"),
    } } });
    for namespace in NAMESPACES {
        world.admin().patch(namespace, &forged).expect(200);
    }
    home.run("access revoke bob -c prod --yes")
        .success()
        .says("it is not relied upon")
        .says(&format!("kubegrant.io/head-{id}"));
    assert!(matches!(bob.caller.get(PODS).status, 401 | 403));
    let ran = home.run("cluster check prod").success();
    assert!(!ran.stderr.contains("not relied upon"), "{ran}");
}
