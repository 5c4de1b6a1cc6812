//! Tokens: minted for an account by TokenRequest, and read back. None is ever stored.

use base64::Engine as _;
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use kube::api::PostParams;
use secrecy::SecretString;
use serde::Deserialize;

use super::connection::Connection;
use super::error::Error;
use crate::domain::Timestamp;
use crate::domain::account_name;

/// The longest token that is believed, in bytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// A fresh token, with what the server says of it.
#[derive(Debug)]
pub(crate) struct Minted {
    /// The token.
    pub(crate) token: SecretString,
    /// When it really ends.
    pub(crate) expires_at: Timestamp,
    /// Its id, as in the API server's audit log.
    pub(crate) jti: Option<String>,
}

/// What a ServiceAccount token claims. The signature is the API server's to check; these are read
/// only from an answer that came over the pinned connection.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    /// `system:serviceaccount:<namespace>:<name>`.
    pub(crate) sub: String,
    /// Seconds since 1970.
    pub(crate) exp: Option<i64>,
    /// The token's id.
    pub(crate) jti: Option<String>,
    #[serde(rename = "kubernetes.io")]
    bound: Option<BoundClaims>,
    #[serde(rename = "kubernetes.io/serviceaccount/secret.name")]
    legacy_secret: Option<String>,
    #[serde(rename = "kubernetes.io/serviceaccount/service-account.uid")]
    legacy_uid: Option<String>,
}

#[derive(Debug, Deserialize)]
struct BoundClaims {
    secret: Option<BoundObject>,
    serviceaccount: Option<BoundAccount>,
}

#[derive(Debug, Deserialize)]
struct BoundAccount {
    uid: Option<String>,
}

#[derive(Debug, Deserialize)]
struct BoundObject {
    name: String,
}

impl Claims {
    /// The UID of its account.
    pub(crate) fn account_uid(&self) -> Option<String> {
        let bound = self.bound.as_ref();
        let account = bound.and_then(|bound| bound.serviceaccount.as_ref());
        account
            .and_then(|account| account.uid.clone())
            .or_else(|| self.legacy_uid.clone())
    }

    /// The Secret that the token lives and dies with.
    pub(crate) fn secret(self) -> Option<String> {
        self.bound
            .and_then(|bound| bound.secret)
            .map(|secret| secret.name)
            .or(self.legacy_secret)
    }
}

/// Reads the claims of a token; `None` if it is not a JWT.
pub(crate) fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Reads when a token says that it ends, whoever made it, in seconds since 1970.
pub(crate) fn claims_end(token: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct End {
        exp: i64,
    }
    let payload = token.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
    let end: End = serde_json::from_slice(&bytes.ok()?).ok()?;
    Some(end.exp)
}

/// How long a token lives by its own words, and since when, by the clock of whoever made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Life {
    /// When it was made, in seconds since 1970.
    #[serde(rename = "iat")]
    pub(crate) made_at: i64,
    /// When it ends, in seconds since 1970.
    #[serde(rename = "exp")]
    pub(crate) ends_at: i64,
}

impl Life {
    /// Reads it; nothing of a token that does not say both, or says what cannot be.
    pub(crate) fn of(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
        let life: Self = serde_json::from_slice(&bytes.ok()?).ok()?;
        (0 <= life.made_at && life.made_at < life.ends_at).then_some(life)
    }

    /// How long it is, in seconds.
    pub(crate) fn seconds(self) -> i64 {
        self.ends_at - self.made_at
    }

    /// Whether more than half of it is over.
    pub(crate) fn is_half_over(self, now: i64) -> bool {
        now.saturating_sub(self.made_at) > self.seconds() / 2
    }
}

impl Connection {
    /// Mints a token for an account, and checks that it is that account's.
    pub(crate) async fn mint(&self, account: &str, ttl_seconds: i64) -> Result<Minted, Error> {
        self.mint_bound(account, ttl_seconds, None).await
    }

    /// Mints a token that lives and dies with a Secret.
    pub(super) async fn mint_bound(
        &self,
        account: &str,
        ttl_seconds: i64,
        bound_object_ref: Option<BoundObjectReference>,
    ) -> Result<Minted, Error> {
        self.must_hold()?;
        let what = format!("a token of account '{account}'");
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: Vec::new(), // The API server's own.
                expiration_seconds: Some(ttl_seconds),
                bound_object_ref,
            },
            ..TokenRequest::default()
        };
        let (accounts, name) = self.account(account);
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .map_err(|error| Error::from_kube(error, &what))?;
        let status = answer
            .status
            .ok_or_else(|| Error::garbled(&what, "it has no status"))?;
        read(status.token, account, &what)
    }
}

/// Checks a token that the server gave for an account.
pub(super) fn read(token: String, account: &str, what: &str) -> Result<Minted, Error> {
    let token = SecretString::from(token);
    let text = secrecy::ExposeSecret::expose_secret(&token);
    if text.len() > TOKEN_BYTES_MAX || !text.bytes().all(|c| c.is_ascii_graphic()) {
        return Err(Error::garbled(what, "it is not a token"));
    }
    let claims = claims(text).ok_or_else(|| Error::garbled(what, "it is not a JWT"))?;
    if claims.sub != account_name::login_name(account) {
        return Err(Error::garbled(what, "it names another account"));
    }
    let expires_at = match claims.exp {
        Some(seconds) => Timestamp::from_timestamp(seconds, 0),
        None => Some(Timestamp::MAX_UTC), // A Secret's token does not end.
    }
    .ok_or_else(|| Error::garbled(what, "its end is no time"))?;
    let jti = claims.jti.map(|jti| crate::domain::text::clean(&jti));
    Ok(Minted {
        token,
        expires_at,
        jti,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
        format!("eyJ9.{claims}.c2ln")
    }

    #[test]
    fn a_life_is_read_where_it_can_be_one() {
        let life = Life::of(&token(r#"{"iat": 1000, "exp": 4600, "sub": "x"}"#)).expect("a life");
        assert_eq!(life.seconds(), 3600);
        assert!(!life.is_half_over(2800));
        assert!(life.is_half_over(2801));
        for bad in [
            "{}",
            r#"{"iat": 1000}"#,
            r#"{"exp": 1000}"#,
            r#"{"iat": 1000, "exp": 1000}"#,
            r#"{"iat": -1, "exp": 1000}"#,
            r#"{"iat": 1000, "exp": 1e9}"#,
            "",
        ] {
            assert_eq!(Life::of(&token(bad)), None, "{bad}");
        }
        assert_eq!(Life::of("opaque"), None);
    }
}
