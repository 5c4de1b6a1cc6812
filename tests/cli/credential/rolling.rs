//! A renewer whose own token is short, and that may mint the next one of it.

use kubegrant_sandbox::{Action, Fault, Gate, Match, Sandbox};

use crate::home::{PODS, get, mode_of};

use super::pair::{Made, NAME, NAMESPACE, Pair, USUAL, end_of, minutes, run_alone, token_of};

const ROLLING: Made = Made {
    rolling: true,
    hours: 24,
    ..USUAL
};

/// A cluster that gives tokens for a day at most.
fn capped() -> Pair {
    let day = std::time::Duration::from_hours(24);
    Pair::with(Sandbox::builder().max_token_ttl(Some(day)), ROLLING)
}

#[test]
fn the_renewal_is_sealed_anew_in_the_second_half_of_its_life() {
    let mut pair = capped();
    let before = pair.opened();
    pair.home.tick(12);
    token_of(&pair.ask());
    assert_eq!(pair.opened(), before);
    assert_eq!(pair.mints(), [201]);
    pair.home.tick(1);
    let token = token_of(&pair.ask());
    assert_eq!(pair.mints(), [201, 201, 201]);
    let after = pair.opened();
    let renewer = after["token"].as_str().expect("a token");
    assert_ne!(after["token"], before["token"]);
    assert_eq!(end_of(renewer), pair.home.now() + minutes(24 * 60));
    assert_eq!(
        after["token_ends_at"].as_str().map(str::parse),
        Some(Ok(end_of(renewer)))
    );
    assert_eq!(mode_of(&pair.path_of(NAME)), 0o600);
    for key in [
        "server",
        "account",
        "renewer",
        "credential_version",
        "user",
        "rolling",
    ] {
        assert_eq!(after[key], before[key], "{key}");
    }
    // What was kept goes with the new file.
    assert_eq!(token_of(&pair.ask()), token);
    assert_eq!(pair.mints().len(), 3);
    // It goes on for ever, as long as it is used once a day.
    for _ in 0..4 {
        pair.home.tick(23);
        token_of(&pair.ask());
    }
    pair.home.tick(25);
    pair.ask().exit(4).says("could renew itself until");
}

#[test]
fn a_renewer_that_may_not_is_not_asked_to() {
    let mut pair = Pair::with(
        Sandbox::builder(),
        Made {
            rolling: false,
            ..ROLLING
        },
    );
    let before = pair.opened();
    pair.home.tick(20);
    let ran = pair.ask();
    token_of(&ran);
    assert_eq!(ran.stderr, "");
    assert_eq!(pair.mints(), [201]);
    assert_eq!(pair.opened(), before);
}

#[test]
fn where_it_fails_the_old_one_works_on_and_that_is_said() {
    let mut pair = capped();
    pair.sandbox().fault(Fault {
        matches: Match {
            path_contains: Some(format!(
                "{NAMESPACE}/serviceaccounts/{}/token",
                Pair::renewer(3)
            )),
            ..Match::default()
        },
        action: Action::Status {
            code: 500,
            retry_after: None,
        },
    });
    let before = pair.opened();
    pair.home.tick(13);
    let ran = pair.ask();
    token_of(&ran);
    ran.says("warning: the renewal itself could not be renewed, and ends 2026-11-23T10:00:00Z");
    assert_eq!(pair.opened(), before);
    pair.sandbox().clear_faults();
    pair.minutes(50);
    let ran = pair.ask();
    token_of(&ran);
    assert_eq!(ran.stderr, "");
    assert_ne!(pair.opened(), before);
}

#[test]
fn a_renewal_that_came_meanwhile_is_not_lost() {
    let mut pair = capped();
    pair.home.tick(13);
    let gate = Gate::shut();
    let successor = format!("serviceaccounts/{}/token", Pair::renewer(3));
    pair.sandbox().fault(Fault {
        matches: Match {
            path_contains: Some(successor),
            ..Match::default()
        },
        action: Action::Wait(gate.clone()),
    });
    let next = Made {
        version: 4,
        ..ROLLING
    };
    pair.put_accounts(next);
    let document = pair.document(next);
    std::thread::scope(|scope| {
        let fixture = pair.fixture(pair.home.now());
        let first =
            scope.spawn(move || run_alone(&fixture, &format!("credential --renewal {NAME}")));
        gate.wait_for(1);
        pair.put_renewal("bob", NAME, &document);
        gate.open();
        assert!(first.join().expect("it ends").0);
    });
    assert_eq!(pair.opened(), document);
    pair.sandbox().clear_requests();
    let token = token_of(&pair.ask());
    assert_eq!(pair.mints(), [201], "what was kept is of the older one");
    let kubeconfig = pair.sandbox().kubeconfig_for_token(&token);
    pair.revoke(ROLLING);
    assert_eq!(get(&kubeconfig, PODS), 200);
}

#[test]
fn a_revoked_pair_mints_no_successor() {
    let mut pair = capped();
    let before = pair.opened();
    pair.revoke(ROLLING);
    pair.home.tick(13);
    pair.ask().exit(4).says("Access Revoked");
    assert_eq!(pair.opened(), before);
    assert_eq!(pair.mints(), [401]);
}
