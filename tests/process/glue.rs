//! The real binary from outside: streams, exit codes, signals, modes, terminals.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use kubegrant_sandbox::Action;
use rustix::process::Signal;

use crate::home::{Home, say};
use crate::oracle::{Books, Oracle};

/// Whether a program is there; says on the screen what is not tried without it.
pub(crate) fn has(program: &str, without: &str) -> bool {
    let found = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).is_file());
    if !found {
        say(&format!("not run, for there is no `{program}`: {without}"));
    }
    found
}

#[test]
fn a_run_that_succeeds_writes_data_to_stdout_and_exits_with_0() {
    let home = Home::with_people();
    let ran = home.run("user list -o json").success();
    let data: serde_json::Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
    assert_eq!(data.as_array().map(Vec::len), Some(4), "{ran}");
    assert_eq!(ran.stderr, "", "{ran}");
}

#[test]
fn a_run_that_fails_writes_nothing_to_stdout_and_says_why() {
    let home = Home::with_people();
    let ran = home.run("user show bbo").code_is(3);
    assert_eq!(ran.stdout, "", "{ran}");
    assert!(ran.stderr.starts_with("error: no user 'bbo'"), "{ran}");
    assert!(ran.stderr.contains("did you mean 'bob'?"), "{ran}");
    drop(home.run("user shwo bob").code_is(2));
}

#[test]
fn a_reader_that_leaves_ends_the_run_quietly() {
    let home = Home::with_people();
    for words in ["user list", "--help", "audit list -o yaml"] {
        let mut child = home.command(words).spawn().expect("the binary starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(talk, "", "{words}");
        assert!(
            matches!(output.status.code(), Some(0 | 141)),
            "{words}: {:?}",
            output.status
        );
    }
}

/// Interrupts a revocation while the API server takes its time.
fn interrupted(signal: Signal) {
    let home = Home::with_cluster();
    drop(
        home.call("access grant bob --cluster dev --level write")
            .success(),
    );
    drop(
        home.call("kubeconfig download dev --user bob --plain -f bob.conf")
            .success(),
    );
    let mut oracle = Oracle::new(&home);
    home.sandbox.clear_requests();
    home.fault_nth(3, Action::Hang);
    let started = home.start("access revoke bob --cluster dev --yes");
    home.wait_until("the third request", |home| {
        home.sandbox.requests().len() >= 3
    });
    let asked = Instant::now();
    started.signal(signal);
    let ran = started.finish().code_is(130);
    assert!(
        asked.elapsed() < Duration::from_secs(20),
        "it took {:?}",
        asked.elapsed()
    );
    assert!(ran.stderr.contains("interrupted"), "{ran}");
    assert!(!ran.stderr.contains("no longer works"), "{ran}");
    home.sandbox.clear_faults();
    assert_eq!(oracle.look(&home), Vec::<String>::new());
    assert!(Books::read(&home).expect("a store").has_pending());
    drop(home.run("status").code_is(6));
    drop(home.run("reconcile").success());
    assert_eq!(oracle.disagreements(&home), Vec::<String>::new());
    drop(home.run("status").success());
}

#[test]
fn ctrl_c_in_the_middle_leaves_something_pending_that_reconcile_finishes() {
    interrupted(Signal::INT);
}

#[test]
fn a_termination_is_an_interruption() {
    interrupted(Signal::TERM);
}

/// What only looks at the store has nothing to tell of what it began, and may be stuck with whoever reads it.
#[test]
fn a_long_look_ends_at_the_first_signal() {
    let home = Home::with_people();
    for number in 0..80 {
        drop(home.call(&format!("user add user-{number}")).success());
    }
    let look = "audit list -o json";
    let whole = home.run(look).success().stdout.len();
    assert!(whole > 80_000, "a pipe holds all of it: {whole}");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child = home.command(look).spawn().expect("the binary starts");
        // It is under way, and nobody reads the rest.
        let mut first = [0];
        let answer = child.stdout.as_mut().expect("a pipe");
        answer.read_exact(&mut first).expect("a byte");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, signal).expect("it runs");
        let mut ended = || child.try_wait().expect("it is our child");
        let mut left = None;
        home.wait_until("its end", |_| {
            left = ended();
            left.is_some()
        });
        assert_eq!(left.and_then(|it| it.code()), Some(code));
    }
}

#[test]
fn an_interrupted_registration_can_be_done_again() {
    let home = Home::with_people();
    let mut oracle = Oracle::new(&home);
    home.fault_nth(17, Action::Hang);
    let started = home.start("cluster add dev --kubeconfig admin.conf");
    home.wait_until("request 17", |home| home.sandbox.requests().len() >= 17);
    started.signal(Signal::INT);
    drop(started.finish().code_is(130));
    home.sandbox.clear_faults();
    drop(
        home.run("cluster add dev --kubeconfig admin.conf")
            .success(),
    );
    drop(home.run("reconcile").success());
    assert_eq!(oracle.disagreements(&home), Vec::<String>::new());
}

