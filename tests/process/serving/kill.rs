//! A server that is killed: while each request to the API server waits for its answer, and at random moments.
//! What somebody was told is true, what nobody was told `reconcile` ends, and nobody gets in by it.
//!
//! `cargo test` takes a sample; `KUBEGRANT_PROOF=full` takes every request and 40 random moments of each flow.

use std::collections::BTreeMap;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kubegrant_sandbox::Action;

use super::wire::Said;
use super::{Serving, comes_in};
use crate::home::{Dice, Frozen, HANG, Ran, Started, say};
use crate::oracle::{Books, Held, Oracle};
use crate::proof::{Tally, full};
use crate::workers::share_out;

/// What somebody does at a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Flow {
    FirstDownload,
    SshKey,
    Grant,
    Claim,
    Login,
    Shell,
    SecondDownload,
    Rotate,
    Revoke,
    TeamRevoke,
    EndSession,
    Logout,
}

impl Flow {
    const ALL: [Self; 12] = [
        Self::FirstDownload,
        Self::SshKey,
        Self::Grant,
        Self::Claim,
        Self::Login,
        Self::Shell,
        Self::SecondDownload,
        Self::Rotate,
        Self::Revoke,
        Self::TeamRevoke,
        Self::EndSession,
        Self::Logout,
    ];

    /// Who does it, and by which command; a claim needs none.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::FirstDownload => ("bob", "kubeconfig download dev"),
            Self::SshKey => ("bob", "ssh-key download dev"),
            Self::Grant => ("erin", "access grant carol --cluster dev --level write"),
            Self::Shell => ("bob", "shell dev --level read -- true"),
            Self::SecondDownload => ("bob", "kubeconfig download dev --force"),
            Self::Rotate => ("bob", "kubeconfig rotate dev --force"),
            Self::Revoke => ("erin", "access revoke carol --cluster dev --yes"),
            Self::TeamRevoke => ("dave", "team revoke bob --cluster dev --yes"),
            Self::EndSession => ("bob", "session end @ --yes"),
            Self::Logout => ("bob", "logout"),
            Self::Claim | Self::Login => ("bob", ""),
        }
    }

    /// Whether those of whom it is have files already.
    fn is_late(self) -> bool {
        self >= Self::SecondDownload
    }
}

/// When the server is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    After(Duration),
    /// While this request of its to the API server waits for an answer, counted from 1.
    At(usize),
    /// Not at all: how many requests there are, and how long it lasts.
    Never,
}

/// A home, as it is before the first flow and before the later ones.
struct Bench {
    serving: Serving,
    early: Frozen,
    late: Frozen,
    /// The path and the secret of a direct link for `carol`.
    link: (String, String),
    /// What opened a session of `bob` that was ended.
    ended: String,
    /// What `bob` and `carol` have before the later flows.
    files: BTreeMap<&'static str, String>,
}

impl Bench {
    fn new() -> Self {
        let serving = Serving::new();
        let home = &serving.home;
        let server = serving.start("--self-signed");
        drop(serving.run("bob", &serving.login()).success());
        let ended = serving.token("bob").expect("a session");
        let first = sessions(&serving).pop().expect("a session");
        drop(home.run(&format!("session end {first}")).success());
        for user in ["bob", "dave", "erin"] {
            drop(serving.run(user, &serving.login()).success());
        }
        let link = serving.link();
        server.stop();
        let early = home.freeze();
        let server = serving.start("--self-signed");
        drop(serving.run("bob", "kubeconfig download dev").success());
        server.stop();
        let words = "kubeconfig download dev --user carol --plain -f carol.conf";
        drop(home.call(words).success());
        let files = BTreeMap::from([
            (
                "bob",
                serving.file("bob", "dev.kubeconfig").expect("a file"),
            ),
            ("carol", home.read("carol.conf").expect("a file")),
        ]);
        let late = home.freeze();
        Self {
            serving,
            early,
            late,
            link,
            ended,
            files,
        }
    }

