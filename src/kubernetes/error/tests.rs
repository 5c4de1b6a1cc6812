//! What a server says is shown once, safely, and under the right name.

use super::*;
use kube::core::Status;

fn status(code: u16, reason: &str, message: &str) -> kube::Error {
    kube::Error::Api(Status::failure(message, reason).with_code(code).boxed())
}

fn shown(error: kube::Error) -> String {
    Error::from_kube(error, "namespace 'shop'").to_string()
}

#[test]
fn a_refusal_is_shown_once() {
    assert_eq!(
        shown(status(403, "Forbidden", "user \"u\" cannot get")),
        "the server forbids namespace 'shop': user \"u\" cannot get"
    );
    assert_eq!(
        shown(status(409, "AlreadyExists", "it exists")),
        "namespace 'shop' exists already"
    );
    assert_eq!(
        shown(status(500, "", "")),
        "the server failed at namespace 'shop' with status 500: no reason given"
    );
}

#[test]
fn every_code_has_its_variant() {
    let of = |code, reason: &str| Error::from_kube(status(code, reason, "m"), "x");
    assert!(of(401, "Unauthorized").is_unauthorized());
    assert!(of(403, "").is_forbidden());
    assert!(of(404, "").is_not_found());
    assert!(of(409, "AlreadyExists").is_already_exists());
    assert!(of(409, "Conflict").is_conflict());
    assert!(matches!(of(400, ""), Error::Invalid { .. }));
    assert!(matches!(of(422, "Invalid"), Error::Invalid { .. }));
    assert!(matches!(of(429, ""), Error::TooManyRequests { .. }));
    assert!(matches!(of(503, ""), Error::Server { code: 503, .. }));
    assert!(of(503, "").is_outcome_unknown());
    assert!(!of(404, "").is_outcome_unknown());
}

#[test]
fn text_from_outside_cannot_act() {
    assert_eq!(clean("a\u{1b}[31mb\r\nc"), "a\\u{1b}[31mb\\u{d}\\u{a}c");
    assert_eq!(
        clean("a\u{202e}b\u{200b}c\u{feff}d"),
        "a\\u{202e}b\\u{200b}c\\u{feff}d"
    );
    assert_eq!(clean("\u{e0041}\u{9b}"), "\\u{e0041}\\u{9b}");
    assert_eq!(clean("  plain é 🦀 \n"), "plain é 🦀");
    let long = clean(&"x".repeat(10_000));
    assert_eq!((long.chars().count(), long.ends_with('…')), (501, true));
    assert!(!shown(status(403, "", "\u{1b}]0;owned\u{7}")).contains('\u{1b}'));
}

#[test]
fn the_body_that_could_not_be_read_is_not_shown() {
    let source = serde_json::from_str::<u8>("\"canary\"").expect_err("text is no number");
    let error = Error::from_kube(kube::Error::SerdeError(source), "x");
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[test]
fn no_fault_is_a_name_out_of_the_source() {
    use rustls::{AlertDescription, CertificateError};
    let alert = |alert| rustls::Error::AlertReceived(alert);
    for (error, words) in [
        (
            alert(AlertDescription::BadCertificate),
            "it refuses the client certificate (bad certificate)",
        ),
        (
            alert(AlertDescription::HandshakeFailure),
            "it broke off the handshake (handshake failure)",
        ),
        (
            CertificateError::UnhandledCriticalExtension.into(),
            "its certificate has a critical extension that is not known here",
        ),
    ] {
        assert_eq!(tls_fault(&error).to_string(), words);
    }
}

#[test]
fn every_tls_fault_has_a_hint() {
    for fault in [
        TlsFault::Expired,
        TlsFault::NotYetValid,
        TlsFault::WrongName {
            presented: "a".to_owned(),
        },
        TlsFault::UnknownIssuer,
        TlsFault::SelfSigned,
        TlsFault::ClientRefused {
            alert: "a".to_owned(),
        },
        TlsFault::UnknownAlgorithm {
            chain: "a".to_owned(),
        },
        TlsFault::NotTls,
        TlsFault::Broken {
            reason: "a".to_owned(),
        },
    ] {
        assert!(
            !fault.hint().is_empty() && !fault.hint().ends_with('.'),
            "{fault}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn cleaned_text_has_nothing_treacherous(text: String) {
        proptest::prop_assert!(!clean(&text).chars().any(is_treacherous));
    }
}
