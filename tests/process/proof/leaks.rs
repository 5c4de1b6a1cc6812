//! Suite 7: secrets do not leak: under strace, of every byte that the program writes and of every
//! argument and variable it gives to another program; then from every file it leaves; and in a
//! panic, in failures, and where a core would be dumped.
//!
//! The command lines are `tests/invocations.txt`, where no command may be missing.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubegrant_sandbox::{Action, Fault, Match};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Tally, full};
use crate::glue::has;
use crate::home::{Home, Ran};

const PROVIDER_TOKEN: &str = "canary-of-a-provider-token-0123456789";
const SSH_KEY: &str = include_str!("../../../src/secrets/key_pair/keys/ed25519.openssh");
/// What makes other programs talkative, in the environment of every run.
const LOUD: &str = "RUST_LOG=trace RUST_BACKTRACE=full KUBEGRANT_LOG=trace";

fn lines() -> Vec<&'static str> {
    include_str!("../../invocations.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect()
}

/// The home that the lines are about.
fn furnished() -> Home {
    let home = Home::new();
    home.write("admin.conf", &home.sandbox.admin_kubeconfig_token());
    home.write("certificate.conf", &home.sandbox.admin_kubeconfig());
    home.write("provider.token", PROVIDER_TOKEN);
    home.write("key.openssh", SSH_KEY);
    fs::create_dir(home.work().join("tmp")).expect("room");
    let alice = age::x25519::Identity::generate().to_public();
    home.write("alice.pub", &alice.to_string());
    for words in [
        "init --organization Acme --owner olivia",
        "user add alice --key alice.pub",
        "user add bob",
        "cluster add prod --kubeconfig admin.conf",
    ] {
        drop(home.run(words).success());
    }
    home
}

/// A field of the user in a kubeconfig.
fn field(kubeconfig: &str, name: &str) -> String {
    let config: Value = serde_saphyr::from_str(kubeconfig).expect("YAML");
    let found = config["users"][0]["user"][name].as_str();
    found.expect("a field").to_owned()
}

/// Every secret that there is now, each as one line of plain letters.
fn secrets(home: &Home) -> Vec<String> {
    let key = field(&home.sandbox.admin_kubeconfig(), "client-key-data");
    let key = String::from_utf8(STANDARD.decode(key).expect("base64")).expect("PEM");
    let identity = fs::read_to_string(home.path().join(".config/kubegrant/identity"));
    let identity = identity.expect("an identity");
    let own = identity
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY"));
    let mut found = vec![
        PROVIDER_TOKEN.to_owned(),
        SSH_KEY.lines().nth(4).expect("the seed").to_owned(),
        key.lines().nth(1).expect("a line").to_owned(),
        field(&home.sandbox.admin_kubeconfig_token(), "token"),
        own.expect("a key").to_owned(),
    ];
    for token in home.sandbox.minted_tokens() {
        found.push(token.rsplit('.').next().expect("a JWT").to_owned());
    }
    // A key that was made here is known once it was taken.
    if let Some(pem) = home.read("handed.pem") {
        found.push(pem.lines().nth(4).expect("a line").to_owned());
    }
    found
}

/// Which secret stands in a text, by a few of its letters.
pub(crate) fn find(text: &str, secrets: &[String]) -> Vec<String> {
    secrets
        .iter()
        .filter(|secret| {
            let coded = STANDARD.encode(secret.as_bytes());
            text.contains(secret.as_str()) || text.contains(&coded[..coded.len() - 4])
        })
        .map(|secret| format!("{}…", &secret[..6]))
        .collect()
}

