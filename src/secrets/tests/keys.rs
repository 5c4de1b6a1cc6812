//! Keys as people have them: what is read, what is refused, and in which words.

use super::*;

#[test]
fn an_encrypted_ssh_key_asks_once_and_opens() {
    let (key, asked) = unlocked(SSH_ENCRYPTED, "open sesame");
    assert_eq!(
        key.expect("opens").recipient(),
        public(SSH_ENCRYPTED_PUBLIC)
    );
    assert_eq!(asked, [format!("the SSH key {SSH_ENCRYPTED_FINGERPRINT}")]);
    for wrong in ["open sesamE", ""] {
        let (key, asked) = unlocked(SSH_ENCRYPTED, wrong);
        assert!(matches!(key, Err(IdentityError::WrongPassphrase { .. })));
        assert_eq!(asked.len(), 1);
    }
}

#[test]
fn an_encrypted_age_identity_asks_once_and_opens() {
    let (key, asked) = unlocked(AGE_IDENTITY_ENCRYPTED, "open sesame");
    assert_eq!(key.expect("opens").recipient(), public(AGE_PUBLIC));
    assert_eq!(asked, ["the identity file"]);
    let (key, asked) = unlocked(AGE_IDENTITY_ENCRYPTED, "wrong");
    assert!(matches!(key, Err(IdentityError::WrongPassphrase { .. })));
    assert_eq!(asked.len(), 1);
    let (key, asked) = unlocked(SSH_ENCRYPTED_IN_AGE, "open sesame");
    assert!(matches!(key, Err(IdentityError::Nested)));
    assert_eq!(asked.len(), 1);
    let (key, asked) = unlocked(SEALED_TO_AGE, "open sesame");
    assert!(matches!(key, Err(IdentityError::NotPassphrase)));
    assert!(asked.is_empty());
}

#[test]
fn a_passphrase_that_cannot_be_asked_for_is_an_error() {
    for text in [SSH_ENCRYPTED, AGE_IDENTITY_ENCRYPTED] {
        assert!(matches!(
            identity(text),
            Err(IdentityError::PassphraseNeeded { .. })
        ));
    }
}

#[test]
fn a_binary_passphrase_file_and_binary_noise_are_told_apart() {
    let mut binary = Vec::new();
    let mut reader = age::armor::ArmoredReader::new(AGE_IDENTITY_ENCRYPTED.as_bytes());
    std::io::Read::read_to_end(&mut reader, &mut binary).expect("the armor is good");
    let key = Identity::parse_bytes(&binary, &mut |_| Ok("open sesame".into())).expect("opens");
    assert_eq!(key.recipient(), public(AGE_PUBLIC));
    let noise = Identity::parse_bytes(b"\xff\0\xfe", &mut never);
    assert!(matches!(noise, Err(IdentityError::NotText)));
    assert!(Identity::parse_bytes(AGE_IDENTITY.as_bytes(), &mut never).is_ok());
}

#[test]
fn identities_survive_editors() {
    let windows = AGE_IDENTITY.replace('\n', "\r\n");
    for text in [
        format!("\u{feff}{AGE_IDENTITY}"),
        windows,
        format!("\n\n  {}\n", secret_line()),
    ] {
        assert_eq!(known(&text).recipient(), public(AGE_PUBLIC));
    }
    let windows = SSH_IDENTITY.replace('\n', "\r\n");
    for text in [
        windows,
        format!("# work\n{SSH_IDENTITY}\n\n"),
        SSH_IDENTITY.trim().to_owned(),
    ] {
        assert_eq!(known(&text).recipient(), public(SSH_PUBLIC));
    }
}

fn secret_line() -> &'static str {
    AGE_IDENTITY.lines().last().expect("the fixture has lines")
}

