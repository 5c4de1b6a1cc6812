//! What tokens are signed with.

use anyhow::anyhow;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde_json::{Value, json};

/// A key of nobody's: making one of 2048 bits takes seconds.
const RSA_KEY: &str = include_str!("rsa-key.base64");

/// In which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with SHA-256.
    Rs256,
    /// ECDSA on P-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key, with its name.
pub struct Signer {
    pair: Pair,
    name: String,
}

impl Signer {
    /// Makes a key.
    pub fn new(algorithm: Algorithm, name: &str) -> anyhow::Result<Signer> {
        let random = SystemRandom::new();
        let unspecified = |_| anyhow!("no key came about");
        let pair = match algorithm {
            Algorithm::Rs256 => {
                let text: String = RSA_KEY.split_whitespace().collect();
                let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(text)?);
                Pair::Rsa(key.map_err(|error| anyhow!("{error}"))?)
            }
            Algorithm::Es256 => {
                let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let made = EcdsaKeyPair::generate_pkcs8(kind, &random).map_err(unspecified)?;
                let key = EcdsaKeyPair::from_pkcs8(kind, made.as_ref(), &random);
                Pair::P256(key.map_err(|error| anyhow!("{error}"))?)
            }
            Algorithm::EdDsa => {
                let made = Ed25519KeyPair::generate_pkcs8(&random).map_err(unspecified)?;
                let key = Ed25519KeyPair::from_pkcs8(made.as_ref());
                Pair::Ed25519(key.map_err(|error| anyhow!("{error}"))?)
            }
        };
        let name = name.to_owned();
        Ok(Signer { pair, name })
    }

    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// The public half, as an issuer lists it.
    pub fn public(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut key = match &self.pair {
            Pair::Rsa(pair) => {
                let public: ring::rsa::PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({"kty": "RSA", "n": text(&public.n), "e": text(&public.e)})
            }
            Pair::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
        };
        key["kid"] = json!(self.name);
        key["alg"] = json!(self.algorithm());
        key["use"] = json!("sig");
        key
    }

    /// A token that says this.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(
            &json!({"alg": self.algorithm(), "kid": self.name, "typ": "JWT"}),
            claims,
        )
    }

    /// The same under another head.
    pub fn sign_with(&self, head: &Value, claims: &Value) -> String {
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", text(head), text(claims));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let done = pair.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    signed.as_bytes(),
                    &mut signature,
                );
                done.map(|()| signature)
            }
            Pair::P256(pair) => {
                let signature = pair.sign(&random, signed.as_bytes());
                signature.map(|it| it.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => Ok(pair.sign(signed.as_bytes()).as_ref().to_vec()),
        };
        // An empty signature is nobody's.
        let signature = signature.unwrap_or_default();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The left half of an access token's hash.
    pub fn half_hash(&self, access: &str) -> String {
        let hash = match self.pair {
            Pair::Ed25519(_) => ring::digest::digest(&ring::digest::SHA512, access.as_bytes()),
            _ => ring::digest::digest(&ring::digest::SHA256, access.as_bytes()),
        };
        URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
    }
}
