//! A disk that is full or cannot be written: for real, in a mount namespace of its own.

use crate::glue::has;
use crate::home::{Home, Ran, say};
use crate::oracle::{Books, Held, Oracle};
use crate::ssh_key::can_trace;

/// Runs a script as the owner of mounts that end with it; `None` where that is not allowed.
pub(crate) fn mounted(home: &Home, script: &str, what: &str) -> Option<Ran> {
    if !has("unshare", what) {
        return None;
    }
    let probe = home.shell("unshare -rm mount -t tmpfs -o size=64k tmpfs /mnt");
    if probe.code != 0 {
        say(&format!("not run, for nothing can be mounted here: {what}"));
        return None;
    }
    home.write("script", script);
    Some(home.shell("unshare -rm sh script \"$1\""))
}

#[test]
fn a_full_disk_leaves_no_half_of_an_organization() {
    let home = Home::new();
    let script = "mkdir -p disk && mount -t tmpfs -o size=64k tmpfs disk && export HOME=$PWD/disk
        \"$1\" init --organization Acme --owner alice; echo \"exit $?\"
        find disk -type f | sort
        mount -o remount,size=8m disk
        \"$1\" init --organization Acme --owner alice && \"$1\" whoami";
    let Some(ran) = mounted(&home, script, "`init` on a full disk") else {
        return;
    };
    let ran = ran.success();
    assert!(ran.stdout.contains("exit 5"), "{ran}");
    assert!(ran.stderr.contains("no space left"), "{ran}");
}

#[test]
fn a_full_disk_hands_out_nothing_and_loses_nothing() {
    let home = Home::with_cluster();
    drop(
        home.call("access grant bob --cluster dev --level read")
            .success(),
    );
    let mut oracle = Oracle::new(&home);
    // The store stays where there is room; the file's place is full.
    let script = "mkdir -p disk && mount -t tmpfs -o size=8k tmpfs disk
        dd if=/dev/zero of=disk/fill bs=4k 2>/dev/null
        \"$1\" kubeconfig download dev --user bob --plain -f disk/bob.conf; echo \"exit $?\"
        ls disk";
    let Some(ran) = mounted(&home, script, "a download to a full disk") else {
        return;
    };
    assert!(ran.stdout.contains("exit 5"), "{ran}");
    assert!(!ran.stdout.contains("bob.conf"), "{ran}");
    assert!(ran.stderr.to_lowercase().contains("no space"), "{ran}");
    assert_eq!(oracle.look(&home), Vec::<String>::new());
    drop(home.run("reconcile").success());
    assert_eq!(oracle.disagreements(&home), Vec::<String>::new());
}

/// What a script does to have the store on a full disk, and bring it back afterwards.
pub(crate) fn with_full_store(command: &str) -> String {
    format!(
        "data=$HOME/.local/share/kubegrant; cp -a $data kept && mount -t tmpfs -o size=1m,mode=700 tmpfs $data
        cp -a kept/. $data && dd if=/dev/zero of=$data/fill bs=4k 2>/dev/null
        \"$1\" {command}; echo \"exit $?\"
        rm $data/fill; cp -a $data/. kept/; umount $data; cp -a kept/. $data/; rm -r kept"
    )
}

#[test]
fn a_store_on_a_full_disk_refuses_a_download_and_stays_whole() {
    let home = Home::with_cluster();
    drop(
        home.call("access grant bob --cluster dev --level read")
            .success(),
    );
    let mut oracle = Oracle::new(&home);
    let script = with_full_store("kubeconfig download dev --user bob --plain -f bob.conf");
    let Some(ran) = mounted(&home, &script, "a download with the store on a full disk") else {
        return;
    };
    assert!(ran.stdout.contains("exit 5"), "{ran}");
    assert!(ran.stderr.contains("no space left"), "{ran}");
    assert_eq!(home.read("bob.conf"), None, "{ran}");
    assert_eq!(oracle.look(&home), Vec::<String>::new(), "{ran}");
    drop(home.run("reconcile").success());
    assert_eq!(oracle.disagreements(&home), Vec::<String>::new());
}

#[test]
fn a_revocation_on_a_full_disk_reaches_the_cluster_and_says_that_it_is_not_recorded() {
    for words in [
        "access revoke bob --cluster dev --yes",
        "team revoke bob --cluster dev --yes",
        "user disable bob --yes",
    ] {
        revoked_on_a_full_disk(words);
    }
}

