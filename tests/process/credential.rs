//! `credential` as kubectl runs it: many processes at once, killed, interrupted, and watched.

use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::process::Command;

use kubegrant_sandbox::{Action, Fault, Gate, Match};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::glue::has;
use crate::home::{Home, Ran};

const NAME: &str = "dev.bob.0badcafe";
const WORDS: &str = "credential --renewal dev.bob.0badcafe";
const NAMESPACE: &str = "kubegrant";
const KUBECTLS: usize = 50;

/// A machine with an identity and a renewal, and the pair of accounts behind it.
fn machine() -> Home {
    let home = Home::new();
    let group = "rbac.authorization.k8s.io";
    let metadata = |name: &str| json!({ "name": name, "namespace": NAMESPACE });
    let account = |name: &str| json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(name) });
    for object in [
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } }),
        account("works"),
        account("renews"),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata("renews"),
            "rules": [{
                "apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"],
                "resourceNames": ["works", "renews"],
            }],
        }),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata("renews"),
            "roleRef": { "apiGroup": group, "kind": "Role", "name": "renews" },
            "subjects": [{ "kind": "ServiceAccount", "name": "renews", "namespace": NAMESPACE }],
        }),
    ] {
        home.sandbox.put_object(object).expect("put");
    }
    let document = json!({
        "version": 1, "installation": "0badcafe", "cluster": "dev", "user": "bob",
        "credential_version": 1, "server": home.sandbox.url(),
        "certificate_authority": home.sandbox.ca_pem(), "namespace": NAMESPACE,
        "account": "works", "renewer": "renews", "rolling": true, "token": token(&home),
        "token_ends_at": "2001-01-01T00:00:00Z",
    });
    let identity = age::x25519::Identity::generate();
    let text = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
    put(&home, ".config/kubegrant", "identity", text.as_bytes());
    let sealed = age::encrypt(&identity.to_public(), document.to_string().as_bytes());
    let file = format!("{NAME}.age");
    put(
        &home,
        ".local/share/kubegrant/renew",
        &file,
        &sealed.expect("sealed"),
    );
    home.sandbox.clear_requests();
    home
}

/// The renewer's token.
fn token(home: &Home) -> String {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/renews/token");
    let admin = home.sandbox.admin_kubeconfig_token();
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": { "expirationSeconds": 24 * 3600 },
    });
    let minted = kubegrant_sandbox::request(&admin, "POST", &path, Some(&body));
    let minted: Value = serde_json::from_str(&minted.expect("an answer").1).expect("JSON");
    minted["status"]["token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

/// Puts a private file into a private folder of the home.
fn put(home: &Home, folder: &str, name: &str, bytes: &[u8]) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let folder = home.path().join(folder);
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder);
    made.expect("a folder");
    let mut options = std::fs::OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(folder.join(name));
    file.expect("a file").write_all(bytes).expect("written");
}

fn mints(home: &Home) -> usize {
    let requests = home.sandbox.requests();
    requests
        .iter()
        .filter(|it| it.path.contains("/token"))
        .count()
}

/// Holds every answer back until the gate is opened.
fn gate(home: &Home) -> Gate {
    let gate = Gate::shut();
    home.sandbox.fault(Fault {
        matches: Match::default(),
        action: Action::Wait(gate.clone()),
    });
    gate
}

fn answer(ran: Ran) -> Value {
    let ran = ran.success();
    assert_eq!(ran.stderr, "", "{ran}");
    serde_json::from_str(&ran.stdout).expect("JSON")
}

#[test]
fn fifty_processes_mint_once() {
    let home = machine();
    let started: Vec<_> = (0..KUBECTLS).map(|_| home.start(WORDS)).collect();
    let answers: Vec<Value> = started.into_iter().map(|it| answer(it.finish())).collect();
    assert!(answers.iter().all(|it| it == &answers[0]));
    assert_eq!(mints(&home), 1);
}

