//! The whole main job in one command: `cargo run --example quickstart`.
//!
//! Starts a small Kubernetes API server on loopback (the sandbox of the tests), registers it,
//! gives two developers access, hands their kubeconfigs over, rotates one and revokes the other;
//! then a project with a shared kubeconfig, a role of the cluster's own, and the nodes' SSH key.
//! Every command is shown as it would be typed, with its real answer. What the kubeconfigs may do
//! is proven by requests made with them. Ends with an error if anything is not as it should be.
//!
//! `--keep` leaves the sandbox up to play with, until Ctrl-C. `KUBEGRANT_PROGRAM=FILE` has that program carry out the
//! commands, one process each, where otherwise this process does: so a package is tried.

#![expect(clippy::print_stdout, reason = "an example is there to be read")]

mod story;

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use anyhow::{Context as _, bail, ensure};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kubegrant::Env;
use kubegrant_sandbox::Sandbox;
use serde_json::{Value, json};

use story::Story;

fn main() -> anyhow::Result<()> {
    let keep = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--keep") => true,
        Some(_) => bail!("usage: cargo run --example quickstart [-- --keep]"),
    };
    let sandbox = Sandbox::start()?;
    let folder = tempfile::tempdir()?;
    let story = Story::new(folder.path())?;
    story.put("admin.kubeconfig", &sandbox.admin_kubeconfig())?;
    println!("A small Kubernetes API server is up at {}.", sandbox.url());
    println!("The story happens in {}.", folder.path().display());

    let keys = register(&story)?;
    hand_over(&story, &keys)?;
    prove(&story)?;
    rotate(&story)?;
    renew(&story)?;
    revoke(&story)?;
    team(&story)?;
    key(&story)?;
    mend(&story, &sandbox)?;
    serve(&story)?;
    look_back(&story)?;

    println!("\nAll of it was as it should be.");
    if keep {
        play(&story);
    } else {
        println!("To play with it: cargo run --example quickstart -- --keep");
    }
    Ok(())
}

/// A person's key pair, as `age-keygen` makes it.
struct Keys {
    private: age::x25519::Identity,
}

fn register(story: &Story) -> anyhow::Result<Keys> {
    title("1. An organization, a cluster, two developers");
    note("init makes the store and the first owner's identity.");
    story.run("init --organization Acme --owner ana", 0)?;
    note("cluster add needs an operator's kubeconfig once. What it keeps is the token of a");
    note("manager account that may do exactly what the tool needs, sealed to Ana's key.");
    story.run("cluster add prod --kubeconfig admin.kubeconfig", 0)?;
    note("Bob sent his public key; Carol has none yet.");
    let private = age::x25519::Identity::generate();
    story.put("bob.pub", &format!("{}\n", private.to_public()))?;
    story.put("bob.key", private.to_string().expose_secret())?;
    story.run("user add bob --key bob.pub", 0)?;
    story.run("user add carol", 0)?;
    Ok(Keys { private })
}

fn hand_over(story: &Story, keys: &Keys) -> anyhow::Result<()> {
    title("2. Who may reach it, and the files that let them");
    story.run("access grant bob --cluster prod --level write --for 8h", 0)?;
    story.run("access grant carol --cluster prod --level read", 0)?;
    story.run("access list", 0)?;
    note("A file for somebody else is sealed to their key, so that it can travel by mail.");
    story.run("kubeconfig download prod --user bob", 0)?;
    let sealed = std::fs::read(story.folder.join("prod.bob.kubeconfig.age"))?;
    story.put("bob.kubeconfig", &open(&sealed, &keys.private)?)?;
    println!("\n$ age --decrypt -i bob.key prod.bob.kubeconfig.age > bob.kubeconfig");
    note("Carol has no key: --plain insists, and is recorded.");
    story.run(
        "kubeconfig download prod --user carol -f carol.kubeconfig",
        5,
    )?;
    story.run(
        "kubeconfig download prod --user carol -f carol.kubeconfig --plain",
        0,
    )?;
    Ok(())
}

