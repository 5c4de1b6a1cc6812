//! Logins that renew themselves, in the place of tokens, and the other way round.

use super::names::entry;
use super::*;

/// Merges a login that renews itself.
fn renewing(before: &str, user: &str, version: u32) -> Merged {
    let fields = KubeconfigFields {
        login: Login::Renewing {
            renewal: format!("prod.{user}.0a1b2c3d"),
        },
        ..fields(user, "prod", version)
    };
    let addition = Addition {
        fields: &fields,
        mark: &mark(user, "prod"),
        context_is_chosen: false,
    };
    merge(before, &addition, false).expect("it merges")
}

/// Whether a user of ours asks a program, or has a token.
fn logins(text: &str, name: &str) -> (bool, bool) {
    let user = &entry(text, "users", name)["user"];
    (user.get("exec").is_some(), user.get("token").is_some())
}

#[test]
fn a_token_gives_way_to_a_login_that_renews_itself_and_comes_back() {
    let token = good(USUAL);
    let name = "kubegrant-bob@prod-v1";
    assert_eq!(logins(&token.text, name), (false, true));
    let renewed = renewing(&token.text, "bob", 1);
    assert_eq!(logins(&renewed.text, name), (true, false));
    assert!(!renewed.text.contains("token-1"));
    assert_eq!(names(&renewed.text, "users"), ["one", name]);
    // What somebody else's entry runs is theirs.
    assert!(
        renewed
            .text
            .contains(r#"exec: {command: aws, args: [eks, "get-token"]}"#)
    );
    let twice = renewing(&renewed.text, "bob", 1);
    assert_eq!(*twice.text, *renewed.text);
    let back = good(&renewed.text);
    assert_eq!(*back.text, *token.text);
}

#[test]
fn a_newer_version_that_renews_itself_takes_the_place_of_the_older() {
    let first = renewing(USUAL, "bob", 1);
    let second = renewing(&first.text, "bob", 2);
    assert_eq!(
        names(&second.text, "users"),
        ["one", "kubegrant-bob@prod-v2"]
    );
    let other = renewing(&second.text, "eve", 1);
    assert_eq!(names(&other.text, "users").len(), 3);
    let gone = remove(&other.text, &id(), "prod").expect("it is removed");
    assert_eq!(
        *gone.text,
        *remove(&good(USUAL).text, &id(), "prod")
            .expect("removed")
            .text
    );
    assert!(!gone.text.contains("kubegrant"));
}

#[test]
fn a_login_of_anothers_that_runs_our_program_is_not_ours() {
    let theirs = "apiVersion: v1\nkind: Config\nusers:\n- name: theirs\n  user:\n    exec:\n      \
                  apiVersion: client.authentication.k8s.io/v1\n      command: kubegrant\n      \
                  args: [credential, --renewal, stage.bob.00000000]\n";
    let merged = renewing(theirs, "bob", 1);
    assert!(
        merged
            .text
            .contains("args: [credential, --renewal, stage.bob.00000000]")
    );
    assert_eq!(
        names(&merged.text, "users"),
        ["theirs", "kubegrant-bob@prod-v1"]
    );
    let gone = remove(&merged.text, &id(), "prod").expect("it is removed");
    assert_eq!(names(&gone.text, "users"), ["theirs"]);
}

#[test]
fn contexts_that_were_copied_keep_the_login_of_the_same_version() {
    let token = good("");
    let copied = token.text.replace(
        "contexts:\n",
        "contexts:\n- name: mine\n  context:\n    cluster: kubegrant-prod\n    user: \
         kubegrant-bob@prod-v1\n",
    );
    let renewed = renewing(&copied, "bob", 1);
    assert_eq!(
        logins(&renewed.text, "kubegrant-bob@prod-v1"),
        (true, false)
    );
    assert!(renewed.dangling.is_empty(), "{:?}", renewed.dangling);
}
