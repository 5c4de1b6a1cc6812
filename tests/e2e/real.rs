//! A real etcd, kube-apiserver and, where it is there, kube-controller-manager, in a folder of
//! their own. They end with this process, however it ends.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use kubegrant_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::certificate::{Authority, Issued, token_keys};
use crate::world::{Asked, Breakable, World};

/// How long a server may take to serve; a busy machine needs it.
const START_MAX: Duration = Duration::from_mins(2);

/// Runs a program until the pipe on its standard input ends, which it does when its holder is
/// dropped, or dies in whatever way: the kernel closes it.
const TETHER: &str = r#"log=$1; shift
"$@" </dev/null >"$log" 2>&1 & pid=$!
trap '' INT HUP TERM
read -r _
kill "$pid" 2>/dev/null
i=0; while kill -0 "$pid" 2>/dev/null && [ $i -lt 50 ]; do sleep 0.1; i=$((i+1)); done
kill -9 "$pid" 2>/dev/null; wait "$pid""#;

/// Removes a folder when the pipe ends, after those who write to it have ended.
const SWEEP: &str = r#"trap '' INT HUP TERM
read -r _; sleep 6; rm -rf -- "$1""#;

/// A program that ends with this process.
struct Tethered(Child);

impl Tethered {
    fn start(script: &str, arguments: &[String]) -> Self {
        let child = Command::new("sh")
            .args(["-c", script, "sh"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("a shell starts"))
    }

    /// Ends the program, and waits for it.
    fn end(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("a child can be waited for");
    }
}

/// A real server.
pub(crate) struct Server {
    folder: PathBuf,
    assets: PathBuf,
    ports: [u16; 3],
    token_max: Option<Duration>,
    authorization: &'static str,
    admin_kubeconfig: String,
    running: Vec<Tethered>,
    _sweeper: Tethered,
}

#[expect(clippy::disallowed_methods, reason = "test files of a test server")]
fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("a file can be written");
}

fn free_ports() -> [u16; 3] {
    let listeners = [0; 3].map(|_| TcpListener::bind(("127.0.0.1", 0)).expect("a port is free"));
    listeners.map(|listener| listener.local_addr().expect("it has an address").port())
}

impl Server {
    /// Starts a server with keys of its own, on free ports.
    pub(crate) fn start(assets: &Path, token_max: Option<Duration>) -> Self {
        Self::start_with(assets, token_max, "RBAC")
    }

    /// The same with an authorization mode of its own.
    pub(crate) fn start_with(
        assets: &Path,
        token_max: Option<Duration>,
        authorization: &'static str,
    ) -> Self {
        for program in ["etcd", "kube-apiserver"] {
            let there = assets.join(program).exists();
            assert!(
                there,
                "KUBEBUILDER_ASSETS has no {program}: {}",
                assets.display()
            );
        }
        let folder = tempfile::Builder::new()
            .prefix("kubegrant-e2e-")
            .tempdir()
            .expect("a folder can be made")
            .keep();
        let ports = free_ports();
        let authority = Authority::new();
        let put = |name: &str, issued: &Issued| {
            write(&folder.join(format!("{name}.crt")), &issued.certificate);
            write(&folder.join(format!("{name}.key")), &issued.key);
        };
        write(&folder.join("ca.crt"), &authority.pem());
        put("server", &authority.server());
        let admin = kubeconfig(
            ports[0],
            &authority,
            &authority.client("admin", Some("system:masters")),
        );
        let controllers = authority.client("system:kube-controller-manager", None);
        let controllers = kubeconfig(ports[0], &authority, &controllers);
        write(&folder.join("controllers.kubeconfig"), &controllers);
        write(
            &folder.join("audit.yaml"),
            "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\n\
             rules:\n- level: Metadata\n",
        );
        let sweeper = Tethered::start(SWEEP, &[folder.display().to_string()]);
        let mut server = Self {
            folder,
            assets: assets.to_owned(),
            ports,
            token_max,
            authorization,
            admin_kubeconfig: admin,
            running: vec![],
            _sweeper: sweeper,
        };
        server.renew_token_keys();
        server.run();
        crate::say(&format!(
            "e2e: a real kube-apiserver {} serves on port {}",
            server.admin().get("/version").body["gitVersion"],
            server.ports[0]
        ));
        server
    }

