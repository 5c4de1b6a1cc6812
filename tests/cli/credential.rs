//! `credential`: the next short token of a kubeconfig that renews itself, with no store at all.

mod concurrent;
mod kept;
mod pair;
mod refused;
mod rolling;
mod unusable;

use kubegrant_sandbox::Sandbox;

use crate::home::{CONFIG_MAPS, PODS, get, mode_of};
use pair::{NAME, Pair, TOKEN, USUAL, end_of, minutes, question, stated_end, token_of};

/// An answer without its token.
fn without_token(text: &str) -> String {
    let token = text.find(TOKEN).expect("a token");
    let end = text[token..].find('"').expect("its end") + token;
    format!("{}[TOKEN]{}", &text[..token], &text[end..])
}

#[test]
fn the_answer_is_a_token_that_works_and_nothing_else() {
    let mut pair = Pair::new();
    let ran = pair.ask();
    let token = token_of(&ran);
    insta::assert_snapshot!(without_token(&ran.stdout), @r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"expirationTimestamp":"2026-11-22T10:54:00Z","token":"[TOKEN]"}}"#);
    assert_eq!(ran.stderr, "");
    assert_eq!(end_of(&token), pair.home.now() + minutes(60));
    let kubeconfig = pair.sandbox().kubeconfig_for_token(&token);
    assert_eq!(get(&kubeconfig, PODS), 200);
    assert_eq!(pair.mints(), [201]);
    // The renewer's own token is nowhere but in the sealed file.
    let renewer = pair.opened()["token"].as_str().expect("a token").to_owned();
    assert_ne!(renewer, token);
    for path in pair.kept() {
        assert_eq!(mode_of(&path), 0o600, "{}", path.display());
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(!text.contains(&renewer), "{}", path.display());
    }
    let kubeconfig = pair.sandbox().kubeconfig_for_token(&renewer);
    assert_eq!(
        (get(&kubeconfig, PODS), get(&kubeconfig, CONFIG_MAPS)),
        (403, 403)
    );
}

#[test]
fn a_token_is_minted_once_and_again_when_four_fifths_of_its_life_are_over() {
    let mut pair = Pair::new();
    let first = token_of(&pair.ask());
    for passed in [0, 20, 27] {
        pair.minutes(passed);
        let again = pair.ask();
        assert_eq!(token_of(&again), first);
        assert_eq!(again.stderr, "");
    }
    assert_eq!(pair.mints(), [201]);
    pair.minutes(1);
    let second = pair.ask();
    assert_ne!(token_of(&second), first);
    assert_eq!(stated_end(&second), pair.home.now() + minutes(54));
    assert_eq!(pair.mints(), [201, 201]);
}

#[test]
fn a_server_that_gives_less_is_asked_more_often() {
    let ten = std::time::Duration::from_mins(10);
    let mut pair = Pair::with(Sandbox::builder().max_token_ttl(Some(ten)), USUAL);
    let ran = pair.ask();
    assert_eq!(stated_end(&ran), pair.home.now() + minutes(9));
    pair.minutes(7);
    assert_eq!(token_of(&pair.ask()), token_of(&ran));
    pair.minutes(1);
    // The renewer's token is capped too: ten minutes are over soon.
    assert_ne!(token_of(&pair.ask()), token_of(&ran));
    assert_eq!(pair.mints(), [201, 201]);
}

#[test]
fn other_programs_get_the_bare_token() {
    let mut pair = Pair::new();
    let bare = pair.run(&format!("credential --renewal {NAME} -o token"));
    assert_eq!(bare.success().stdout.trim_end(), token_of(&pair.ask()));
    assert_eq!(bare.stdout.lines().count(), 1);
    let json = pair.run(&format!("credential --renewal {NAME} -o json"));
    assert_eq!(json.stdout, pair.ask().stdout);
    for format in ["yaml", "wide", "name"] {
        let ran = pair.run(&format!("credential --renewal {NAME} -o {format}"));
        ran.exit(2).says("a credential is JSON, or the bare token");
    }
    pair.run("whoami -o token")
        .exit(2)
        .says("`-o token` is a format of `kubegrant credential` alone");
}

