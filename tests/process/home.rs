//! A home of its own beside a sandbox: runs the binary, or the same code in this process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use chrono::{DateTime, TimeDelta, Utc};
use kubegrant::env::{Env, Fixture};
use kubegrant_sandbox::postgres::Server;
use kubegrant_sandbox::{Action, Fault, Match, Sandbox};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where the tests find system programs.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// When waiting is given up. It measures nothing: a machine may be as slow as it likes.
pub(crate) const HANG: Duration = Duration::from_mins(5);

/// What a run left on its streams, and how it ended.
#[derive(Debug, Clone)]
#[must_use = "look at it, or ask for success"]
pub(crate) struct Ran {
    /// The command line.
    pub(crate) words: String,
    /// The exit code; 128 plus the signal for a process that a signal ended.
    pub(crate) code: i32,
    /// Data.
    pub(crate) stdout: String,
    /// Talk.
    pub(crate) stderr: String,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "$ kubegrant {}\n{}----- stderr -----\n{}[exit {}]",
            self.words, self.stdout, self.stderr, self.code
        )
    }
}

impl Ran {
    /// Insists on exit code 0.
    pub(crate) fn success(self) -> Self {
        self.code_is(0)
    }

    /// Insists on an exit code.
    #[track_caller]
    pub(crate) fn code_is(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// What a process left.
    pub(crate) fn of(words: &str, output: &Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let signal = output.status.signal().map(|signal| 128 + signal);
        Self {
            words: words.to_owned(),
            code: output.status.code().or(signal).unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A child that does not outlive its test.
pub(crate) struct Started {
    words: String,
    child: Option<Child>,
}

impl Started {
    /// Starts a process.
    pub(crate) fn spawn(words: &str, command: &mut Command) -> Self {
        Self {
            words: words.to_owned(),
            child: Some(command.spawn().expect("the binary starts")),
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        let child = self.child.as_ref().expect("it was not waited for yet");
        rustix::process::Pid::from_child(child)
    }

    /// Sends it a signal; one that has ended meanwhile hears nothing.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap_or_default();
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut().expect("it was not waited for yet");
        child.try_wait().expect("it is our child").is_some()
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Ran {
        let child = self.child.take().expect("it was not waited for yet");
        Ran::of(&self.words, &child.wait_with_output().expect("it ends"))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap_or_default();
            drop(child.wait());
        }
    }
}

/// A home of its own beside a sandbox.
pub(crate) struct Home {
    folder: TempDir,
    /// The cluster.
    pub(crate) sandbox: Sandbox,
    /// Further clusters, by the names that they are registered under.
    pub(crate) further: Vec<(String, Sandbox)>,
    fixture: Fixture,
    /// Variables beside the usual ones.
    variables: Vec<(String, String)>,
    /// The database that the store is in, if it is in one.
    database: Option<Database>,
}

/// A database of the tests' own server.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) server: &'static Server,
    pub(crate) name: String,
}

/// The server whose databases are the stores, where `KUBEGRANT_TEST_ENGINE=postgres` wants that; else they are files.
fn server() -> Option<&'static Server> {
    let wanted = switch("KUBEGRANT_TEST_ENGINE").is_some_and(|engine| engine == "postgres");
    wanted.then(|| Server::get().expect("PostgreSQL is at hand"))
}

/// A sandbox with some namespaces, one of them with a powerful account.
fn cluster() -> Sandbox {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    for name in ["shop", "web", "robots"] {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": name } });
        sandbox.put_object(namespace).expect("a namespace");
    }
    sandbox
        .put_object(json!({ "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding", "metadata": { "name": "robots" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "cluster-admin" },
            "subjects": [{ "kind": "ServiceAccount", "name": "r2", "namespace": "robots" }] }))
        .expect("a binding");
    sandbox
}

fn now() -> DateTime<Utc> {
    let since = UNIX_EPOCH.elapsed().expect("the clock is past 1970");
    DateTime::UNIX_EPOCH + TimeDelta::from_std(since).expect("a time of this age")
}

/// Runs a command line in this process, in a world.
pub(crate) fn called(
    world: &Fixture,
    words: &str,
    run: impl FnOnce(&[OsString], Env) -> ExitCode,
) -> Ran {
    let args: Vec<OsString> = ["kubegrant"]
        .into_iter()
        .chain(words.split_whitespace())
        .map(OsString::from)
        .collect();
    let code = run(&args, Env::fixed(world));
    let code = if code == ExitCode::SUCCESS {
        0
    } else {
        (1..=255u8)
            .find(|byte| ExitCode::from(*byte) == code)
            .map_or(-1, i32::from)
    };
    Ran {
        words: words.to_owned(),
        code,
        stdout: world.take_stdout(),
        stderr: world.take_stderr(),
    }
}

impl Home {
    /// An empty home beside a fresh sandbox with some namespaces.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("room for a home");
        fs::create_dir(folder.path().join("work")).expect("room for a folder");
        let sandbox = cluster();
        let home = Self {
            fixture: Fixture::new(now())
                .variable("HOME", folder.path())
                .variable("PATH", PATH)
                // Runs in this process throw the same dice: shells of two homes must not meet.
                .variable("XDG_RUNTIME_DIR", folder.path())
                .current_dir(folder.path().join("work")),
            folder,
            sandbox,
            further: Vec::new(),
            variables: Vec::new(),
            database: None,
        };
        home.write("admin.conf", &home.sandbox.admin_kubeconfig());
        match server() {
            Some(server) => home.in_database(server),
            None => home,
        }
    }

    /// The same home with its store in a database of its own.
    pub(crate) fn in_database(self, server: &'static Server) -> Self {
        let name = server.database();
        let home = self.with_variable("KUBEGRANT_STORE", &server.address(&name));
        Self {
            database: Some(Database { server, name }),
            ..home
        }
    }

    /// The database that the store is in, if it is in one.
    pub(crate) fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// The same home with one variable more.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self.fixture = self.fixture.variable(name, value);
        self
    }

