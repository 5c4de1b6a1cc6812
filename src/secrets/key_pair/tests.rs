//! Keys as ssh-keygen and openssl write them. The keys under `keys/` guard nothing.

use super::*;

const PASSPHRASE: &str = "correct horse";

fn never() -> Option<SecretString> {
    panic!("no passphrase is wanted")
}

fn import(text: &str) -> Result<SshKey, SshKeyError> {
    SshKey::import(text.as_bytes(), "kubegrant:prod", &mut never)
}

fn import_with(text: &str, passphrase: Option<&str>) -> Result<SshKey, SshKeyError> {
    let mut ask = || passphrase.map(SecretString::from);
    SshKey::import(text.as_bytes(), "kubegrant:prod", &mut ask)
}

macro_rules! key {
    ($name:literal) => {
        include_str!(concat!("keys/", $name))
    };
}

/// The type and the bytes of a public line, without the comment.
fn bare(line: &str) -> String {
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_format_gives_the_same_key() {
    let public = key!("rsa2048.pub").trim();
    for text in [key!("rsa2048.pkcs1"), key!("rsa2048.pkcs8")] {
        let key = import(text).expect("a good key");
        let line = key.public_line().expect("a line");
        assert_eq!(bare(&line), bare(public));
        assert_eq!(key.kind(), "rsa-2048");
        assert!(key.warning().is_some());
    }
    for text in [
        key!("rsa2048-passphrase.pkcs8"),
        key!("rsa2048-scrypt.pkcs8"),
    ] {
        let key = import_with(text, Some(PASSPHRASE)).expect("a good key");
        let line = key.public_line().expect("a line");
        assert_eq!(bare(&line), bare(public));
    }
    let key = import(key!("ed25519.openssh")).expect("a good key");
    let line = key.public_line().expect("a line");
    assert_eq!(bare(&line), bare(key!("ed25519.pub").trim()));
    assert!(line.ends_with(" kubegrant:prod"), "{line}");
    assert!(key.warning().is_none());
    assert_eq!(
        import(key!("ed25519.pkcs8")).expect("a good key").kind(),
        "ed25519"
    );
}

#[test]
fn what_is_written_is_read_again() {
    for text in [key!("rsa2048.pkcs1"), key!("ed25519.openssh")] {
        let key = import(text).expect("a good key");
        let file = key.to_file().expect("a file");
        let text = file.expose_secret();
        assert!(text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
        assert!(text.ends_with("-----END OPENSSH PRIVATE KEY-----\n"));
        assert!(!text.contains('\r'));
        let again = SshKey::from_file(&file).expect("the same key");
        assert_eq!(again.fingerprint(), key.fingerprint());
        assert!(!format!("{again:?}").contains("PRIVATE"));
    }
}

#[test]
fn carriage_returns_and_a_preface_do_no_harm() {
    let dos = key!("ed25519.openssh").replace('\n', "\r\n");
    assert!(import(&dos).is_ok());
    let preface = format!("Bag Attributes\n    name: x\n{}", key!("rsa2048.pkcs8"));
    assert!(import(&preface).is_ok());
}

#[test]
fn a_passphrase_is_asked_for_and_checked() {
    let text = key!("ed25519-passphrase.openssh");
    assert!(import_with(text, Some(PASSPHRASE)).is_ok());
    for text in [
        text,
        key!("rsa2048-passphrase.pkcs8"),
        key!("rsa2048-scrypt.pkcs8"),
    ] {
        let error = import_with(text, Some("wrong")).expect_err("refused");
        assert!(matches!(error, SshKeyError::WrongPassphrase), "{error}");
        let error = import_with(text, None).expect_err("refused");
        assert!(matches!(error, SshKeyError::NoPassphrase { .. }), "{error}");
    }
}

#[test]
fn weak_and_foreign_keys_are_refused() {
    type Is = fn(&SshKeyError) -> bool;
    let weak: Is = |error| matches!(error, SshKeyError::Weak { .. });
    let kind: Is = |error| matches!(error, SshKeyError::Kind { .. });
    let format: Is = |error| matches!(error, SshKeyError::Format { .. });
    let public: Is = |error| matches!(error, SshKeyError::PublicHalf);
    let damaged: Is = |error| matches!(error, SshKeyError::Damaged { .. });
    let none: Is = |error| matches!(error, SshKeyError::NotAKey);
    let several: Is = |error| matches!(error, SshKeyError::Several);
    let twice = key!("ed25519.openssh").repeat(2);
    let cut = key!("rsa2048.pkcs1").replacen("MII", "MIJ", 1);
    let cases: [(&str, Is); 12] = [
        (key!("rsa1024.pkcs1"), weak),
        (key!("rsa2048-e3.pkcs1"), weak),
        (key!("ecdsa.openssh"), kind),
        (key!("rsa2048-passphrase.pkcs1"), format),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", format),
        (key!("ed25519.pub"), public),
        (
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            public,
        ),
        (&cut, damaged),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
            damaged,
        ),
        ("", none),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            none,
        ),
        (&twice, several),
    ];
    for (text, is) in cases {
        let error = import(text).expect_err(text);
        assert!(is(&error), "{error:?} for {text}");
        assert!(!error.hint(None, "make one").is_empty());
    }
}

/// Two primes that do not belong to the modulus sign for nobody.
#[test]
fn halves_that_do_not_belong_together_are_refused() {
    let one = import(key!("rsa2048.pkcs1")).expect("a good key");
    let KeypairData::Rsa(pair) = one.private_key().key_data() else {
        panic!("an RSA key");
    };
    let mut pair = pair.clone();
    pair.private.p = pair.private.q.clone();
    let file = PrivateKey::from(pair)
        .to_openssh(LineEnding::LF)
        .expect("a file");
    let error = import(&file).expect_err("refused");
    assert!(matches!(error, SshKeyError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_made_key_follows_its_seed_and_carries_the_comment() {
    let seed = Zeroizing::new([7; 32]);
    let make = || SshKey::generate(SshKeyKind::Ed25519, &seed, "kubegrant:prod").expect("a key");
    assert_eq!(make().fingerprint(), make().fingerprint());
    assert!(
        make()
            .public_line()
            .expect("a line")
            .ends_with(" kubegrant:prod")
    );
    let rsa = SshKey::generate(SshKeyKind::Rsa4096, &seed, "kubegrant:prod").expect("a key");
    assert_eq!(rsa.kind(), "rsa-4096");
    assert!(import(rsa.to_file().expect("a file").expose_secret()).is_ok());
}

/// Whatever is in the file, the answer is a key or an error, at once.
#[test]
fn garbage_never_panics() {
    let good = key!("rsa2048.pkcs8");
    for cut in (0..good.len()).step_by(37) {
        drop(import_with(&good[..cut], None));
        let mut bytes = good.as_bytes().to_vec();
        bytes[cut] ^= 1;
        drop(SshKey::import(&bytes, "", &mut || None));
    }
}