#[test]
fn it_needs_neither_a_store_nor_a_home() {
    let mut pair = Pair::new();
    let path = pair.path_of(NAME).display().to_string();
    let identity = pair.home.identity("bob");
    let runtime = pair.home.root().join("run");
    let bare = |_| {
        kubegrant::env::Fixture::new("2026-11-22T10:00:00Z".parse().expect("a time"))
            .variable("KUBEGRANT_IDENTITY_FILE", &identity)
            .variable("XDG_RUNTIME_DIR", &runtime)
    };
    let line = format!("credential --renewal {path}");
    token_of(&pair.home.run_where(bare, &line));
    let named = format!("credential --renewal {NAME}");
    let ran = pair.home.run_where(bare, &named);
    ran.exit(2)
        .says("no home directory: set HOME or XDG_DATA_HOME");
    assert!(!pair.home.store().exists());
}

#[test]
fn a_renewal_can_be_named_by_its_path() {
    let mut pair = Pair::new();
    pair.home.write_bytes(
        "mine.age",
        &std::fs::read(pair.path_of(NAME)).expect("a file"),
    );
    for path in ["mine.age", "./mine.age"] {
        token_of(&pair.run(&format!("credential --renewal {path}")));
    }
    // Another place is another one: what is kept for the one is not the other's.
    token_of(&pair.ask());
    assert_eq!(pair.mints().len(), 3);
}

#[test]
fn kubectl_is_answered_in_the_version_that_it_asks_in() {
    let mut pair = Pair::new();
    for version in ["v1", "v1beta1"] {
        let version = format!("client.authentication.k8s.io/{version}");
        pair.questioned(question(&version));
        let ran = pair.ask();
        token_of(&ran);
        assert_eq!(ran.json()["apiVersion"], version);
    }
    pair.questioned(question("client.authentication.k8s.io/v2"));
    insta::assert_snapshot!(pair.ask(), @"
    ----- stderr -----
    error: kubectl asks in 'client.authentication.k8s.io/v2', which is not known here

    hint: the kubeconfig's `exec` must have `apiVersion: client.authentication.k8s.io/v1`
    [exit 2]
    ");
    for hostile in [
        "{",
        "null",
        "[]",
        "\u{1b}[2J",
        r#"{"apiVersion":"\u001b[2J","kind":"ExecCredential"}"#,
    ] {
        pair.questioned(hostile);
        let ran = pair.ask();
        ran.exit(2).never_says("\u{1b}");
        assert_eq!(ran.stdout, "");
    }
    assert_eq!(pair.mints(), [201]);
}

#[test]
fn a_clock_that_is_an_hour_off_changes_nothing() {
    for hours in [-1, 1] {
        let mut pair = Pair::new();
        pair.home.drift(hours);
        let ran = pair.ask();
        let token = token_of(&ran);
        let kubeconfig = pair.sandbox().kubeconfig_for_token(&token);
        assert_eq!(get(&kubeconfig, PODS), 200);
        // By the clock that kubectl looks at.
        assert_eq!(stated_end(&ran), pair.home.now() + minutes(54));
        pair.minutes_of_each(40);
        assert_eq!(token_of(&pair.ask()), token);
        assert_eq!(pair.mints(), [201]);
        pair.minutes_of_each(10);
        assert_ne!(token_of(&pair.ask()), token);
        assert_eq!(pair.mints(), [201, 201]);
    }
}

#[test]
fn a_clock_that_is_set_back_makes_no_dead_token_of_a_living_one() {
    let mut pair = Pair::new();
    pair.home.drift(1);
    let ahead = token_of(&pair.ask());
    pair.home.drift(-1);
    // What is kept says that it lives for two hours more.
    let right = token_of(&pair.ask());
    assert_ne!(right, ahead);
    assert_eq!(token_of(&pair.ask()), right);
    assert_eq!(pair.mints(), [201, 201]);
}
