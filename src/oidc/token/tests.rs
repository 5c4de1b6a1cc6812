//! Tokens that an issuer made, and those that somebody else did.

use kubegrant_sandbox::openid::{Algorithm, Signer};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_790_000_000;
const ISSUER: &str = "https://id.example";

fn signer(algorithm: Algorithm) -> Signer {
    Signer::new(algorithm, "k").expect("a key")
}

fn keys(keys: &[Value]) -> Keys {
    let text = json!({ "keys": keys }).to_string();
    Keys::read(text.as_bytes()).expect("a list")
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: ISSUER,
        audience: Audience::Client("kubegrant"),
        nonce: Some("n"),
        access_token: None,
        now: NOW,
    }
}

fn good() -> Value {
    json!({
        "iss": ISSUER, "aud": "kubegrant", "sub": "bob", "iat": NOW - 10, "exp": NOW + 300, "nonce": "n",
        "email_verified": true, "list": ["a"],
    })
}

#[test]
fn a_token_is_taken_whichever_of_three_ways_it_is_signed() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let signer = signer(algorithm);
        let keys = keys(&[signer.public()]);
        let said = verify(&signer.sign(&good()), &keys, &expected()).expect("a good token");
        assert_eq!(said.get("sub").map(String::as_str), Some("bob"));
        assert_eq!(said.get("email_verified").map(String::as_str), Some("true"));
        assert_eq!(said.get("list"), None);
        // One letter less, or another.
        let token = signer.sign(&good());
        let cut = &token[..token.len() - 1];
        assert!(verify(cut, &keys, &expected()).is_err(), "{algorithm:?}");
        let other = Signer::new(Algorithm::Es256, "k").expect("a key");
        let forged = other.sign(&good());
        assert!(
            verify(&forged, &keys, &expected()).is_err(),
            "{algorithm:?}"
        );
    }
}

#[test]
fn what_a_token_says_of_itself_chooses_no_weaker_way() {
    let signer = signer(Algorithm::Rs256);
    let keys = keys(&[signer.public()]);
    for algorithm in ["none", "None", "HS256", "RS512", "PS256", "ES384", ""] {
        let token = signer.sign_with(&json!({"alg": algorithm, "kid": "k"}), &good());
        let refused = verify(&token, &keys, &expected());
        assert!(
            matches!(refused, Err(TokenError::Algorithm(_))),
            "{algorithm}"
        );
    }
    // The right way of another kind of key.
    let token = signer.sign_with(&json!({"alg": "ES256", "kid": "k"}), &good());
    assert_eq!(verify(&token, &keys, &expected()), Err(TokenError::NoKey));
    let token = signer.sign_with(&json!({"alg": "RS256", "kid": "other"}), &good());
    assert_eq!(verify(&token, &keys, &expected()), Err(TokenError::NoKey));
    // Something that must be understood.
    let head = json!({"alg": "RS256", "kid": "k", "crit": ["b64"], "b64": false});
    let token = signer.sign_with(&head, &good());
    assert_eq!(verify(&token, &keys, &expected()), Err(TokenError::Garbled));
    // Without a name any key of the kind may be the one.
    let token = signer.sign_with(&json!({"alg": "RS256"}), &good());
    assert!(verify(&token, &keys, &expected()).is_ok());
    let unsigned = token.rsplit_once('.').expect("three parts").0;
    assert!(verify(&format!("{unsigned}."), &keys, &expected()).is_err());
}

