//! What is kept between two calls: used offline, never believed where others could have written it,
//! and done without where nothing can be kept.

use std::os::unix::fs::symlink;

use kubegrant_sandbox::{Action, Fault, Match};

use crate::home::{mode_of, set_mode, write_at};

use super::pair::{NAME, Pair, minutes, stated_end, token_of};

#[test]
fn a_token_that_lives_is_used_without_a_network() {
    let mut pair = Pair::new();
    let token = token_of(&pair.ask());
    pair.home.sandbox.stop();
    pair.minutes(40);
    let ran = pair.ask();
    assert_eq!((token_of(&ran), ran.stderr.as_str()), (token.clone(), ""));
    pair.minutes(15);
    let ran = pair.ask();
    assert_eq!(token_of(&ran), token);
    ran.says("warning: not renewed, and the token of before is used, which lives until 2026-11-22T11:00:00Z: cannot reach");
    // In its last tenth kubectl is told its real end, and not one that is over.
    assert_eq!(stated_end(&ran), pair.home.now() + minutes(5));
    // For half a minute nobody waits for the cluster again.
    pair.seconds(29);
    let ran = pair.ask();
    assert_eq!((token_of(&ran), ran.stderr.as_str()), (token.clone(), ""));
    pair.seconds(2);
    pair.ask().says("not renewed").success();
    pair.minutes(5);
    let ran = pair.ask();
    ran.exit(8)
        .says("cannot renew the kubeconfig of 'bob' for cluster 'prod'")
        .says("caused by: cannot reach")
        .says("hint: try again when it answers");
    assert_eq!(ran.stdout, "");
    pair.home.sandbox.restart().expect("it starts again");
    assert_ne!(token_of(&pair.ask()), token);
}

#[test]
fn a_server_that_answers_nonsense_takes_nobodys_token() {
    let mut pair = Pair::new();
    let token = token_of(&pair.ask());
    for action in [
        Action::BadJson,
        Action::Raw {
            status: 201,
            body: r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{},"status":{"token":"x","expirationTimestamp":"2026-11-22T11:00:00Z"}}"#.to_owned(),
        },
        Action::Redirect("https://127.0.0.1:1/".to_owned()),
        Action::Status { code: 500, retry_after: None },
        Action::Status { code: 503, retry_after: None },
        Action::ResetAfter,
    ] {
        let mut pair = Pair::new();
        pair.sandbox().fault(Fault { matches: Match::default(), action: action.clone() });
        let ran = pair.ask();
        assert!([7, 8].contains(&ran.code), "{action:?}: {ran}");
        assert_eq!(ran.stdout, "");
        pair.sandbox().clear_faults();
        let token = token_of(&pair.ask());
        pair.minutes(50);
        pair.sandbox().fault(Fault { matches: Match::default(), action });
        assert_eq!(token_of(&pair.ask()), token);
    }
    assert_eq!(token_of(&pair.ask()), token);
}

#[test]
fn another_accounts_token_is_not_handed_on() {
    let mut pair = Pair::new();
    let renewer = pair.opened()["token"].as_str().expect("a token").to_owned();
    let body = serde_json::json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {},
        "status": { "token": renewer, "expirationTimestamp": "2026-11-22T11:00:00Z" },
    });
    pair.sandbox().fault(Fault {
        matches: Match::default(),
        action: Action::Raw {
            status: 201,
            body: body.to_string(),
        },
    });
    let ran = pair.ask();
    ran.exit(7).says("it names another account");
    assert_eq!(ran.stdout, "");
}

#[test]
fn what_others_could_have_written_is_not_believed() {
    type Spoil = fn(&Pair, &std::path::Path);
    let spoils: [(&str, Spoil); 4] = [
        ("its mode", |_, kept| set_mode(kept, 0o640)),
        ("a link", |pair, kept| {
            let real = pair.home.path("real");
            std::fs::rename(kept, &real).expect("moved");
            symlink(&real, kept).expect("a link");
        }),
        ("a second name", |pair, kept| {
            std::fs::hard_link(kept, pair.home.path("second")).expect("a name");
        }),
        ("nonsense", |_, kept| {
            write_at(kept, "{\"version\":1,\"token\":\"eyJ.eyJ.x\"}");
        }),
    ];
    for (what, spoil) in spoils {
        let mut pair = Pair::new();
        let token = token_of(&pair.ask());
        let kept = pair.kept_token();
        spoil(&pair, &kept);
        let ran = pair.ask();
        assert_ne!(token_of(&ran), token, "{what}");
        assert_eq!(pair.mints(), [201, 201], "{what}");
        // It is replaced where it is this user's own, and else left alone.
        let is_replaced = !matches!(what, "a link" | "a second name");
        assert_eq!(ran.stderr.is_empty(), is_replaced, "{what}: {ran}");
        if is_replaced {
            assert_eq!(mode_of(&pair.kept_token()), 0o600);
        }
    }
}

#[test]
fn a_token_of_another_renewal_is_not_taken_for_this_ones() {
    let mut pair = Pair::new();
    let token = token_of(&pair.ask());
    // The same document, sealed once more: another file.
    pair.put_renewal("bob", NAME, &pair.opened());
    assert_ne!(token_of(&pair.ask()), token);
}

#[test]
fn without_a_place_to_keep_anything_it_works_and_says_one_line() {
    let mut pair = Pair::new();
    pair.home.write("file", "");
    let file = pair.home.path("file");
    pair.set_runtime(file);
    // The second place, on disk, does as well.
    let ran = pair.ask();
    assert_eq!(
        (token_of(&ran), ran.stderr.as_str()),
        (token_of(&pair.ask()), "")
    );
    let disk = pair.home.root().join("home/.cache");
    std::fs::remove_dir_all(&disk).expect("removed");
    write_at(&disk, "");
    let ran = pair.ask();
    token_of(&ran);
    assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
    ran.says(
        "warning: the token cannot be kept for the next call, which will ask the cluster again: ",
    );
    pair.sandbox().clear_requests();
    token_of(&pair.ask());
    assert_eq!(pair.mints(), [201]);
}

#[test]
fn a_folder_that_others_can_enter_is_not_used() {
    let mut pair = Pair::new();
    let folder = pair.home.root().join("run/kubegrant");
    std::fs::create_dir(&folder).expect("a folder");
    set_mode(&folder, 0o755);
    let ran = pair.ask();
    token_of(&ran);
    assert_eq!(ran.stderr, "");
    assert!(pair.kept().is_empty());
    token_of(&pair.ask());
    assert_eq!(pair.mints(), [201]);
}

#[test]
fn a_full_disk_costs_one_line_and_no_token() {
    let mut pair = Pair::new();
    token_of(&pair.ask());
    // Something that cannot be replaced stands where the token is kept.
    let kept = pair.kept_token();
    std::fs::remove_file(&kept).expect("removed");
    std::fs::create_dir(&kept).expect("a folder");
    let ran = pair.ask();
    token_of(&ran);
    assert_eq!(ran.stderr.lines().count(), 1, "{ran}");
}
