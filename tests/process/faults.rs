//! Faults from the API server: every flow, every request, every way to fail; the oracle judges.
//!
//! `cargo test` takes a sample; `KUBEGRANT_FAULTS=400` takes a larger one and prints a table,
//! `KUBEGRANT_FAULTS=full` runs the whole matrix.

mod flows;

use std::collections::BTreeMap;

use kubegrant_sandbox::Action;

use self::flows::{Flow, flows};
use crate::home::{Frozen, Home, Ran, say, switch};
use crate::oracle::{Books, Credential, Held, Oracle};
use crate::proof::Tally;
use crate::workers::{Sums, share_out};

/// How many cases run at once: most of their time is waiting for the next attempt.
const AT_ONCE: usize = 10;
/// The same of those in which an answer never comes: each waits for 30 seconds and more.
const AT_ONCE_PATIENT: usize = 80;
/// The place of that one among the [`actions`].
const DELAY: usize = 0;

/// The ways to fail. The flag says whether they last: from this request on, or this one alone.
fn actions(home: &Home) -> Vec<(&'static str, Action)> {
    let status = |code, retry_after| Action::Status { code, retry_after };
    vec![
        ("delay past the limit", Action::Hang),
        ("refuse", Action::Refuse),
        ("reset before", Action::ResetBefore),
        ("reset after", Action::ResetAfter),
        ("500", status(500, None)),
        ("503", status(503, Some(1))),
        ("429", status(429, Some(1))),
        ("409", status(409, None)),
        ("401", status(401, None)),
        ("403", status(403, None)),
        ("404", status(404, None)),
        ("422", status(422, None)),
        ("truncate", Action::Truncate),
        ("bad json", Action::BadJson),
        ("oversize", Action::Oversize(65 * 1024 * 1024)),
        (
            "redirect",
            Action::Redirect(format!("{}/version", home.sandbox.url())),
        ),
    ]
}

/// One case of the matrix.
#[derive(Debug, Clone, Copy)]
struct Case {
    flow: usize,
    action: usize,
    nth: usize,
    lasting: bool,
}

fn installation(home: &Home) -> String {
    let books = Books::read(home).expect("a store");
    books.installation().to_owned()
}

/// The account that the token of a kubeconfig is for.
fn token_of(kubeconfig: &str) -> String {
    use base64::Engine as _;
    let token = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("token:"))
        .map_or("", |token| token.trim().trim_matches(['"', '\'']));
    let claims = token.split('.').nth(1).unwrap_or_default();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap_or_default();
    let claims: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let subject = claims["sub"].as_str().unwrap_or_default();
    let account = subject.strip_prefix("system:serviceaccount:");
    let account = account.and_then(|it| it.split_once(':'));
    // As the store calls it.
    match account.unwrap_or_default() {
        ("kubegrant", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    }
}

/// A worker with one home, and the beginning of each flow as it came by it.
struct Bench {
    home: Home,
    base: Frozen,
    frozen: BTreeMap<usize, (Frozen, usize)>,
}

impl Bench {
    fn new() -> Self {
        let home = Home::with_people();
        Self {
            base: home.freeze(),
            home,
            frozen: BTreeMap::new(),
        }
    }

    /// Brings the home to the beginning of a flow; gives how many requests the flow makes.
    fn begin(&mut self, number: usize, flow: &Flow) -> usize {
        if let Some((frozen, requests)) = self.frozen.get(&number) {
            self.home.thaw(frozen);
            return *requests;
        }
        // The sandbox's address is part of the store, so each worker makes its own beginning.
        let home = &self.home;
        home.thaw(&self.base);
        for words in flow.before {
            drop(home.call(words).success());
        }
        if let Some(words) = flow.pending {
            home.fault_all(Action::Refuse);
            drop(home.call(words).code_is(6));
            home.sandbox.clear_faults();
        }
        if flow.rebuilt {
            rebuild(home);
        }
        let frozen = home.freeze();
        home.sandbox.clear_requests();
        drop(home.call(flow.words).success());
        let requests = home.sandbox.requests().len();
        home.thaw(&frozen);
        self.frozen.insert(number, (frozen, requests));
        requests
    }

