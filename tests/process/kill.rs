//! Killed at any moment: a store made by a scenario of some eighty commands survives `kill -9` of any
//! of them, and `reconcile` ends in the state that the store says.
//!
//! `cargo test` takes a sample; `KUBEGRANT_KILLS=100` sets how many random kills there are, and
//! `KUBEGRANT_KILLS_AT=all` kills every command at every one of its requests.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use age::secrecy::ExposeSecret as _;
use kubegrant_sandbox::Action;
use rustix::process::Signal;

use crate::home::{Dice, Frozen, HANG, Home, say, switch};
use crate::oracle::{Books, Oracle};
use crate::proof::Tally;
use crate::workers::share_out;

pub(crate) const SCENARIO: &[&str] = &[
    "init --organization Acme --owner alice",
    "user add bob",
    "user add carol",
    "user add dave --role admin",
    "user add erin",
    "cluster add dev --kubeconfig admin.conf",
    "access grant bob --cluster dev --level write",
    "kubeconfig download dev --user bob --plain -f bob.conf",
    "access grant carol --cluster dev --level read --for 8h",
    "kubeconfig download dev --user carol --plain -f carol.conf",
    "kubeconfig download dev -f alice.conf",
    "kubeconfig download dev --user bob --plain -f bob.conf --force",
    "cluster set dev --exclude shop",
    "access grant bob --cluster dev --level read",
    "kubeconfig download dev --user bob --plain -f bob.conf --force",
    "rbac bind bob --cluster dev --cluster-role view -n shop",
    "rbac bind erin --cluster dev --cluster-role edit -n default",
    "kubeconfig download dev --user erin --plain -f erin.conf",
    "shell --as bob dev -- true",
    "shell dev --level read -- true",
    "project create team",
    "cluster set dev --project team",
    "project describe team elsewhere",
    "project add-member carol --project team --role viewer",
    "project add-member erin --project team --role editor",
    "kubeconfig download dev --shared --user carol --plain -f team.conf",
    "kubeconfig download dev --shared --user erin --plain -f team-admin.conf",
    "project rotate team --level read --yes",
    "kubeconfig download dev --shared --user carol --plain -f team.conf --force",
    "project set-role erin --project team --role viewer --yes",
    "project remove-member carol --project team --yes",
    "kubeconfig rotate dev -f alice.conf",
    "rbac unbind erin --cluster dev --cluster-role edit -n default --yes",
    "access revoke bob --cluster dev --yes",
    "user set-role carol admin",
    "user disable dave --yes",
    "cluster relink dev --kubeconfig admin.conf --yes",
    "user disable carol --yes",
    "user enable carol",
    "user set-role carol developer",
    "access grant bob --cluster dev --level write",
    "kubeconfig download dev --user bob --plain -f bob.conf --force",
    "team rotate bob --cluster dev --yes",
    "kubeconfig download dev --user bob --plain -f bob.conf --force",
    "team revoke bob --cluster dev --yes",
    "team restore bob --cluster dev",
    "team rotate --all-users --cluster dev --yes",
    "cluster rotate-credentials dev --yes",
    "team revoke --all-users --cluster dev --yes",
    "team restore --all-users --cluster dev --yes",
    "kubeconfig download dev --user bob --plain -f bob.conf --force",
    "--as bob kubeconfig rotate dev --no-download",
    "kubeconfig download dev --merge",
    "kubeconfig remove dev",
    "cluster transfer dev --to bob --yes",
    "cluster rotate-manager dev",
    "cluster provider-token set dev --file provider.token",
    "ssh-key generate dev",
    "ssh-key reset dev --yes",
    "user set-key bob --key bob.pub --yes",
    // He is no admin, and works with the issuer.
    "access grant carol --cluster dev --level write --identity bob.identity",
    "kubeconfig download dev --user carol --plain -f carol.conf --force --identity bob.identity",
    "access grant carol --cluster dev --level read --identity bob.identity",
    "kubeconfig download dev --user carol --plain -f carol.conf --force --identity bob.identity",
    "access revoke carol --cluster dev --yes --identity bob.identity",
    "reconcile dev --identity bob.identity",
    "cluster set dev --description elsewhere --label a=b",
    "project set-role erin --project team --role editor",
    "kubeconfig download dev --shared --user erin --plain -f team-admin.conf --force",
    "project revoke team --level admin --yes",
    "cluster set dev --write-scope cluster",
    "cluster protect dev",
    "cluster unprotect dev",
    "kubeconfig download dev --user bob --plain -f bob.conf --force",
    "user offboard bob --new-owner alice --yes",
    "cluster set dev --no-project",
    "project delete team --yes",
    "cluster provider-token remove dev --yes",
    "cluster archive dev --revoke-all --yes",
    "cluster unarchive dev",
    "kubeconfig download dev -f alice.conf --force",
    "backup b.db",
    "kubeconfig rotate dev -f alice.conf",
    "restore b.db --yes",
    "reconcile",
    "cluster delete dev --confirm dev --yes",
];

