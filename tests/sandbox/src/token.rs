//! Mints and verifies the JSON Web Tokens of `ServiceAccounts`.

use std::cell::RefCell;
use std::collections::HashMap;

use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::object::{self, text};

/// Who issues bound tokens, and the audience of those that name none.
pub(crate) const ISSUER: &str = "https://kubernetes.default.svc";
/// Who issues the tokens in Secrets.
pub(crate) const LEGACY_ISSUER: &str = "kubernetes/serviceaccount";

/// The key that signs `ServiceAccount` tokens.
pub(crate) struct Signer {
    key: EcdsaKeyPair,
    key_id: String,
    random: SystemRandom,
    /// Claims of tokens whose signature was found good; nothing else about them is believed.
    genuine: RefCell<HashMap<String, Value>>,
    clock: Clock,
    minted: Mutex<Vec<String>>,
}

/// The object a token dies with, besides its `ServiceAccount`.
pub(crate) struct Bound {
    /// `secret` or `pod`: the key in the claims.
    pub(crate) kind: &'static str,
    /// Name of the object.
    pub(crate) name: String,
    /// Uid of the object.
    pub(crate) uid: String,
    /// Name and uid of the node it runs on.
    pub(crate) node: Option<(String, String)>,
}

impl Signer {
    /// A signer with a fresh key. Fails when the system has no randomness.
    pub(crate) fn new(clock: Clock) -> anyhow::Result<Signer> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .ok()
            .context("cannot make a signing key")?;
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
                .ok()
                .context("cannot read the signing key back")?;
        let key_id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        Ok(Signer {
            key,
            key_id,
            random,
            genuine: RefCell::default(),
            clock,
            minted: Mutex::default(),
        })
    }

    /// Mints a bound token for an account, which lives `ttl_seconds`.
    pub(crate) fn mint(
        &self,
        account: &Value,
        audiences: &[String],
        ttl_seconds: i64,
        bound: Option<&Bound>,
    ) -> Option<String> {
        let (namespace, name) = (object::namespace(account), object::name(account));
        let now = self.clock.now().timestamp();
        let mut kubernetes = json!({
            "namespace": namespace,
            "serviceaccount": { "name": name, "uid": object::uid(account) },
        });
        if let Some(bound) = bound {
            kubernetes[bound.kind] = json!({ "name": bound.name, "uid": bound.uid });
            if let Some((name, uid)) = &bound.node {
                kubernetes["node"] = json!({ "name": name, "uid": uid });
            }
        }
        self.sign(&json!({
            "aud": audiences,
            "exp": now + ttl_seconds,
            "iat": now,
            "iss": ISSUER,
            "jti": object::new_uid(),
            "kubernetes.io": kubernetes,
            "nbf": now,
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
        }))
    }

    /// Mints the token of a `kubernetes.io/service-account-token` Secret, which has no end.
    pub(crate) fn mint_legacy(&self, account: &Value, secret: &str) -> Option<String> {
        let (namespace, name) = (object::namespace(account), object::name(account));
        self.sign(&json!({
            "iss": LEGACY_ISSUER,
            "kubernetes.io/serviceaccount/namespace": namespace,
            "kubernetes.io/serviceaccount/secret.name": secret,
            "kubernetes.io/serviceaccount/service-account.name": name,
            "kubernetes.io/serviceaccount/service-account.uid": object::uid(account),
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
        }))
    }

    /// The claims of a token this signer signed, if it has not expired.
    pub(crate) fn verify(&self, token: &str) -> Option<Value> {
        let known = self.genuine.borrow().get(token).cloned();
        let claims = match known {
            Some(claims) => claims,
            None => self.read(token)?,
        };
        let end = claims.get("exp").and_then(Value::as_i64);
        let expired = end.is_some_and(|end| end <= self.clock.now().timestamp());
        (!expired && !text(&claims, "/iss").is_empty()).then_some(claims)
    }

    /// Verifies the signature of a token not seen before.
    fn read(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .ok()?;
        let (_, claims) = signed.split_once('.')?;
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        self.genuine
            .borrow_mut()
            .insert(token.to_owned(), claims.clone());
        Some(claims)
    }

    fn sign(&self, claims: &Value) -> Option<String> {
        let header = json!({ "alg": "ES256", "kid": self.key_id });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string()),
        );
        let signature = self.key.sign(&self.random, signed.as_bytes()).ok()?;
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
        self.minted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(token.clone());
        Some(token)
    }

    /// Every token that was signed, oldest first.
    pub(crate) fn minted(&self) -> Vec<String> {
        self.minted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
