//! Killed before any system call: every command of the scenario, and the oracle judges.
//!
//! `cargo test` takes a sample. `KUBEGRANT_SYSCALLS=effects` kills before every call that can be
//! seen from outside, `KUBEGRANT_SYSCALLS=all` before every call there is; both print a table.
//! `KUBEGRANT_COMMAND=init` takes only the commands that begin so. Needs `strace`, and says so where there is none.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use crate::home::{Home, Ran, say, switch};
use crate::kill::{SCENARIO, Stage, leftovers, mend, stages};
use crate::oracle::Oracle;

/// Calls that change nothing which outlives the process: a kill before one of them and a kill
/// before the next call leave the same world.
const PURE: &[&str] = &[
    "access",
    "arch_prctl",
    "brk",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd2",
    "execve",
    "faccessat",
    "faccessat2",
    "fcntl",
    "fstat",
    "futex",
    "getcwd",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpeername",
    "getpid",
    "getrandom",
    "getsockname",
    "getsockopt",
    "gettid",
    "getuid",
    "ioctl",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "newfstatat",
    "pipe2",
    "poll",
    "prctl",
    "pread64",
    "prlimit64",
    "read",
    "readlink",
    "recvfrom",
    "recvmsg",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "setrlimit",
    "setsockopt",
    "sigaltstack",
    "socket",
    "stat",
    "statfs",
    "statx",
    "sysinfo",
    "uname",
];

/// A kill: before the nth call of this name.
type Point = (String, usize);

fn strace(home: &Home, words: &str, options: &[&str]) -> Ran {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(options);
    command.arg(env!("CARGO_BIN_EXE_kubegrant"));
    command.args(words.split_whitespace());
    home.inside(&mut command);
    Ran::of(words, &command.output().expect("strace runs"))
}

/// How often each call is made, by the thread that makes it most often.
fn calls(home: &Home, words: &str, stage: &Stage) -> BTreeMap<String, usize> {
    home.thaw(&stage.before);
    let log = home.path().join("strace.log");
    drop(strace(home, words, &["-o", log.to_str().expect("a plain path")]).success());
    let text = std::fs::read_to_string(&log).expect("strace wrote it");
    std::fs::remove_file(log).expect("it is ours");
    let mut by_thread: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        // A call that another thread's output cut in two is counted where it begins.
        if let Some((name, _)) = rest.trim_start().split_once('(')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            *by_thread.entry((thread, name)).or_default() += 1;
        }
    }
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for ((_, name), count) in by_thread {
        let most = calls.entry(name.to_owned()).or_default();
        *most = count.max(*most);
    }
    calls
}

fn points(calls: &BTreeMap<String, usize>, all: bool) -> Vec<Point> {
    let mut points = Vec::new();
    for (name, count) in calls {
        // What ends a process anyway, and what strace itself begins with.
        let skip = name.starts_with("exit") || name == "execve";
        if !skip && (all || !PURE.contains(&name.as_str())) {
            points.extend((1..=*count).map(|nth| (name.clone(), nth)));
        }
    }
    points
}

/// Kills a command, and gives what the oracle finds then and after one `reconcile`; `None` where
/// this run came to its end before that call.
fn kill(home: &Home, words: &str, stage: &Stage, (name, nth): &Point) -> Option<Vec<String>> {
    home.thaw(&stage.before);
    let mut oracle = Oracle::new(home);
    let trace = format!("trace={name}");
    let inject = format!("inject={name}:signal=SIGKILL:when={nth}");
    let ran = strace(
        home,
        words,
        &["-o", "/dev/null", "-e", &trace, "-e", &inject],
    );
    // A request that was sent is answered also where nobody hears the answer.
    std::thread::sleep(Duration::from_millis(5));
    let mut found = oracle.look(home);
    if ran.code != 137 {
        if ran.code == 0 {
            return None;
        }
        found.push(format!("it ended before the kill: {ran}"));
    }
    found.extend(leftovers(home));
    found.extend(mend(home, words, &mut oracle));
    Some(found)
}

#[test]
fn a_command_killed_before_any_system_call_leaves_nothing_that_one_reconcile_does_not_mend() {
    if Command::new("strace").arg("--version").output().is_err() {
        say("skipped: kills before system calls, because strace is not installed");
        return;
    }
    let size = switch("KUBEGRANT_SYSCALLS");
    let all = size.as_deref() == Some("all");
    let home = Home::new();
    let stages = stages(&home);
    let mut table: Vec<(&str, usize, usize)> = Vec::new();
    let mut wrong = Vec::new();
    for (number, stage) in stages.iter().enumerate() {
        let words = SCENARIO[number];
        if switch("KUBEGRANT_COMMAND").is_some_and(|only| !words.starts_with(&only)) {
            continue;
        }
        // The sample takes two commands apart: giving, and taking away.
        let in_sample = ["access revoke bob", "kubeconfig download dev --user carol"];
        if size.is_none() && !in_sample.iter().any(|it| words.starts_with(it)) {
            continue;
        }
        let mut points = points(&calls(&home, words, stage), all);
        if size.is_none() {
            // Every ninth: some of each kind of call.
            points = points.into_iter().step_by(9).collect();
        }
        let (mut kills, before) = (0, wrong.len());
        for point in &points {
            if let Some(found) = kill(&home, words, stage, point) {
                kills += 1;
                if !found.is_empty() {
                    let (name, nth) = point;
                    wrong.push(format!("{words}: {name} #{nth}: {}", found.join("; ")));
                }
            }
        }
        table.push((words, kills, wrong.len() - before));
        if size.is_some() {
            say(&format!(
                "{words:<62} {kills:>6} kills {:>4} wrong",
                wrong.len() - before
            ));
        }
    }
    let kills: usize = table.iter().map(|(_, kills, _)| kills).sum();
    if size.is_some() {
        say(&format!(
            "{:<62} {kills:>6} kills {:>4} wrong",
            "all",
            wrong.len()
        ));
    }
    assert!(kills > 0, "nothing was killed");
    assert!(
        wrong.is_empty(),
        "{} of {kills} kills:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
