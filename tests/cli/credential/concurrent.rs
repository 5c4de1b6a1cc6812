//! Fifty kubectl at once.

use std::collections::BTreeSet;
use std::sync::Barrier;

use kubegrant_sandbox::{Action, Fault, Match};

use super::pair::{NAME, Pair, USUAL, run_alone};

const KUBECTLS: usize = 50;

/// What so many kubectl get that ask at the same time.
fn ask_at_once(pair: &Pair) -> Vec<(bool, String)> {
    let start = Barrier::new(KUBECTLS);
    let line = format!("credential --renewal {NAME}");
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..KUBECTLS)
            .map(|_| {
                let fixture = pair.fixture(pair.home.now());
                let (start, line) = (&start, &line);
                scope.spawn(move || {
                    start.wait();
                    run_alone(&fixture, line)
                })
            })
            .collect();
        let ran = threads.into_iter();
        ran.map(|it| it.join().expect("it ends")).collect()
    })
}

#[test]
fn fifty_at_once_mint_once() {
    let mut pair = Pair::new();
    let answers = ask_at_once(&pair);
    assert!(answers.iter().all(|(succeeded, _)| *succeeded));
    let different: BTreeSet<_> = answers.into_iter().collect();
    assert_eq!(different.len(), 1);
    assert_eq!(pair.mints(), [201]);
    // When its time is over, once more.
    pair.minutes(61);
    ask_at_once(&pair);
    assert_eq!(pair.mints(), [201, 201]);
}

#[test]
fn fifty_that_are_refused_ask_once() {
    let pair = Pair::new();
    pair.revoke(USUAL);
    let answers = ask_at_once(&pair);
    assert!(
        answers
            .iter()
            .all(|(succeeded, data)| !succeeded && data.is_empty())
    );
    assert_eq!(pair.mints(), [401]);
}

#[test]
fn while_one_waits_for_a_slow_server_the_others_use_the_token_that_lives() {
    let mut pair = Pair::new();
    ask_at_once(&pair);
    pair.minutes(50);
    let gate = kubegrant_sandbox::Gate::shut();
    pair.sandbox().fault(Fault {
        matches: Match::default(),
        action: Action::Wait(gate.clone()),
    });
    let line = format!("credential --renewal {NAME}");
    std::thread::scope(|scope| {
        let first = pair.fixture(pair.home.now());
        let slow = scope.spawn({
            let line = &line;
            move || run_alone(&first, line)
        });
        gate.wait_for(1);
        // Nobody can have answered it: the gate is shut.
        let second = run_alone(&pair.fixture(pair.home.now()), &line);
        assert!(second.0);
        assert!(!slow.is_finished());
        gate.open();
        let slow = slow.join().expect("it ends");
        assert!(slow.0);
        assert_ne!(slow.1, second.1);
    });
    assert_eq!(pair.mints(), [201, 201]);
}
