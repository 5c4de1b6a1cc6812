//! Shells of the real binary: signals, kills, and what they leave behind.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::home::Home;
use crate::oracle::{Books, Held};

const HOLDS: &str = "shell dev -- sh holds.sh";

/// A home with a script that keeps its kubeconfig, and then waits.
fn home() -> Home {
    let home = Home::with_cluster();
    home.write(
        "holds.sh",
        "cat $KUBECONFIG > copy\necho > ready\nexec sleep 600 >/dev/null 2>&1\n",
    );
    home.write("quick.sh", "exit 7\n");
    home
}

/// The status of a request with the kubeconfig that a shell had.
fn status(home: &Home) -> u16 {
    let copy = home.read("copy").expect("a copy");
    let path = "/api/v1/namespaces/default/pods";
    let answer = kubegrant_sandbox::request(&copy, "GET", path, None);
    answer.expect("an answer").0
}

#[track_caller]
fn is_over(home: &Home) {
    assert!(matches!(status(home), 401 | 403), "{}", status(home));
    drop(home.run("status").success());
    assert_eq!(locks(home), 0, "no lock is left");
}

/// How many locks of shells there are.
fn locks(home: &Home) -> usize {
    let files = std::fs::read_dir(home.store().parent().expect("a folder")).expect("it is there");
    files
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().contains(".shell-"))
        .count()
}

#[test]
fn the_exit_code_of_the_command_is_ours() {
    let home = home();
    drop(home.run("shell dev -- sh quick.sh").code_is(7));
    drop(home.run("status").success());
}

#[test]
fn sigterm_and_sighup_end_the_command_and_the_credential() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 143)] {
        let home = home();
        let shell = home.start(HOLDS);
        home.wait_until("the shell runs", |home| home.read("ready").is_some());
        assert_eq!(status(&home), 200);
        shell.signal(signal);
        drop(shell.finish().code_is(code));
        is_over(&home);
    }
}

#[test]
fn ctrl_c_is_the_commands() {
    let home = home();
    home.write(
        "stays.sh",
        "trap 'echo > heard' INT\necho > ready\nwhile [ ! -e heard ]; do sleep 0.05; done\nexit 3\n",
    );
    let mut command = home.command("shell dev -- sh stays.sh");
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().expect("the binary starts");
    home.wait_until("the shell runs", |home| home.read("ready").is_some());
    let group = rustix::process::Pid::from_child(&child);
    // As a terminal does: to everybody in the foreground, and more than once.
    for _ in 0..3 {
        rustix::process::kill_process_group(group, Signal::INT).expect("they are ours");
    }
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    drop(home.run("status").success());
}

#[test]
fn what_a_killed_shell_left_is_ended_by_the_next_command() {
    for next in ["reconcile", "kubeconfig download dev -f own"] {
        let home = home();
        let shell = home.start(HOLDS);
        home.wait_until("the shell runs", |home| home.read("ready").is_some());
        drop(home.run("reconcile").success());
        assert_eq!(status(&home), 200, "a living shell is left alone");
        shell.signal(Signal::KILL);
        drop(shell.finish());
        let pending = home.run("status").code_is(6);
        assert!(pending.stdout.contains("the shell is gone"), "{pending}");
        drop(home.run(next).success());
        is_over(&home);
        // The orphan ends by itself; it has nothing to log in with.
    }
}

#[test]
fn a_change_of_level_a_block_and_a_disabled_user_end_living_shells() {
    for (change, ends) in [
        ("access grant bob --cluster dev --level write", false),
        ("access revoke bob --cluster dev --yes", true),
        ("team revoke bob --cluster dev --yes", true),
        ("user disable bob --yes", true),
    ] {
        let home = home();
        drop(
            home.run("access grant bob --cluster dev --level read")
                .success(),
        );
        let shell = home.start(&HOLDS.replace("shell", "shell --as bob"));
        home.wait_until("the shell runs", |home| home.read("ready").is_some());
        assert_eq!(status(&home), 200);
        drop(home.run(change).success());
        assert_eq!(status(&home) == 200, !ends, "{change}");
        shell.signal(Signal::TERM);
        let ran = shell.finish().code_is(143);
        assert_eq!(ran.stderr.contains("had ended before"), ends, "{ran}");
        is_over(&home);
    }
}

#[test]
fn a_shell_with_less_carries_no_bound_role_and_one_with_all_does() {
    let home = home();
    for words in [
        "access grant bob --cluster dev --level write",
        "rbac bind bob --cluster dev --cluster-role view -n shop",
    ] {
        drop(home.run(words).success());
    }
    for (level, carries) in [("write", true), ("read", false)] {
        let line = format!("shell --as bob dev --level {level} -- sh holds.sh");
        let shell = home.start(&line);
        home.wait_until("the shell runs", |home| home.read("ready").is_some());
        drop(home.run("reconcile").success());
        let books = Books::read(&home).expect("a store");
        let rows = books.others("bob/shell");
        let account = &rows.last().expect("a shell").account;
        let held = Held::read(&home, books.installation());
        let listed = held.lists.iter().any(|((_, list), (_, names))| {
            list.ends_with(":view") && list.contains("role:") && names.contains(account)
        });
        assert_eq!(listed, carries, "{level}: {held:?}");
        assert!(held.lets_in(account));
        shell.signal(Signal::TERM);
        drop(shell.finish().code_is(143));
        is_over(&home);
        std::fs::remove_file(home.work().join("ready")).expect("it was there");
    }
}

