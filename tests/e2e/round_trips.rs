//! How often a command waits for the cluster: every answer of the sandbox is held up until the
//! command does nothing but wait, which says how many it waited for, one after the other.

use std::collections::BTreeSet;
use std::time::Duration;

use kubegrant_sandbox::{Action, Fault, Gate, Match, Sandbox, is_asleep};

use crate::home::Home;

/// How often it is looked whether a command waits.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Whether a command waits for answers and nothing else: neither it nor the sandbox has anything
/// to do, and no question came meanwhile.
fn waits(gate: &Gate, sandbox: &Sandbox, pid: u32) -> bool {
    let look = || {
        let waiting = gate.waiting();
        (waiting > 0 && is_asleep(pid) && sandbox.is_idle()).then_some(waiting)
    };
    let first = look();
    std::thread::sleep(LOOK_EVERY);
    first.is_some() && first == look()
}

/// Counts the answers that a command waited for in turn, and all that it asked.
fn count(sandbox: &Sandbox, home: &Home, line: &str) -> (usize, usize) {
    let gate = Gate::shut();
    sandbox.fault(Fault {
        matches: Match::default(),
        action: Action::Wait(gate.clone()),
    });
    sandbox.clear_requests();
    let mut started = home.start(line);
    let mut turns = 0;
    while !started.has_ended() {
        if waits(&gate, sandbox, started.pid()) {
            turns += 1;
            gate.let_through();
        }
    }
    started.finish().success();
    sandbox.clear_faults();
    let asked = sandbox.requests();
    let connections: BTreeSet<u64> = asked.iter().map(|asked| asked.connection).collect();
    // An end is asked for over three more; what is handed over after it has its own.
    let at_most = if line.contains("check") {
        2 // As the manager, and as the issuer.
    } else if line.contains("rotate") {
        5
    } else if line.contains("revoke") {
        4
    } else {
        1
    };
    assert!(connections.len() <= at_most, "{line}: {connections:?}");
    (turns, asked.len())
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
        // As the issuer too, over a connection of its own: it takes many questions after the first answer.
        ("cluster check prod".to_owned(), 4),
        // The last but one is whether the issuer is there, by name.
        ("reconcile".to_owned(), 6),
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
