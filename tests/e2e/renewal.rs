//! Kubeconfigs that renew themselves: the pair of accounts behind one, on an API server, and kubectl.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use kube::config::Kubeconfig;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::home::{Account, Home};
use crate::levels::{RBAC, namespace};
use crate::world::{self, World};

const NAME: &str = "prod.ana.0badcafe";
const PODS: &str = "/api/v1/namespaces/default/pods";
const GROUP: &str = "rbac.authorization.k8s.io";

/// A machine with a renewal on it, and the pair of accounts behind it, made by hand.
struct Pair {
    home: Home,
    admin: Caller,
    works: Account,
    renews: Account,
    /// A kubeconfig with the renewer's token.
    renewer: Caller,
}

/// Where a world is, and its certificate authority.
fn place(world: &(impl World + ?Sized)) -> (String, String) {
    let admin = Kubeconfig::from_yaml(&world.admin_kubeconfig()).expect("a kubeconfig");
    let cluster = admin.clusters[0].cluster.clone().expect("a cluster");
    let authority = cluster.certificate_authority_data.expect("an authority");
    let authority = base64::engine::general_purpose::STANDARD.decode(authority);
    let authority = String::from_utf8(authority.expect("base64")).expect("PEM");
    (cluster.server.expect("an address"), authority)
}

/// A kubeconfig of a world for a user.
fn kubeconfig(world: &(impl World + ?Sized), user: &Value) -> String {
    let (server, authority) = place(world);
    let authority = base64::engine::general_purpose::STANDARD.encode(authority);
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{ "name": "c", "cluster": {
            "server": server, "certificate-authority-data": authority,
        } }],
        "users": [{ "name": "c", "user": user }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "c" } }],
    })
    .to_string()
}

fn mint(who: &Caller, account: &Account) -> Result<String, u16> {
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": { "expirationSeconds": 3600 },
    });
    let made = who.post(&format!("{}/token", account.path()), &request);
    match made.body["status"]["token"].as_str() {
        Some(token) if made.status == 201 => Ok(token.to_owned()),
        _ => Err(made.status),
    }
}

impl Pair {
    fn new(world: &(impl World + ?Sized)) -> Self {
        let (home, admin) = (Home::empty(), world.admin());
        fs::create_dir(home.path("run")).expect("a folder");
        let own = "kubegrant-users";
        let [works, renews] = ["works", "renews"].map(|name| Account::new(own, name));
        namespace(world, own);
        for account in [&works, &renews] {
            crate::levels::account(world, own, &account.name);
        }
        let role = json!({
            "apiVersion": format!("{GROUP}/v1"), "kind": "Role",
            "metadata": { "name": "renews" },
            "rules": [{
                "apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"],
                "resourceNames": [works.name],
            }],
        });
        let bound = |kind: &str, name: &str, role: (&str, &str), account: &Account| {
            json!({
                "apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": { "name": name },
                "roleRef": { "apiGroup": GROUP, "kind": role.0, "name": role.1 },
                "subjects": [account.subject()],
            })
        };
        let there = format!("{RBAC}/namespaces/{own}");
        let renewing = bound("RoleBinding", "renews", ("Role", "renews"), &renews);
        let list = bound("ClusterRoleBinding", own, ("ClusterRole", "view"), &works);
        for (path, object) in [
            (format!("{there}/roles"), role),
            (format!("{there}/rolebindings"), renewing),
            (format!("{RBAC}/clusterrolebindings"), list),
        ] {
            admin.post(&path, &object).expect(201);
        }
        let token = mint(&admin, &renews).expect("a token");
        let (server, authority) = place(world);
        let document = json!({
            "version": 1, "installation": "0badcafe", "cluster": "prod", "user": "ana",
            "credential_version": 1, "server": server, "certificate_authority": authority,
            "namespace": own, "account": works.name, "renewer": renews.name, "rolling": false,
            "token": token, "token_ends_at": "2100-01-01T00:00:00Z",
        });
        put_renewal(&home, &document);
        let renewer = Caller::new(&kubeconfig(world, &json!({ "token": token })));
        Self {
            home,
            admin,
            works,
            renews,
            renewer,
        }
    }

    /// Takes the working account off its list, and deletes it.
    fn revoke(&self) {
        let list = format!("{RBAC}/clusterrolebindings/{}", self.works.namespace);
        self.admin.delete(&list).expect(200);
        self.admin.delete(&self.works.path()).expect(200);
    }
}

/// Seals a renewal to the home's own key, and puts it where it is looked for.
fn put_renewal(home: &Home, document: &Value) {
    use std::os::unix::fs::PermissionsExt as _;
    let identity = fs::read_to_string(home.path(".config/kubegrant/identity"));
    let identity = identity.expect("an identity");
    let line = identity.lines().find(|it| it.starts_with("AGE-SECRET-KEY"));
    let identity: age::x25519::Identity = line.expect("a key").parse().expect("a key");
    let sealed = age::encrypt_and_armor(&identity.to_public(), document.to_string().as_bytes());
    let folder = ".local/share/kubegrant/renew";
    fs::create_dir_all(home.path(folder)).expect("a folder");
    let file = format!("{folder}/{NAME}.age");
    home.put(&file, &sealed.expect("sealed"));
    for (path, mode) in [(folder, 0o700), (&file, 0o600)] {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(home.path(path), mode).expect("it is theirs");
    }
}