fn open(sealed: &[u8], key: &age::x25519::Identity) -> anyhow::Result<String> {
    let armored = age::armor::ArmoredReader::new(sealed);
    let mut text = String::new();
    age::Decryptor::new(armored)?
        .decrypt(std::iter::once(key as &dyn age::Identity))?
        .read_to_string(&mut text)?;
    Ok(text)
}

const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const OUR_MAPS: &str = "/api/v1/namespaces/kubegrant/configmaps";
const MANAGER_TOKEN: &str = "/api/v1/namespaces/kubegrant/serviceaccounts/kubegrant-manager/token";
const REFUSED: &[u16] = &[401, 403];

fn map() -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "hello" } })
}

fn prove(story: &Story) -> anyhow::Result<()> {
    title("3. What the files let them do, asked of the API server");
    let carol = story.holder("carol")?;
    carol.expect("GET", PODS, None, &[200], "read sees")?;
    carol.expect("POST", MAPS, Some(map()), &[403], "and changes nothing")?;
    let secrets = "/api/v1/namespaces/default/secrets";
    carol.expect("GET", secrets, None, &[403], "nor sees Secrets")?;
    let bob = story.holder("bob")?;
    bob.expect("POST", MAPS, Some(map()), &[201], "write changes things")?;
    bob.expect(
        "POST",
        OUR_MAPS,
        Some(map()),
        &[403],
        "but not where the manager lives",
    )?;
    let token = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
    });
    let why = "nor can it mint the manager's token";
    bob.expect("POST", MANAGER_TOKEN, Some(token), &[403], why)?;
    note("Kubernetes' own `edit`, bound cluster-wide, could do both. So write is `edit` in");
    note("every namespace but those from which one could escalate:");
    story.run("cluster show prod", 0)
}

fn rotate(story: &Story) -> anyhow::Result<()> {
    title("4. Rotate: the old file dies before the new one is made");
    let old = story.holder("carol")?;
    story.run("--as carol kubeconfig rotate prod -f carol.kubeconfig", 0)?;
    old.expect("GET", PODS, None, REFUSED, "the old file is refused")?;
    let new = story.holder("carol")?;
    new.expect("GET", PODS, None, &[200], "the new one works")
}

fn renew(story: &Story) -> anyhow::Result<()> {
    title("5. A file without a secret, that renews itself");
    story.run("kubeconfig download prod --renew", 0)?;
    note("kubectl asks the program for a token of an hour, whenever it has none that lives.");
    note("What renews it lies sealed to Ana's key; here it is asked as kubectl does.");
    let mut file = Kubeconfig::from_yaml(&std::fs::read_to_string(
        story.folder.join("prod.kubeconfig"),
    )?)?;
    let user = file.auth_infos.first_mut();
    let user = user.and_then(|user| user.auth_info.as_mut());
    let user = user.context("the file has no user")?;
    let asked = user.exec.take().context("the file asks no program")?;
    let line = asked.args.unwrap_or_default().join(" ");
    println!("\n$ kubegrant {line} -o token | …");
    let (code, token, talk) = story.ask(&format!("{line} -o token"))?;
    ensure!(code == 0, "no token was given: {talk}");
    user.token = Some(token.trim().to_owned().into());
    let ana = Holder::of("ana", file)?;
    ana.expect("GET", PODS, None, &[200], "the token works")?;
    story.run("kubeconfig show prod", 0)?;
    story.run("kubeconfig rotate prod --force", 0)?;
    ana.expect("GET", PODS, None, REFUSED, "and is dead with its version")
}

fn revoke(story: &Story) -> anyhow::Result<()> {
    title("6. Revoke: true on the cluster when the command returns");
    story.run("access revoke bob --cluster prod --yes", 0)?;
    let bob = story.holder("bob")?;
    bob.expect("GET", PODS, None, REFUSED, "Bob's file is refused")?;
    bob.expect("POST", MAPS, Some(map()), REFUSED, "for everything")?;
    story.run("kubeconfig download prod --user bob", 5)?;
    story.run("status", 0)
}