    /// Runs one case; gives what was wrong with it, and the run.
    fn try_case(&mut self, flow: &Flow, case: Case) -> (Vec<String>, Ran) {
        let home = &self.home;
        let mut oracle = Oracle::new(home);
        let before = Books::read(home).expect("a store");
        let held_before = Held::read(home, before.installation());
        let file_before = home.read("bob.conf");
        let (name, action) = actions(home).swap_remove(case.action);
        let last = if case.lasting {
            case.nth + 60
        } else {
            case.nth
        };
        for nth in case.nth..=last {
            home.fault_nth(nth, action.clone());
        }
        let ran = home.call(flow.words);
        let mut found = oracle.look(home);
        let after = Books::read(home).expect("a store");
        let held = Held::read(home, after.installation());
        home.sandbox.clear_faults();
        if name == "oversize" {
            // The sandbox may be at the 65 MiB yet, and is one thread.
            let url = home.sandbox.url();
            drop(home.shell(&format!("curl -sk --max-time 60 {url}/version")));
        }
        found.extend(truthful(flow, &ran, &after, &held));
        let same = before.decisions() == after.decisions() && held_before == held;
        if ran.stderr.contains("nothing was changed") && !same {
            found.push("it says that nothing was changed".to_owned());
        }
        if ran.code != 0 && home.read("bob.conf") != file_before {
            found.push("it failed, and wrote a file".to_owned());
        }
        if ran.code == 0 {
            let warned = ran
                .stderr
                .contains("older logins of the manager may still work");
            let wrong = oracle.disagreements(home).into_iter();
            // Said aloud, and `reconcile` ends them: that is looked at below.
            let left_out = ran.stderr.contains("write does not reach namespace");
            found.extend(wrong.filter(|what| {
                let is_said = warned && what.contains("issuer's objects")
                    || left_out && what.starts_with("lists are");
                !is_said
            }));
            if !(flow.goal)(home, &after) {
                found.push("it says 0, and it is not so".to_owned());
            }
        }
        found.extend(mend(home, flow, &mut oracle));
        (found, ran)
    }
}

/// Whether the exit code and the words fit what is there.
fn truthful(flow: &Flow, ran: &Ran, after: &Books, held: &Held) -> Vec<String> {
    let mut found = Vec::new();
    // Also 6, with nothing pending: the version stands, and only the file is missing.
    let no_file = ran.stderr.contains("but no file was handed over");
    if no_file {
        let stands = |row: &&Credential| row.state == "active" && held.lets_in(&row.account);
        let rows = after.accounts("bob").into_iter();
        let mut rows = rows.chain(after.others("team/read"));
        // What answers there takes no token of the cluster's: no `reconcile` mends that.
        let is_another = ran.code == 5 && ran.stderr.contains("does not take the token");
        if !(ran.code == 6 || is_another) || after.has_pending() || !rows.any(|row| stands(&row)) {
            found.push("it says that the version stands, and it does not".to_owned());
        }
    }
    if after.has_pending() != (ran.code == 6) && flow.name != "exclude" && !no_file {
        found.push(format!(
            "exit {}, and pending is {}",
            ran.code,
            after.has_pending()
        ));
    }
    if ran.stdout.contains("panicked") || ran.stderr.contains("panicked") {
        found.push("it panicked".to_owned());
    }
    let own = ["alice", "bob", "carol"].map(|user| (user, after.accounts(user)));
    let others = ["team/read", "alice/shell"].map(|owner| (owner, after.others(owner)));
    for (user, rows) in own.into_iter().chain(others) {
        for row in rows {
            let words = format!("Version {} of '{user}' no longer works", row.version);
            let said = ran.stderr.contains(&words) || row.state == "revoked";
            if said && held.lets_in(&row.account) {
                found.push(format!("{} still gets in", row.account));
            }
        }
    }
    found
}

/// One `reconcile` must do: the store and the cluster agree, and nothing is pending.
fn mend(home: &Home, flow: &Flow, oracle: &mut Oracle) -> Vec<String> {
    let mut found = Vec::new();
    let registered = Books::read(home).is_ok_and(|books| books.is_registered());
    if flow.name == "cluster add" && !registered {
        // Nothing was registered: the command itself, typed again, must do.
        let again = home.call(flow.words);
        if again.code != 0 {
            found.push(format!("it cannot be done again: {again}"));
        }
    }
    let is_still_replaced = flow.rebuilt && home.call("cluster check dev").code == 7;
    if is_still_replaced {
        let again = home.call(flow.words);
        if again.code != 0 {
            found.push(format!("it cannot be done again: {again}"));
        }
    }
    let reconciled = home.call("reconcile");
    if reconciled.code != 0 {
        found.push(format!("reconcile fails: {reconciled}"));
    }
    let after: Vec<String> = oracle.disagreements(home);
    found.extend(
        after
            .into_iter()
            .map(|what| format!("after reconcile: {what}")),
    );
    let twice = home.call("reconcile");
    if !twice.stdout.is_empty() && twice.stdout.contains("binding kubegrant") {
        found.push(format!("reconcile had more to do: {twice}"));
    }
    found
}

