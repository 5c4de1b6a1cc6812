//! The test home: a made-up world with an organization in it, and a cluster that is a sandbox.
//!
//! Time stands still unless `tick` moves it, for the program and the sandbox alike. What differs
//! from run to run (paths, ports, keys, uids) is shown as a word in brackets.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::LazyLock;

use age::secrecy::ExposeSecret as _;
use chrono::TimeDelta;
use kubegrant::Env;
use kubegrant::env::Fixture;
use kubegrant_sandbox::postgres::Server;
use kubegrant_sandbox::{Builder, Sandbox};
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

use crate::engine;

/// A made-up world.
pub(crate) struct Home {
    dir: TempDir,
    /// The database that the store is in, where it is not in a file.
    database: Option<String>,
    fixture: Fixture,
    /// The API server behind the cluster `prod`.
    pub(crate) sandbox: Sandbox,
}

impl Home {
    /// An organization with owner `olivia`, developers `alice` and `bob` with keys of their own,
    /// and the cluster `prod`.
    pub(crate) fn new() -> Home {
        Home::with(Sandbox::builder())
    }

    /// The same, with a sandbox of other settings.
    pub(crate) fn with(sandbox: Builder) -> Home {
        let mut home = Home::organization(sandbox);
        home.add_prod();
        home
    }

    /// The same without a cluster.
    pub(crate) fn organization(sandbox: Builder) -> Home {
        let mut home = Home::empty(sandbox);
        home.run("init --organization Acme --owner olivia")
            .success();
        for name in ["alice", "bob"] {
            let key = home.make_identity(name);
            home.run(&format!("user add {name} --key {key}")).success();
        }
        home
    }

    /// A machine without anything of ours.
    pub(crate) fn empty(sandbox: Builder) -> Home {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let here = |name: &str| dir.path().join(name);
        for name in ["work", "home"] {
            std::fs::create_dir(here(name)).expect("a folder");
        }
        let start = "2026-11-22T10:00:00Z".parse().expect("a time");
        let fixture = Fixture::new(start)
            .seed(7)
            .variable("HOME", here("home"))
            .variable("XDG_CONFIG_HOME", here("config"))
            .variable("XDG_DATA_HOME", here("data"))
            .variable("XDG_STATE_HOME", here("state"))
            .current_dir(here("work"));
        let database = engine::server().map(Server::database);
        let fixture = match (engine::server(), &database) {
            (Some(server), Some(name)) => fixture.variable("KUBEGRANT_STORE", server.address(name)),
            _ => fixture,
        };
        let sandbox = sandbox.start().expect("a sandbox");
        sandbox.set_now(start);
        Home {
            dir,
            database,
            fixture,
            sandbox,
        }
    }

    /// Registers the sandbox as `prod`.
    pub(crate) fn add_prod(&mut self) {
        self.write("admin.conf", &self.sandbox.admin_kubeconfig_token());
        self.run("cluster add prod --kubeconfig admin.conf")
            .success();
    }

    /// Registers another sandbox.
    pub(crate) fn add_cluster(&mut self, name: &str) -> Sandbox {
        let sandbox = Sandbox::start().expect("a sandbox");
        sandbox.set_now(self.fixture.now());
        self.write(&format!("{name}.conf"), &sandbox.admin_kubeconfig_token());
        self.run(&format!("cluster add {name} --kubeconfig {name}.conf"))
            .success();
        sandbox
    }

    /// Adds a user with an identity of their own.
    pub(crate) fn add_user(&mut self, name: &str, role: &str) {
        let key = self.make_identity(name);
        self.run(&format!("user add {name} --key {key} --role {role}"))
            .success();
    }

    /// Runs a command line as the owner; words are split at spaces, double quotes hold together.
    pub(crate) fn run(&mut self, line: &str) -> Ran {
        self.run_words(&split(line))
    }

    /// Runs a command line as another user, with the identity that [`Home::make_identity`] made.
    pub(crate) fn run_as(&mut self, user: &str, line: &str) -> Ran {
        let identity = self.identity(user).display().to_string();
        let mut words = split(line);
        words.extend(["--identity".to_owned(), identity]);
        self.run_words(&words)
    }

    /// Runs these words.
    pub(crate) fn run_words<W: Into<OsString> + Clone>(&mut self, words: &[W]) -> Ran {
        self.run_in(&self.fixture.clone(), words)
    }

    /// Runs a command line with this typed into standard input.
    pub(crate) fn run_with_input(&mut self, line: &str, input: &str) -> Ran {
        self.fixture.type_in(input);
        let ran = self.run(line);
        self.fixture.type_in("");
        ran
    }