    /// Has somebody claim the link.
    fn claim(&self) -> JoinHandle<std::io::Result<Said>> {
        let (path, secret) = self.link.clone();
        let asks = self.serving.asker();
        std::thread::spawn(move || asks(&path, &format!("secret={secret}")))
    }

    fn ask(&self, flow: Flow) -> Asked {
        let (user, words) = flow.words();
        match flow {
            Flow::Claim => Asked::Claim(self.claim()),
            Flow::Login => Asked::Client(self.serving.client(user, &self.serving.login())),
            Flow::EndSession => {
                let own = sessions(&self.serving).pop().expect("a session");
                let words = words.replace('@', &own.to_string());
                Asked::Client(self.serving.client(user, &words))
            }
            _ => Asked::Client(self.serving.client(user, words)),
        }
    }
}

/// The sessions that the owner sees open, of `bob`.
fn sessions(serving: &Serving) -> Vec<i64> {
    let ran = serving.home.run("session list -o json").success();
    let all: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let rows = all.as_array().into_iter().flatten();
    let theirs = rows.filter(|row| row["user"] == "bob");
    theirs.filter_map(|row| row["id"].as_i64()).collect()
}

/// Somebody who waits for an answer.
enum Asked {
    Client(Started),
    Claim(JoinHandle<std::io::Result<Said>>),
}

impl Asked {
    fn has_ended(&mut self) -> bool {
        match self {
            Self::Client(started) => started.has_ended(),
            Self::Claim(thread) => thread.is_finished(),
        }
    }

    fn finish(self) -> Told {
        match self {
            Self::Client(started) => Told::Client(started.finish()),
            Self::Claim(thread) => Told::Claim(thread.join().expect("it ends").ok()),
        }
    }
}

/// What somebody was told, if anything.
#[derive(Debug)]
enum Told {
    Client(Ran),
    Claim(Option<Said>),
}

impl Told {
    /// Whether they were told that it is done.
    fn is_done(&self) -> bool {
        match self {
            // Whoever leaves is told where it could not be ended.
            Self::Client(ran) => ran.code == 0 && !ran.stderr.contains("could not be ended there"),
            Self::Claim(said) => said.as_ref().is_some_and(|said| said.status == 200),
        }
    }

    /// What was handed over by a link.
    fn claimed(&self) -> Option<&str> {
        match self {
            Self::Claim(Some(said)) if said.status == 200 => Some(&said.body),
            _ => None,
        }
    }
}

/// What came of a case: what was wrong, how many requests it had, and how long it took.
struct Outcome {
    found: Vec<String>,
    requests: usize,
    lasts: Duration,
}

