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

/// Words of kube-apiserver 1.36.2, with the codes that came with them or that a webhook may choose.
const REFUSALS: [(u16, &str, &str); 8] = [
    (
        422,
        "Invalid",
        "namespaces \"shop\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied \
         request: every namespace needs a team",
    ),
    (
        401,
        "Unauthorized",
        "namespaces \"shop\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied \
         request: no",
    ),
    (
        403,
        "",
        "admission webhook \"validation.gatekeeper.sh\" denied the request: [labels] no team",
    ),
    (
        400,
        "",
        "admission webhook \"validate.kyverno.svc-fail\" denied the request: resource blocked",
    ),
    (
        404,
        "NotFound",
        "admission webhook \"w\" denied the request: no",
    ),
    (
        409,
        "Conflict",
        "admission webhook \"w\" denied the request without explanation",
    ),
    (
        403,
        "Forbidden",
        "serviceaccounts \"a\" is forbidden: exceeded quota: q, requested: count/serviceaccounts=1, \
         used: count/serviceaccounts=1, limited: count/serviceaccounts=1",
    ),
    (
        500,
        "InternalError",
        "Internal error occurred: failed calling webhook \"w\": failed to call webhook: Post \
         \"https://w.shop.svc:443/?timeout=10s\": no endpoints available for service \"w\"",
    ),
];

#[test]
fn a_rule_of_the_cluster_is_a_rule_whatever_code_it_chooses() {
    for (code, reason, message) in REFUSALS {
        let error = Error::from_kube(status(code, reason, message), "namespace 'shop'");
        assert!(matches!(error, Error::Refused { .. }), "{error:?}");
        assert!(error.is_of_one_object(), "{error:?}");
        let text = error.to_string();
        let words = message.split(&[':', '"'][..]).next_back().expect("words");
        assert!(
            text.contains("namespace 'shop'") && text.contains(words.trim()),
            "{text}"
        );
    }
    let forbidden = "namespaces is forbidden: User \"u\" cannot create resource \"namespaces\"";
    let error = Error::from_kube(status(403, "Forbidden", forbidden), "x");
    assert!(error.is_forbidden());
}

#[test]
fn text_from_a_server_cannot_act() {
    let text = shown(status(403, "", "\u{1b}]0;owned\u{7}"));
    assert!(!text.chars().any(char::is_control), "{text}");
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