fn team(story: &Story) -> anyhow::Result<()> {
    title("7. A whole team in a project, and one role of the cluster's own");
    story.run("project create shop", 0)?;
    story.run("cluster set prod --project shop", 0)?;
    story.run("project add-member bob --project shop --role viewer", 0)?;
    note("All viewers share one kubeconfig; who was handed it is recorded.");
    story.run(
        "kubeconfig download prod --shared --user bob --plain -f team.kubeconfig",
        0,
    )?;
    let shared = story.holder("team")?;
    shared.expect("GET", PODS, None, &[200], "viewers see")?;
    shared.expect("POST", MAPS, Some(map()), &[403], "and change nothing")?;
    story.run("project rotate shop --yes", 0)?;
    shared.expect("GET", PODS, None, REFUSED, "it dies for all at once")?;
    story.run("project show shop", 0)?;
    note("A bound role takes effect on the file that is out, and so does its end.");
    let carol = story.holder("carol")?;
    let secrets = "/api/v1/namespaces/default/secrets";
    story.run(
        "rbac bind carol --cluster prod --cluster-role edit -n default --yes",
        0,
    )?;
    carol.expect("GET", secrets, None, &[200], "at once")?;
    story.run(
        "rbac unbind carol --cluster prod --cluster-role edit -n default --yes",
        0,
    )?;
    carol.expect("GET", secrets, None, &[403], "and gone at once")?;
    note("A file was found somewhere: whose is it, and what ends it?");
    story.run("kubeconfig whose carol.kubeconfig", 0)
}

fn key(story: &Story) -> anyhow::Result<()> {
    title("8. The SSH key of the nodes: handed out exactly once");
    story.run("ssh-key generate prod", 0)?;
    story.run("ssh-key download prod", 0)?;
    story.run("ssh-key download prod -f again.pem", 5)?;
    ensure!(
        !story.folder.join("again.pem").exists(),
        "nothing was written"
    );
    story.run("ssh-key show prod", 0)
}

fn mend(story: &Story, sandbox: &Sandbox) -> anyhow::Result<()> {
    title("9. Reconcile: what was changed by hand is mended");
    let objects = sandbox.objects();
    let view = objects
        .iter()
        .filter(|object| object["kind"] == "ClusterRoleBinding")
        .filter_map(|object| object["metadata"]["name"].as_str())
        .find(|name| name.starts_with("kubegrant:") && name.ends_with(":view"))
        .context("there is a list of readers")?;
    let admin = Holder::new("admin", &sandbox.admin_kubeconfig())?;
    let path = format!("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{view}");
    admin.expect(
        "DELETE",
        &path,
        None,
        &[200],
        "somebody deletes our list of readers",
    )?;
    let carol = story.holder("carol")?;
    carol.expect("GET", PODS, None, &[403], "Carol is locked out")?;
    story.run("cluster check prod", 6)?;
    story.run("reconcile", 0)?;
    carol.expect("GET", PODS, None, &[200], "and back in")
}

