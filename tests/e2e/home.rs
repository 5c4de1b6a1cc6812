//! A person with the tool: a home, a store, and commands as they would type them.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::caller::Caller;
use crate::world::World;

/// What a run left behind.
pub(crate) struct Ran {
    line: String,
    pub(crate) code: i32,
    /// Data.
    pub(crate) stdout: String,
    /// Words.
    pub(crate) stderr: String,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "$ kubegrant {line}\n{stdout}----- stderr -----\n{stderr}[exit {code}]"
        )
    }
}

impl Ran {
    /// Checks that it went well; gives the data.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        self.exit(0)
    }

    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn exit(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Checks that the words hold this.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        let found = self.stderr.contains(words) || self.stdout.contains(words);
        assert!(found, "'{words}' was not said\n{self}");
        self
    }
}

/// A run that has not been looked at.
pub(crate) struct Started {
    line: String,
    child: Child,
}

impl Started {
    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it is over.
    pub(crate) fn has_ended(&mut self) -> bool {
        let ended = self.child.try_wait();
        ended.expect("a child can be asked").is_some()
    }

    /// Waits for its end.
    #[must_use = "check it with .success() or .exit(code)"]
    pub(crate) fn finish(self) -> Ran {
        let output = self.child.wait_with_output().expect("the binary ends");
        Ran {
            line: self.line,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

/// A person with the tool, and one cluster, `prod`.
pub(crate) struct Home {
    folder: TempDir,
}

/// A ServiceAccount of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// Where it stands.
    pub(crate) namespace: String,
    /// Its name there.
    pub(crate) name: String,
}

impl Account {
    /// One of a namespace.
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        let [namespace, name] = [namespace, name].map(str::to_owned);
        Self { namespace, name }
    }

    /// Where the API server has it.
    pub(crate) fn path(&self) -> String {
        let Self { namespace, name } = self;
        format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}")
    }

    /// The name that it logs in by.
    pub(crate) fn login(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// What a binding names it by.
    pub(crate) fn subject(&self) -> Value {
        let Self { namespace, name } = self;
        json!({ "kind": "ServiceAccount", "namespace": namespace, "name": name })
    }
}

/// Somebody's kubeconfig.
pub(crate) struct File {
    /// The text.
    pub(crate) text: String,
    /// Who asks with it.
    pub(crate) caller: Caller,
    /// The account behind it.
    pub(crate) account: Account,
}

impl File {
    /// Who asks with another token at the same place.
    pub(crate) fn with_token(&self, other: &str) -> Caller {
        Caller::new(&self.text.replace(token(&self.text), other))
    }
}

impl Home {
    /// A machine without a store.
    pub(crate) fn bare() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self { folder }
    }

    /// A home with an organization and nothing else.
    pub(crate) fn empty() -> Self {
        let home = Self::bare();
        home.run("init --organization Acme --owner ana").success();
        home
    }

    /// A home that has registered the world as cluster `prod`.
    pub(crate) fn new(world: &(impl World + ?Sized)) -> Self {
        let home = Self::empty();
        home.put_admin(world);
        home.run("cluster add prod --kubeconfig admin.kubeconfig")
            .success();
        home
    }

    /// Writes the operator's kubeconfig.
    pub(crate) fn put_admin(&self, world: &(impl World + ?Sized)) {
        self.put("admin.kubeconfig", &world.admin_kubeconfig());
    }

    /// Writes a file.
    pub(crate) fn put(&self, name: &str, text: &str) {
        #[expect(clippy::disallowed_methods, reason = "a person's file, not the tool's")]
        fs::write(self.path(name), text).expect("a file can be written");
    }