    /// Runs a command line in a variant of this world.
    pub(crate) fn run_where(&mut self, change: impl Fn(Fixture) -> Fixture, line: &str) -> Ran {
        let fixture = change(self.fixture.clone());
        self.run_in(&fixture, &split(line))
    }

    fn run_in<W: Into<OsString> + Clone>(&mut self, fixture: &Fixture, words: &[W]) -> Ran {
        let args: Vec<OsString> = std::iter::once(OsString::from("kubegrant"))
            .chain(words.iter().cloned().map(Into::into))
            .collect();
        let exit = kubegrant::run(&args, Env::fixed(fixture));
        Ran {
            stdout: fixture.take_stdout(),
            stderr: match self.database {
                Some(_) => engine::without_role(&fixture.take_stderr()),
                None => fixture.take_stderr(),
            },
            code: (0..=u8::MAX)
                .find(|code| ExitCode::from(*code) == exit)
                .expect("an exit code is a byte"),
            root: self.dir.path().display().to_string(),
        }
    }

    /// A place of its own in this world.
    pub(crate) fn beside(&self) -> Fixture {
        self.fixture.beside()
    }

    /// Runs a command line in a variant of this world, with these words.
    pub(crate) fn run_there(&mut self, fixture: &Fixture, line: &str) -> Ran {
        self.run_in(fixture, &split(line))
    }

    /// The same with these very words.
    pub(crate) fn run_words_there<W: Into<OsString> + Clone>(
        &mut self,
        fixture: &Fixture,
        words: &[W],
    ) -> Ran {
        self.run_in(fixture, words)
    }

    /// Moves the clock on, here and in the cluster.
    pub(crate) fn tick(&mut self, hours: i64) {
        self.fixture.advance(TimeDelta::hours(hours));
        self.sandbox.set_now(self.fixture.now());
    }

    /// Lets another sandbox tell this world's time.
    pub(crate) fn set_clock(&self, sandbox: &Sandbox) {
        sandbox.set_now(self.fixture.now());
    }

    /// Moves this machine's clock on, and not the cluster's.
    pub(crate) fn drift(&mut self, hours: i64) {
        self.drift_minutes(hours * 60);
    }

    /// The same, by minutes.
    pub(crate) fn drift_minutes(&mut self, minutes: i64) {
        self.fixture.advance(TimeDelta::minutes(minutes));
    }

    /// The same, by seconds.
    pub(crate) fn drift_seconds(&mut self, seconds: i64) {
        self.fixture.advance(TimeDelta::seconds(seconds));
    }

