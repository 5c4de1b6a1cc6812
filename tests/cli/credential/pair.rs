//! A person's machine with a renewal on it, and the pair of accounts behind it on a cluster.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use age::armor::{ArmoredWriter, Format};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use kubegrant::Env;
use kubegrant::env::Fixture;
use kubegrant_sandbox::{Builder, Sandbox};
use serde_json::{Value, json};

use crate::home::{Home, Ran, answer, set_mode, write_at};

pub(crate) const NAMESPACE: &str = "kubegrant";
pub(crate) const NAME: &str = "prod.bob.0badcafe";
/// How every token begins.
pub(crate) const TOKEN: &str = "eyJ";

/// Which version of bob's kubeconfig, and how its renewal is made.
#[derive(Clone, Copy)]
pub(crate) struct Made {
    pub(crate) version: u32,
    pub(crate) rolling: bool,
    /// How long the renewer's token lives.
    pub(crate) hours: i64,
}

/// As a download makes it where the API server caps nothing.
pub(crate) const USUAL: Made = Made {
    version: 3,
    rolling: false,
    hours: 720,
};

/// Bob's machine, and the cluster.
pub(crate) struct Pair {
    pub(crate) home: Home,
    runtime: PathBuf,
    parent: Option<u32>,
    question: Option<OsString>,
    /// The sandbox's clock, where it differs from this machine's.
    began: DateTime<Utc>,
    passed: TimeDelta,
}

impl Pair {
    pub(crate) fn new() -> Pair {
        Pair::with(Sandbox::builder(), USUAL)
    }

