//! How often a command waits for the cluster: each answer of the sandbox is held up for a while,
//! and what a command took says how many it waited for, one after the other.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};

use crate::home::Home;

/// Long enough that everything else a command does is nothing beside it.
const HELD_UP: Duration = Duration::from_secs(1);

/// Counts the answers that a command waited for in turn, and all that it asked.
fn count(sandbox: &Sandbox, home: &Home, line: &str) -> (u128, usize) {
    sandbox.fault(Fault {
        matches: Match::default(),
        action: Action::Delay(HELD_UP),
    });
    sandbox.clear_requests();
    let started = Instant::now();
    home.run(line).success();
    let took = started.elapsed();
    sandbox.clear_faults();
    let asked = sandbox.requests();
    let connections: BTreeSet<u64> = asked.iter().map(|asked| asked.connection).collect();
    // An end is asked for over three more; what is handed over after it has its own.
    let at_most = if line.contains("rotate") {
        5
    } else if line.contains("revoke") {
        4
    } else {
        1
    };
    assert!(connections.len() <= at_most, "{line}: {connections:?}");
    (took.as_millis() / HELD_UP.as_millis(), asked.len())
}

#[test]
fn a_command_waits_for_few_answers() {
    let sandbox = Sandbox::start().expect("the sandbox starts");
    let home = Home::new(&sandbox);
    for user in ["rita", "will"] {
        home.run(&format!("user add {user}")).success();
    }
    home.grant("rita", "read");
    home.grant("will", "write");
    let download = |user: &str, file: &str| {
        format!("kubeconfig download prod --user {user} --plain -f {file}")
    };
    // The pin and the head, by name: on a cluster in use a list of both would wait longer. Then a
    // look, the change, the token, and its first use.
    for (line, at_most) in [
        (download("rita", "one"), 6),
        (download("will", "two"), 6),
        (download("rita", "three"), 5),
        ("cluster show prod".to_owned(), 3),
        ("cluster check prod".to_owned(), 3),
        ("reconcile".to_owned(), 5),
        // The pin, the head, the account and the lists read, written, seen to be gone, and asked.
        ("access revoke rita -c prod --yes".to_owned(), 7),
        // The same, and then a look, the next version, and another look; and a download.
        ("--as will kubeconfig rotate prod".to_owned(), 14),
    ] {
        let (waits, asked) = count(&sandbox, &home, &line);
        crate::say(&format!(
            "e2e: {waits} answers in turn, {asked} in all: {line}"
        ));
        assert!(waits <= at_most, "{line}: {waits} answers in turn");
    }
}