/// One command of the scenario, ready to be run.
pub(crate) struct Stage {
    /// The world before it; nothing where it is not tried.
    before: Option<Frozen>,
    requests: usize,
    lasts: Duration,
}

/// Writes the files that the scenario reads.
pub(crate) fn prepare(home: &Home) {
    home.write("provider.token", &"t".repeat(64));
    let identity = age::x25519::Identity::generate();
    home.write("bob.identity", identity.to_string().expose_secret());
    home.write("bob.pub", &identity.to_public().to_string());
}

impl Stage {
    /// Whether the command is tried.
    pub(crate) fn is_tried(&self) -> bool {
        self.before.is_some()
    }

    /// Makes the world what it was before the command.
    pub(crate) fn set(&self, home: &Home) {
        home.thaw(self.before.as_ref().expect("it is tried"));
    }
}

/// Whether a command of the scenario can be carried out: no backup is put over a database.
pub(crate) fn is_possible(home: &Home, words: &str) -> bool {
    home.database().is_none() || !words.starts_with("restore")
}

/// Runs the scenario as far as something is tried, and keeps the world before each command that is.
pub(crate) fn stages(home: &Home, is_tried: impl Fn(usize) -> bool) -> Vec<Stage> {
    prepare(home);
    let last = (0..SCENARIO.len()).rfind(|number| is_tried(*number));
    (0..)
        .zip(SCENARIO)
        .take(last.map_or(0, |last| last + 1))
        .map(|(number, words)| {
            let is_possible = is_possible(home, words);
            let before = (is_possible && is_tried(number)).then(|| home.freeze());
            home.sandbox.clear_requests();
            let started = Instant::now();
            if is_possible {
                drop(home.run(words).success());
            }
            Stage {
                before,
                lasts: started.elapsed(),
                requests: home.sandbox.requests().len(),
            }
        })
        .collect()
}

/// When a command is killed.
enum Moment {
    /// After this time.
    After(Duration),
    /// While this request waits for its answer, counted from 1.
    At(usize),
}

