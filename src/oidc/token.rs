//! ID tokens: whether a text is one that an issuer signed, for whom, and what it says.
//!
//! The rules are those of OpenID Connect Core 1.0, sections 3.1.3.6 and 3.1.3.7, and of RFC 8725: the algorithm is one
//! of three that we know, and must fit the key; nothing that the token says of itself chooses the key's kind.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, SHA512, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::domain::oidc::Claims;

/// The largest token that is read, in bytes.
const BYTES_MAX: usize = 32 * 1024;
/// The most keys of an issuer that are read.
const KEYS_MAX: usize = 100;
/// By how much clocks may differ, in seconds.
const SKEW: i64 = 60;
/// How old a token may be, in seconds, whatever it says of its end.
const AGE_MAX: i64 = 24 * 3600;

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// It is none.
    #[error("this is no ID token")]
    Garbled,
    /// Signed in a way that we do not know.
    #[error("it is signed with {0}: RS256, ES256 and EdDSA are taken")]
    Algorithm(String),
    /// No key of the issuer fits.
    #[error("the issuer has no key of this name and kind")]
    NoKey,
    /// Another signature.
    #[error("its signature is not the issuer's")]
    Signature,
    /// Another issuer.
    #[error("it is of another issuer")]
    Issuer,
    /// Made for somebody else.
    #[error("it is made for another audience")]
    Audience,
    /// Made for another login.
    #[error("it is made for another login")]
    Nonce,
    /// It is over, not yet begun, or without times.
    #[error("it is over, or from a clock that is wrong")]
    Times,
    /// It names nobody.
    #[error("it names nobody")]
    Subject,
    /// It belongs to another access token.
    #[error("it belongs to another access token")]
    AccessToken,
}

/// For whom a token is made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Audience<'a> {
    /// For a client, which people log in through: it may name others beside, and then says for which party it is.
    Client(&'a str),
    /// For a server alone, to which a job shows it.
    Server(&'a str),
}

/// What a token must be.
pub(crate) struct Expected<'a> {
    /// Whose.
    pub(crate) issuer: &'a str,
    /// For whom.
    pub(crate) audience: Audience<'a>,
    /// For which login, where a browser brought it.
    pub(crate) nonce: Option<&'a str>,
    /// The access token that came with it.
    pub(crate) access_token: Option<&'a str>,
    /// Now, in seconds since 1970.
    pub(crate) now: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

/// A key in an issuer's list (RFC 7517), as far as we read it.
#[derive(Deserialize)]
struct Listed {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

#[derive(Deserialize)]
struct List {
    keys: Vec<Value>,
}

/// A public key.
#[derive(Debug, Clone)]
enum Public {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Debug, Clone)]
struct Key {
    name: Option<String>,
    public: Public,
}

/// The keys of an issuer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(Vec<Key>);

fn bytes(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?.trim_end_matches('=')).ok()
}

impl Keys {
    /// Reads an issuer's list; keys that we cannot use are passed over.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let list: List = serde_json::from_slice(text).ok()?;
        let keys = list.keys.into_iter().take(KEYS_MAX).filter_map(|key| {
            let listed: Listed = serde_json::from_value(key).ok()?;
            let is_for_us = listed.usage.as_deref().is_none_or(|it| it == "sig");
            let public = Public::read(&listed).filter(|_| is_for_us)?;
            let fits = |alg: &str| alg == public.algorithm();
            listed.alg.as_deref().is_none_or(fits).then_some(Key {
                name: listed.kid,
                public,
            })
        });
        Some(Self(keys.collect()))
    }

    /// The keys that a token may be signed with: the one it names, or all of its kind.
    fn of(&self, header: &Header) -> impl Iterator<Item = &Key> {
        self.0.iter().filter(move |key| {
            let is_named = header
                .kid
                .as_ref()
                .is_none_or(|kid| key.name.as_ref().is_none_or(|name| name == kid));
            is_named && key.public.algorithm() == header.alg
        })
    }
}

impl Public {
    fn read(listed: &Listed) -> Option<Self> {
        match (listed.kty.as_str(), listed.crv.as_deref()) {
            ("RSA", _) => Some(Self::Rsa {
                n: bytes(listed.n.as_ref())?,
                e: bytes(listed.e.as_ref())?,
            }),
            ("EC", Some("P-256")) => {
                let (x, y) = (bytes(listed.x.as_ref())?, bytes(listed.y.as_ref())?);
                let is_point = x.len() == 32 && y.len() == 32;
                is_point.then(|| Self::P256([vec![4], x, y].concat()))
            }
            ("OKP", Some("Ed25519")) => {
                let x = bytes(listed.x.as_ref()).filter(|x| x.len() == 32)?;
                Some(Self::Ed25519(x))
            }
            _ => None,
        }
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    fn has_signed(&self, text: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, text, signature)
            }
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(text, signature)
            }
            Self::Ed25519(x) => UnparsedPublicKey::new(&ED25519, x).verify(text, signature),
        };
        verified.is_ok()
    }
}