#[test]
fn what_is_no_identity_is_named() {
    type Check = fn(&IdentityError) -> bool;
    let cases: [(&str, Check); 12] = [
        ("", |e| matches!(e, IdentityError::Empty)),
        ("# only a comment\n", |e| matches!(e, IdentityError::Empty)),
        (AGE_PUBLIC, |e| matches!(e, IdentityError::PublicKey)),
        (SSH_PUBLIC, |e| matches!(e, IdentityError::PublicKey)),
        ("-----BEGIN PUBLIC KEY-----\nxx\n", |e| {
            matches!(e, IdentityError::PublicKey)
        }),
        ("-----BEGIN PRIVATE KEY-----\nxx\n", |e| {
            matches!(e, IdentityError::Damaged { .. })
        }),
        (RSA_IDENTITY, |e| {
            matches!(
                e,
                IdentityError::Unsupported {
                    kind: "ssh-rsa",
                    ..
                }
            )
        }),
        (ECDSA_IDENTITY, |e| {
            matches!(e, IdentityError::Unsupported { .. })
        }),
        (ECDSA_ENCRYPTED, |e| {
            matches!(e, IdentityError::Unsupported { .. })
        }),
        ("AGE-PLUGIN-YUBIKEY-1QQ", |e| {
            matches!(e, IdentityError::Unsupported { .. })
        }),
        ("AGE-SECRET-KEY-1QQQQ", |e| {
            matches!(e, IdentityError::Damaged { .. })
        }),
        ("# x\nhunter2\n", |e| {
            matches!(e, IdentityError::Unrecognized { line: 2 })
        }),
    ];
    for (text, check) in cases {
        let error = identity(text).expect_err("must be refused");
        assert!(check(&error), "{text}: {error:?}");
    }
    let twice = format!("{AGE_IDENTITY}{AGE_IDENTITY}");
    assert!(matches!(
        identity(&twice),
        Err(IdentityError::Several { count: 2 })
    ));
    let twice = format!("{SSH_IDENTITY}{SSH_IDENTITY}");
    assert!(matches!(
        identity(&twice),
        Err(IdentityError::Several { count: 2 })
    ));
}

/// An identity that names somebody else's public key would act in their name.
#[test]
fn an_ssh_identity_cannot_claim_another_public_key() {
    use ssh_key::private::{Ed25519Keypair, KeypairData};
    let theirs = ssh_key::PublicKey::from_openssh(SSH_PUBLIC.trim()).expect("a good key");
    let mine = Ed25519Keypair::from_seed(&[7; 32]);
    let theirs = *theirs.key_data().ed25519().expect("an ed25519 key");
    let forged = Ed25519Keypair {
        public: theirs,
        private: mine.private,
    };
    let forged = ssh_key::PrivateKey::new(KeypairData::Ed25519(forged), "").expect("encodes");
    let text = forged.to_openssh(ssh_key::LineEnding::LF).expect("encodes");
    assert!(matches!(
        identity(&text),
        Err(IdentityError::Damaged { .. })
    ));
}

#[test]
fn a_public_key_file_is_one_key_and_comments() {
    let text = format!("\u{feff}# created: today\r\n\r\n{AGE_PUBLIC}\r\n");
    assert_eq!(parse_public_key_file(&text), Ok(public(AGE_PUBLIC)));
    assert_eq!(parse_public_key_file(SSH_PUBLIC), Ok(public(SSH_PUBLIC)));
    let two = format!("{AGE_PUBLIC}\n{SSH_PUBLIC}");
    assert_eq!(
        refusal(&two),
        "there are 2 public keys in it; give exactly one"
    );
}

#[test]
fn a_public_key_is_read_in_every_form_that_programs_write() {
    use base64::Engine as _;
    let line = SSH_PUBLIC.trim();
    let body = line.split(' ').nth(1).expect("a key");
    let (left, right) = body.split_at(40);
    let key = ssh_key::PublicKey::from_openssh(line).expect("a key");
    let ssh_key::public::KeyData::Ed25519(point) = key.key_data() else {
        panic!("an ed25519 key");
    };
    let mut der = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".to_vec();
    der.extend(point.0);
    let pem = base64::engine::general_purpose::STANDARD.encode(der);
    for text in [
        format!("{line}\r\n"),
        format!("# mine\r{line}\r"),
        format!("ssh-ed25519\t{body}\tana@laptop"),
        format!("ssh-ed25519 {left}\n{right} ana@laptop\n"),
        format!("ssh-ed25519 {left}\r\n  {right}"),
        format!("restrict,command=\"echo \\\"a, b\\\" ssh-rsa\",from=\"10.0.0.0/8\" {line}"),
        format!("no-pty {line}"),
        format!(
            "---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"256-bit ED25519, a \\\ncolon: b\"\n{left}\n\
             {right}\n---- END SSH2 PUBLIC KEY ----\n"
        ),
        format!("-----BEGIN PUBLIC KEY-----\r\n{pem}\r\n-----END PUBLIC KEY-----\r\n"),
    ] {
        assert_eq!(
            parse_public_key_file(&text),
            Ok(public(SSH_PUBLIC)),
            "{text}"
        );
        let wide: Vec<u8> = "\u{feff}"
            .encode_utf16()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(
            parse_public_key_file(&wide),
            Ok(public(SSH_PUBLIC)),
            "{text}"
        );
    }
    let latin = [line.as_bytes(), b" J\xfcrgen M\xfcller\n"].concat();
    assert_eq!(parse_public_key_file(&latin), Ok(public(SSH_PUBLIC)));
    let (left, right) = AGE_PUBLIC.trim().split_at(30);
    let wrapped = format!("{left}\n{right}\n");
    assert_eq!(parse_public_key_file(&wrapped), Ok(public(AGE_PUBLIC)));
}

