//! Keys that are made, and keys that are brought.

use kubegrant::env::Fixture;

use super::{events, shown, ssh_keygen, state, text, with_key};
use crate::home::Home;

macro_rules! key {
    ($name:literal) => {
        include_str!(concat!("../../../src/secrets/key_pair/keys/", $name))
    };
}

/// The passphrase of every fixture that has one.
const PASSPHRASE: &str = "correct horse";

/// The type and the bytes of a public line, without the comment.
fn bare(line: &str) -> String {
    line.split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_key_is_made_and_nothing_of_its_private_half_is_said() {
    let mut kg = Home::new();
    let ran = kg.run("ssh-key generate prod");
    ran.success().never_says("PRIVATE");
    insta::assert_snapshot!(ran, @r"
        Cluster:       prod
        Fingerprint:   [FINGERPRINT]
        Type:          ed25519
        State:         available
        Made:          2026-11-22T10:00:00Z, generated
        By:            olivia
        Taken:         <none>
        Taken by:      <none>
        Nodes:         <none>
        Public:        ssh-ed25519 [PUBLIC] kubegrant:prod
        ----- stderr -----
        Cluster 'prod' has an SSH key.
        hint: put it on the nodes with `kubegrant ssh-key install prod`
        hint: take it, once, with `kubegrant ssh-key download prod`
        [exit 0]
        ");
    assert_eq!(events(&mut kg), ["ssh-key generate: done"]);
    assert_eq!(kg.files(), ["admin.conf"]);
}

#[test]
fn an_rsa_key_is_made_where_it_is_asked_for() {
    let mut kg = Home::new();
    kg.run("ssh-key generate prod --type rsa-4096").success();
    let shown = shown(&mut kg);
    assert_eq!(shown["type"], "rsa-4096");
    assert!(text(&shown, "public").starts_with("ssh-rsa AAAA"));
    kg.run("ssh-key download prod").success();
    if let Some(line) = ssh_keygen(&["-l", "-f"], &kg.path("ssh-key-prod.pem")) {
        assert!(line.starts_with("4096 "), "{line}");
        assert!(line.contains(&text(&shown, "fingerprint")), "{line}");
    }
    kg.run("ssh-key reset prod --type dsa --yes").exit(2);
}

#[test]
fn a_second_key_is_refused_with_the_ways_out() {
    let mut kg = with_key();
    kg.write("other", key!("ed25519.openssh"));
    let before = shown(&mut kg);
    insta::assert_snapshot!(kg.run("ssh-key generate prod"), @r"
        ----- stderr -----
        error: SSH key [FINGERPRINT] of cluster 'prod' exists already

        hint: replace it on the nodes with `kubegrant ssh-key rotate prod`, or here with `kubegrant ssh-key reset prod`
        [exit 5]
        ");
    kg.run("ssh-key import prod other")
        .exit(5)
        .says("ssh-key rotate prod");
    assert_eq!(shown(&mut kg), before);
}

#[test]
fn every_format_is_imported() {
    let ed25519 = key!("ed25519.pub");
    let rsa = key!("rsa2048.pub");
    for (name, file, public) in [
        ("OpenSSH", key!("ed25519.openssh"), Some(ed25519)),
        ("PKCS#8", key!("ed25519.pkcs8"), None),
        ("PKCS#8, RSA", key!("rsa2048.pkcs8"), Some(rsa)),
        ("PKCS#1", key!("rsa2048.pkcs1"), Some(rsa)),
    ] {
        let mut kg = Home::new();
        kg.write("key", file);
        let ran = kg.run("ssh-key import prod key");
        ran.success().says("`key` still holds the private key");
        ran.never_says("PRIVATE");
        let shown = shown(&mut kg);
        assert_eq!(shown["origin"], "imported", "{name}");
        let line = text(&shown, "public");
        assert!(line.ends_with(" kubegrant:prod"), "{name}: {line}");
        if let Some(public) = public {
            assert_eq!(bare(&line), bare(public), "{name}");
        }
        assert_eq!(
            kg.read("key"),
            file,
            "{name}: the file is not ours to change"
        );
        kg.run("ssh-key download prod").success();
        if let Some(of_file) = ssh_keygen(&["-y", "-f"], &kg.path("ssh-key-prod.pem")) {
            assert_eq!(bare(&of_file), bare(&line), "{name}");
        }
    }
}

#[test]
fn a_passphrase_is_asked_for_on_a_terminal_alone_and_not_kept() {
    for (name, file) in [
        ("OpenSSH", key!("ed25519-passphrase.openssh")),
        ("PKCS#8", key!("rsa2048-passphrase.pkcs8")),
        ("PKCS#8, scrypt", key!("rsa2048-scrypt.pkcs8")),
    ] {
        let mut kg = Home::new();
        kg.write("key", file);
        let ran = kg.run("ssh-key import prod key");
        ran.says("it has a passphrase, and there is no terminal to ask for it");
        assert_eq!(ran.code, 2, "{name}: {ran}");
        let typed = |words: &str| {
            let words = format!("{words}\n");
            move |fixture: Fixture| {
                let fixture = fixture.terminal(true);
                fixture.type_in(words.as_str());
                fixture
            }
        };
        let line = "ssh-key import prod key --color never";
        let ran = kg.run_where(typed("wrong"), line);
        ran.says("the passphrase is wrong");
        assert_eq!(ran.code, 2, "{name}: {ran}");
        kg.run("ssh-key show prod").exit(3);
        let ran = kg.run_where(typed(PASSPHRASE), line);
        ran.success()
            .says("Passphrase of 'key'")
            .never_says(PASSPHRASE);
        // What is handed out has none: it is used as it is.
        kg.run("ssh-key download prod").success();
        ssh_keygen(&["-y", "-P", "", "-f"], &kg.path("ssh-key-prod.pem"));
    }
}

#[test]
fn what_is_no_good_key_is_refused_and_nothing_is_kept() {
    let mut kg = Home::new();
    kg.write("weak", key!("rsa1024.pkcs1"));
    kg.write("exponent", key!("rsa2048-e3.pkcs1"));
    kg.write("ecdsa", key!("ecdsa.openssh"));
    kg.write("old", key!("rsa2048-passphrase.pkcs1"));
    kg.write("public", key!("ed25519.pub"));
    kg.write("nothing", "hello\n");
    insta::assert_snapshot!(kg.run("ssh-key import prod weak"), @r"
        ----- stderr -----
        error: the SSH key in `weak` cannot be used
          caused by: the key is too weak: RSA with 1024 bits; 2048 are the fewest

        hint: make one with `kubegrant ssh-key generate CLUSTER`
        [exit 2]
        ");
    for (file, words) in [
        ("exponent", "too weak"),
        ("ecdsa", "ECDSA keys are not taken"),
        ("old", "openssl pkcs8 -topk8"),
        ("public", "this is the public half"),
        ("nothing", "there is no private key in it"),
    ] {
        kg.run(&format!("ssh-key import prod {file}"))
            .exit(2)
            .says(words);
    }
    kg.run("ssh-key import prod absent").exit(3);
    kg.run("ssh-key show prod").exit(3);
}

#[test]
fn a_cluster_may_begin_with_a_key() {
    let mut kg = Home::organization(kubegrant_sandbox::Sandbox::builder());
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.write("key", key!("ed25519.openssh"));
    let add = "cluster add prod --kubeconfig admin.conf";
    for nonsense in [
        "import",
        "generate key",
        "none key",
        "yes",
        "import key key",
    ] {
        let ran = kg.run(&format!("{add} --ssh-key {nonsense}"));
        assert_eq!(ran.code, 2, "{nonsense}: {ran}");
        kg.run("cluster show prod").exit(3);
    }
    kg.run(&format!("{add} --ssh-key import absent")).exit(3);
    kg.run("cluster show prod").exit(3);
    let ran = kg.run(&format!("{add} --ssh-key generate"));
    ran.success()
        .says("ssh-key install prod")
        .never_says("PRIVATE");
    let made = shown(&mut kg);
    assert_eq!(
        (&made["origin"], &made["state"]),
        (&"generated".into(), &"available".into())
    );
    assert_eq!(kg.openers(&["olivia", "alice", "bob"]), ["olivia"]);

    for (how, code) in [("import key", 0), ("none", 3)] {
        let mut kg = Home::organization(kubegrant_sandbox::Sandbox::builder());
        kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
        kg.write("key", key!("ed25519.openssh"));
        kg.run(&format!("{add} --ssh-key {how}")).success();
        let ran = kg.run("ssh-key show prod --public");
        ran.exit(code);
        if code == 0 {
            assert_eq!(bare(&ran.stdout), bare(key!("ed25519.pub").trim()));
            assert_eq!(state(&mut kg), "available");
        }
    }
}

#[test]
fn the_public_line_stands_alone() {
    let mut kg = with_key();
    let ran = kg.run("ssh-key show prod --public");
    ran.success();
    assert_eq!(ran.stderr, "");
    assert_eq!(ran.stdout, format!("{}\n", text(&shown(&mut kg), "public")));
    kg.write("line.pub", &ran.stdout);
    if let Some(line) = ssh_keygen(&["-l", "-f"], &kg.path("line.pub")) {
        assert!(
            line.contains(&text(&shown(&mut kg), "fingerprint")),
            "{line}"
        );
    }
}

#[test]
fn without_a_key_every_command_says_how_to_get_one() {
    let mut kg = Home::new();
    for line in [
        "show prod",
        "show prod --public",
        "download prod",
        "install prod",
        "rotate prod",
        "reset prod --yes",
        "config prod",
    ] {
        let ran = kg.run(&format!("ssh-key {line}"));
        assert_eq!(ran.code, 3, "{line}: {ran}");
        ran.says("ssh-key generate prod");
    }
}