/// The parts of a trace that leave the program: what it writes other than the file that was asked
/// for, and what it gives to the programs it starts.
fn leaving<'t>(trace: &'t str, work: &str) -> Vec<&'t str> {
    let mut others: BTreeSet<&str> = BTreeSet::new();
    let mut first = true;
    let mut found = Vec::new();
    for line in trace.lines() {
        let pid = line.split_whitespace().next().unwrap_or_default();
        if line.contains("execve(") {
            // The first is the program itself, whose variables the test chose.
            if !std::mem::take(&mut first) {
                others.insert(pid);
                found.push(line);
            }
        } else if !others.contains(pid)
            && !line.contains(&format!("<{work}/"))
            && !line.contains("/.kube/#")
            && !is_for_a_shell(line)
        {
            // Other programs may say what they know; files in the working directory come last.
            found.push(line);
        }
    }
    found
}

/// Whether a line writes the file of `kubegrant shell`, which is gone by now.
fn is_for_a_shell(line: &str) -> bool {
    let folder = line.split_once('<').and_then(|(_, rest)| {
        let end = rest.find("/#")?;
        rest.get(..end)
    });
    folder.is_some_and(|folder| folder.contains("/kubegrant-shell-") && !Path::new(folder).exists())
}

/// Files that may hold a secret: those that were given, and those that were asked for.
const MAY_HOLD: &[&str] = &[
    "admin.conf",
    "certificate.conf",
    "provider.token",
    "key.openssh",
    "mine",
    "mine2",
    "hers",
    "shared",
    "bobs",
    "opened",
    ".kube/config",
    "handed.pem",
    "plugin.conf",
    "plugin",
    "prod.kubeconfig",
    "stdout",
];

fn files(folder: &Path, found: &mut Vec<(std::path::PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let bytes = fs::read(&path).expect("bytes");
            found.push((path, bytes));
        }
    }
}

/// Looks through everything that is left on the disk.
fn left(home: &Home, secrets: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut all = Vec::new();
    files(home.path(), &mut all);
    for (path, bytes) in all {
        let inside = path.strip_prefix(home.path()).expect("in the home");
        let name = inside.display().to_string();
        if name.contains("core") {
            found.push(format!("a core is left: {name}"));
        }
        let short = name.strip_prefix("work/").unwrap_or(&name);
        if MAY_HOLD.contains(&short) || short == "trace" || name == ".config/kubegrant/identity" {
            let mode = fs::metadata(&path).expect("there").permissions().mode() & 0o077;
            if mode != 0 && !["trace", "plugin", "stdout"].contains(&short) {
                found.push(format!("{name} is readable by others"));
            }
            continue;
        }
        let text = String::from_utf8_lossy(&bytes);
        found.extend(
            find(&text, secrets)
                .iter()
                .map(|what| format!("{what} in {name}")),
        );
    }
    found
}

fn traced(home: &Home, before: &str, words: &str) -> Ran {
    let script = format!(
        "export {LOUD} TMPDIR=$PWD/tmp {before}; ulimit -c unlimited; \
         strace -f -v -qq -y -s 1048576 -e trace=execve,write,writev,pwrite64,sendto,sendmsg \
         -o trace \"$1\" {words}"
    );
    home.shell(&script)
}

#[test]
fn nothing_that_leaves_the_program_holds_a_secret() {
    if !has("strace", "that no secret is written, given or passed on") {
        return;
    }
    let mut tally = Tally::new("leaks: under strace");
    let home = furnished();
    let work = home.work().display().to_string();
    for (number, words) in lines().into_iter().enumerate() {
        // The short form looks at some; what they need is done all the same.
        if !full() && number % 6 != 2 && !words.starts_with("ssh-key install") {
            drop(home.call(words));
            continue;
        }
        let ran = traced(&home, "", words);
        let secrets = secrets(&home);
        let trace = home.read("trace").expect("a trace");
        let mut found = find(&format!("{}{}", ran.stdout, ran.stderr), &secrets);
        for line in leaving(&trace, &work) {
            let start: String = line.chars().take(120).collect();
            found.extend(
                find(line, &secrets)
                    .iter()
                    .map(|what| format!("{what}: {start}")),
            );
        }
        tally.case((!found.is_empty()).then(|| format!("{words}: {found:?}")));
    }
    tally.case(left(&home, &secrets(&home)));
    tally.end(10);
}