    pub(crate) fn with(sandbox: Builder, made: Made) -> Pair {
        let home = Home::empty(sandbox);
        home.make_identity("bob");
        let runtime = home.root().join("run");
        std::fs::create_dir(&runtime).expect("a folder");
        let pair = Pair {
            began: home.now(),
            passed: TimeDelta::zero(),
            home,
            runtime,
            parent: None,
            question: None,
        };
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE },
        });
        pair.put(&namespace);
        pair.put_accounts(made);
        pair.put_renewal("bob", NAME, &pair.document(made));
        pair.home.sandbox.clear_requests();
        pair
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.home.sandbox
    }

    fn put(&self, object: &Value) {
        self.sandbox().put_object(object.clone()).expect("put");
    }

    pub(crate) fn account(version: u32) -> String {
        format!("bob-00c0ffee-v{version}")
    }

    pub(crate) fn renewer(version: u32) -> String {
        format!("bob-00c0ffee-v{version}-renew")
    }

    /// The pair of a version: one account that reads, one that may mint for it.
    pub(crate) fn put_accounts(&self, made: Made) {
        let (account, renewer) = (Pair::account(made.version), Pair::renewer(made.version));
        for name in [&account, &renewer] {
            self.put(&json!({
                "apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": { "name": name, "namespace": NAMESPACE },
            }));
        }
        let mut names = vec![account.clone()];
        if made.rolling {
            names.push(renewer.clone());
        }
        let group = "rbac.authorization.k8s.io";
        let subject = |name: &str| json!([{ "kind": "ServiceAccount", "name": name, "namespace": NAMESPACE }]);
        let role =
            |kind: &str, name: &str| json!({ "apiGroup": group, "kind": kind, "name": name });
        self.put(&json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role",
            "metadata": { "name": renewer, "namespace": NAMESPACE },
            "rules": [{
                "apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"],
                "resourceNames": names,
            }],
        }));
        self.put(&json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding",
            "metadata": { "name": renewer, "namespace": NAMESPACE },
            "roleRef": role("Role", &renewer), "subjects": subject(&renewer),
        }));
        self.put(&json!({
            "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding",
            "metadata": { "name": account },
            "roleRef": role("ClusterRole", "view"), "subjects": subject(&account),
        }));
    }

    /// Mints a token as the cluster's administrator does.
    pub(crate) fn mint(&self, account: &str, hours: i64) -> String {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token");
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": { "expirationSeconds": hours * 3600 },
        });
        let admin = self.sandbox().admin_kubeconfig_token();
        let minted = answer(&admin, "POST", &path, Some(&body));
        minted["status"]["token"]
            .as_str()
            .expect("a token")
            .to_owned()
    }

    /// What a download would seal.
    pub(crate) fn document(&self, made: Made) -> Value {
        let renewer = Pair::renewer(made.version);
        let token = self.mint(&renewer, made.hours);
        json!({
            "version": 1,
            "installation": "0badcafe",
            "cluster": "prod",
            "user": "bob",
            "credential_version": made.version,
            "server": self.sandbox().url(),
            "certificate_authority": self.sandbox().ca_pem(),
            "namespace": NAMESPACE,
            "account": Pair::account(made.version),
            "renewer": renewer,
            "rolling": made.rolling,
            "token_ends_at": end_of(&token).to_rfc3339(),
            "token": token,
        })
    }

    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        let folder = self.home.root().join("data/kubegrant/renew");
        folder.join(format!("{name}.age"))
    }

    /// Seals a document to somebody, and puts it where it is looked for.
    pub(crate) fn put_renewal(&self, to: &str, name: &str, document: &Value) {
        self.put_file(name, &self.seal(to, document.to_string().as_bytes()));
    }

    pub(crate) fn put_file(&self, name: &str, bytes: &[u8]) {
        let path = self.path_of(name);
        let folder = path.parent().expect("a folder");
        std::fs::create_dir_all(folder).expect("a folder");
        set_mode(folder, 0o700);
        write_at(&path, str::from_utf8(bytes).expect("armored"));
        set_mode(&path, 0o600);
    }

    pub(crate) fn seal(&self, to: &str, text: &[u8]) -> Vec<u8> {
        let identity = std::fs::read_to_string(self.home.identity(to)).expect("an identity");
        let identity: age::x25519::Identity = identity.trim().parse().expect("a key");
        let recipient = identity.to_public();
        let keys = std::iter::once(&recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(keys).expect("a key");
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).expect("a writer");
        let mut writer = encryptor.wrap_output(armor).expect("a writer");
        writer.write_all(text).expect("written");
        let finished = writer.finish().and_then(ArmoredWriter::finish);
        finished.expect("whole")
    }

    /// What is sealed in bob's renewal now.
    pub(crate) fn opened(&self) -> Value {
        let sealed = std::fs::read(self.path_of(NAME)).expect("a file");
        let text = self.home.open("bob", &sealed).expect("it is bob's");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Asks as a process of this id from now on, as kubectl does.
    pub(crate) fn asked_by(&mut self, parent: u32) {
        self.parent = Some(parent);
        self.question = Some(question("client.authentication.k8s.io/v1").into());
    }

    /// Says something else in the variable by which kubectl asks.
    pub(crate) fn questioned(&mut self, text: impl Into<OsString>) {
        self.question = Some(text.into());
    }

    /// Keeps what is kept elsewhere.
    pub(crate) fn set_runtime(&mut self, path: PathBuf) {
        self.runtime = path;
    }

    /// Asks for bob's credential.
    pub(crate) fn ask(&mut self) -> Ran {
        self.run(&format!("credential --renewal {NAME}"))
    }

    /// Runs a line as bob.
    pub(crate) fn run(&mut self, line: &str) -> Ran {
        self.run_as("bob", line)
    }

    pub(crate) fn run_as(&mut self, user: &str, line: &str) -> Ran {
        let identity = self.home.identity(user).display().to_string();
        let (runtime, parent, question) = (self.runtime.clone(), self.parent, &self.question);
        let question = question.clone();
        let change = move |fixture: Fixture| {
            let mut fixture = fixture
                .variable("XDG_RUNTIME_DIR", &runtime)
                .variable("KUBEGRANT_IDENTITY_FILE", &identity);
            if let Some(parent) = parent {
                fixture = fixture.parent_id(parent);
            }
            match &question {
                Some(question) => fixture.variable("KUBERNETES_EXEC_INFO", question),
                None => fixture,
            }
        };
        self.home.run_where(change, line)
    }

    /// A world of its own on bob's machine, for runs at the same time.
    pub(crate) fn fixture(&self, now: DateTime<Utc>) -> Fixture {
        let here = |name: &str| self.home.root().join(name);
        Fixture::new(now)
            .variable("HOME", here("home"))
            .variable("XDG_DATA_HOME", here("data"))
            .variable("XDG_RUNTIME_DIR", &self.runtime)
            .variable("KUBEGRANT_IDENTITY_FILE", self.home.identity("bob"))
            .current_dir(here("work"))
    }

    /// Moves both clocks on.
    pub(crate) fn minutes(&mut self, minutes: i64) {
        self.home.drift_minutes(minutes);
        self.home.set_clock(self.sandbox());
    }

    /// Moves both clocks on, whatever is between them.
    pub(crate) fn minutes_of_each(&mut self, by: i64) {
        self.home.drift_minutes(by);
        self.passed += minutes(by);
        self.sandbox().set_now(self.began + self.passed);
    }

    /// Moves both clocks on by less.
    pub(crate) fn seconds(&mut self, seconds: i64) {
        self.home.drift_seconds(seconds);
        self.home.set_clock(self.sandbox());
    }

    /// What the cluster answered where a token was asked for, by anybody but its administrator.
    pub(crate) fn mints(&self) -> Vec<u16> {
        let requests = self.sandbox().requests();
        let is_ones = |it: &&kubegrant_sandbox::Recorded| {
            it.path.contains("/token") && !it.user.contains("admin")
        };
        let of_tokens = requests.iter().filter(is_ones);
        of_tokens.map(|it| it.status).collect()
    }

    /// Every file that is kept.
    pub(crate) fn kept(&self) -> Vec<PathBuf> {
        let folder = self.runtime.join("kubegrant");
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let mut found: Vec<PathBuf> = entries.map(|it| it.expect("an entry").path()).collect();
        found.sort();
        found
    }

    /// The file that holds the token.
    pub(crate) fn kept_token(&self) -> PathBuf {
        let is_token = |path: &PathBuf| path.extension().is_none();
        self.kept().into_iter().find(is_token).expect("it is kept")
    }

    /// Ends the pair as a revocation does.
    pub(crate) fn revoke(&self, made: Made) {
        let api = "rbac.authorization.k8s.io/v1";
        let (account, renewer) = (Pair::account(made.version), Pair::renewer(made.version));
        let gone = |api: &str, kind: &str, namespace, name: &str| {
            self.sandbox().remove_object(api, kind, namespace, name);
        };
        gone(api, "ClusterRoleBinding", None, &account);
        gone(api, "RoleBinding", Some(NAMESPACE), &renewer);
        for name in [&account, &renewer] {
            gone("v1", "ServiceAccount", Some(NAMESPACE), name);
        }
    }
}