fn revoked_on_a_full_disk(words: &str) {
    let home = Home::with_cluster();
    drop(
        home.call("access grant bob --cluster dev --level read")
            .success(),
    );
    drop(
        home.call("kubeconfig download dev --user bob --plain -f bob.conf")
            .success(),
    );
    let mut oracle = Oracle::new(&home);
    let installation = Books::read(&home)
        .expect("a store")
        .installation()
        .to_owned();
    let script = with_full_store(words);
    let Some(ran) = mounted(&home, &script, "a revocation with the store on a full disk") else {
        return;
    };
    // `team revoke` has a table of clusters, each with its own words.
    assert!(ran.stdout.contains("exit 6"), "{ran}");
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("could not be recorded"), "{ran}");
    let held = Held::read(&home, &installation);
    let books = Books::read(&home).expect("a store");
    for row in books.accounts("bob") {
        assert!(!held.lets_in(&row.account), "{ran}");
    }
    assert_eq!(books.latest("bob"), "active", "nothing was recorded: {ran}");
    drop(home.run(words).success());
    assert_eq!(oracle.disagreements(&home), Vec::<String>::new());
}

#[test]
fn a_store_that_cannot_be_written_changes_nothing_anywhere() {
    let home = Home::with_cluster();
    drop(
        home.call("access grant bob --cluster dev --level read")
            .success(),
    );
    let installation = Books::read(&home)
        .expect("a store")
        .installation()
        .to_owned();
    let before = Held::read(&home, &installation);
    let mut oracle = Oracle::new(&home);
    let script = "data=$HOME/.local/share/kubegrant
        mount --bind $data $data && mount -o remount,bind,ro $data || exit 99
        \"$1\" kubeconfig download dev --user bob --plain -f bob.conf; echo \"exit $?\"
        \"$1\" user list >/dev/null; echo \"list $?\"";
    let Some(ran) = mounted(&home, script, "a store that cannot be written") else {
        return;
    };
    if ran.code == 99 {
        say("not run, for nothing can be mounted read-only here: a store that cannot be written");
        return;
    }
    assert!(ran.stdout.contains("exit 5"), "{ran}");
    assert!(
        ran.stderr.contains("is the disk full or read-only?"),
        "{ran}"
    );
    assert_eq!(home.read("bob.conf"), None, "{ran}");
    assert_eq!(Held::read(&home, &installation), before);
    assert_eq!(oracle.disagreements(&home), Vec::<String>::new());
}

/// A file system without locks is neither a busy store nor another kubegrant.
#[test]
fn a_file_system_without_locks_is_named_as_that() {
    let home = Home::with_cluster();
    if !can_trace(&home, "a file system without locks") {
        return;
    }
    // The first calls of this kind are the standard library's; SQLite's begin with this one.
    let traced = home.shell("strace -f -qq -o calls -e trace=fcntl \"$1\" user list");
    drop(traced.success());
    let calls = home.read("calls").expect("a trace");
    let first = calls.lines().position(|call| call.contains("F_SETLK"));
    let first = first.expect("SQLite takes locks") + 1;
    for (injected, command) in [
        ("flock:error=ENOLCK".to_owned(), "kubeconfig download dev"),
        ("flock:error=ENOSYS".to_owned(), "kubeconfig download dev"),
        ("flock:error=EOPNOTSUPP".to_owned(), "reconcile"),
        (format!("fcntl:error=ENOLCK:when={first}+"), "user list"),
        (format!("fcntl:error=ENOSYS:when={first}+"), "user list"),
    ] {
        let ran = home.shell(&format!(
            "strace -f -qq -o /dev/null -e inject={injected} \"$1\" {command}"
        ));
        let ran = ran.code_is(5);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("knows no locks"), "{injected}: {ran}");
        assert!(!said.contains("another kubegrant"), "{injected}: {ran}");
    }
    drop(home.run("kubeconfig download dev").success());
}

/// What could not be written was not done, whichever command it is, and whoever left early is told
/// nothing.
#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let home = Home::with_cluster();
    drop(home.call("ssh-key generate dev").success());
    for command in [
        "--help",
        "--version",
        "cluster add --help",
        "help user",
        "user list",
        "user list -o json",
        "audit list",
        "audit export",
        "completions bash",
        "ssh-key config dev",
        "kubeconfig download dev -f -",
    ] {
        let full = home.shell(&format!("\"$1\" {command} >/dev/full"));
        assert_ne!(full.code, 0, "{full}");
        assert_ne!(full.code, 1, "no fault of ours: {full}");
        assert!(full.stderr.contains("No space left"), "{full}");
        // The reader of this pipe is gone before anything is written.
        let left = home.shell(&format!(
            "rm -f pipe && mkfifo pipe && exec 4<>pipe 5>pipe 4<&- && \"$1\" {command} >&5"
        ));
        let left = left.code_is(141);
        assert_eq!(left.stderr, "", "{left}");
    }
}