#[test]
fn a_plugin_learns_nothing_of_ours() {
    if !has("strace", "what the plugin of a kubeconfig is told") {
        return;
    }
    let mut tally = Tally::new("leaks: programs that are started");
    let home = furnished();
    let text = home.sandbox.admin_kubeconfig_token();
    let token = field(&text, "token");
    home.write(
        "plugin",
        &format!(
            "#!/bin/sh\necho '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\
             \"kind\":\"ExecCredential\",\"status\":{{\"token\":\"{token}\"}}}}'\n"
        ),
    );
    let mut config: Value = serde_saphyr::from_str(&text).expect("YAML");
    config["users"][0]["user"] = json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin" } });
    home.write("plugin.conf", &config.to_string());
    drop(home.shell("chmod +x plugin").success());
    let identity = fs::read_to_string(home.path().join(".config/kubegrant/identity"));
    let identity = identity.expect("an identity");
    let own = identity
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY"));
    let own = own.expect("a key");
    drop(home.call("ssh-key generate prod").success());
    for (words, started) in [
        (
            "cluster add two --kubeconfig plugin.conf --allow-exec",
            "plugin",
        ),
        ("ssh-key install prod --node 127.0.0.1:1", "ssh"),
    ] {
        drop(traced(&home, &format!("KUBEGRANT_IDENTITY={own}"), words));
        let trace = home.read("trace").expect("a trace");
        let secrets = secrets(&home);
        let told: Vec<&str> = trace
            .lines()
            .filter(|line| line.contains("execve("))
            .collect();
        let ran = told.iter().skip(1).any(|line| line.contains(started));
        let mut found: Vec<String> = told
            .iter()
            .skip(1)
            .flat_map(|line| find(line, &secrets))
            .collect();
        if !ran {
            found.push(format!("`{started}` was not started: {told:?}"));
        }
        tally.case((!found.is_empty()).then(|| format!("{words}: {found:?}")));
    }
    tally.end(2);
}

#[test]
fn no_failure_says_a_secret() {
    let mut tally = Tally::new("leaks: failures");
    let home = furnished();
    drop(home.call("access grant alice -c prod -l write").success());
    let start = home.freeze();
    let faults = [
        Action::BadJson,
        Action::Truncate,
        Action::ResetAfter,
        Action::Replace {
            from: "\"status\":{".to_owned(),
            to: "\"status\":[{".to_owned(),
        },
        Action::Replace {
            from: "\"token\":".to_owned(),
            to: "\"tokens\":".to_owned(),
        },
        Action::Status {
            code: 500,
            retry_after: None,
        },
    ];
    let commands = [
        "kubeconfig download prod --user alice --plain -f hers --force",
        "cluster rotate-manager prod",
        "cluster relink prod --kubeconfig admin.conf --yes",
        "cluster add two --kubeconfig certificate.conf",
    ];
    for fault in &faults {
        for (number, words) in commands.iter().enumerate() {
            if !full() && number > 0 {
                continue;
            }
            home.thaw(&start);
            home.sandbox.fault(Fault {
                matches: Match {
                    path_contains: Some("/token".to_owned()),
                    ..Match::default()
                },
                action: fault.clone(),
            });
            let ran = home.call(words);
            home.sandbox.clear_faults();
            let secrets = secrets(&home);
            let mut found = find(&format!("{}{}", ran.stdout, ran.stderr), &secrets);
            found.extend(left(&home, &secrets));
            tally.case((!found.is_empty()).then(|| format!("{fault:?}: {found:?}: {ran}")));
        }
    }
    tally.end(6);
}

