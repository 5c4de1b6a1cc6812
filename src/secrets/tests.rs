//! Known answers from the real tools, and everything that must not open.

pub(super) mod fixtures;
mod keys;

use std::collections::HashSet;

use super::*;
use crate::domain::installation::InstallationId;
use fixtures::*;

fn never(what: &str) -> Result<SecretString, IdentityError> {
    Err(IdentityError::PassphraseNeeded {
        what: what.to_owned(),
    })
}

fn identity(text: &str) -> Result<Identity, IdentityError> {
    Identity::parse(&text.into(), &mut never)
}

fn unlocked(text: &str, passphrase: &str) -> (Result<Identity, IdentityError>, Vec<String>) {
    let mut asked = Vec::new();
    let result = Identity::parse(&text.into(), &mut |what| {
        asked.push(what.to_owned());
        Ok(passphrase.into())
    });
    (result, asked)
}

fn known(text: &str) -> Identity {
    identity(text).expect("the fixture is a good identity")
}

fn public(text: &str) -> Recipient {
    text.parse().expect("the fixture is a good public key")
}

fn installation(text: &str) -> InstallationId {
    text.parse().expect("a good id")
}

fn record() -> RecordName {
    RecordName {
        installation: installation("0badcafe"),
        table: "clusters",
        row: "prod".into(),
        column: "manager_token",
        generation: 1,
    }
}

fn refusal(text: &str) -> String {
    parse_public_key_file(text)
        .expect_err("the key must be refused")
        .to_string()
}

#[test]
fn a_file_sealed_by_age_opens() {
    let plain = open_file(SEALED_TO_AGE.as_bytes(), &known(AGE_IDENTITY)).expect("opens");
    assert_eq!(plain.as_slice(), b"sealed by the age tool");
    let plain = open_file(SEALED_TO_SSH.as_bytes(), &known(SSH_IDENTITY)).expect("opens");
    assert_eq!(plain.as_slice(), b"sealed to an ssh key");
}

#[test]
fn public_halves_are_what_the_tools_say() {
    assert_eq!(known(AGE_IDENTITY).recipient().to_string(), AGE_PUBLIC);
    assert_eq!(known(SSH_IDENTITY).recipient(), public(SSH_PUBLIC));
    assert_eq!(public(SSH_PUBLIC).fingerprint(), SSH_FINGERPRINT);
    assert_eq!(
        public(SSH_ENCRYPTED_PUBLIC).fingerprint(),
        SSH_ENCRYPTED_FINGERPRINT
    );
    let short = public(AGE_PUBLIC).fingerprint();
    assert_eq!(
        short,
        format!("{}…{}", &AGE_PUBLIC[..12], &AGE_PUBLIC[56..])
    );
}

#[test]
fn a_comment_makes_no_other_key() {
    let commented = public(SSH_PUBLIC);
    let words: Vec<&str> = SSH_PUBLIC.split_whitespace().collect();
    let bare = public(&words[..2].join(" "));
    assert_eq!(commented, bare);
    assert_eq!(commented.to_string(), words[..2].join(" "));
    assert_eq!(HashSet::from([commented, bare]).len(), 1);
    assert_eq!(public(&AGE_PUBLIC.to_uppercase()).to_string(), AGE_PUBLIC);
}

#[test]
fn a_secret_opens_with_every_key_it_was_sealed_to_and_no_other() {
    let (first, second, stranger) = (
        Identity::generate(),
        known(SSH_IDENTITY),
        Identity::generate(),
    );
    let recipients = [first.recipient(), second.recipient(), first.recipient()];
    let sealed = seal(&"token".into(), &record(), &recipients).expect("seals");
    for identity in [&first, &second] {
        let secret = open(&sealed, &record(), identity).expect("opens");
        assert_eq!(secret.expose_secret(), "token");
    }
    assert!(matches!(
        open(&sealed, &record(), &stranger),
        Err(OpenError::NotForThisKey)
    ));
    let stanzas = String::from_utf8_lossy(sealed.as_bytes())
        .matches("-> X25519 ")
        .count();
    assert_eq!(stanzas, 1, "a duplicate adds nothing");
}

#[test]
fn sealing_to_nobody_is_refused() {
    assert!(matches!(
        seal(&"x".into(), &record(), &[]),
        Err(SealError::NoRecipients)
    ));
    assert!(matches!(seal_file(b"x", &[]), Err(SealError::NoRecipients)));
}

#[test]
fn empty_and_large_secrets_survive() {
    let identity = Identity::generate();
    for size in [0, 1, 65_535, 65_536, 200_000] {
        let secret = SecretString::from("é".repeat(size / 2) + &"x".repeat(size % 2));
        let sealed = seal(&secret, &record(), &[identity.recipient()]).expect("seals");
        let opened = open(&sealed, &record(), &identity).expect("opens");
        assert_eq!(opened.expose_secret(), secret.expose_secret());
    }
}