/// Kills a command, and gives what the oracle finds then and after one `reconcile`.
fn kill(home: &Home, words: &str, stage: &Stage, moment: &Moment) -> Vec<String> {
    if !is_possible(home, words) {
        return vec![];
    }
    stage.set(home);
    let mut oracle = Oracle::new(home);
    if let Moment::At(nth) = moment {
        home.fault_nth(*nth, Action::Hang);
    }
    let mut started = home.start(words);
    match moment {
        Moment::After(time) => std::thread::sleep(*time),
        Moment::At(nth) => {
            let begun = Instant::now();
            while home.sandbox.requests().len() < *nth
                && !started.has_ended()
                && begun.elapsed() < HANG
            {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    started.signal(Signal::KILL);
    let ran = started.finish();
    home.sandbox.clear_faults();
    let mut found = after(home, words, &mut oracle);
    if ran.code != 137 && ran.code != 0 {
        found.push(format!("it ended before the kill: {ran}"));
    }
    found.extend(mend(home, words, &mut oracle));
    found
}

/// What a download that replaces a file calls it for the moment before it does.
const NAMELESS: &str = ".kubegrant-";

/// Files are complete or absent.
fn leftovers(home: &Home) -> Vec<String> {
    let known = [
        "admin.conf",
        "bob.conf",
        "carol.conf",
        "alice.conf",
        "erin.conf",
        "team.conf",
        "team-admin.conf",
        "provider.token",
        "bob.pub",
        "bob.identity",
        "b.db",
    ];
    let whole = |name: &str, bytes: &[u8]| match name {
        "b.db" => bytes.starts_with(b"SQLite format 3\0"),
        "provider.token" | "bob.pub" | "bob.identity" => !bytes.is_empty(),
        _ => String::from_utf8_lossy(bytes).contains("current-context:"),
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(home.work()).expect("it can be read") {
        let name = entry.expect("it can be read").file_name();
        let name = name.to_string_lossy();
        if !known.contains(&name.as_ref()) && !name.starts_with(NAMELESS) {
            found.push(format!("`{name}` was left behind"));
        } else if !std::fs::read(home.work().join(name.as_ref()))
            .is_ok_and(|bytes| whole(&name, &bytes))
        {
            found.push(format!("`{name}` is not complete"));
        }
    }
    found
}

/// What is wrong right after a command, however it ended.
pub(crate) fn after(home: &Home, words: &str, oracle: &mut Oracle) -> Vec<String> {
    if words.starts_with("restore") {
        oracle.forget();
    }
    let mut found = oracle.look(home);
    if words.starts_with("restore") || words == "reconcile" {
        // What was issued since the backup stands until it is looked for.
        found.retain(|what| !what.ends_with("is unknown to the store"));
    }
    found.extend(leftovers(home));
    found
}

/// What a person does after a crash: the same again where nothing is there yet, then `reconcile`.
pub(crate) fn mend(home: &Home, words: &str, oracle: &mut Oracle) -> Vec<String> {
    let mut found = Vec::new();
    let books = Books::read(home).unwrap_or_default();
    let first = words.starts_with("init");
    if first || (words.starts_with("cluster add") && !books.is_registered()) {
        let again = home.call(words);
        if again.code != 0 {
            found.push(format!("it cannot be done again: {again}"));
        }
    }
    let reconciled = home.call("reconcile");
    if reconciled.code != 0 {
        found.push(format!("reconcile fails: {reconciled}"));
    }
    let verified = home.call("audit verify");
    if verified.code != 0 {
        found.push(format!("the audit log is broken: {verified}"));
    }
    let status = home.call("status");
    if status.code != 0 {
        found.push(format!("something is still pending: {status}"));
    }
    for entry in std::fs::read_dir(home.work()).expect("it can be read") {
        let name = entry.expect("it can be read").file_name();
        if name.to_string_lossy().starts_with(NAMELESS) {
            found.push(format!("{} is not swept", name.display()));
        }
    }
    let mut wrong = oracle.disagreements(home);
    if reconciled.stdout.contains("perhaps the binding") {
        // A manager that was gone before its binding was cannot look for it, and says so.
        wrong.retain(|what| {
            !what.contains("kubegrant-manager") && !what.contains("nothing is registered")
        });
    }
    found.extend(
        wrong
            .into_iter()
            .map(|what| format!("after reconcile: {what}")),
    );
    found
}

#[test]
fn a_command_killed_at_any_moment_leaves_nothing_that_one_reconcile_does_not_mend() {
    let tries: u64 = switch("KUBEGRANT_KILLS").map_or(6, |count| count.parse().expect("a count"));
    let everywhere = switch("KUBEGRANT_KILLS_AT").is_some_and(|at| at == "all");
    let bench = || {
        let home = Home::new();
        let stages = stages(&home, |_| true);
        (home, stages)
    };
    let (home, known) = bench();
    let mut dice = Dice::new(7);
    let mut plan: Vec<(usize, Moment)> = Vec::new();
    for _ in 0..tries {
        let number = usize::try_from(dice.below(SCENARIO.len() as u64)).expect("a small number");
        let micros = u64::try_from(known[number].lasts.as_micros()).expect("it was short");
        let after = Duration::from_micros(dice.below(micros));
        plan.push((number, Moment::After(after)));
    }
    for (number, stage) in known.iter().enumerate() {
        for nth in 1..=stage.requests {
            if everywhere || dice.below(26) == 0 {
                plan.push((number, Moment::At(nth)));
            }
        }
    }
    drop((home, known));
    let mut table: BTreeMap<usize, [usize; 3]> = BTreeMap::new();
    let mut tally = Tally::new("kills at random and at requests");
    share_out(
        3,
        &plan,
        bench,
        |(home, stages), (number, moment)| kill(home, SCENARIO[*number], &stages[*number], moment),
        |(number, moment), found| {
            let row = table.entry(*number).or_default();
            row[usize::from(matches!(moment, Moment::At(_)))] += 1;
            row[2] += usize::from(!found.is_empty());
            let when = match moment {
                Moment::After(time) => format!("after {time:?}"),
                Moment::At(nth) => format!("at request {nth}"),
            };
            let wrong = format!("{}: {when}: {}", SCENARIO[*number], found.join("; "));
            tally.case((!found.is_empty()).then_some(wrong));
        },
    );
    if everywhere || tries > 20 {
        print_table(&table);
    }
    tally.end(1);
}

fn print_table(table: &BTreeMap<usize, [usize; 3]>) {
    say(
        "killed command                                                 random  at request  violations",
    );
    let mut total = [0; 3];
    for (number, row) in table {
        let [random, at, wrong] = row;
        say(&format!(
            "{:<62} {random:>6} {at:>11} {wrong:>11}",
            SCENARIO[*number]
        ));
        for (sum, value) in total.iter_mut().zip(row) {
            *sum += value;
        }
    }
    say(&format!(
        "{:<62} {:>6} {:>11} {:>11}",
        "all", total[0], total[1], total[2]
    ));
}

#[test]
fn the_scenario_itself_leaves_store_and_cluster_of_one_mind() {
    let home = Home::new();
    for (number, stage) in stages(&home, |_| true).iter().enumerate() {
        if !is_possible(&home, SCENARIO[number]) {
            continue;
        }
        stage.set(&home);
        let mut oracle = Oracle::new(&home);
        drop(home.call(SCENARIO[number]).success());
        let mut found = after(&home, SCENARIO[number], &mut oracle);
        found.extend(mend(&home, SCENARIO[number], &mut oracle));
        assert_eq!(found, Vec::<String>::new(), "{}", SCENARIO[number]);
    }
}