#[test]
fn version_and_help_open_nothing_of_the_user() {
    if !has("strace", "that `--version` opens no file of the user") {
        return;
    }
    let home = Home::new();
    for words in ["--version", "access grant --help", "completions bash"] {
        let script = format!("strace -f -o trace -e trace=file,network \"$1\" {words}");
        drop(home.shell(&script).success());
        let trace = home.read("trace").expect("strace wrote it");
        let inside = home.path().display().to_string();
        let touched: Vec<&str> = trace
            .lines()
            .filter(|line| line.contains(&inside) || line.contains("socket("))
            .filter(|line| !line.contains("execve(") && !line.contains("getcwd("))
            .collect();
        assert_eq!(touched, Vec::<&str>::new(), "{words}");
    }
}

#[test]
fn every_file_is_private_from_birth_whatever_the_umask() {
    let home = Home::new();
    let script = "umask 000 && \"$1\" init --organization Acme --owner alice && \
        \"$1\" cluster add dev --kubeconfig admin.conf && \"$1\" kubeconfig download dev && \
        \"$1\" reconcile";
    drop(home.shell(script).success());
    let mode = |path: &Path| {
        let found = std::fs::metadata(path).expect("it was made");
        found.permissions().mode() & 0o777
    };
    let folder = home.path().join(".local/share/kubegrant");
    assert_eq!(mode(&folder), 0o700);
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 2, "the store and a lock");
    assert_eq!(mode(&home.path().join(".config/kubegrant")), 0o700);
    assert_eq!(mode(&home.path().join(".config/kubegrant/identity")), 0o600);
    assert_eq!(mode(&home.work().join("dev.kubeconfig")), 0o600);
}

#[test]
fn a_person_at_a_terminal_is_asked_for_what_is_missing() {
    if !has("script", "prompts on a terminal") {
        return;
    }
    let home = Home::new();
    let typed = |lines: &str, words: &str| {
        home.shell(&format!(
            "(sleep 0.3; printf '{lines}'; sleep 0.3) | script -qec \"$1 {words}\" /dev/null"
        ))
    };
    let ran = typed("Acme\\nalice\\n", "init").success();
    assert!(ran.stdout.contains("Organization"), "{ran}");
    assert!(ran.stdout.contains("'alice' is its owner"), "{ran}");
    drop(home.run("user add bob").success());
    let ran = typed("n\\n", "user disable bob");
    assert_ne!(ran.code, 0, "{ran}");
    assert!(home.run("user show bob -o json").stdout.contains("true"));
    drop(typed("y\\n", "user disable bob").success());
    // Off a terminal nobody is asked, and nothing is done.
    drop(home.run("user enable bob").success());
    drop(home.run("user disable bob").code_is(2));
}

#[test]
fn a_downloaded_file_works_with_kubectl_until_it_is_revoked() {
    if !has("kubectl", "that a downloaded file works, and stops working") {
        return;
    }
    let home = Home::with_cluster();
    drop(
        home.run("access grant bob --cluster dev --level write")
            .success(),
    );
    drop(
        home.run("kubeconfig download dev --user bob --plain -f bob.conf")
            .success(),
    );
    let get = "kubectl --kubeconfig bob.conf --cache-dir cache -n shop get configmaps";
    drop(home.shell(get).success());
    drop(home.run("access revoke bob --cluster dev --yes").success());
    let refused = home.shell(get);
    assert_ne!(refused.code, 0, "{refused}");
    assert!(
        refused.stderr.contains("Unauthorized") || refused.stderr.contains("must be logged in"),
        "{refused}"
    );
}

#[test]
fn the_places_of_a_person_are_those_of_their_variables() {
    let home = Home::new();
    let base = home.path().to_str().expect("text");
    // The variables, and where the store and the identity are then, below the home.
    let cases: [(&str, Option<[&str; 2]>); 10] = [
        ("HOME=@", Some([".local/share", ".config"])),
        ("HOME=@ XDG_DATA_HOME=@/d", Some(["d", ".config"])),
        ("HOME=@ XDG_CONFIG_HOME=@/c", Some([".local/share", "c"])),
        // Relative and empty ones are ignored.
        ("HOME=@ XDG_DATA_HOME=d", Some([".local/share", ".config"])),
        ("HOME=@ XDG_CONFIG_HOME=", Some([".local/share", ".config"])),
        // A container may have no home, and say where all the same.
        ("XDG_DATA_HOME=@/d XDG_CONFIG_HOME=@/c", Some(["d", "c"])),
        (
            "HOME=a XDG_DATA_HOME=@/d XDG_CONFIG_HOME=@/c",
            Some(["d", "c"]),
        ),
        // What the password file says is nobody's wish.
        ("A=1", None),
        ("HOME=", None),
        ("HOME=a", None),
    ];
    for (variables, places) in cases {
        let variables = variables.replace('@', base);
        let script = format!(
            "exec env -i {variables} \"$1\" init --organization A --owner a --dry-run -o json"
        );
        let ran = home.shell(&script);
        let Some([data, config]) = places else {
            assert!(
                ran.stderr.contains("no home directory"),
                "{variables}: {ran}"
            );
            assert_eq!(ran.code, 2, "{variables}: {ran}");
            continue;
        };
        let ran = ran.success();
        for place in [
            format!("`{base}/{data}/kubegrant/store.db`"),
            format!("`{base}/{config}/kubegrant/identity`"),
        ] {
            assert!(ran.stdout.contains(&place), "{variables}: {place}: {ran}");
        }
    }
}