#[test]
fn previews_name_living_shells() {
    let home = home();
    drop(
        home.run("access grant bob --cluster dev --level read")
            .success(),
    );
    let shell = home.start(&HOLDS.replace("shell", "shell --as bob"));
    home.wait_until("the shell runs", |home| home.read("ready").is_some());
    for (preview, says) in [
        ("access revoke bob --cluster dev", "'bob/shell'"),
        ("team revoke bob --cluster dev", "'bob/shell'"),
        ("user disable bob", "'bob/shell'"),
        ("user offboard bob", "shell 1 on cluster 'dev'"),
    ] {
        let ran = home.run(&format!("{preview} --dry-run")).success();
        assert!(ran.stdout.contains(says), "{ran}");
        assert_eq!(status(&home), 200);
    }
    shell.signal(Signal::TERM);
    drop(shell.finish().code_is(143));
    is_over(&home);
}

#[test]
fn a_credential_that_cannot_be_ended_is_pending() {
    let mut home = home();
    let shell = home.start(HOLDS);
    home.wait_until("the shell runs", |home| home.read("ready").is_some());
    home.sandbox.stop();
    shell.signal(Signal::TERM);
    let ran = shell.finish().code_is(6);
    assert!(ran.stderr.contains("may work until"), "{ran}");
    drop(home.run("status").code_is(6));
    home.sandbox.restart().expect("it starts again");
    drop(home.run("reconcile").success());
    is_over(&home);
}

#[test]
fn many_shells_live_at_once_and_apart() {
    let home = home();
    let first = home.start("shell dev -- sh holds.sh");
    home.wait_until("the shell runs", |home| home.read("ready").is_some());
    drop(home.run("shell dev -- sh quick.sh").code_is(7));
    assert_eq!(status(&home), 200, "the other lives on");
    first.signal(Signal::TERM);
    drop(first.finish());
    is_over(&home);
}

#[test]
fn an_interactive_shell_has_a_marked_prompt_and_ends_with_its_terminal() {
    let home = home();
    let socket = home.path().join("tmux");
    let tmux = |args: &[&str]| {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&socket).args(args);
        home.inside(&mut command);
        command.env("SHELL", "/bin/bash").env("TERM", "xterm");
        command.stdin(Stdio::null()).output()
    };
    let line = format!("exec {} shell dev", env!("CARGO_BIN_EXE_kubegrant"));
    let started = tmux(&[
        "-f",
        "/dev/null",
        "new-session",
        "-d",
        "-x",
        "120",
        "-y",
        "30",
        &line,
    ]);
    if !started.is_ok_and(|started| started.status.success()) {
        crate::home::say("process: there is no tmux; interactive shells were not tried");
        return;
    }
    let screen = || {
        let shown = tmux(&["capture-pane", "-p"]).expect("tmux");
        String::from_utf8_lossy(&shown.stdout).into_owned()
    };
    home.wait_until("a marked prompt", |_| screen().contains("(dev)"));
    for keys in ["cat $KUBECONFIG > copy; echo > ready", "Enter"] {
        drop(tmux(&["send-keys", keys]));
    }
    home.wait_until("the copy", |home| home.read("ready").is_some());
    assert_eq!(status(&home), 200);
    // The terminal goes away, as when its window is closed.
    drop(tmux(&["kill-server"]));
    home.wait_until("its end", |home| matches!(status(home), 401 | 403));
    home.wait_until("its lock is given back", |home| locks(home) == 0);
    is_over(&home);
}

#[test]
fn twenty_merge_at_once_and_none_is_lost() {
    let home = Home::with_cluster();
    for number in 0..20 {
        drop(home.call(&format!("user add u{number}")).success());
        drop(
            home.call(&format!(
                "access grant u{number} --cluster dev --level read"
            ))
            .success(),
        );
    }
    home.write("config", "# mine\nusers:\n- name: me\n  user: {}\n");
    let all: Vec<_> = (0..20)
        .map(|number| {
            home.start(&format!(
                "kubeconfig download dev --user u{number} --plain --merge -f config"
            ))
        })
        .collect();
    for one in all {
        drop(one.finish().success());
    }
    let text = home.read("config").expect("it is there");
    let value: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
    for (list, count) in [("clusters", 1), ("contexts", 20), ("users", 21)] {
        assert_eq!(value[list].as_array().map(Vec::len), Some(count), "{list}");
    }
    assert!(text.starts_with("# mine\n"));
    assert!(!home.work().join("config.lock").exists());
}
