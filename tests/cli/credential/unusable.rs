//! Renewals that are of no use: another person's, moved, cut short, of another version, unsafe.

use serde_json::json;

use crate::home::set_mode;

use super::pair::{NAME, Pair, USUAL, token_of};

#[test]
fn an_unknown_name_says_how_to_get_a_renewal() {
    let mut pair = Pair::new();
    insta::assert_snapshot!(pair.run("credential --renewal stage.bob.0badcafe"), @"
    ----- stderr -----
    error: there is no renewal at '[HOME]/data/kubegrant/renew/stage.bob.0badcafe.age'

    hint: get one with `kubegrant kubeconfig download stage --renew`
    [exit 2]
    ");
    pair.run("credential --renewal ./no.age")
        .exit(2)
        .says("`kubegrant kubeconfig download CLUSTER --renew`");
    for bad in [
        "prod",
        "..",
        "prod.bob",
        "Prod.bob.0badcafe",
        "prod.bob.0badcafe.kubeconfig",
    ] {
        pair.run(&format!("credential --renewal {bad}"))
            .exit(2)
            .says(&format!("'{bad}' is not the name of a renewal"))
            .says("`kubegrant kubeconfig download CLUSTER --renew`");
    }
    pair.run("credential").exit(2).says("--renewal <NAME|PATH>");
    assert_eq!(pair.mints(), [] as [u16; 0]);
}

#[test]
fn another_persons_renewal_does_not_open() {
    let mut pair = Pair::new();
    pair.home.make_identity("alice");
    let document = pair.document(USUAL);
    pair.put_renewal("alice", NAME, &document);
    insta::assert_snapshot!(pair.ask(), @"
    ----- stderr -----
    error: cannot use the renewal at '[HOME]/data/kubegrant/renew/prod.bob.0badcafe.age'
      caused by: it is not sealed to your key

    hint: open it with the key it was sealed to (`--identity`, or KUBEGRANT_IDENTITY_FILE), or get one with `kubegrant kubeconfig download prod --renew`
    [exit 4]
    ");
    token_of(&pair.run_as("alice", &format!("credential --renewal {NAME}")));
}

#[test]
fn a_renewal_that_was_moved_sends_no_token_to_another_cluster() {
    let mut pair = Pair::new();
    let sealed = std::fs::read(pair.path_of(NAME)).expect("a file");
    pair.put_file("stage.bob.0badcafe", &sealed);
    insta::assert_snapshot!(pair.run("credential --renewal stage.bob.0badcafe"), @"
    ----- stderr -----
    error: the renewal at '[HOME]/data/kubegrant/renew/stage.bob.0badcafe.age' is that of 'prod.bob.0badcafe': it was moved or copied

    hint: its token would be sent to another cluster: move it back, or get one with `kubegrant kubeconfig download prod --renew`
    [exit 7]
    ");
    assert_eq!(pair.mints(), [] as [u16; 0]);
}

#[test]
fn what_is_cut_short_changed_or_something_else_is_damaged() {
    let mut pair = Pair::new();
    let sealed = std::fs::read(pair.path_of(NAME)).expect("a file");
    let middle = sealed.len() / 2;
    let mut changed = sealed.clone();
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    for (bytes, words) in [
        (
            &sealed[..middle],
            "it is damaged: it was changed or cut short",
        ),
        (&changed, "it is damaged: it was changed or cut short"),
        (b"", "it is not a sealed file"),
        (b"apiVersion: v1", "it is not a sealed file"),
        (
            &pair.seal("bob", b"apiVersion: v1"),
            "what is sealed in it renews no kubeconfig",
        ),
    ] {
        pair.put_file(NAME, bytes);
        pair.ask()
            .exit(7)
            .says(words)
            .says("get one with `kubegrant kubeconfig download prod --renew`");
    }
    assert_eq!(pair.mints(), [] as [u16; 0]);
}

#[test]
fn other_versions_of_the_document_are_named() {
    let mut pair = Pair::new();
    let mut document = pair.document(USUAL);
    document["version"] = json!(2);
    pair.put_renewal("bob", NAME, &document);
    pair.ask()
        .exit(7)
        .says("a newer kubegrant wrote it (version 2, and 1 is the newest known)")
        .says("hint: use the newer kubegrant");
    document["version"] = json!(0);
    pair.put_renewal("bob", NAME, &document);
    pair.ask()
        .exit(7)
        .says("it is of version 0, which is not read any more");
}

#[test]
fn a_renewal_that_leads_elsewhere_is_refused_before_anything_is_sent() {
    let mut pair = Pair::new();
    let good = pair.document(USUAL);
    for (key, value) in [
        ("account", json!("../../pods")),
        ("renewer", good["account"].clone()),
        ("namespace", json!("kube-system/x")),
        ("server", json!("http://127.0.0.1")),
        ("token", json!("a\r\nb")),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        pair.put_renewal("bob", NAME, &bad);
        pair.ask().exit(7).says("cannot be one");
    }
    assert_eq!(pair.mints(), [] as [u16; 0]);
    // Another authority than the cluster's: no token is sent.
    let mut bad = good.clone();
    let other = kubegrant_sandbox::Sandbox::start().expect("a sandbox");
    bad["certificate_authority"] = json!(other.ca_pem());
    pair.put_renewal("bob", NAME, &bad);
    pair.ask().exit(7).says("no trusted connection");
}

#[test]
fn a_renewal_that_others_can_read_or_that_is_no_file_is_refused() {
    let mut pair = Pair::new();
    let path = pair.path_of(NAME);
    set_mode(&path, 0o644);
    pair.ask()
        .exit(7)
        .says("has mode 0644, so others may have seen it");
    std::fs::remove_file(&path).expect("removed");
    std::fs::create_dir(&path).expect("a folder");
    pair.ask()
        .exit(2)
        .says("is a directory, not a regular file");
    assert_eq!(pair.mints(), [] as [u16; 0]);
}

#[test]
fn without_an_identity_nothing_opens_but_what_is_kept_does() {
    let mut pair = Pair::new();
    let token = token_of(&pair.ask());
    let identity = pair.home.identity("bob");
    let away = identity.with_extension("away");
    std::fs::rename(&identity, &away).expect("moved");
    assert_eq!(token_of(&pair.ask()), token);
    pair.minutes(50);
    pair.ask().exit(4).says("no identity at");
    std::fs::rename(&away, &identity).expect("moved");
    assert_ne!(token_of(&pair.ask()), token);
}

#[test]
fn a_passphrase_is_asked_for_where_kubectl_lets_a_person_answer_and_nowhere_else() {
    let mut pair = Pair::new();
    let identity = pair.home.identity("bob");
    let plain = std::fs::read_to_string(&identity).expect("an identity");
    let recipient = age::scrypt::Recipient::new("sesame".to_owned().into());
    let sealed = age::encrypt_and_armor(&recipient, plain.trim().as_bytes()).expect("sealed");
    crate::home::write_at(&identity, &sealed);
    pair.questioned(super::question("client.authentication.k8s.io/v1"));
    let ran = pair.ask();
    ran.exit(2)
        .says("the identity file needs a passphrase, and there is no terminal to ask on");
    assert_eq!(ran.stdout, "");
    assert_eq!(pair.mints(), [] as [u16; 0]);
}

#[test]
fn no_secret_is_in_what_is_said() {
    let mut pair = Pair::new();
    pair.home.make_identity("alice");
    let renewer = pair.opened()["token"].as_str().expect("a token").to_owned();
    let sealed = std::fs::read(pair.path_of(NAME)).expect("a file");
    let secret = &renewer[renewer.len() - 40..];
    let mut said = String::new();
    let mut hear = |ran: crate::home::Ran| {
        assert_eq!(ran.stdout, "", "{ran}");
        said += &ran.stderr;
    };
    hear(pair.run_as("alice", &format!("credential --renewal {NAME}")));
    pair.put_file(NAME, &sealed[..sealed.len() / 2]);
    hear(pair.ask());
    pair.put_file(NAME, &pair.seal("bob", renewer.as_bytes()));
    hear(pair.ask());
    let mut odd = pair.document(USUAL);
    odd["token"] = json!(format!("{renewer} "));
    pair.put_renewal("bob", NAME, &odd);
    hear(pair.ask());
    pair.put_file(NAME, &sealed);
    pair.questioned(renewer.clone());
    hear(pair.ask());
    pair.questioned("");
    pair.home.sandbox.stop();
    hear(pair.ask());
    let errors = said.lines().filter(|line| line.starts_with("error:"));
    assert_eq!(errors.count(), 6, "{said}");
    assert!(!said.contains(secret), "{said}");
}