/// Bob on a machine of his own, with his key and the server's address.
fn serve(story: &Story) -> anyhow::Result<()> {
    title("10. A developer serves himself, with nothing but his key and an address");
    note("The server's key is of a user with the role server: it acts for those who log in, and");
    note("opens the issuer's login of clusters with self-service, never the manager's.");
    let private = age::x25519::Identity::generate();
    story.put("desk.pub", &format!("{}\n", private.to_public()))?;
    story.put("desk.key", private.to_string().expose_secret())?;
    for name in ["desk.key", "bob.key"] {
        story.make_private(name)?;
    }
    story.run("user add desk --role server --key desk.pub", 0)?;
    story.run("project remove-member bob --project shop --yes", 0)?;
    story.run("cluster set prod --self-service on", 0)?;
    story.run("access grant bob --cluster prod --level read", 0)?;
    let free = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = free.local_addr()?;
    drop(free);
    let url = format!("https://localhost:{}", address.port());
    let line =
        format!("serve --identity desk.key --listen {address} --public-url {url} --self-signed");
    println!("\n$ kubegrant {line} &");
    let serving = story.begin(&line)?;
    let bob = story.beside("bob")?;
    std::fs::copy(story.folder.join("bob.key"), bob.folder.join("bob.key"))?;
    bob.make_private("bob.key")?;
    note("From here on it is Bob who types, on his machine, where there is no store.");
    let certificate = story
        .folder
        .join(".local/state/kubegrant/serve-localhost.crt");
    std::fs::copy(certificate, bob.folder.join("serve.crt"))?;
    bob.run(
        &format!("login {url} --ca-file serve.crt --identity bob.key"),
        0,
    )?;
    bob.run("cluster list --identity bob.key", 0)?;
    bob.run(
        "kubeconfig download prod -f bob.kubeconfig --identity bob.key",
        0,
    )?;
    let first = bob.holder("bob")?;
    first.expect("GET", PODS, None, &[200], "it works")?;
    bob.run(
        "kubeconfig rotate prod -f bob.kubeconfig --identity bob.key",
        0,
    )?;
    first.expect("GET", PODS, None, REFUSED, "the old file is refused")?;
    let second = bob.holder("bob")?;
    second.expect("GET", PODS, None, &[200], "the new one works")?;
    note("Ana revokes it, where the store is.");
    story.run("team revoke bob --cluster prod --yes", 0)?;
    second.expect("GET", PODS, None, REFUSED, "and so does this one no more")?;
    bob.run(
        "kubeconfig download prod -f again.kubeconfig --identity bob.key",
        4,
    )?;
    bob.run("cluster list --identity bob.key", 0)?;
    story.run("session list", 0)?;
    serving.stop();
    Ok(())
}

fn look_back(story: &Story) -> anyhow::Result<()> {
    title("11. What happened, and who did it");
    story.run("kubeconfig show prod --user carol", 0)?;
    story.run("audit list", 0)?;
    note("Nothing of it was changed since: the chain, the signatures and the records agree.");
    story.run("audit verify", 0)
}

fn title(text: &str) {
    println!("\n\n{text}\n{}", "=".repeat(text.chars().count()));
}

fn note(text: &str) {
    println!("# {text}");
}

/// Somebody with a kubeconfig, and a client that is not the tool's own.
struct Holder {
    name: &'static str,
    runtime: tokio::runtime::Runtime,
    client: kube::Client,
}

impl Holder {
    fn new(name: &'static str, kubeconfig: &str) -> anyhow::Result<Self> {
        Self::of(name, Kubeconfig::from_yaml(kubeconfig)?)
    }

    fn of(name: &'static str, file: Kubeconfig) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let client = runtime.block_on(async {
            let options = KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(file, &options).await?;
            Ok::<_, anyhow::Error>(kube::Client::try_from(config)?)
        })?;
        Ok(Self {
            name,
            runtime,
            client,
        })
    }

    /// Asks, says what was answered, and checks the status.
    fn expect(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        expected: &[u16],
        why: &str,
    ) -> anyhow::Result<()> {
        let body = body.map_or(Vec::new(), |body| body.to_string().into_bytes());
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("Content-Type", "application/json")
            .body(Body::from(body))?;
        let answer = self.runtime.block_on(self.client.send(request))?;
        let status = answer.status().as_u16();
        let name = self.name;
        println!("> {name}: {method} {path}\n  {}: {why}", answer.status());
        ensure!(
            expected.contains(&status),
            "{expected:?} was expected, not {status}"
        );
        Ok(())
    }
}

/// Leaves the world up, and says how to use it.
fn play(story: &Story) {
    let here = |name: &str| -> String { quoted(&story.folder.join(name)) };
    println!("\nThe sandbox stays up. In another terminal:\n");
    for (name, path) in story.homes().iter().skip(1) {
        println!("  export {name}={}", quoted(path));
    }
    println!("  export KUBECONFIG={}", here("carol.kubeconfig"));
    println!("  cd {}", quoted(&story.folder));
    println!("  kubegrant status        # as ana; or: cargo run -- status, in the repository");
    println!("  kubectl get pods        # as carol, who reads");
    println!(
        "  kubectl --kubeconfig {} get secrets -A",
        here("admin.kubeconfig")
    );
    println!("\nCtrl-C ends it, and removes everything.");
    let interrupt = Env::real().interrupt;
    while !interrupt.is_raised() {
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}
