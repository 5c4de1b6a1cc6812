//! Signatures of both kinds of identities, which are OpenSSH's own.

use std::process::{Command, Stdio};
use std::sync::Arc;

use secrecy::SecretString;

use super::*;
use crate::secrets::tests::fixtures::{AGE_IDENTITY, AGE_PUBLIC, SSH_IDENTITY, SSH_PUBLIC};
use crate::secrets::{Identity, IdentityError};

const NAMESPACE: &str = "kubegrant-audit";

fn signer(text: &str) -> Arc<Signer> {
    let mut silent = |what: &str| {
        Err(IdentityError::PassphraseNeeded {
            what: what.to_owned(),
        })
    };
    let identity = Identity::parse(&SecretString::from(text), &mut silent);
    identity.expect("an identity").signer()
}

/// Both, with their public halves.
fn both() -> [(Arc<Signer>, String); 2] {
    let ssh = SSH_PUBLIC.rsplit_once(' ').expect("a comment").0;
    [
        (signer(AGE_IDENTITY), AGE_PUBLIC.to_owned()),
        (signer(SSH_IDENTITY), ssh.to_owned()),
    ]
}

#[test]
fn a_signature_is_checked_with_the_public_half_alone() {
    for (signer, public) in both() {
        assert_eq!(signer.key(), public);
        let verifier = Verifier::of(&public).expect("a key");
        let signature = signer.sign(NAMESPACE, "text").expect("a namespace");
        assert!(verifier.has_signed(NAMESPACE, "text", &signature));
        assert!(!verifier.has_signed(NAMESPACE, "other", &signature));
        assert!(!verifier.has_signed("file", "text", &signature));
        assert!(!verifier.has_signed("", "text", &signature));
        for bit in 0..SIGNATURE_BYTES * 8 {
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!verifier.has_signed(NAMESPACE, "text", &changed), "{bit}");
        }
        for length in [0, 1, 63] {
            assert!(!verifier.has_signed(NAMESPACE, "text", &signature[..length]));
        }
        // The same each time, and another for another text.
        assert_eq!(signer.sign(NAMESPACE, "text"), Some(signature));
        assert_ne!(signer.sign(NAMESPACE, "texu"), Some(signature));
        assert_eq!(signer.sign("", "text"), None);
    }
    let [(_, age), (_, ssh)] = both();
    let [(by_age, _), (by_ssh, _)] = both();
    for (key, signer) in [(age, by_ssh), (ssh, by_age)] {
        let signature = signer.sign(NAMESPACE, "text").expect("a namespace");
        let other = Verifier::of(&key).expect("a key");
        assert!(!other.has_signed(NAMESPACE, "text", &signature));
    }
}

/// Half of all secrets have a public point of the other sign.
#[test]
fn every_age_identity_signs() {
    for _ in 0..64 {
        let identity = Identity::generate();
        let verifier = Verifier::of(&identity.recipient().to_string()).expect("a key");
        let signature = identity.signer().sign(NAMESPACE, "x").expect("a namespace");
        assert!(verifier.has_signed(NAMESPACE, "x", &signature));
    }
}

#[test]
fn what_is_no_key_checks_nothing() {
    for text in [
        "",
        "age1",
        "age1qqqq",
        "ssh-ed25519 AAAA",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQC7",
        // A point of small order, which would check any text.
        "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqs3290gq",
    ] {
        assert!(Verifier::of(text).is_none(), "{text}");
    }
}

/// What it prints holds nothing of the secret.
#[test]
fn a_signer_shows_its_public_half_alone() {
    let [(signer, _), _] = both();
    assert_eq!(format!("{signer:?}"), format!("Signer({AGE_PUBLIC:?})"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn openssh_itself_takes_the_signatures() {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let (allowed, signed) = (home.path().join("allowed"), home.path().join("signature"));
    for (signer, public) in both() {
        let verifier = Verifier::of(&public).expect("a key");
        let line = verifier.to_openssh().expect("a line");
        let signature = signer.sign(NAMESPACE, "text").expect("a namespace");
        let armored = verifier.armored(NAMESPACE, &signature).expect("armored");
        let public: PublicKey = line.parse().expect("a key");
        let parsed = armored.parse::<SshSig>().expect("a signature");
        public
            .verify(NAMESPACE, b"text", &parsed)
            .expect("it is good");
        std::fs::write(&allowed, format!("alice {line}\n")).expect("written");
        std::fs::write(&signed, &armored).expect("written");
        for (text, is_good) in [("text", true), ("other", false)] {
            let verify = Command::new("ssh-keygen")
                .args(["-Y", "verify", "-I", "alice", "-n", NAMESPACE, "-f"])
                .arg(&allowed)
                .arg("-s")
                .arg(&signed)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let Ok(mut verify) = verify else {
                use std::io::Write as _;
                let words = b"ssh-keygen is not here: its word on signatures was not asked\n";
                std::io::stderr().write_all(words).expect("stderr");
                return;
            };
            let mut stdin = verify.stdin.take().expect("a pipe");
            std::io::Write::write_all(&mut stdin, text.as_bytes()).expect("written");
            drop(stdin);
            let status = verify.wait().expect("it ends");
            assert_eq!(status.success(), is_good, "{text}");
        }
    }
}