#[test]
fn a_private_key_given_as_public_is_never_repeated() {
    let mixed = format!("{AGE_PUBLIC}\n{}", secret_line());
    for text in [
        AGE_IDENTITY,
        SSH_IDENTITY,
        SSH_ENCRYPTED,
        RSA_IDENTITY,
        &mixed,
    ] {
        assert_eq!(parse_public_key_file(text), Err(RecipientError::PrivateKey));
        let error = text.parse::<Recipient>().expect_err("must be refused");
        assert_eq!(error, RecipientError::PrivateKey);
    }
}

#[test]
fn keys_that_cannot_be_sealed_to_say_the_way_out() {
    assert!(refusal(RSA_PUBLIC).starts_with("ssh-rsa keys cannot be sealed to"));
    assert!(refusal(ECDSA_PUBLIC).starts_with("ecdsa keys cannot be sealed to"));
    assert!(refusal("sk-ssh-ed25519@openssh.com AAAA x").contains("`ssh-keygen -t ed25519`"));
    assert!(refusal("ssh-ed25519-cert-v01@openssh.com AAAA").contains("an SSH certificate"));
    assert!(refusal("age1pq1qqqq").starts_with("post-quantum age keys"));
    assert!(refusal("age1yubikey1qqqq").starts_with("hardware and plugin age keys"));
    assert!(refusal("-----BEGIN PUBLIC KEY-----\nx").contains("damaged"));
    assert!(refusal("-----BEGIN CERTIFICATE-----\nx").contains("a certificate"));
    assert!(refusal("SHA256:abc").contains("a fingerprint"));
    assert!(refusal("PuTTY-User-Key-File-3: ssh-ed25519\n").contains("`puttygen FILE -L`"));
    assert!(refusal(SEALED_TO_AGE).contains("encrypted age file"));
    // A machine's key, and one that signs for others.
    let known_host = format!("node-1,10.0.0.1 {SSH_PUBLIC}");
    assert!(refusal(&known_host).contains("known_hosts"));
    let authority = format!("cert-authority,principals=\"a\" {SSH_PUBLIC}");
    assert_eq!(refusal(&authority), RecipientError::Authority.to_string());
    assert_eq!(
        parse_public_key_file(" \n# x\n"),
        Err(RecipientError::Empty)
    );
    assert_eq!(
        parse_public_key_file("hunter2"),
        Err(RecipientError::Unrecognized)
    );
    assert_eq!(
        refusal(&AGE_PUBLIC[..50]),
        "this age key is damaged or incomplete; copy it again"
    );
    assert!(refusal("ssh-ed25519").contains("damaged"));
    assert!(refusal("ssh-ed25519 AAAA").contains("damaged"));
}