/// The issuer that a token names, before anything is proven.
pub(crate) fn issuer(token: &str) -> Option<String> {
    let claims = read_part(token.split('.').nth(1)?)?;
    claims.get("iss")?.as_str().map(str::to_owned)
}

fn read_part(part: &str) -> Option<Map<String, Value>> {
    if part.len() > BYTES_MAX {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Checks a token; gives what it says.
pub(crate) fn verify(
    token: &str,
    keys: &Keys,
    expected: &Expected<'_>,
) -> Result<Claims, TokenError> {
    if token.len() > BYTES_MAX {
        return Err(TokenError::Garbled);
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [head, claims, signature] = parts.as_slice() else {
        return Err(TokenError::Garbled);
    };
    let header = read_part(head).ok_or(TokenError::Garbled)?;
    let header: Header =
        serde_json::from_value(Value::Object(header)).map_err(|_| TokenError::Garbled)?;
    if !["RS256", "ES256", "EdDSA"].contains(&header.alg.as_str()) {
        let shown: String = header.alg.chars().take(20).collect();
        return Err(TokenError::Algorithm(crate::domain::text::clean(&shown)));
    }
    // Something that must be understood, and is not (RFC 7515, section 4.1.11).
    if header.crit.is_some() {
        return Err(TokenError::Garbled);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature);
    let signature = signature.map_err(|_| TokenError::Garbled)?;
    let signed = head.len() + 1 + claims.len();
    let text = token.get(..signed).ok_or(TokenError::Garbled)?.as_bytes();
    let mut candidates = keys.of(&header).peekable();
    if candidates.peek().is_none() {
        return Err(TokenError::NoKey);
    }
    if !candidates.any(|key| key.public.has_signed(text, &signature)) {
        return Err(TokenError::Signature);
    }
    let claims = read_part(claims).ok_or(TokenError::Garbled)?;
    judge(&claims, &header, expected)?;
    let said = claims.into_iter().filter_map(|(name, value)| {
        let text = match value {
            Value::String(text) => text,
            Value::Bool(value) => value.to_string(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some((name, text))
    });
    Ok(said.collect())
}

fn judge(
    claims: &Map<String, Value>,
    header: &Header,
    expected: &Expected<'_>,
) -> Result<(), TokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(TokenError::Issuer);
    }
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let is_ours = match expected.audience {
        Audience::Client(client) => {
            let party = text("azp");
            let is_for_us = party.is_none_or(|it| it == client);
            audiences.contains(&client) && is_for_us && (audiences.len() == 1 || party.is_some())
        }
        // Its party is whoever asked for it, if it names one.
        Audience::Server(server) => audiences.as_slice() == [server],
    };
    if !is_ours {
        return Err(TokenError::Audience);
    }
    let seconds = |name: &str| -> Option<i64> {
        let value = claims.get(name)?;
        // Some write fractions.
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
        value
            .as_i64()
            .or_else(|| value.as_f64().map(|it| it as i64))
    };
    let (from, to) = (seconds("iat"), seconds("exp"));
    let (Some(from), Some(to)) = (from, to) else {
        return Err(TokenError::Times);
    };
    let begins = seconds("nbf").unwrap_or(from).max(from);
    let now = expected.now;
    if begins > now + SKEW || to <= now - SKEW || from <= now - AGE_MAX {
        return Err(TokenError::Times);
    }
    if expected.nonce.is_some() && text("nonce") != expected.nonce {
        return Err(TokenError::Nonce);
    }
    if text("sub").is_none_or(str::is_empty) {
        return Err(TokenError::Subject);
    }
    if let (Some(token), Some(given)) = (expected.access_token, text("at_hash"))
        && half_hash(token, &header.alg) != given
    {
        return Err(TokenError::AccessToken);
    }
    Ok(())
}

/// The left half of an access token's hash, by the hash of the signature (Core 1.0, section 3.1.3.6).
fn half_hash(token: &str, algorithm: &str) -> String {
    let hash = if algorithm == "EdDSA" {
        &SHA512
    } else {
        &SHA256
    };
    let hash = digest(hash, token.as_bytes());
    let half = hash.as_ref().len() / 2;
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..half).unwrap_or_default())
}

#[cfg(test)]
mod tests;