    /// The same home with its store at another place.
    pub(crate) fn at(self, store: &str) -> Self {
        self.with_variable("KUBEGRANT_STORE", store)
    }

    /// A home with an organization: `alice` owns it, `dave` is an admin, `bob` and `carol` are
    /// developers.
    pub(crate) fn with_people() -> Self {
        let home = Self::new();
        for words in [
            "init --organization Acme --owner alice",
            "user add bob",
            "user add carol",
            "user add dave --role admin",
        ] {
            drop(home.call(words).success());
        }
        home
    }

    /// The same with the sandbox registered as cluster `dev`.
    pub(crate) fn with_cluster() -> Self {
        let home = Self::with_people();
        drop(
            home.call("cluster add dev --kubeconfig admin.conf")
                .success(),
        );
        home
    }

    /// Starts a further cluster and registers it.
    pub(crate) fn add_cluster(&mut self, name: &str) {
        let sandbox = cluster();
        self.write("further.conf", &sandbox.admin_kubeconfig());
        let words = format!("cluster add {name} --kubeconfig further.conf");
        drop(self.call(&words).success());
        self.further.push((name.to_owned(), sandbox));
    }

    /// The cluster that is registered under a name.
    pub(crate) fn sandbox_of(&self, name: &str) -> &Sandbox {
        let further = self.further.iter().find(|(other, _)| other == name);
        further.map_or(&self.sandbox, |(_, sandbox)| sandbox)
    }

    /// The home directory.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The working directory.
    pub(crate) fn work(&self) -> PathBuf {
        self.path().join("work")
    }

    /// The store's file.
    pub(crate) fn store(&self) -> PathBuf {
        self.path().join(".local/share/kubegrant/store.db")
    }

