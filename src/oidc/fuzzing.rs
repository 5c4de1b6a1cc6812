//! Whatever issuers and their tokens are read from, given any bytes.

use super::known::Document;
use super::token::{self, Audience, Expected, Keys};
use super::{Device, Refusal, Tokens};
use crate::domain::oidc::{Claim, IssuerUrl};
use crate::secrets::Recipient;

/// A list of keys, a token, an issuer's answers, a signature, and what an admin types, all of the same bytes; between
/// two parts of it stands an empty line.
pub(crate) fn id_token(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (first, second) = text.split_once("\n\n").unwrap_or((&text, &text));
    let keys = Keys::read(first.as_bytes()).unwrap_or_default();
    let token = second.trim();
    let expected = Expected {
        issuer: "https://id.example",
        audience: Audience::Client("kubegrant"),
        nonce: Some("n"),
        access_token: Some("a"),
        now: 1_790_000_000,
    };
    if let Ok(claims) = token::verify(token, &keys, &expected) {
        // Whatever is let in is for us.
        assert_eq!(claims.get("iss").map(String::as_str), Some(expected.issuer));
        assert_eq!(claims.get("nonce").map(String::as_str), expected.nonce);
        assert!(claims.get("sub").is_some_and(|it| !it.is_empty()));
    }
    let _named = token::issuer(token);
    let _document: Option<Document> = serde_json::from_str(first).ok();
    let _device: Option<Device> = serde_json::from_str(first).ok();
    let _tokens: Option<Tokens> = serde_json::from_str(first).ok();
    let _refusal: Option<Refusal> = serde_json::from_str(first).ok();
    if let Ok(issuer) = first.trim().parse::<IssuerUrl>() {
        assert!(issuer.as_str().starts_with("https://") && !issuer.as_str().contains(['?', '#']));
    }
    if let Ok(claim) = first.parse::<Claim>() {
        let again: Claim = claim.to_string().parse().expect("a claim stays one");
        assert_eq!(again, claim);
    }
    if let Ok(key) = first.trim().parse::<Recipient>() {
        assert!(!key.has_signed("kubegrant-login@kg.example", "nobody signed this", second));
    }
}