    fn renew_token_keys(&self) {
        let (private, public) = token_keys();
        write(&self.folder.join("sa.key"), &private);
        write(&self.folder.join("sa.pub"), &public);
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn tether(&mut self, program: &str, arguments: &[String]) {
        let mut line = vec![
            self.path(&format!("{program}.log")),
            self.assets.join(program).display().to_string(),
        ];
        line.extend_from_slice(arguments);
        self.running.push(Tethered::start(TETHER, &line));
    }

    /// Starts the programs, and waits until they serve.
    fn run(&mut self) {
        let [port, etcd, peer] = self.ports;
        let (etcd, peer) = (
            format!("http://127.0.0.1:{etcd}"),
            format!("http://127.0.0.1:{peer}"),
        );
        let arguments = [
            "--name=e2e".to_owned(),
            format!("--data-dir={}", self.path("etcd")),
            "--unsafe-no-fsync".to_owned(),
            format!("--listen-client-urls={etcd}"),
            format!("--advertise-client-urls={etcd}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=e2e={peer}"),
        ];
        self.tether("etcd", &arguments);
        let mut arguments = vec![
            format!("--etcd-servers={etcd}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={port}"),
            "--advertise-address=127.0.0.1".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--cert-dir={}", self.path("made")),
            format!("--tls-cert-file={}", self.path("server.crt")),
            format!("--tls-private-key-file={}", self.path("server.key")),
            format!("--client-ca-file={}", self.path("ca.crt")),
            format!("--authorization-mode={}", self.authorization),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", self.path("sa.pub")),
            format!("--service-account-signing-key-file={}", self.path("sa.key")),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            format!("--audit-policy-file={}", self.path("audit.yaml")),
            format!("--audit-log-path={}", self.path("audit.log")),
        ];
        if let Some(longest) = self.token_max {
            let seconds = longest.as_secs();
            arguments.push(format!("--service-account-max-token-expiration={seconds}s"));
        }
        self.tether("kube-apiserver", &arguments);
        self.wait("readyz", |admin| answers(admin, "/readyz", |_| true));
        if self.has_controllers() {
            self.run_controllers();
        } else if self.authorization == "RBAC" {
            self.fill_roles();
        }
    }

    fn run_controllers(&mut self) {
        let arguments = [
            format!("--kubeconfig={}", self.path("controllers.kubeconfig")),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
            "--use-service-account-credentials=true".to_owned(),
            format!("--service-account-private-key-file={}", self.path("sa.key")),
            format!("--root-ca-file={}", self.path("ca.crt")),
            "--controllers=serviceaccount-controller,serviceaccount-token-controller,\
             namespace-controller,clusterrole-aggregation-controller,\
             root-ca-certificate-publisher-controller,garbage-collector-controller"
                .replace(' ', ""),
        ];
        self.tether("kube-controller-manager", &arguments);
        // Without RBAC nobody makes the default roles.
        let roles: &[&str] = match self.authorization {
            "RBAC" => &["view", "edit", "admin"],
            _ => &[],
        };
        for role in roles {
            self.wait("aggregated roles", |admin| {
                answers(admin, &role_path(role), |role| role["rules"].is_array())
            });
        }
        self.wait("the default account", |admin| {
            let path = "/api/v1/namespaces/default/serviceaccounts/default";
            answers(admin, path, |_| true)
        });
    }

    /// Fills the aggregated roles where no controller does, with the sandbox's own rules.
    fn fill_roles(&self) {
        let admin = self.admin();
        let model = Sandbox::start().expect("the sandbox starts");
        for role in ["view", "edit", "admin"] {
            let rules = model
                .objects()
                .into_iter()
                .find(|found| found["kind"] == "ClusterRole" && found["metadata"]["name"] == role)
                .map(|found| found["rules"].clone());
            let rules = rules.expect("the sandbox has the default roles");
            admin
                .patch(&role_path(role), &json!({ "rules": rules }))
                .expect(200);
        }
    }

    fn wait(&self, what: &str, ready: impl Fn(&Caller) -> bool) {
        let admin = self.admin();
        let started = Instant::now();
        while !ready(&admin) {
            let waited = started.elapsed();
            let logs = self.folder.display();
            assert!(
                waited < START_MAX,
                "{what}: not within {waited:?}, see {logs}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn role_path(role: &str) -> String {
    format!("/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}")
}

fn answers(admin: &Caller, path: &str, good: impl Fn(&Value) -> bool) -> bool {
    admin
        .try_ask("GET", path, None, &[])
        .is_ok_and(|answer| answer.status == 200 && good(&answer.body))
}

fn kubeconfig(port: u16, authority: &Authority, login: &Issued) -> String {
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "e2e",
        "clusters": [{ "name": "e2e", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority-data": encode(&authority.pem()),
        } }],
        "users": [{ "name": "e2e", "user": {
            "client-certificate-data": encode(&login.certificate),
            "client-key-data": encode(&login.key),
        } }],
        "contexts": [{ "name": "e2e", "context": { "cluster": "e2e", "user": "e2e" } }],
    })
    .to_string()
}

/// Whether a user is the API server itself, or a controller.
fn is_its_own(user: &str) -> bool {
    user.starts_with("system:serviceaccount:kube-system:")
        || matches!(user, "system:apiserver" | "system:kube-controller-manager")
}

impl World for Server {
    fn admin_kubeconfig(&self) -> String {
        self.admin_kubeconfig.clone()
    }

    fn is_real(&self) -> bool {
        true
    }

    fn has_controllers(&self) -> bool {
        self.assets.join("kube-controller-manager").exists()
    }
}

impl World for &Server {
    fn admin_kubeconfig(&self) -> String {
        (*self).admin_kubeconfig()
    }

    fn is_real(&self) -> bool {
        (*self).is_real()
    }

    fn has_controllers(&self) -> bool {
        (*self).has_controllers()
    }
}

impl Breakable for Server {
    fn stop(&mut self) {
        while let Some(program) = self.running.pop() {
            program.end();
        }
    }

    fn restart(&mut self) {
        self.stop();
        self.run();
    }

    fn rebuild(&mut self) {
        self.stop();
        fs::remove_dir_all(self.folder.join("etcd")).expect("etcd left a folder");
        self.renew_token_keys();
        self.run();
    }

    fn asked(&self) -> Vec<Asked> {
        let log = fs::read_to_string(self.folder.join("audit.log")).expect("there is a log");
        log.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|event| !is_its_own(event["user"]["username"].as_str().unwrap_or_default()))
            .map(|event| Asked {
                path: event["requestURI"].as_str().unwrap_or_default().to_owned(),
                status: event["responseStatus"]["code"]
                    .as_u64()
                    .and_then(|code| u16::try_from(code).ok())
                    .unwrap_or_default(),
            })
            .collect()
    }
}