#[test]
fn a_panic_says_where_and_nothing_else() {
    if !has("strace", "what a panic says") {
        return;
    }
    let mut tally = Tally::new("leaks: panics");
    let home = furnished();
    // Without randomness there is nothing to do but to panic, wherever it is needed next.
    for words in [
        "ssh-key generate prod",
        "kubeconfig download prod -f mine",
        "cluster rotate-manager prod",
        "cluster provider-token set prod --file provider.token",
    ] {
        let ran = home.shell(&format!(
            "export {LOUD}; ulimit -c unlimited; strace -f -o /dev/null -qq \
             -e inject=getrandom:error=EIO \"$1\" {words}"
        ));
        let secrets = secrets(&home);
        let mut found = find(&format!("{}{}", ran.stdout, ran.stderr), &secrets);
        let said = ran.stderr.contains("this is a fault of kubegrant (");
        if ran.code != 1 || !said || ran.stderr.contains("panicked") {
            found.push("it is not said as a fault".to_owned());
        }
        found.extend(left(&home, &secrets));
        tally.case((!found.is_empty()).then(|| format!("{words}: {found:?}: {ran}")));
    }
    tally.end(4);
}

#[test]
fn no_core_is_dumped() {
    let mut tally = Tally::new("leaks: cores");
    let home = furnished();
    home.fault_all(Action::Hang);
    for signal in [Signal::SEGV, Signal::ABORT, Signal::QUIT] {
        home.sandbox.clear_requests();
        let running = home.start("kubeconfig download prod -f mine");
        home.wait_until("a request", |home| !home.sandbox.requests().is_empty());
        let limits = fs::read_to_string(format!("/proc/{}/limits", running.pid().as_raw_nonzero()));
        let limits = limits.expect("limits");
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let core: Vec<&str> = core.expect("a line").split_whitespace().collect();
        running.signal(signal);
        let ran = running.finish();
        let mut found = left(&home, &[]);
        if core[4..6] != ["0", "0"] {
            found.push(format!("the limit is {core:?}"));
        }
        tally.case((!found.is_empty()).then(|| format!("{signal:?}: {found:?}: {ran}")));
    }
    tally.end(3);
}

#[test]
fn a_passphrase_is_never_repeated() {
    if !has("script", "passphrases") || !has("ssh-keygen", "passphrases") {
        return;
    }
    let mut tally = Tally::new("leaks: passphrases");
    let home = furnished();
    let secret = "canary-of-a-passphrase-0123";
    let make = format!("ssh-keygen -q -t ed25519 -N {secret} -f locked");
    drop(home.shell(&make).success());
    for (typed, words) in [
        (secret, "whoami --identity locked"),
        (secret, "ssh-key import prod locked"),
        ("wrong-canary-of-a-passphrase", "whoami --identity locked"),
    ] {
        // The terminal is told not to echo; what was typed may not be in what it shows.
        let ran = home.shell(&format!(
            "export {LOUD}; (sleep 0.5; echo {typed}; sleep 0.3) | \
             script -qec \"stty -echo; $1 {words}\" /dev/null"
        ));
        let mut found = find(
            &format!("{}{}", ran.stdout, ran.stderr),
            &[typed.to_owned()],
        );
        if !ran.stdout.contains("assphrase") {
            found.push("nobody asked for it".to_owned());
        }
        found.extend(left(&home, &[typed.to_owned()]));
        tally.case((!found.is_empty()).then(|| format!("{words}: {found:?}: {ran}")));
    }
    tally.end(3);
}

#[test]
fn the_search_sees_what_leaves() {
    if !has("strace", "the search itself") {
        return;
    }
    let home = Home::new();
    drop(home.shell(&format!(
        "strace -f -v -qq -y -s 1048576 -e trace=execve,write -o trace \
         sh -c 'echo {PROVIDER_TOKEN} >tmpfile; echo said {PROVIDER_TOKEN}; env A={PROVIDER_TOKEN} true'"
    )));
    let trace = home.read("trace").expect("a trace");
    let secrets = [PROVIDER_TOKEN.to_owned()];
    let lines = leaving(&trace, "/elsewhere");
    let found = lines.iter().filter(|line| !find(line, &secrets).is_empty());
    assert!(found.count() >= 3, "{lines:?}");
    let left = left(&home, &secrets);
    assert!(left.iter().any(|what| what.contains("tmpfile")), "{left:?}");
}
