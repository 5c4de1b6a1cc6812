//! `open`: files that were sealed to the holder of the identity, with no store at all.

use std::io::Write as _;

use age::secrecy::SecretString;
use kubegrant_sandbox::Sandbox;

use crate::home::{Home, set_mode};

/// Seals with the age crate itself, as the age tool does.
fn age(home: &Home, user: &str, armored: bool, text: &[u8]) -> Vec<u8> {
    let identity = std::fs::read_to_string(home.identity(user)).expect("an identity");
    let key = identity
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY"));
    let identity: age::x25519::Identity = key.expect("a key").parse().expect("a key");
    let recipient = identity.to_public();
    let keys = std::iter::once(&recipient as &dyn age::Recipient);
    finished(
        age::Encryptor::with_recipients(keys).expect("a key"),
        armored,
        text,
    )
}

fn finished(encryptor: age::Encryptor, armored: bool, text: &[u8]) -> Vec<u8> {
    use age::armor::{ArmoredWriter, Format};
    let format = if armored {
        Format::AsciiArmor
    } else {
        Format::Binary
    };
    let armor = ArmoredWriter::wrap_output(Vec::new(), format).expect("a writer");
    let mut writer = encryptor.wrap_output(armor).expect("a writer");
    writer.write_all(text).expect("written");
    writer
        .finish()
        .and_then(ArmoredWriter::finish)
        .expect("whole")
}

#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn put(home: &Home, name: &str, bytes: &[u8]) {
    std::fs::write(home.path(name), bytes).expect("written");
}

/// A machine with an identity of bob's and nothing else.
fn machine() -> Home {
    let home = Home::empty(Sandbox::builder());
    home.make_identity("bob");
    home
}

#[test]
fn a_download_for_somebody_else_opens_at_theirs() {
    let mut home = Home::new();
    home.run("access grant bob --cluster prod --level read")
        .success();
    home.run("kubeconfig download prod --user bob").success();
    let missing = home.root().join("no/store.db").display().to_string();
    let ran = home.run_as(
        "bob",
        &format!("open prod.bob.kubeconfig.age --store {missing}"),
    );
    insta::assert_snapshot!(ran, @"
    FILE
    [HOME]/work/prod.bob.kubeconfig
    ----- stderr -----
    hint: try `kubectl --kubeconfig [HOME]/work/prod.bob.kubeconfig get namespaces`
    [exit 0]
    ");
    assert_eq!(home.mode("prod.bob.kubeconfig"), 0o600);
    assert_eq!(
        crate::home::get(&home.read("prod.bob.kubeconfig"), crate::home::PODS),
        200
    );
    home.run_as("bob", "open prod.bob.kubeconfig.age").exit(5);
    home.run_as("bob", "open prod.bob.kubeconfig.age --force")
        .success();
    home.run_as("alice", "open prod.bob.kubeconfig.age -f x")
        .exit(4)
        .says("not sealed to your key");
    assert!(!home.path("x").exists());
}

#[test]
fn files_of_the_age_tools_open_armored_or_binary() {
    let mut home = machine();
    for armored in [true, false] {
        let text = b"anything\xff\0at all";
        put(&home, "x.age", &age(&home, "bob", armored, text));
        home.run_as("bob", "open x.age --force").success();
        assert_eq!(std::fs::read(home.path("x")).expect("opened"), text);
    }
    put(&home, "words", &age(&home, "bob", true, b"words\n"));
    home.run_as("bob", "open words")
        .exit(2)
        .says("does not end in `.age`");
    let ran = home.run_as("bob", "open words -f -");
    assert_eq!(ran.success().stdout, "words\n");
    home.run_as("bob", "open words -f elsewhere").success();
    assert_eq!(home.read("elsewhere"), "words\n");
    let sealed = String::from_utf8(age(&home, "bob", true, b"words\n")).expect("armored");
    let line = format!("open - --identity {}", home.identity("bob").display());
    let ran = home.run_with_input(&line, &format!("\n\n{sealed}"));
    assert_eq!(ran.success().stdout, "words\n");
}

#[test]
fn what_does_not_open_is_told_apart() {
    let mut home = machine();
    let sealed = age(&home, "bob", false, &vec![7; 200_000]);
    let mut changed = sealed.clone();
    changed[150_000] ^= 1;
    put(&home, "changed.age", &changed);
    put(&home, "short.age", &sealed[..100_000]);
    put(&home, "head.age", &sealed[..40]);
    put(&home, "garbage.age", b"not sealed at all");
    put(&home, "empty.age", b"");
    put(&home, "large.age", &vec![b'x'; 17 * 1024 * 1024]);
    let phrase = age::Encryptor::with_user_passphrase(SecretString::from("x".to_owned()));
    put(&home, "phrase.age", &finished(phrase, true, b"x"));
    std::fs::create_dir(home.path("folder.age")).expect("a folder");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        home.path("fifo.age"),
        rustix::fs::Mode::RUSR,
    )
    .expect("a FIFO");
    let files = home.files();
    for (name, code, says) in [
        ("changed", 7, "damaged"),
        ("short", 7, "damaged"),
        ("head", 7, "damaged"),
        ("garbage", 2, "not a sealed file"),
        ("empty", 2, "not a sealed file"),
        ("large", 2, "larger than"),
        ("phrase", 2, "passphrase"),
        ("folder", 2, "a directory"),
        ("fifo", 2, "nobody writes to the FIFO"),
        ("missing", 3, "there is no file"),
    ] {
        home.run_as("bob", &format!("open {name}.age"))
            .exit(code)
            .says(says);
    }
    assert_eq!(home.files(), files, "nothing was left behind");
    home.run_as("nobody", "open changed.age")
        .exit(4)
        .says("no identity");
    set_mode(&home.identity("bob"), 0o644);
    home.run_as("bob", "open changed.age").exit(7);
}