    /// Writes a file into the working directory.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.work().join(name))
            .expect("the working directory takes files");
        file.write_all(text.as_bytes()).expect("room for a file");
    }

    /// Reads a file of the working directory, if it is there.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.work().join(name)).ok()
    }

    /// The time that runs in this process see.
    pub(crate) fn fixture(&self) -> &Fixture {
        &self.fixture
    }

    /// A world in this home for somebody with an identity of their own.
    pub(crate) fn world_of(&self, identity: &str, seed: u64) -> Fixture {
        Fixture::new(self.fixture.now())
            .variable("HOME", self.path())
            .variable("PATH", PATH)
            .variable("XDG_RUNTIME_DIR", self.path())
            .variable("KUBEGRANT_IDENTITY", identity)
            .current_dir(self.work())
            .seed(seed)
    }

    /// Runs a command line in this process.
    pub(crate) fn call(&self, words: &str) -> Ran {
        // Tokens end by the sandbox's clock, which is the real one.
        called(&self.fixture, words, kubegrant::run)
    }

    /// A process of the binary, to be started.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubegrant"));
        command.args(words.split_whitespace());
        self.inside(&mut command);
        command
    }

    /// Puts a command into this home.
    pub(crate) fn inside(&self, command: &mut Command) {
        command
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", PATH)
            .env("XDG_RUNTIME_DIR", self.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.work())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    /// Runs the binary.
    pub(crate) fn run(&self, words: &str) -> Ran {
        self.start(words).finish()
    }

    /// Starts the binary.
    pub(crate) fn start(&self, words: &str) -> Started {
        Started::spawn(words, &mut self.command(words))
    }

    /// Runs a shell script with the binary as `$1`; the home is its own.
    pub(crate) fn shell(&self, script: &str) -> Ran {
        let mut command = Command::new("sh");
        command
            .args(["-c", script, "sh"])
            .arg(env!("CARGO_BIN_EXE_kubegrant"));
        self.inside(&mut command);
        Ran::of(script, &command.output().expect("there is a shell"))
    }

    /// Makes every request meet a fault until [`Sandbox::clear_faults`].
    pub(crate) fn fault_all(&self, action: Action) {
        self.sandbox.fault(Fault {
            matches: Match::default(),
            action,
        });
    }

    /// Makes the nth request from now meet a fault, counted from 1.
    pub(crate) fn fault_nth(&self, nth: usize, action: Action) {
        let nth = Some(nth);
        self.sandbox.fault(Fault {
            matches: Match {
                nth,
                ..Match::default()
            },
            action,
        });
    }

    /// Waits until something is so.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, mut so: impl FnMut(&Self) -> bool) {
        let started = Instant::now();
        while !so(self) {
            assert!(started.elapsed() < HANG, "never: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Keeps the home and the cluster as they are now.
    pub(crate) fn freeze(&self) -> Frozen {
        let copy = tempfile::tempdir().expect("room for a copy");
        copy_all(self.path(), copy.path());
        Frozen {
            copy,
            database: self.database.as_ref().map(Database::freeze),
            objects: index(self.sandbox.objects()),
            now: self.fixture.now(),
        }
    }

    /// Makes the home and the cluster as they were then.
    pub(crate) fn thaw(&self, frozen: &Frozen) {
        self.sandbox.clear_faults();
        for place in ["work", ".local", ".config", ".kube"] {
            let place = self.path().join(place);
            if place.exists() {
                fs::remove_dir_all(place).expect("it is ours");
            }
        }
        copy_all(frozen.copy.path(), self.path());
        if let (Some(live), Some(FrozenDatabase(frozen))) = (&self.database, &frozen.database) {
            live.server.copy(&frozen.name, &live.name, &live.name);
        }
        for _ in 0..2 {
            // Controllers follow up on what is put; the second round finds them done.
            let found = index(self.sandbox.objects());
            for (key, _) in found
                .iter()
                .filter(|(key, _)| !frozen.objects.contains_key(*key))
            {
                let (version, kind, namespace, name) = key;
                let namespace = (!namespace.is_empty()).then_some(namespace.as_str());
                self.sandbox.remove_object(version, kind, namespace, name);
            }
            for (key, object) in &frozen.objects {
                if found.get(key).map(unversioned) != Some(unversioned(object)) {
                    self.sandbox
                        .put_object(object.clone())
                        .expect("it stood there before");
                }
            }
        }
        self.fixture.set_now(frozen.now);
        self.sandbox.clear_requests();
    }
}

type Key = (String, String, String, String);

/// A database as it was.
struct FrozenDatabase(Database);

impl Drop for FrozenDatabase {
    fn drop(&mut self) {
        self.0.server.forget(&self.0.name);
    }
}

impl Database {
    fn freeze(&self) -> FrozenDatabase {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("{}_{}", self.name, NEXT.fetch_add(1, Ordering::Relaxed));
        self.server.copy(&self.name, &name, &self.name);
        FrozenDatabase(Self {
            server: self.server,
            name,
        })
    }
}

/// A home and a cluster as they were.
pub(crate) struct Frozen {
    copy: TempDir,
    database: Option<FrozenDatabase>,
    objects: BTreeMap<Key, Value>,
    now: DateTime<Utc>,
}

/// A text field of an object, or "".
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn index(objects: Vec<Value>) -> BTreeMap<Key, Value> {
    let key = |object: &Value| {
        let part = |pointer| text(object, pointer).to_owned();
        (
            part("/apiVersion"),
            part("/kind"),
            part("/metadata/namespace"),
            part("/metadata/name"),
        )
    };
    objects
        .into_iter()
        .map(|object| (key(&object), object))
        .collect()
}

fn unversioned(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(meta) = object
        .pointer_mut("/metadata")
        .and_then(Value::as_object_mut)
    {
        meta.remove("resourceVersion");
        meta.remove("managedFields");
    }
    object
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("it can be read") {
        let entry = entry.expect("it can be read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("it has a type").is_dir() {
            if !target.exists() {
                let mut builder = fs::DirBuilder::new();
                builder.mode(0o700).create(&target).expect("room");
            }
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("room");
        }
    }
}

/// Says something on the screen, also where the test passes.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap_or_default();
}

/// A switch of the tests, not of the program.
#[expect(clippy::disallowed_methods, reason = "it chooses the size of a test")]
pub(crate) fn switch(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Numbers that look random and are the same in every run with the same seed (xorshift64).
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice that fall in one way of many.
    pub(crate) fn new(seed: u64) -> Self {
        Self(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(2 * seed + 1))
    }

    /// A number below a limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }

    /// A place in a list of this length.
    pub(crate) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("a small number")
    }
}
