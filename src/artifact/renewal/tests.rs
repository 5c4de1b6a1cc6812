//! What is written can be read, by its owner alone, and nothing that is wrong passes.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn renewal() -> Renewal {
    Renewal {
        installation: "0badcafe".parse().expect("an id"),
        cluster: "prod".parse().expect("a name"),
        cluster_uid: Some("3d5cac04-6a9b-4ca1-ab49-1b82267021d8".to_owned()),
        subject: "bob".parse().expect("a name"),
        version: 3,
        address: Address {
            server: "https://api.prod.example:6443".to_owned(),
            ca_pem: Some(
                "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n".into(),
            ),
            tls_server_name: Some("kubernetes.default".to_owned()),
            proxy_url: Some("http://proxy.example:3128".to_owned()),
        },
        namespace: "kubegrant-users".to_owned(),
        account: "bob-00c0ffee-v3".to_owned(),
        renewer: "bob-00c0ffee-v3-renew".to_owned(),
        is_rolling: true,
        token: SecretString::from("canary.of.a-token"),
        token_ends_at: at("2026-12-22T10:00:00Z"),
    }
}

fn written() -> Value {
    serde_json::from_slice(&renewal().to_bytes()).expect("JSON")
}

fn changed(key: &str, value: Value) -> Result<Renewal, RenewalError> {
    let mut document = written();
    document[key] = value;
    Renewal::from_bytes(document.to_string().as_bytes())
}