/// Another cluster stands at the address: nothing of ours is there, and its identity differs.
fn rebuild(home: &Home) {
    let ours = home.sandbox.objects();
    for object in &ours {
        let part = |pointer| crate::home::text(object, pointer);
        let label = part("/metadata/labels/app.kubernetes.io~1managed-by");
        let namespace = part("/metadata/namespace");
        let inside = ["kubegrant", "kubegrant-users"].contains(&namespace);
        if label == "kubegrant" || inside {
            let namespace = Some(namespace).filter(|name| !name.is_empty());
            home.sandbox.remove_object(
                part("/apiVersion"),
                part("/kind"),
                namespace,
                part("/metadata/name"),
            );
        }
        if part("/kind") == "Namespace" && part("/metadata/name") == "kube-system" {
            let mut other = object.clone();
            other["metadata"]["uid"] = "11111111-2222-3333-4444-555555555555".into();
            home.sandbox.put_object(other).expect("a namespace");
        }
    }
}

/// Every case, or a sample that meets every flow, every action and many requests.
fn matrix(bench: &mut Bench, flows: &[Flow], full: bool, sample: usize) -> Vec<Case> {
    let kinds = actions(&bench.home);
    let mut cases = Vec::new();
    for (number, flow) in flows.iter().enumerate() {
        let requests = bench.begin(number, flow);
        for (action, (kind, _)) in kinds.iter().enumerate() {
            for nth in 1..=requests {
                for lasting in [false, true] {
                    if lasting && (*kind == "oversize" || action == DELAY) {
                        continue; // Every attempt the same again would only try the patience.
                    }
                    if action == DELAY && !full {
                        continue; // Half a minute each.
                    }
                    cases.push(Case {
                        flow: number,
                        action,
                        nth,
                        lasting,
                    });
                }
            }
        }
    }
    if full {
        return cases;
    }
    // 13 is no multiple of anything in the matrix, so the sample walks through all its columns.
    let step = cases.len() / sample.max(1);
    let step = (step..step + 30).find(|step| step % 2 == 1 && step % 3 != 0 && step % 5 != 0);
    cases.into_iter().step_by(step.unwrap_or(37)).collect()
}

#[test]
fn whatever_the_api_server_does_the_store_never_says_less_than_the_cluster_holds() {
    let full = switch("KUBEGRANT_FAULTS").is_some_and(|size| size == "full");
    let only = switch("KUBEGRANT_FAULTS_FLOW");
    let flows: Vec<Flow> = flows()
        .into_iter()
        .filter(|flow| only.as_deref().is_none_or(|only| flow.name == only))
        .collect();
    let sample = switch("KUBEGRANT_FAULTS").and_then(|size| size.parse().ok());
    let cases = matrix(&mut Bench::new(), &flows, full, sample.unwrap_or(40));
    let talks = full || sample.is_some();
    // Those that wait long go together, at the end.
    let (patient, quick): (Vec<Case>, Vec<Case>) =
        cases.into_iter().partition(|case| case.action == DELAY);
    let mut sums = Sums::default();
    let mut tally = Tally::new("faults of the API server");
    for (workers, cases) in [(AT_ONCE, quick), (AT_ONCE_PATIENT, patient)] {
        share_out(
            workers,
            &cases,
            Bench::new,
            |bench, case| {
                let flow = &flows[case.flow];
                bench.begin(case.flow, flow);
                let (found, ran) = bench.try_case(flow, *case);
                (!found.is_empty()).then(|| {
                    let name = actions(&bench.home)[case.action].0;
                    let span = if case.lasting { " on" } else { "" };
                    let (flow, nth, found) = (flow.name, case.nth, found.join("; "));
                    format!("{flow}: {name} at request {nth}{span}: {found}\n{ran}\n")
                })
            },
            |case, wrong| {
                let done = sums.case(case.flow, wrong.is_some());
                if talks && let Some(line) = wrong {
                    say(line);
                }
                if talks && done.is_multiple_of(100) {
                    let (cases, wrong) = sums.total();
                    say(&format!("{cases} cases done, {wrong} wrong"));
                }
                tally.case(wrong.clone());
            },
        );
    }
    if talks {
        print_table(&flows, &sums);
    }
    tally.end(1);
}

fn print_table(flows: &[Flow], sums: &Sums) {
    say("flow                      cases  violations");
    for (number, flow) in flows.iter().enumerate() {
        let (cases, wrong) = sums.row(number);
        say(&format!("{:<24} {cases:>6} {wrong:>11}", flow.name));
    }
    let (cases, wrong) = sums.total();
    say(&format!("{:<24} {cases:>6} {wrong:>11}", "all"));
}