/// Asks kubectl with a file of the home; whether it went well, and all that it said.
fn kubectl(home: &Home, program: &Path, file: &str, line: &str) -> (bool, String) {
    let own = Path::new(env!("CARGO_BIN_EXE_kubegrant"));
    let output = Command::new(program)
        .args(line.split_whitespace())
        .args(["--kubeconfig", file])
        .current_dir(home.path(""))
        .env_clear()
        .env("HOME", home.path(""))
        .env("PATH", own.parent().expect("a folder"))
        .output()
        .expect("kubectl runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}

/// kubectl, or a word on the screen that there is none.
fn program() -> Option<std::path::PathBuf> {
    let found = world::kubectl();
    if found.is_none() {
        crate::say("e2e: there is no kubectl: nobody asked with a file that renews itself");
    }
    found
}

/// Forgets what is kept of tokens on the machine.
fn forget(home: &Home) {
    fs::remove_dir_all(home.path(".cache/kubegrant")).expect("something is kept");
}

#[test]
fn a_pair_made_by_hand_mints_for_one_account_until_that_is_gone() {
    let world = world::alone(None);
    let world = world.as_ref();
    let pair = Pair::new(world);
    let ask = format!("credential --renewal {NAME}");
    let token = pair.home.run(&format!("{ask} -o token")).success().stdout;
    let who = Caller::new(&kubeconfig(world, &json!({ "token": token.trim() })));
    who.wait_for(PODS, &[200]);
    who.get("/api/v1/secrets").expect(403);
    let exec = json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "kubegrant",
        "args": ["credential", "--renewal", NAME], "interactiveMode": "IfAvailable",
    } });
    pair.home.put("exec.kubeconfig", &kubeconfig(world, &exec));
    let program = program();
    if let Some(program) = &program {
        let (good, text) = kubectl(&pair.home, program, "exec.kubeconfig", "get pods -A");
        assert!(good, "{text}");
        let create = "create configmap a";
        let (good, text) = kubectl(&pair.home, program, "exec.kubeconfig", create);
        assert!(!good && text.contains("is forbidden"), "{text}");
    }
    // The renewer is good for nothing else.
    assert!(mint(&pair.renewer, &pair.works).is_ok());
    for (namespace, name) in [
        ("kubegrant-users", "renews"),
        ("kubegrant-users", "default"),
        ("kube-system", "default"),
        ("default", "works"),
    ] {
        let other = Account::new(namespace, name);
        assert_eq!(mint(&pair.renewer, &other), Err(403), "{namespace}/{name}");
    }
    for path in [
        PODS,
        "/api/v1/namespaces",
        "/api/v1/namespaces/kubegrant-users/secrets",
        "/api/v1/namespaces/kubegrant-users/serviceaccounts",
        &pair.works.path(),
        &pair.renews.path(),
    ] {
        pair.renewer.get(path).expect(403);
    }
    pair.revoke();
    who.wait_for(PODS, &[401, 403]);
    if let Some(program) = &program {
        let (good, text) = kubectl(&pair.home, program, "exec.kubeconfig", "get pods -A");
        assert!(!good, "{text}");
    }
    forget(&pair.home);
    pair.home.run(&ask).exit(4).says("Access Revoked");
    if let Some(program) = &program {
        let (good, text) = kubectl(&pair.home, program, "exec.kubeconfig", "get pods -A");
        assert!(!good && text.contains("Access Revoked"), "{text}");
    }
}

#[test]
fn a_downloaded_file_renews_itself_until_its_user_is_revoked() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    home.run("user add bob").success();
    home.grant("bob", "read");
    // What renews it is sealed to whoever downloads; bob's own machine is this one.
    home.run("--as bob kubeconfig download prod --renew -f bob.kubeconfig")
        .success()
        .says("renews itself");
    let text = fs::read_to_string(home.path("bob.kubeconfig")).expect("a file");
    assert!(!text.contains("token:"), "{text}");
    let name = text
        .split(|c: char| c.is_whitespace() || "\"'[],".contains(c))
        .find(|word| word.starts_with("prod.bob."));
    let ask = format!("credential --renewal {}", name.expect("a renewal"));
    let token = home.run(&format!("{ask} -o token")).success().stdout;
    let user = json!({ "token": token.trim() });
    let who = Caller::new(&kubeconfig(world.as_ref(), &user));
    who.wait_for(PODS, &[200]);
    let program = program();
    if let Some(program) = &program {
        let (good, text) = kubectl(&home, program, "bob.kubeconfig", "get pods -A");
        assert!(good, "{text}");
    }
    home.run("cluster check prod").success();
    home.run("access revoke bob -c prod --yes").success();
    let status = who.get(PODS).status;
    assert!(matches!(status, 401 | 403), "{status}");
    if let Some(program) = &program {
        let (good, text) = kubectl(&home, program, "bob.kubeconfig", "get pods -A");
        assert!(!good, "{text}");
    }
    forget(&home);
    home.run(&ask).exit(4).says("Access Revoked");
}