#[test]
fn who_is_killed_or_stopped_while_it_mints_leaves_the_lock_to_the_next() {
    let home = machine();
    for (signal, code) in [(Signal::KILL, 137), (Signal::INT, 130), (Signal::TERM, 130)] {
        let gate = gate(&home);
        let first = home.start(WORDS);
        gate.wait_for(1);
        let second = home.start(WORDS);
        first.signal(signal);
        let first = first.finish().code_is(code);
        assert_eq!(
            (first.stdout.as_str(), first.stderr.as_str()),
            ("", ""),
            "{first}"
        );
        gate.open();
        drop(answer(second.finish()));
        home.sandbox.clear_faults();
        let kept = std::fs::read_dir(home.path().join("kubegrant")).expect("a folder");
        for entry in kept {
            let path = entry.expect("an entry").path();
            std::fs::remove_file(path).expect("removed");
        }
    }
}

/// What changes files, and may be the last that a process does.
const WRITES: [&str; 9] = [
    "mkdir",
    "flock",
    "fchmod",
    "write",
    "fsync",
    "linkat",
    "rename",
    "renameat",
    "renameat2",
];

#[test]
fn who_is_killed_before_any_write_loses_nothing() {
    if !has("strace", "no process is killed before its writes") {
        return;
    }
    let home = machine();
    // The renewer's token is in the second half of its life: it is renewed too.
    let now = home.fixture().now();
    home.sandbox.set_now(now + chrono::TimeDelta::hours(13));
    let renewal = home
        .path()
        .join(format!(".local/share/kubegrant/renew/{NAME}.age"));
    let first = std::fs::read(&renewal).expect("a file");
    let mut killed = 0;
    for call in WRITES {
        for nth in 1..40 {
            std::fs::remove_dir_all(home.path().join("kubegrant")).unwrap_or_default();
            std::fs::remove_file(&renewal).expect("removed");
            put(
                &home,
                ".local/share/kubegrant/renew",
                &format!("{NAME}.age"),
                &first,
            );
            let mut command = Command::new("strace");
            home.inside(&mut command);
            let inject = format!("inject=?{call}:signal=KILL:when={nth}");
            command
                .args(["-f", "-o", "/dev/null", "-e", &inject])
                .arg(env!("CARGO_BIN_EXE_kubegrant"))
                .args(WORDS.split(' '));
            let output = command.output().expect("strace starts");
            if output.status.success() {
                break;
            }
            killed += 1;
            let next = answer(home.run(WORDS));
            assert_eq!(answer(home.run(WORDS)), next, "{call} {nth}");
            let left = std::fs::read_dir(home.path().join("kubegrant")).expect("a folder");
            assert_eq!(left.count(), 2, "the token and the lock: {call} {nth}");
        }
    }
    assert!(killed > 15, "{killed}");
}

#[test]
fn what_is_kept_is_handed_out_without_the_identity_and_without_a_network() {
    let home = machine();
    let first = answer(home.run(WORDS));
    if !has("strace", "what a cached answer opens is not watched") {
        return;
    }
    let trace = home.work().join("trace");
    let mut command = Command::new("strace");
    home.inside(&mut command);
    command
        .args([
            "-f",
            "-e",
            "trace=?open,openat,socket,connect,?clone,?clone3,execve",
            "-o",
        ])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_kubegrant"))
        .args(WORDS.split(' '));
    let output = command.output().expect("strace starts");
    assert_eq!(answer(Ran::of(WORDS, &output)), first);
    let calls = std::fs::read_to_string(&trace).expect("a trace");
    for never in [
        "kubegrant/identity",
        "store.db",
        "socket(",
        "connect(",
        "clone",
    ] {
        assert!(!calls.contains(never), "{never}:\n{calls}");
    }
    for opened in [".age", "cred-"] {
        assert!(calls.contains(opened), "{opened}:\n{calls}");
    }
    assert_eq!(calls.matches("execve(").count(), 1, "{calls}");
    assert_eq!(mints(&home), 1);
}