    /// Where a file is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the tool with these words.
    #[must_use = "check it with .success() or .exit(code)"]
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.start(line).finish()
    }

    /// Runs the tool with a user's own identity.
    #[must_use = "check it with .success() or .exit(code)"]
    pub(crate) fn run_as(&self, user: &str, line: &str) -> Ran {
        self.run(&format!("{line} --identity {user}.identity"))
    }

    /// A new user with an identity of their own.
    #[track_caller]
    pub(crate) fn add_with_identity(&self, user: &str) {
        self.add_as(user, "developer");
    }

    /// A new user of a role with an identity of their own.
    #[track_caller]
    pub(crate) fn add_as(&self, user: &str, role: &str) {
        let identity = age::x25519::Identity::generate();
        let text = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
        let file = format!("{user}.identity");
        self.put(&file, &text);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(self.path(&file), mode).expect("it is theirs");
        let key = identity.to_public();
        self.run(&format!("user add {user} --key {key} --role {role}"))
            .success();
    }

    /// Opens what the store holds, as a user can.
    pub(crate) fn opened(&self, user: &str, query: &str) -> Option<String> {
        let sql = rusqlite::Connection::open(self.path(".local/share/kubegrant/store.db"));
        let sealed = sql.and_then(|sql| sql.query_row(query, [], |row| row.get(0)));
        let sealed: Vec<u8> = sealed.expect("a row");
        let identity = fs::read_to_string(self.path(&format!("{user}.identity")));
        let identity: age::x25519::Identity = identity.ok()?.trim().parse().ok()?;
        let opened = age::decrypt(&identity, &sealed).ok()?;
        String::from_utf8(opened).ok()
    }

    /// Starts the tool with these words.
    pub(crate) fn start(&self, line: &str) -> Started {
        let child = Command::new(env!("CARGO_BIN_EXE_kubegrant"))
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        Started {
            line: line.to_owned(),
            child,
        }
    }

    /// Downloads somebody's kubeconfig.
    #[track_caller]
    pub(crate) fn download(&self, user: &str) -> File {
        let ran = self.run(&format!(
            "kubeconfig download prod --user {user} --plain -f {user}.kubeconfig --force"
        ));
        ran.success();
        self.file(&format!("{user}.kubeconfig"))
    }

    /// Reads a kubeconfig.
    pub(crate) fn file(&self, name: &str) -> File {
        let text = fs::read_to_string(self.path(name)).expect("the file is there");
        let account = account(&text);
        let caller = Caller::new(&text);
        File {
            text,
            caller,
            account,
        }
    }

    /// A new developer with this level, and their kubeconfig.
    #[track_caller]
    pub(crate) fn developer(&self, user: &str, level: &str) -> File {
        self.run(&format!("user add {user}")).success();
        self.grant(user, level);
        self.download(user)
    }

    /// Gives a level.
    #[track_caller]
    pub(crate) fn grant(&self, user: &str, level: &str) {
        let ran = self.run(&format!("access grant {user} -c prod --level {level}"));
        ran.success();
    }

    /// Has an owner download a file that is sealed to a user, and the user open it.
    #[track_caller]
    pub(crate) fn hand_over(&self, owner: &str, user: &str) -> File {
        let sealed = format!("kubeconfig download prod --user {user} -f {user}.age --force");
        self.run_as(owner, &sealed).success();
        let opened = format!("open {user}.age -f {user}.kubeconfig --force");
        self.run_as(user, &opened).success();
        self.file(&format!("{user}.kubeconfig"))
    }

    /// Brings the cluster up to date.
    #[track_caller]
    pub(crate) fn reconcile(&self) {
        self.run("reconcile").success();
    }
}

/// The account that a kubeconfig's token is for.
fn account(kubeconfig: &str) -> Account {
    let payload = token(kubeconfig).split('.').nth(1).expect("a JWT");
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .expect("a JWT");
    let claims: Value = serde_json::from_slice(&payload).expect("a JWT");
    let subject = claims["sub"].as_str().expect("a subject");
    let account = subject.strip_prefix("system:serviceaccount:");
    let account = account.and_then(|it| it.split_once(':'));
    let (namespace, name) = account.expect("an account");
    let is_ours = matches!(namespace, "kubegrant" | "kubegrant-users");
    assert!(is_ours, "an account of ours: {subject}");
    Account::new(namespace, name)
}

/// The token in a text.
pub(crate) fn token(text: &str) -> &str {
    let is_between = |c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c);
    let mut words = text.split(is_between);
    let token = words.find(|word| word.starts_with("ey") && word.matches('.').count() == 2);
    token.expect("a token")
}
