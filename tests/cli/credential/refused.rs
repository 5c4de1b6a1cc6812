//! Revoked, or over: said in words, and not asked again for half a minute.

use crate::home::{PODS, get};

use super::pair::{NAME, NAMESPACE, Pair, USUAL, token_of};

#[test]
fn who_was_revoked_is_told_so_and_the_cluster_is_asked_once() {
    let mut pair = Pair::new();
    let token = token_of(&pair.ask());
    pair.revoke(USUAL);
    let kubeconfig = pair.sandbox().kubeconfig_for_token(&token);
    assert_eq!(get(&kubeconfig, PODS), 401);
    pair.minutes(50);
    let first = pair.ask();
    insta::assert_snapshot!(first, @"
    ----- stderr -----
    error: Access Revoked: cluster 'prod' renews the kubeconfig of 'bob' (version 3) no more

    hint: if it was rotated, get one with `kubegrant kubeconfig download prod --renew`; else ask an organization owner or admin
    [exit 4]
    ");
    // kubectl asks three times for one command.
    for _ in 0..2 {
        assert_eq!(pair.ask().to_string(), first.to_string());
    }
    assert_eq!(pair.mints(), [201, 401]);
    pair.seconds(29);
    pair.ask().exit(4);
    assert_eq!(pair.mints(), [201, 401]);
    pair.seconds(1);
    assert_eq!(pair.ask().to_string(), first.to_string());
    assert_eq!(pair.mints(), [201, 401, 401]);
    let kept = std::fs::read_to_string(pair.kept_token()).expect("text");
    assert!(!kept.contains(&token), "a token that is dead is not kept");
}

#[test]
fn every_way_to_end_the_pair_is_a_revocation() {
    let rbac = "rbac.authorization.k8s.io/v1";
    let (account, renewer) = (Pair::account(3), Pair::renewer(3));
    for (api, kind, name, code) in [
        ("v1", "ServiceAccount", &renewer, 401),
        (rbac, "RoleBinding", &renewer, 403),
        (rbac, "Role", &renewer, 403),
        ("v1", "ServiceAccount", &account, 404),
    ] {
        let mut pair = Pair::new();
        let gone = Some(NAMESPACE);
        pair.sandbox().remove_object(api, kind, gone, name);
        for _ in 0..3 {
            let ran = pair.ask();
            ran.exit(4).says("Access Revoked: cluster 'prod'");
            assert_eq!(ran.stdout, "");
        }
        assert_eq!(pair.mints(), [code], "{kind} {name}");
    }
}

#[test]
fn a_token_that_was_refused_is_not_given_to_the_same_kubectl_twice() {
    let mut pair = Pair::new();
    pair.asked_by(4711);
    let token = token_of(&pair.ask());
    pair.minutes(20);
    pair.asked_by(4712);
    assert_eq!(token_of(&pair.ask()), token);
    pair.revoke(USUAL);
    // It got a 401, and asks again: the token has 40 minutes left by its own words.
    for _ in 0..2 {
        pair.ask().exit(4).says("Access Revoked");
    }
    pair.asked_by(4713);
    pair.ask().exit(4).says("Access Revoked");
    assert_eq!(pair.mints(), [201, 401]);
}

#[test]
fn a_program_that_keeps_nothing_is_no_storm() {
    let mut pair = Pair::new();
    pair.asked_by(4711);
    for _ in 0..20 {
        token_of(&pair.ask());
    }
    pair.seconds(29);
    token_of(&pair.ask());
    assert_eq!(pair.mints().len(), 1);
    pair.seconds(1);
    for _ in 0..20 {
        token_of(&pair.ask());
    }
    assert_eq!(pair.mints().len(), 2, "it is looked once in half a minute");
    // A shell that asks for the bare token is none that was refused.
    let mut other = Pair::new();
    for _ in 0..3 {
        token_of(&other.ask());
        other.minutes(1);
    }
    assert_eq!(other.mints().len(), 1);
}

#[test]
fn a_renewal_that_is_over_says_since_when() {
    let mut pair = Pair::new();
    pair.home.tick(721);
    let ran = pair.ask();
    insta::assert_snapshot!(ran, @"
    ----- stderr -----
    error: the kubeconfig of 'bob' for cluster 'prod' (version 3) could renew itself until 2026-12-22T10:00:00Z

    hint: get one with `kubegrant kubeconfig download prod --renew`
    [exit 4]
    ");
    pair.ask().exit(4).says("could renew itself until");
    assert_eq!(pair.mints(), [401]);
}

#[test]
fn a_renewal_that_is_over_by_a_wrong_clock_alone_renews() {
    let mut pair = Pair::new();
    pair.home.drift(800);
    token_of(&pair.ask());
    assert_eq!(pair.mints(), [201]);
}

#[test]
fn after_a_rotation_the_new_renewal_is_used_at_once() {
    let mut pair = Pair::new();
    let old = token_of(&pair.ask());
    pair.revoke(USUAL);
    let next = super::pair::Made {
        version: 4,
        ..USUAL
    };
    pair.put_accounts(next);
    // Refused before the new file comes: that is forgotten with the old one.
    pair.minutes(50);
    pair.ask().exit(4);
    pair.put_renewal("bob", NAME, &pair.document(next));
    pair.sandbox().clear_requests();
    let new = token_of(&pair.ask());
    assert_ne!(new, old);
    let kubeconfig = pair.sandbox().kubeconfig_for_token(&new);
    assert_eq!(get(&kubeconfig, PODS), 200);
    assert_eq!(pair.mints(), [201]);
}