/// Sealing to such a point makes the age crate panic, or lets everybody open.
#[test]
fn points_of_small_order_are_refused() {
    let zero = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqsqmy8y9";
    let parsed = zero.parse::<age::x25519::Recipient>();
    assert!(parsed.is_err() || zero.parse::<Recipient>().is_err());
    for low in WEAK_AGE {
        assert!(
            low.parse::<age::x25519::Recipient>().is_ok(),
            "{low} has a good checksum"
        );
        assert_eq!(
            low.parse::<Recipient>(),
            Err(RecipientError::Weak { kind: "age" })
        );
    }
    for y in [[0u8; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let data = ssh_key::public::KeyData::Ed25519(ssh_key::public::Ed25519PublicKey(y));
        let text = ssh_key::PublicKey::new(data, "")
            .to_openssh()
            .expect("encodes");
        let error = text.parse::<Recipient>().expect_err("must be refused");
        assert_eq!(
            error,
            RecipientError::Weak {
                kind: "ssh-ed25519"
            }
        );
    }
    let spelled = NON_CANONICAL_AGE.parse::<Recipient>();
    assert_eq!(spelled, Err(RecipientError::Invalid { kind: "age" }));
}

#[test]
fn a_generated_identity_is_written_as_age_keygen_does() {
    let identity = Identity::generate();
    let text = identity
        .to_file_text("2026-01-02T03:04:05Z\nAGE")
        .expect("an age identity");
    let lines: Vec<&str> = text.expose_secret().lines().collect();
    assert_eq!(lines[0], "# created: 2026-01-02T03:04:05ZAGE");
    assert_eq!(lines[1], format!("# public key: {}", identity.recipient()));
    assert!(lines[2].starts_with("AGE-SECRET-KEY-1"));
    assert_eq!(lines.len(), 3);
    assert_eq!(
        known(text.expose_secret()).recipient(),
        identity.recipient()
    );
    assert!(known(SSH_IDENTITY).to_file_text("now").is_none());
}

#[test]
fn debug_and_errors_hold_no_secret() {
    let identity = known(AGE_IDENTITY);
    let sealed = seal(&"canary".into(), &record(), &[identity.recipient()]).expect("seals");
    let mut said = format!("{identity:?} {:?} {sealed:?}", known(SSH_IDENTITY));
    let broken = format!("{}X", secret_line());
    let body: Vec<&str> = SSH_IDENTITY.lines().collect();
    for text in [
        broken.as_str(),
        &body[1..].join("\n"),
        &body[..3].join("\n"),
    ] {
        let error = Identity::parse(&text.into(), &mut never).expect_err("must be refused");
        said = format!("{said}{error} {error:?}");
        let error = parse_public_key_file(text).expect_err("must be refused");
        said = format!("{said}{error} {error:?}");
    }
    let (wrong, _) = unlocked(SSH_ENCRYPTED, "canary");
    said = format!("{said}{wrong:?}");
    assert!(
        !said.contains("canary") && !said.contains(&secret_line()[16..30]),
        "{said}"
    );
    assert!(body[1..].iter().all(|line| !said.contains(line)), "{said}");
}

/// Whatever a damaged file says, it is an error and never a panic.
#[test]
fn damaged_keys_never_panic() {
    for text in [SSH_IDENTITY, AGE_IDENTITY, RSA_IDENTITY, ECDSA_ENCRYPTED] {
        for index in 0..text.len() {
            for replacement in [b'A', b'/', b'\n', b'-', 0] {
                let mut bytes = text.as_bytes().to_vec();
                bytes[index] = replacement;
                let _ = Identity::parse_bytes(&bytes, &mut never).is_ok();
            }
            let _ = identity(&text[..index]).is_ok();
            let _ = parse_public_key_file(&text[index..]).is_ok();
        }
    }
    for text in [SSH_PUBLIC, AGE_PUBLIC, RSA_PUBLIC] {
        for index in 0..text.len() {
            for replacement in ["A", "1", "é", "\n", ""] {
                let changed = format!("{}{replacement}{}", &text[..index], &text[index + 1..]);
                if let Ok(recipient) = parse_public_key_file(&changed) {
                    assert!(seal_file(b"x", &[recipient]).is_ok(), "{changed}");
                }
            }
        }
    }
}

/// A signature is of a key, over a text, for one purpose.
#[test]
fn a_signature_is_good_for_what_it_was_made_for_alone() {
    use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey};
    let signer = |algorithm| PrivateKey::random(&mut rand::rngs::OsRng, algorithm).expect("a key");
    let (mine, other) = (signer(Algorithm::Ed25519), signer(Algorithm::Ed25519));
    let public = mine.public_key().to_openssh().expect("a line");
    let recipient: Recipient = public.parse().expect("a key");
    let made = |key: &PrivateKey, namespace: &str, text: &str| {
        let made = key.sign(namespace, HashAlg::Sha512, text.as_bytes());
        let made = made.expect("a signature");
        made.to_pem(LineEnding::LF).expect("armored")
    };
    let namespace = "kubegrant-login@kg.example";
    let good = made(&mine, namespace, "text");
    assert!(recipient.has_signed(namespace, "text", &good));
    assert!(!recipient.has_signed("kubegrant-login@kg.evil", "text", &good));
    assert!(!recipient.has_signed(namespace, "other text", &good));
    assert!(!recipient.has_signed(namespace, "text", &made(&other, namespace, "text")));
    assert!(!recipient.has_signed(namespace, "text", &made(&mine, "file", "text")));
    for garbage in ["", "x", &good[..good.len() / 2], &good.repeat(40)] {
        assert!(!recipient.has_signed(namespace, "text", garbage));
    }
    // An age key signs nothing.
    let age = Identity::generate().recipient();
    assert!(!age.has_signed(namespace, "text", &good));
}