fn case(bench: &Bench, flow: Flow, moment: Moment) -> Outcome {
    let (serving, home) = (&bench.serving, &bench.serving.home);
    let frozen = if flow.is_late() {
        &bench.late
    } else {
        &bench.early
    };
    home.thaw(frozen);
    let mut oracle = Oracle::new(home);
    let token = serving.token("bob");
    let server = serving.start("--self-signed");
    home.sandbox.clear_requests();
    if let Moment::At(nth) = moment {
        home.fault_nth(nth, Action::Hang);
    }
    let begun = Instant::now();
    let mut asked = bench.ask(flow);
    match moment {
        Moment::After(time) => std::thread::sleep(time),
        Moment::At(nth) => {
            while home.sandbox.requests().len() < nth
                && !asked.has_ended()
                && begun.elapsed() < HANG
            {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Moment::Never => {
            while !asked.has_ended() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    let (lasts, requests) = (begun.elapsed(), home.sandbox.requests().len());
    server.kill();
    let told = asked.finish();
    home.sandbox.clear_faults();
    let mut found = oracle.look(home);
    if matches!(moment, Moment::Never) && !told.is_done() {
        found.push(format!("nobody killed it, and it was not done: {told:?}"));
    }
    found.extend(whole(serving));
    found.extend(promised(bench, flow, &told));
    let server = serving.start("--self-signed");
    found.extend(back(bench, flow, &told, token.as_deref()));
    found.extend(nobody_gets_in(bench));
    server.stop();
    for words in ["reconcile", "status", "audit verify"] {
        let ran = home.run(words);
        if ran.code != 0 {
            found.push(format!("at the end: {ran}"));
        }
    }
    let wrong = oracle.disagreements(home).into_iter();
    found.extend(wrong.map(|what| format!("after reconcile: {what}")));
    found.extend(afterwards(bench, flow));
    Outcome {
        found,
        requests,
        lasts,
    }
}

fn whole(serving: &Serving) -> Option<String> {
    let verified = serving.home.run("audit verify");
    (verified.code != 0).then(|| verified.to_string())
}

fn check(found: &mut Vec<String>, is_so: bool, what: impl FnOnce() -> String) {
    if !is_so {
        found.push(what());
    }
}

/// What somebody was told is true at once, with nobody's help.
fn promised(bench: &Bench, flow: Flow, told: &Told) -> Vec<String> {
    let mut found = Vec::new();
    if !told.is_done() {
        return found;
    }
    let serving = &bench.serving;
    let mut is_dead = |user: &str| {
        let status = comes_in(&bench.files[user]);
        check(&mut found, matches!(status, 401 | 403), || {
            format!("{user}'s old file is answered {status}: {told:?}")
        });
    };
    match flow {
        Flow::Revoke => is_dead("carol"),
        Flow::TeamRevoke => is_dead("bob"),
        Flow::Rotate => is_dead("bob"),
        _ => {}
    }
    let new = match flow {
        Flow::FirstDownload | Flow::SecondDownload | Flow::Rotate => {
            serving.file("bob", "dev.kubeconfig")
        }
        Flow::Claim => told.claimed().map(str::to_owned),
        Flow::SshKey => {
            let key = serving.file("bob", "ssh-key-dev.pem");
            let is_key = key.is_some_and(|it| it.starts_with("-----BEGIN OPENSSH PRIVATE KEY"));
            check(&mut found, is_key, || format!("no key: {told:?}"));
            return found;
        }
        _ => return found,
    };
    let status = new.map_or(0, |file| comes_in(&file));
    check(&mut found, status == 200, || {
        format!("what was handed over is answered {status}: {told:?}")
    });
    found
}

/// What holds when the server is back: of sessions, links and keys.
fn back(bench: &Bench, flow: Flow, told: &Told, token: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    let serving = &bench.serving;
    let status = serving.status_of(&bench.ended);
    check(&mut found, status == 401, || {
        format!("a session that was ended is answered {status}")
    });
    match flow {
        Flow::Login if told.is_done() => {
            let new = serving.token("bob").expect("a session");
            let status = serving.status_of(&new);
            check(&mut found, status == 200, || {
                format!("a session that was begun is answered {status}")
            });
        }
        Flow::EndSession | Flow::Logout if told.is_done() => {
            let status = serving.status_of(token.expect("a session"));
            check(&mut found, status == 401, || {
                format!("a session that was left is answered {status}: {told:?}")
            });
        }
        Flow::Claim => found.extend(claimed_once(bench, told)),
        Flow::SshKey => found.extend(taken_once(serving, told)),
        _ => {}
    }
    found
}

/// A link waits, or is claimed: never two kubeconfigs of one.
fn claimed_once(bench: &Bench, told: &Told) -> Vec<String> {
    let mut found = Vec::new();
    let home = &bench.serving.home;
    let json = |words: &str| -> serde_json::Value {
        let ran = home.run(&format!("{words} -o json")).success();
        serde_json::from_str(&ran.stdout).expect("JSON")
    };
    let state = json("share list")[0]["state"].clone();
    let again = bench.claim().join().expect("it ends").expect("an answer");
    let had = told.claimed().is_some();
    match (state.as_str().unwrap_or_default(), again.status) {
        ("waiting", 200) => check(&mut found, !had, || "two files of one link".to_owned()),
        ("claimed", 404) => {
            let audit = json("audit list --user carol --limit 50").to_string();
            let id = bench.link.0.trim_start_matches("/l/");
            check(
                &mut found,
                audit.contains(&format!("direct link {id} claimed from")),
                || format!("who claimed it is not in the log: {audit}"),
            );
        }
        (state, status) => found.push(format!("a link that is {state}: {status}: {}", again.body)),
    }
    found
}

/// A key is available, or taken: never two of one.
fn taken_once(serving: &Serving, told: &Told) -> Vec<String> {
    let mut found = Vec::new();
    let shown = serving.home.run("ssh-key show dev -o json").success();
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).expect("JSON");
    let state = shown["state"].as_str().unwrap_or_default().to_owned();
    let again = serving.run("bob", "ssh-key download dev -f again.pem");
    match (state.as_str(), again.code) {
        ("available", 0) => check(&mut found, !told.is_done(), || "two keys".to_owned()),
        ("downloaded", 5) => {}
        _ => found.push(format!("a key that is '{state}' ({shown}): {again}")),
    }
    found
}

/// Whoever was refused before is refused.
fn nobody_gets_in(bench: &Bench) -> Vec<String> {
    let mut found = Vec::new();
    let serving = &bench.serving;
    let status = comes_in(&serving.dans);
    check(&mut found, matches!(status, 401 | 403), || {
        format!("dan's file is answered {status}")
    });
    drop(serving.run("dan", &serving.login()).success());
    let ran = serving.run("dan", "kubeconfig download dev --force");
    check(&mut found, ran.code == 4, || ran.to_string());
    found
}

/// What was decided is so, when everything was reconciled.
fn afterwards(bench: &Bench, flow: Flow) -> Vec<String> {
    let mut found = Vec::new();
    let books = Books::read(&bench.serving.home).expect("a store");
    let held = Held::read(&bench.serving.home, books.installation());
    for shell in books.others("bob/shell") {
        let account = &shell.account;
        check(&mut found, !held.lets_in(account), || {
            format!("the account {account} of a shell that is over lets in")
        });
    }
    for (user, file) in &bench.files {
        if !flow.is_late() {
            continue;
        }
        let is_live = books.latest(user) == "active" && books.accounts(user).len() == 1;
        let status = comes_in(file);
        check(&mut found, (status == 200) == is_live, || {
            format!(
                "{user}'s first file is answered {status}, and the store has it live: {is_live}"
            )
        });
    }
    found
}

#[test]
fn a_server_killed_at_any_moment_has_told_nobody_what_is_not_so() {
    let bench = Bench::new();
    let mut dice = Dice::new(11);
    let mut tally = Tally::new("serving: kills at random and at requests");
    let mut plan: Vec<(Flow, Moment)> = Vec::new();
    let tries = if full() { 40 } else { 2 };
    for flow in Flow::ALL {
        let known = case(&bench, flow, Moment::Never);
        tally.case((!known.found.is_empty()).then(|| format!("{flow:?}: {:?}", known.found)));
        for _ in 0..tries {
            let micros = u64::try_from(known.lasts.as_micros()).expect("it was short");
            plan.push((
                flow,
                Moment::After(Duration::from_micros(dice.below(micros))),
            ));
        }
        for nth in 1..=known.requests {
            if full() || dice.below(6) == 0 {
                plan.push((flow, Moment::At(nth)));
            }
        }
    }
    drop(bench);
    let mut table: BTreeMap<Flow, [usize; 3]> = BTreeMap::new();
    share_out(
        2,
        &plan,
        Bench::new,
        |bench, (flow, moment)| case(bench, *flow, *moment),
        |(flow, moment), outcome| {
            let row = table.entry(*flow).or_default();
            row[usize::from(matches!(moment, Moment::At(_)))] += 1;
            row[2] += usize::from(!outcome.found.is_empty());
            let wrong = format!("{flow:?}: {moment:?}: {}", outcome.found.join("; "));
            tally.case((!outcome.found.is_empty()).then_some(wrong));
        },
    );
    if full() {
        say("killed while          random  at request  violations");
        for (flow, [random, at, wrong]) in &table {
            say(&format!(
                "{:<20} {random:>7} {at:>11} {wrong:>11}",
                format!("{flow:?}")
            ));
        }
    }
    tally.end(2 * Flow::ALL.len());
}