#[test]
fn the_document_is_json_that_people_can_read() {
    let text = renewal().to_bytes();
    insta::assert_snapshot!(str::from_utf8(&text).expect("text"), @r#"
    {
      "version": 1,
      "installation": "0badcafe",
      "cluster": "prod",
      "cluster_uid": "3d5cac04-6a9b-4ca1-ab49-1b82267021d8",
      "user": "bob",
      "credential_version": 3,
      "server": "https://api.prod.example:6443",
      "certificate_authority": "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n",
      "tls_server_name": "kubernetes.default",
      "proxy_url": "http://proxy.example:3128",
      "namespace": "kubegrant-users",
      "account": "bob-00c0ffee-v3",
      "renewer": "bob-00c0ffee-v3-renew",
      "rolling": true,
      "token": "canary.of.a-token",
      "token_ends_at": "2026-12-22T10:00:00Z"
    }
    "#);
}

#[test]
fn what_is_sealed_opens_for_its_owner_and_nobody_else() {
    let (bob, eve) = (Identity::generate(), Identity::generate());
    let sealed = renewal().seal(&bob.recipient()).expect("seals");
    assert!(sealed.starts_with(BEGINNINGS[1]));
    let opened = Renewal::open(&sealed, &bob).expect("opens");
    assert_eq!(*opened.to_bytes(), *renewal().to_bytes());
    let refused = Renewal::open(&sealed, &eve).expect_err("refused");
    assert!(matches!(refused, RenewalError::NotForYou));
}

#[test]
fn what_is_cut_short_or_changed_does_not_open() {
    let bob = Identity::generate();
    let sealed = renewal().seal(&bob.recipient()).expect("seals");
    for length in (0..sealed.len()).step_by(97) {
        assert!(Renewal::open(&sealed[..length], &bob).is_err(), "{length}");
    }
    let mut spoiled = sealed.clone();
    let middle = sealed.len() / 2;
    spoiled[middle] ^= 1;
    assert!(matches!(
        Renewal::open(&spoiled, &bob),
        Err(RenewalError::Damaged)
    ));
    assert!(matches!(
        Renewal::open(b"apiVersion: v1\n", &bob),
        Err(RenewalError::NotSealed)
    ));
    let other = seal_file(b"apiVersion: v1\n", &[bob.recipient()]).expect("seals");
    assert!(matches!(
        Renewal::open(&other, &bob),
        Err(RenewalError::NotRenewal)
    ));
}

#[test]
fn newer_and_older_versions_are_named() {
    for (version, words) in [
        (
            2,
            "a newer kubegrant wrote it (version 2, and 1 is the newest known)",
        ),
        (0, "it is of version 0, which is not read any more"),
    ] {
        let refused = changed("version", json!(version)).expect_err("refused");
        assert_eq!(refused.to_string(), words);
    }
    // Whatever else a newer one holds.
    let refused = Renewal::from_bytes(br#"{"version": 7, "secret": []}"#).expect_err("refused");
    assert!(matches!(refused, RenewalError::Newer { version: 7 }));
    for bad in [
        "",
        "{}",
        "[]",
        "{\"version\":-1}",
        "{\"version\":1}",
        "null",
    ] {
        let refused = Renewal::from_bytes(bad.as_bytes());
        assert!(matches!(refused, Err(RenewalError::NotRenewal)), "{bad}");
    }
}

#[test]
fn what_a_later_kubegrant_adds_is_no_news() {
    assert!(changed("colour", json!({ "deep": [1] })).is_ok());
}

#[test]
fn absent_fields_leave_no_trace() {
    let plain = Renewal {
        cluster_uid: None,
        address: Address {
            server: "https://c.example".to_owned(),
            ca_pem: None,
            tls_server_name: None,
            proxy_url: None,
        },
        is_rolling: false,
        ..renewal()
    };
    let bytes = plain.to_bytes();
    let text = str::from_utf8(&bytes).expect("text");
    for key in ["cluster_uid", "certificate", "tls_server_name", "proxy_url"] {
        assert!(!text.contains(key), "{text}");
    }
    let again = Renewal::from_bytes(&bytes).expect("reads");
    assert_eq!(*again.to_bytes(), *bytes);
}

#[test]
fn a_field_that_could_lead_elsewhere_is_refused_by_name() {
    let long = "a".repeat(254);
    let bad: &[(&str, &str, &[&str])] = &[
        (
            "installation",
            "installation",
            &["", "../0badc", "0BADCAFE"],
        ),
        ("cluster", "cluster", &["", "a/b", "a.b", "a\nb", ".."]),
        ("user", "user", &["", "..", "a/b", "a b", "alice/../x"]),
        (
            "server",
            "server address",
            &[
                "",
                "http://c.example",
                "https://a@b",
                "https://a\r\nb",
                "c.example",
            ],
        ),
        (
            "tls_server_name",
            "TLS server name",
            &["", "a b", "\u{202e}"],
        ),
        ("proxy_url", "proxy address", &["", "http://a\nb"]),
        ("cluster_uid", "cluster UID", &["", "a\u{1b}[2J"]),
        (
            "namespace",
            "namespace",
            &["", "..", "a/b", "a%2fb", "A", "default", "kube-system"],
        ),
        (
            "account",
            "account",
            &[
                "",
                "..",
                "a/../b",
                "a/token",
                "a%2e",
                "A",
                "-a",
                "a..b",
                long.as_str(),
            ],
        ),
        // An account that mints for itself would make ten stolen minutes a year.
        ("renewer", "renewer", &["", "a/b", "?x", "bob-00c0ffee-v3"]),
        ("token", "token", &["", "a b", "a\nb", "é"]),
        ("token_ends_at", "end of the token", &["", "tomorrow", "1"]),
    ];
    for (key, field, values) in bad {
        for value in *values {
            let refused = changed(key, json!(value)).expect_err(value).to_string();
            assert_eq!(refused, format!("its {field} cannot be one"), "{value:?}");
        }
    }
    let refused = changed("token", json!("t".repeat(TOKEN_BYTES_MAX + 1)));
    assert!(matches!(
        refused,
        Err(RenewalError::Field { field: "token" })
    ));
}

#[test]
fn nothing_of_it_is_shown() {
    let shown = format!("{:?}", renewal());
    assert_eq!(shown, "Renewal(prod.bob.0badcafe, version 3)");
    let spoiled = changed("token_ends_at", json!("canary"));
    let shown = format!(
        "{:?} {}",
        spoiled,
        changed("token", json!("canary ")).expect_err("refused")
    );
    assert!(!shown.contains("canary"), "{shown}");
    let token = Token::new(
        "canary".into(),
        at("2026-11-22T10:00:00Z"),
        TimeDelta::hours(1),
    );
    assert!(!format!("{:?}", Kept::Token(token)).contains("canary"));
}

#[test]
fn every_subject_has_a_name_of_its_own_that_is_a_safe_file_name() {
    let name = |cluster: &str, subject: &str| {
        let (cluster, subject) = (cluster.parse().expect("a name"), subject.parse());
        let installation = "0badcafe".parse().expect("an id");
        RenewalName::new(&installation, &cluster, &subject.expect("a name"))
    };
    let mut seen = std::collections::BTreeSet::new();
    for (cluster, subject) in [
        ("prod", "bob"),
        ("prod-bob", "x"),
        ("prod", "bob/shell"),
        ("prod", "bob/read"),
        ("bob", "prod"),
    ] {
        let name = name(cluster, subject);
        assert!(seen.insert(name.to_string()), "{name}");
        assert_eq!(name.to_string().parse(), Ok(name.clone()));
        assert_eq!(name.cluster(), cluster);
        let is_safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        assert!(name.file_name().chars().all(is_safe), "{name}");
        assert!(name.file_name().len() < 255);
    }
    for bad in [
        "",
        "prod",
        "prod.bob",
        "..",
        "../prod.bob.0badcafe",
        "prod.bob.0badcafe.age",
        "prod.a.b.c.0badcafe",
        "Prod.bob.0badcafe",
        "prod..0badcafe",
        "prod.bob/shell.0badcafe",
    ] {
        assert_eq!(bad.parse::<RenewalName>(), Err(()), "{bad}");
    }
}

mod kept {
    use super::*;

    const NOW: &str = "2026-11-22T10:00:00Z";

    fn token(life: TimeDelta) -> Token {
        Token::new("a.b.c".into(), at(NOW), life)
    }

    fn after(minutes: i64) -> Timestamp {
        at(NOW) + TimeDelta::minutes(minutes)
    }

    #[test]
    fn a_token_is_renewed_at_four_fifths_and_lives_to_its_end() {
        let token = token(TimeDelta::hours(1));
        for (minutes, fresh, live) in [
            (-1, false, false), // The clock was set back.
            (0, true, true),
            (47, true, true),
            (48, false, true),
            (59, false, true),
            (60, false, false),
        ] {
            let now = after(minutes);
            assert_eq!(
                (token.is_fresh(now), token.is_live(now)),
                (fresh, live),
                "{minutes}"
            );
        }
    }

    #[test]
    fn a_token_is_said_to_end_a_tenth_or_a_minute_early() {
        let hour = token(TimeDelta::hours(1));
        assert_eq!(hour.reported_end(after(0)), after(54));
        // In the last tenth kubectl must not take it for dead.
        assert_eq!(hour.reported_end(after(55)), after(60));
        assert_eq!(
            token(TimeDelta::minutes(5)).reported_end(after(0)),
            after(4)
        );
        let short = token(TimeDelta::seconds(30));
        assert_eq!(
            short.reported_end(after(0)),
            at(NOW) + TimeDelta::seconds(30)
        );
    }

    #[test]
    fn what_was_put_off_is_tried_again_half_a_minute_later() {
        let token = token(TimeDelta::hours(1)).put_off(after(50));
        let seconds = |seconds| after(50) + TimeDelta::seconds(seconds);
        assert!(token.is_fresh(seconds(29)));
        assert!(!token.is_fresh(seconds(30)));
        // But never beyond its end.
        assert!(!token.clone().put_off(after(60)).is_fresh(after(60)));
    }

    #[test]
    fn what_is_kept_is_read_for_the_same_renewal_only() {
        let refused = |why| {
            Kept::Refused(Refused {
                at: at(NOW),
                why,
                user: "bob".to_owned(),
                cluster: "prod".to_owned(),
                version: 3,
            })
        };
        for kept in [
            Kept::Token(token(TimeDelta::hours(1))),
            Kept::Token(token(TimeDelta::hours(1)).put_off(at(NOW))),
            refused(Refusal::Revoked),
            refused(Refusal::Ended { at: at(NOW) }),
        ] {
            let bytes = kept.to_bytes("one");
            let again = Kept::from_bytes(&bytes, "one").expect("reads");
            assert_eq!(*again.to_bytes("one"), *bytes);
            assert!(Kept::from_bytes(&bytes, "another").is_none());
            for length in 0..bytes.len() {
                assert!(Kept::from_bytes(&bytes[..length], "one").is_none());
            }
        }
    }

    #[test]
    fn a_refusal_is_remembered_for_half_a_minute() {
        let refused = Refused {
            at: at(NOW),
            why: Refusal::Revoked,
            user: "bob".to_owned(),
            cluster: "prod".to_owned(),
            version: 3,
        };
        let holds = |seconds| refused.holds(at(NOW) + TimeDelta::seconds(seconds));
        assert_eq!(
            (holds(-1), holds(0), holds(29), holds(30)),
            (false, true, true, false)
        );
    }

    #[test]
    fn what_makes_no_sense_is_not_believed() {
        let good = Kept::Token(token(TimeDelta::hours(1))).to_bytes("one");
        let good: Value = serde_json::from_slice(&good).expect("JSON");
        for (key, value) in [
            ("version", json!(2)),
            ("token", json!("")),
            ("token", json!("a b")),
            ("token", json!("t".repeat(TOKEN_BYTES_MAX + 1))),
            ("begins_at", json!("-262000-01-01T00:00:00Z")),
            ("ends_at", json!("+262000-01-01T00:00:00Z")),
            ("ends_at", json!(null)),
            ("put_off_until", json!("soon")),
            ("colour", json!(1)),
        ] {
            let mut bad = good.clone();
            bad[key] = value.clone();
            let read = Kept::from_bytes(bad.to_string().as_bytes(), "one");
            assert!(read.is_none(), "{key}: {value}");
        }
    }
}