#[test]
fn a_token_is_for_us_for_now_and_for_this_login() {
    let signer = signer(Algorithm::EdDsa);
    let keys = keys(&[signer.public()]);
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        verify(&signer.sign(&claims), &keys, &expected()).map(drop)
    };
    assert_eq!(
        with("iss", json!("https://id.example/")),
        Err(TokenError::Issuer)
    );
    assert_eq!(with("iss", Value::Null), Err(TokenError::Issuer));
    assert_eq!(with("aud", json!("other")), Err(TokenError::Audience));
    assert_eq!(with("aud", json!([])), Err(TokenError::Audience));
    assert_eq!(
        with("aud", json!(["kubegrant", "other"])),
        Err(TokenError::Audience)
    );
    assert_eq!(with("aud", json!(["kubegrant"])), Ok(()));
    assert_eq!(with("azp", json!("other")), Err(TokenError::Audience));
    assert_eq!(with("nonce", json!("m")), Err(TokenError::Nonce));
    assert_eq!(with("nonce", Value::Null), Err(TokenError::Nonce));
    assert_eq!(with("sub", json!("")), Err(TokenError::Subject));
    assert_eq!(with("sub", json!(7)), Err(TokenError::Subject));
    for (name, value) in [
        ("exp", json!(NOW - 60)),
        ("exp", Value::Null),
        ("exp", json!("soon")),
        ("iat", json!(NOW + 61)),
        ("iat", json!(NOW - 24 * 3600)),
        ("iat", Value::Null),
        ("nbf", json!(NOW + 61)),
    ] {
        assert_eq!(
            with(name, value.clone()),
            Err(TokenError::Times),
            "{name} {value}"
        );
    }
    assert_eq!(with("exp", json!(NOW - 59)), Ok(()));
    assert_eq!(with("exp", json!(1.79e9 + 300.5)), Ok(()));
}

#[test]
fn a_party_is_told_where_there_are_several_audiences() {
    let signer = signer(Algorithm::EdDsa);
    let keys = keys(&[signer.public()]);
    let mut claims = good();
    claims["aud"] = json!(["kubegrant", "other"]);
    claims["azp"] = json!("kubegrant");
    assert!(verify(&signer.sign(&claims), &keys, &expected()).is_ok());
    // A job's is for us alone, whoever asked for it.
    let job = Expected {
        audience: Audience::Server("kubegrant"),
        nonce: None,
        ..expected()
    };
    assert_eq!(
        verify(&signer.sign(&claims), &keys, &job),
        Err(TokenError::Audience)
    );
    claims["aud"] = json!("kubegrant");
    claims["azp"] = json!("some-account");
    assert!(verify(&signer.sign(&claims), &keys, &job).is_ok());
}

#[test]
fn an_access_token_belongs_to_its_id_token() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let signer = signer(algorithm);
        let keys = keys(&[signer.public()]);
        let mut claims = good();
        claims["at_hash"] = json!(signer.half_hash("access"));
        let with = |access_token| Expected {
            access_token: Some(access_token),
            ..expected()
        };
        assert!(verify(&signer.sign(&claims), &keys, &with("access")).is_ok());
        assert_eq!(
            verify(&signer.sign(&claims), &keys, &with("another")),
            Err(TokenError::AccessToken)
        );
    }
}

#[test]
fn keys_for_other_things_are_passed_over() {
    let signer = signer(Algorithm::Es256);
    let with = |name: &str, value: Value| {
        let mut key = signer.public();
        key[name] = value;
        let keys = keys(&[json!({"kty": "oct", "k": "AA"}), json!(7), key]);
        verify(&signer.sign(&good()), &keys, &expected()).map(drop)
    };
    assert_eq!(with("use", json!("enc")), Err(TokenError::NoKey));
    assert_eq!(with("alg", json!("ES384")), Err(TokenError::NoKey));
    assert_eq!(with("crv", json!("P-384")), Err(TokenError::NoKey));
    assert_eq!(with("x", json!("AA")), Err(TokenError::NoKey));
    assert_eq!(with("use", Value::Null), Ok(()));
    assert!(Keys::read(b"[]").is_none() && Keys::read(b"{\"keys\":7}").is_none());
}

#[test]
fn what_is_no_token_is_none() {
    let keys = Keys::default();
    let long = "a".repeat(40_000);
    for text in ["", ".", "..", "a.b.c", "a.b", "a.b.c.d", "e30.e30.", &long] {
        assert!(verify(text, &keys, &expected()).is_err(), "{text}");
        assert_eq!(issuer(text), None);
    }
}