    /// The time of this world.
    pub(crate) fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.fixture.now()
    }

    /// Where everything is.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// A path in the working directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("work").join(name)
    }

    /// The store's file. A test that asks for it is about files alone, and stands in `about_files.txt`.
    pub(crate) fn store(&self) -> PathBuf {
        assert!(self.database.is_none(), "this test is about a file");
        self.dir.path().join("data/kubegrant/store.db")
    }

    /// The identity file of a user; the owner's is where `init` puts it.
    pub(crate) fn identity(&self, user: &str) -> PathBuf {
        if user == "olivia" {
            self.dir.path().join("config/kubegrant/identity")
        } else {
            self.dir.path().join(format!("home/{user}.identity"))
        }
    }

    /// Makes an identity for a user, and gives its public half.
    pub(crate) fn make_identity(&self, user: &str) -> String {
        let identity = age::x25519::Identity::generate();
        let text = identity.to_string();
        let path = self.identity(user);
        self.write_at(&path, text.expose_secret());
        set_mode(&path, 0o600);
        identity.to_public().to_string()
    }

    /// Writes a file in the working directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        self.write_at(&self.path(name), text);
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
    fn write_at(&self, path: &Path, text: &str) {
        assert!(path.starts_with(self.dir.path()));
        std::fs::write(path, text).expect("written");
    }

    /// Writes a private file in the working directory.
    #[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
    pub(crate) fn write_bytes(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("written");
        set_mode(&self.path(name), 0o600);
    }

    /// Reads a file in the working directory.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }

    /// Opens a file that was sealed to a user.
    pub(crate) fn open(&self, user: &str, sealed: &[u8]) -> Option<String> {
        use std::io::Read as _;
        let text = std::fs::read_to_string(self.identity(user)).expect("an identity");
        let key = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY"));
        let identity: age::x25519::Identity = key?.parse().ok()?;
        let armored = age::armor::ArmoredReader::new(sealed);
        let decryptor = age::Decryptor::new(armored).ok()?;
        let keys = std::iter::once(&identity as &dyn age::Identity);
        let mut opened = String::new();
        let mut reader = decryptor.decrypt(keys).ok()?;
        reader.read_to_string(&mut opened).ok()?;
        Some(opened)
    }

    /// The permission bits of a file in the working directory.
    pub(crate) fn mode(&self, name: &str) -> u32 {
        let found = std::fs::metadata(self.path(name)).expect(name);
        found.permissions().mode() & 0o777
    }

    /// The names in the working directory.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path().join("work")).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Grants a level and downloads as that user; the text of the file.
    pub(crate) fn grant_and_download(&mut self, user: &str, level: &str) -> String {
        self.run(&format!(
            "access grant {user} --cluster prod --level {level}"
        ))
        .success();
        self.download_for(user)
    }

    /// Downloads for a user as the owner; the text of the file.
    pub(crate) fn download_for(&mut self, user: &str) -> String {
        let line = format!("kubeconfig download prod --user {user} --plain -f -");
        self.run(&line).success().stdout.clone()
    }

    /// Every object of a kind on the cluster, by namespace and name.
    pub(crate) fn objects(&self, kind: &str) -> Vec<(String, Value)> {
        let mut found: Vec<(String, Value)> = self
            .sandbox
            .objects()
            .into_iter()
            .filter(|object| object["kind"] == kind)
            .map(|object| {
                let part = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
                let name = match part("namespace") {
                    "" => part("name").to_owned(),
                    namespace => format!("{namespace}/{}", part("name")),
                };
                (name, object)
            })
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    /// The accounts of users that live on the cluster.
    pub(crate) fn accounts(&self) -> Vec<String> {
        let ours = |name: &String| {
            let (place, name) = name.split_once('/').unwrap_or_default();
            ["kubegrant", "kubegrant-users"].contains(&place)
                && name != "default"
                && !["manager", "issuer"].iter().any(|it| name.contains(it))
        };
        let accounts = self.objects("ServiceAccount").into_iter();
        accounts.map(|(name, _)| name).filter(ours).collect()
    }

    /// How many events of the audit log say this of a command: `access grant`, `requested`.
    pub(crate) fn events(&mut self, action: &str, phase: &str) -> usize {
        let listed = self.run("audit list -o json").json();
        let events = listed.as_array().expect("a list").iter();
        events
            .filter(|event| event["action"] == action && event["phase"] == phase)
            .count()
    }

    /// What is stored sealed in a column of `prod`'s row, or beside it.
    pub(crate) fn sealed(&self, query: &str) -> Vec<u8> {
        if let Some(database) = &self.database {
            let hex = engine::in_database(
                database,
                &format!("SELECT encode(it, 'hex') FROM ({query}) AS found(it)"),
            );
            return engine::unhex(hex.lines().next().unwrap_or_default().trim());
        }
        let sql = rusqlite::Connection::open(self.store()).expect("open");
        sql.query_row(query, [], |row| row.get(0))
            .expect("a sealed secret")
    }

    /// Writes into the store as somebody who has the file.
    pub(crate) fn write_sql(&self, statement: &str) {
        if let Some(database) = &self.database {
            // What refuses edits by hand, and a superuser turns off.
            let edit = format!("SET session_replication_role = replica; {statement}");
            engine::in_database(database, &edit);
            return;
        }
        let sql = rusqlite::Connection::open(self.store()).expect("open");
        sql.execute_batch(statement).expect("written");
    }

    /// Who of these can open the manager's login of the only cluster.
    pub(crate) fn openers<'a>(&self, users: &[&'a str]) -> Vec<&'a str> {
        let sealed = self.sealed("SELECT manager_secret FROM clusters WHERE name = 'prod'");
        let opens = |user: &&&str| self.open(user, &sealed).is_some();
        users.iter().filter(opens).copied().collect()
    }

    /// Who of these can open the login of its issuer.
    pub(crate) fn openers_of_issuer<'a>(&self, users: &[&'a str]) -> Vec<&'a str> {
        let sealed = self.sealed("SELECT secret FROM issuers ORDER BY cluster");
        let opens = |user: &&&str| self.open(user, &sealed).is_some();
        users.iter().filter(opens).copied().collect()
    }

    /// Whether anything was asked of the cluster that changes it.
    pub(crate) fn was_changed(&self) -> bool {
        self.sandbox
            .requests()
            .iter()
            .any(|request| request.method != "GET" && !request.path.contains("accessreviews"))
    }
}

/// The permission bits of a file.
pub(crate) fn mode_of(path: &Path) -> u32 {
    let found = std::fs::metadata(path).expect("a file");
    found.permissions().mode() & 0o777
}

/// Writes a file anywhere.
#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
pub(crate) fn write_at(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
}

/// Sets a file's permission bits.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).expect("a mode");
}