#[test]
fn a_secret_does_not_open_as_another_record() {
    let identity = Identity::generate();
    let others = [
        RecordName {
            installation: installation("0badcaff"),
            ..record()
        },
        RecordName {
            table: "ssh_keys",
            ..record()
        },
        RecordName {
            row: "prod2".into(),
            ..record()
        },
        RecordName {
            column: "provider_token",
            ..record()
        },
        RecordName {
            generation: 2,
            ..record()
        },
        // The same characters with the border between the fields moved.
        RecordName {
            table: "clustersp",
            row: "rod".into(),
            ..record()
        },
        RecordName {
            row: String::new(),
            ..record()
        },
    ];
    let sealed = seal(&"token".into(), &record(), &[identity.recipient()]).expect("seals");
    for other in &others {
        let error = open(&sealed, other, &identity).expect_err("must not open");
        assert!(
            matches!(error, OpenError::WrongRecord { .. }),
            "{other:?}: {error}"
        );
        let moved = seal(&"token".into(), other, &[identity.recipient()]).expect("seals");
        let error = open(&moved, &record(), &identity).expect_err("must not open");
        assert!(
            matches!(error, OpenError::WrongRecord { .. }),
            "{other:?}: {error}"
        );
    }
}

#[test]
fn a_foreign_age_file_is_no_record() {
    let identity = known(AGE_IDENTITY);
    let foreign = Sealed::new(SEALED_TO_AGE.as_bytes().to_vec());
    assert!(matches!(
        open(&foreign, &record(), &identity),
        Err(OpenError::Damaged)
    ));
    let recipients = [identity.recipient()];
    for (plain, newer) in [("kgsealed\u{2}…", true), ("kgsealed", false), ("", false)] {
        let armored = seal_file(plain.as_bytes(), &recipients).expect("seals");
        let mut binary = Vec::new();
        let mut reader = age::armor::ArmoredReader::new(&armored[..]);
        std::io::Read::read_to_end(&mut reader, &mut binary).expect("the armor is good");
        let error = open(&Sealed::new(binary), &record(), &identity).expect_err("must not open");
        assert_eq!(matches!(error, OpenError::Newer { .. }), newer, "{error}");
        assert_eq!(
            matches!(error, OpenError::WrongRecord { .. }),
            !newer,
            "{error}"
        );
    }
}

#[test]
fn no_bit_of_the_sealed_bytes_can_be_changed() {
    for identity in [known(AGE_IDENTITY), known(SSH_IDENTITY)] {
        let recipients = [identity.recipient(), Identity::generate().recipient()];
        let sealed = seal(&"token".into(), &record(), &recipients).expect("seals");
        for index in 0..sealed.as_bytes().len() {
            for bit in 0..8 {
                let mut bytes = sealed.as_bytes().to_vec();
                bytes[index] ^= 1 << bit;
                let result = open(&Sealed::new(bytes), &record(), &identity);
                assert!(result.is_err(), "bit {bit} of byte {index}");
            }
        }
    }
}

#[test]
fn sealed_bytes_cut_short_or_made_longer_do_not_open() {
    let identity = Identity::generate();
    let sealed = seal(&"token".into(), &record(), &[identity.recipient()]).expect("seals");
    for length in 0..sealed.as_bytes().len() {
        let cut = Sealed::new(sealed.as_bytes()[..length].to_vec());
        assert!(
            matches!(open(&cut, &record(), &identity), Err(OpenError::Damaged)),
            "{length}"
        );
    }
    let longer = Sealed::new([sealed.as_bytes(), b"\0"].concat());
    assert!(matches!(
        open(&longer, &record(), &identity),
        Err(OpenError::Damaged)
    ));
}

#[test]
fn a_handed_over_file_opens_again() {
    let identity = known(SSH_IDENTITY);
    let file = seal_file(b"apiVersion: v1\n", &[identity.recipient()]).expect("seals");
    assert!(file.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\n"));
    assert_eq!(
        open_file(&file, &identity).expect("opens").as_slice(),
        b"apiVersion: v1\n"
    );
    let stranger = Identity::generate();
    assert!(matches!(
        open_file(&file, &stranger),
        Err(OpenError::NotForThisKey)
    ));
    assert!(matches!(open_file(b"", &identity), Err(OpenError::Damaged)));
    assert!(matches!(
        open_file(b"short", &identity),
        Err(OpenError::Damaged)
    ));
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test must say why")]
fn the_age_tool_opens_what_is_sealed() {
    use std::process::Command;
    if Command::new("age").arg("--version").output().is_err() {
        eprintln!("skipped: the age tool is not installed");
        return;
    }
    let put = |bytes: &[u8]| {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::io::Write::write_all(&mut file, bytes).expect("writes");
        file
    };
    for text in [AGE_IDENTITY, SSH_IDENTITY] {
        let recipients = [known(text).recipient(), Identity::generate().recipient()];
        let key = put(text.as_bytes());
        let sealed = seal(&"token".into(), &record(), &recipients).expect("seals");
        let handed = seal_file(b"token", &recipients).expect("seals");
        for bytes in [sealed.as_bytes(), handed.as_slice()] {
            let file = put(bytes);
            let mut age = Command::new("age");
            let output = age
                .arg("-d")
                .arg("-i")
                .arg(key.path())
                .arg(file.path())
                .output();
            let output = output.expect("runs");
            assert!(
                output.status.success() && output.stdout.ends_with(b"token"),
                "{output:?}"
            );
        }
    }
}