/// kubectl's question.
pub(crate) fn question(version: &str) -> String {
    json!({ "apiVersion": version, "kind": "ExecCredential", "spec": { "interactive": false } })
        .to_string()
}

/// When a token ends by its own words.
pub(crate) fn end_of(token: &str) -> DateTime<Utc> {
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    DateTime::from_timestamp(claims["exp"].as_i64().expect("an end"), 0).expect("a time")
}

/// The token of an answer that must be one.
pub(crate) fn token_of(ran: &Ran) -> String {
    let answer = ran.success().json();
    assert_eq!(answer["kind"], "ExecCredential", "{ran}");
    let token = answer["status"]["token"].as_str().expect("a token");
    assert!(token.starts_with(TOKEN));
    token.to_owned()
}

/// When an answer says that it ends.
pub(crate) fn stated_end(ran: &Ran) -> DateTime<Utc> {
    let answer = ran.json();
    let end = answer["status"]["expirationTimestamp"].as_str();
    end.expect("a time").parse().expect("a time")
}

/// Runs a line in a world of its own; the exit code and the data.
pub(crate) fn run_alone(fixture: &Fixture, line: &str) -> (bool, String) {
    let args: Vec<OsString> = std::iter::once("kubegrant")
        .chain(line.split(' '))
        .map(OsString::from)
        .collect();
    let exit = kubegrant::run(&args, Env::fixed(fixture));
    (exit == ExitCode::SUCCESS, fixture.take_stdout())
}

/// So many minutes.
pub(crate) fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}