/// The status of a GET with a kubeconfig.
pub(crate) fn get(kubeconfig: &str, path: &str) -> u16 {
    call(kubeconfig, "GET", path, None)
}

/// The status of a request with a kubeconfig.
pub(crate) fn call(kubeconfig: &str, method: &str, path: &str, body: Option<&Value>) -> u16 {
    kubegrant_sandbox::request(kubeconfig, method, path, body)
        .expect("an answer")
        .0
}

/// What is answered to a request with a kubeconfig, which must succeed.
pub(crate) fn answer(kubeconfig: &str, method: &str, path: &str, body: Option<&Value>) -> Value {
    let (code, text) =
        kubegrant_sandbox::request(kubeconfig, method, path, body).expect("an answer");
    assert!((200..300).contains(&code), "{method} {path}: {code} {text}");
    serde_json::from_str(&text).expect("it is JSON")
}

/// Reads a kubeconfig as a value.
pub(crate) fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("YAML")
}

/// An entry's name without what cannot be guessed of it; that must be there where it is ours.
pub(crate) fn guessable(name: &str) -> String {
    let salt = Regex::new("-[0-9a-f]{8}(-v|$)").expect("a pattern");
    let short = salt.replace(name, "$1").into_owned();
    assert_eq!(short != name, name.starts_with("kubegrant-"), "{name}");
    short
}

/// What can be read by all who may read anything.
pub(crate) const PODS: &str = "/api/v1/namespaces/default/pods";
/// What only writers may make.
pub(crate) const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// A run that ended.
#[must_use = "snapshot it or call .success()"]
pub(crate) struct Ran {
    /// Data.
    pub(crate) stdout: String,
    /// Talk.
    pub(crate) stderr: String,
    /// Exit code.
    pub(crate) code: u8,
    root: String,
}

impl Ran {
    /// Insists on exit code 0.
    pub(crate) fn success(&self) -> &Ran {
        self.exit(0)
    }

    /// Insists on an exit code.
    pub(crate) fn exit(&self, code: u8) -> &Ran {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Insists on words in what was said.
    pub(crate) fn says(&self, words: &str) -> &Ran {
        assert!(
            self.stderr.contains(words) || self.stdout.contains(words),
            "nobody said {words:?}\n{self}"
        );
        self
    }

    /// Insists that words were not said.
    pub(crate) fn never_says(&self, words: &str) -> &Ran {
        assert!(
            !self.stderr.contains(words) && !self.stdout.contains(words),
            "{words:?} was said\n{self}"
        );
        self
    }

    /// The run without the lines of progress, which come in any order.
    pub(crate) fn without_progress(mut self) -> Ran {
        let lines = self.stderr.split_inclusive('\n');
        self.stderr = lines.filter(|line| !line.starts_with('[')).collect();
        self
    }

    /// The data, as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.stdout.clone();
        if !self.stderr.is_empty() {
            text.push_str("----- stderr -----\n");
            text.push_str(&self.stderr);
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let text = filtered(&text.replace(&self.root, "[HOME]"));
        let end = if text.is_empty() { "" } else { "\n" };
        write!(f, "{text}{end}[exit {}]", self.code)
    }
}

/// Shows what differs from run to run as words in brackets.
fn filtered(text: &str) -> String {
    static FILTERS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
            (r"age1[0-9a-z]{58}", "[KEY]"),
            (r"age1[0-9a-z]{6,20}…[0-9a-z]*", "[KEY]"),
            (
                r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
                "[UID]",
            ),
            (r"\b[0-9a-f]{64}\b", "[HASH]"),
            (r"-[0-9a-f]{8}-v(\d+)", "-[HEX]-v$1"),
            (r"kubegrant-manager-[0-9a-f]{8}", "kubegrant-manager-[HEX]"),
            (r"SHA256:[A-Za-z0-9+/]{43}", "[FINGERPRINT]"),
            (r"ssh-ed25519 AAAA[A-Za-z0-9+/=]+", "ssh-ed25519 [PUBLIC]"),
            (
                r"-----BEGIN SSH SIGNATURE-----[A-Za-z0-9+/=\\n]*-----END SSH SIGNATURE-----\\n",
                "[SIGNATURE]",
            ),
            (r"kubegrant:[0-9a-f]{8}:", "kubegrant:[INSTALLATION]:"),
        ]
        .into_iter()
        .map(|(pattern, word)| (Regex::new(pattern).expect(pattern), word))
        .collect()
    });
    let mut text = text.to_owned();
    for (pattern, word) in FILTERS.iter() {
        text = pattern.replace_all(&text, *word).into_owned();
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// Splits a line at spaces; double quotes hold together.
pub(crate) fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}
