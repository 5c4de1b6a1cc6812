//! What is asked of OpenID issuers: who somebody is who logs in without a key, and which CI job a token is of.
//!
//! An issuer is asked only where the organization, or a job's record, names it: no token leads us to an address.
//! Its document and its keys are kept for some minutes; a key that we do not know has them fetched again, once a
//! minute at most. Nothing of a token is kept.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod known;
mod token;

pub(crate) use token::{Audience, Expected, TokenError, issuer};

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use serde::Deserialize;
use zeroize::Zeroizing;

use self::known::{Known, Place};
use crate::domain::oidc::{Claims, IssuerUrl};
use crate::domain::text::{clean, percent_encoded};
pub(crate) use crate::kubernetes::https::Proxies;
use crate::kubernetes::https::{self, Bounds, HttpsClient};
use crate::secrets::{ExposeSecret, SecretString};

/// Where an issuer's document is (OpenID Connect Discovery 1.0, section 4).
const DOCUMENT: &str = "/.well-known/openid-configuration";
/// How much is waited for and read.
const BOUNDS: Bounds = Bounds {
    answer_max: Duration::from_secs(10),
    bytes_max: 1024 * 1024,
};
/// How long an issuer's document and keys are kept.
const KEPT: Duration = Duration::from_mins(10);
/// How long an issuer that failed is not asked again.
const FAILED: Duration = Duration::from_secs(5);
/// How long they stay in any case, whatever key a token names.
const REST: Duration = Duration::from_mins(1);

/// Why an issuer's word is not had.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// No answer.
    #[error("cannot reach the issuer at {address}: {reason}")]
    Unreachable {
        /// What was asked.
        address: String,
        /// What happened.
        reason: String,
    },
    /// An answer that makes no sense.
    #[error("the issuer at {address} answered what makes no sense: {reason}")]
    Garbled {
        /// What was asked.
        address: String,
        /// What went wrong.
        reason: String,
    },
    /// It has no such thing.
    #[error("the issuer {issuer} has no {what}")]
    Lacks {
        /// Which one.
        issuer: String,
        /// What it would need.
        what: &'static str,
    },
    /// It refuses: the code that it gives, and its words.
    #[error("the issuer refused: {code}{}", description.as_ref().map(|it| format!(" ({it})")).unwrap_or_default())]
    Refused {
        /// As RFC 6749 and RFC 8628 name it.
        code: String,
        /// In words.
        description: Option<String>,
    },
    /// What it gave is no token for us.
    #[error("the issuer's token is not taken: {0}")]
    Token(#[from] TokenError),
}

/// The authorities that were named cannot be used: why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct AuthoritiesError(String);

/// What our server is to an issuer.
pub(crate) struct Party<'a> {
    /// The issuer.
    pub(crate) issuer: &'a IssuerUrl,
    /// What it knows us as.
    pub(crate) client_id: &'a str,
    /// What proves that we are it, where the issuer wants that.
    pub(crate) secret: Option<&'a SecretString>,
}

/// What a device is to show.
#[derive(Debug, Deserialize)]
pub(crate) struct Device {
    /// What is asked with whether somebody agreed.
    #[serde(rename = "device_code")]
    pub(crate) code: String,
    /// What a person types.
    pub(crate) user_code: String,
    /// The address where the code is entered.
    #[serde(alias = "verification_url")]
    pub(crate) verification_uri: String,
    /// Where nothing needs to be typed.
    #[serde(default)]
    pub(crate) verification_uri_complete: Option<String>,
    /// For how many seconds.
    pub(crate) expires_in: u64,
    /// How many seconds to wait between two questions.
    #[serde(default)]
    pub(crate) interval: Option<u64>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    id_token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

/// All issuers that are asked.
pub(crate) struct Issuers {
    /// Or why there is none, for those who would need it.
    client: Result<HttpsClient, String>,
    known: Mutex<HashMap<IssuerUrl, Arc<Place>>>,
}

impl std::fmt::Debug for Issuers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Issuers")
    }
}

impl Issuers {
    /// Gets ready to ask; `ca` is trusted in the place of the system's authorities, in PEM. Where the system has
    /// none, as in an image of the program alone, only who asks an issuer hears of it.
    pub(crate) fn new(ca: Option<&str>, proxies: Proxies) -> Result<Self, AuthoritiesError> {
        let client = https::client("an OpenID issuer", ca, proxies);
        let client = client.map_err(|error| error.to_string());
        if let (Err(reason), Some(_)) = (&client, ca) {
            return Err(AuthoritiesError(reason.clone()));
        }
        Ok(Self {
            client,
            known: Mutex::default(),
        })
    }

    /// Where a browser is sent to log in (Core 1.0, section 3.1.2.1, with RFC 7636).
    pub(crate) async fn begin(
        &self,
        party: &Party<'_>,
        callback: &str,
        asked: &Asked,
    ) -> Result<String, Error> {
        let known = self.known(party.issuer, KEPT).await?;
        let endpoint = known.endpoint(
            known.document.authorization_endpoint.as_ref(),
            "authorization endpoint",
        )?;
        let challenge = challenge_of(&asked.verifier);
        let query = form(&[
            ("response_type", "code"),
            ("client_id", party.client_id),
            ("redirect_uri", callback),
            ("scope", SCOPE),
            ("state", &asked.state),
            ("nonce", &asked.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{joint}{query}"))
    }

    /// Exchanges a code; gives what the token says.
    pub(crate) async fn finish(
        &self,
        party: &Party<'_>,
        grant: &CodeGrant<'_>,
        now: i64,
    ) -> Result<Claims, Error> {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", grant.code),
            ("redirect_uri", grant.callback),
            ("code_verifier", &grant.asked.verifier),
        ];
        let tokens = self.exchange(party, &pairs).await?;
        self.person(party, &tokens, Some(&grant.asked.nonce), now)
            .await
    }

    /// Asks for what a device shows (RFC 8628, section 3.1).
    pub(crate) async fn device(&self, party: &Party<'_>) -> Result<Device, Error> {
        let known = self.known(party.issuer, KEPT).await?;
        let document = &known.document;
        let endpoint = document.device_authorization_endpoint.as_ref();
        let endpoint = known.endpoint(endpoint, "device flow")?;
        self.post(&known, endpoint, party, &[("scope", SCOPE)])
            .await
    }

    /// Asks whether somebody agreed to what a device shows.
    pub(crate) async fn agreed(
        &self,
        party: &Party<'_>,
        device_code: &str,
        now: i64,
    ) -> Result<Claims, Error> {
        let grant = "urn:ietf:params:oauth:grant-type:device_code";
        let pairs = [("grant_type", grant), ("device_code", device_code)];
        let tokens = self.exchange(party, &pairs).await?;
        self.person(party, &tokens, None, now).await
    }

    async fn exchange(&self, party: &Party<'_>, pairs: &[(&str, &str)]) -> Result<Tokens, Error> {
        let known = self.known(party.issuer, KEPT).await?;
        let endpoint = known.document.token_endpoint.as_ref();
        let endpoint = known.endpoint(endpoint, "token endpoint")?;
        self.post(&known, endpoint, party, pairs).await
    }

    async fn person(
        &self,
        party: &Party<'_>,
        tokens: &Tokens,
        nonce: Option<&str>,
        now: i64,
    ) -> Result<Claims, Error> {
        let token = tokens.id_token.as_deref().ok_or(Error::Lacks {
            issuer: party.issuer.to_string(),
            what: "ID token for us: the scope `openid` is not allowed",
        })?;
        let expected = Expected {
            issuer: party.issuer.as_str(),
            audience: Audience::Client(party.client_id),
            nonce,
            access_token: tokens.access_token.as_deref(),
            now,
        };
        self.verify(party.issuer, token, &expected).await
    }

    /// Checks a token by an issuer's keys.
    pub(crate) async fn verify(
        &self,
        issuer: &IssuerUrl,
        token: &str,
        expected: &Expected<'_>,
    ) -> Result<Claims, Error> {
        let known = self.known(issuer, KEPT).await?;
        match token::verify(token, &known.keys, expected) {
            Err(TokenError::NoKey) => {
                let known = self.known(issuer, REST).await?;
                Ok(token::verify(token, &known.keys, expected)?)
            }
            verified => Ok(verified?),
        }
    }

    /// Posts a form as the party; reads a document, or the refusal.
    async fn post<T: serde::de::DeserializeOwned>(
        &self,
        known: &Known,
        endpoint: &str,
        party: &Party<'_>,
        pairs: &[(&str, &str)],
    ) -> Result<T, Error> {
        let mut request = http::Request::post(endpoint)
            .header(
                http::header::CONTENT_TYPE,
                "application/x-www-form-urlencoded",
            )
            .header(http::header::ACCEPT, "application/json");
        let mut pairs = pairs.to_vec();
        match party.secret {
            // RFC 6749, section 2.3.1: basic is what everybody knows who does not say otherwise.
            Some(secret) if known.knows("client_secret_basic") => {
                let (id, secret) = (
                    percent_encoded(party.client_id),
                    Zeroizing::new(percent_encoded(secret.expose_secret())),
                );
                let both = Zeroizing::new(format!("{id}:{}", *secret));
                let text = base64::Engine::encode(
                    &base64::engine::general_purpose::STANDARD,
                    both.as_bytes(),
                );
                let basic = http::HeaderValue::try_from(format!("Basic {text}"));
                if let Ok(mut basic) = basic {
                    basic.set_sensitive(true);
                    request = request.header(http::header::AUTHORIZATION, basic);
                }
                pairs.push(("client_id", party.client_id));
            }
            Some(secret) => {
                pairs.push(("client_id", party.client_id));
                pairs.push(("client_secret", secret.expose_secret()));
            }
            None => pairs.push(("client_id", party.client_id)),
        }
        let (status, body) = self.ask(request, Bytes::from(form(&pairs))).await?;
        if status != 200 {
            if let Ok(refusal) = serde_json::from_slice::<Refusal>(&body) {
                return Err(Error::Refused {
                    code: clean(&refusal.error),
                    description: refusal.error_description.map(|it| clean(&it)),
                });
            }
            return Err(Error::Garbled {
                address: endpoint.to_owned(),
                reason: format!("status {status}"),
            });
        }
        serde_json::from_slice(&body).map_err(|_| Error::Garbled {
            address: endpoint.to_owned(),
            reason: "JSON of another shape".to_owned(),
        })
    }

    async fn ask(
        &self,
        request: http::request::Builder,
        body: Bytes,
    ) -> Result<(u16, Zeroizing<Vec<u8>>), Error> {
        let address = request.uri_ref().map(ToString::to_string);
        let address = address.unwrap_or_default();
        let unreachable = |reason: String| Error::Unreachable {
            address: clean(&address),
            reason: clean(&reason),
        };
        if !address.starts_with("https://") {
            return Err(unreachable("it is no https address".to_owned()));
        }
        let agent = concat!("kubegrant/", env!("CARGO_PKG_VERSION"));
        let request = request
            .header(http::header::USER_AGENT, agent)
            .body(Full::new(body))
            .map_err(|error| unreachable(error.to_string()))?;
        let client = self.client.as_ref();
        let client = client.map_err(|reason| unreachable(reason.clone()))?;
        let asked = https::ask(client, request, BOUNDS).await;
        asked.map_err(|error| unreachable(error.to_string()))
    }
}

/// What is asked for of everybody: who they are, and their address where the issuer gives it.
const SCOPE: &str = "openid email";

/// An authorization code that a browser brought back (RFC 6749, section 4.1).
#[derive(Clone, Copy)]
pub(crate) struct CodeGrant<'a> {
    /// The code.
    pub(crate) code: &'a str,
    /// The address that it was brought to.
    pub(crate) callback: &'a str,
    /// What was asked when the browser was sent away.
    pub(crate) asked: &'a Asked,
}

/// What one login is told by, on its way to the issuer and back.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Which one.
    pub(crate) state: String,
    /// What the token must name.
    pub(crate) nonce: String,
    /// What the code is exchanged with.
    pub(crate) verifier: String,
}

/// What the issuer is told of a verifier (RFC 7636, section 4.2).
fn challenge_of(verifier: &str) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, hash)
}

fn form(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter();
    let pairs = pairs.map(|(name, value)| format!("{name}={}", percent_encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use kubegrant_sandbox::openid::{Algorithm, OpenId};

    use super::*;

    #[test]
    fn a_verifier_is_told_by_its_hash() {
        // RFC 7636, appendix B.
        assert_eq!(
            challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    const NOW: i64 = 1_790_000_000;

    fn expected(issuer: &str) -> Expected<'_> {
        Expected {
            issuer,
            audience: Audience::Server("us"),
            nonce: None,
            access_token: None,
            now: NOW,
        }
    }

    #[tokio::test]
    async fn an_issuer_that_has_another_key_is_asked_again_and_not_too_often() {
        let open_id = OpenId::start(Algorithm::EdDsa, NOW).expect("an issuer");
        let issuer: IssuerUrl = open_id.url().parse().expect("an address");
        let issuers = Issuers::new(Some(open_id.ca_pem()), Proxies::default()).expect("a client");
        let bob = serde_json::json!({"sub": "bob"});
        let verify = async || {
            let token = open_id.token("us", &bob);
            let expected = expected(issuer.as_str());
            issuers.verify(&issuer, &token, &expected).await.map(drop)
        };
        verify().await.expect("a good token");
        open_id
            .change_key(Algorithm::Es256, "key-2")
            .expect("a key");
        let before = open_id.asked().len();
        let refused = verify().await;
        assert!(matches!(refused, Err(Error::Token(TokenError::NoKey))));
        assert_eq!(open_id.asked().len(), before);
        // A minute later.
        let place = issuers.known.lock().expect("nobody panicked")[&issuer].clone();
        let known = place.lock().await.take();
        let known = known.expect("it was asked").expect("it answered");
        let known = Arc::into_inner(known).expect("nobody else has it");
        let at = known.at.checked_sub(REST);
        let at = at.expect("a machine that runs for a minute");
        *place.lock().await = Some(Ok(Arc::new(Known { at, ..known })));
        verify().await.expect("a good token");
        assert_eq!(open_id.asked().len(), before + 2);
    }

    #[tokio::test]
    async fn an_issuer_vouches_for_its_own_people_alone() {
        let open_id = OpenId::start(Algorithm::EdDsa, NOW).expect("an issuer");
        let issuers = Issuers::new(Some(open_id.ca_pem()), Proxies::default()).expect("a client");
        // The same machine under another name.
        let other = format!("{}/", open_id.url());
        let other: IssuerUrl = other.parse().expect("an address");
        let token = open_id.token(
            "us",
            &serde_json::json!({"sub": "bob", "iss": other.as_str()}),
        );
        let expected = expected(other.as_str());
        let refused = issuers.verify(&other, &token, &expected).await;
        assert!(matches!(refused, Err(Error::Garbled { .. })));
        // Whoever is not trusted is nobody.
        let issuers = Issuers::new(None, Proxies::default()).expect("a client");
        let issuer: IssuerUrl = open_id.url().parse().expect("an address");
        let refused = issuers.verify(&issuer, &token, &expected).await;
        assert!(matches!(refused, Err(Error::Unreachable { .. })));
    }

    #[test]
    fn a_form_holds_no_more_than_its_pairs() {
        assert_eq!(
            form(&[("a", "b&c=d e"), ("f", "ü")]),
            "a=b%26c%3Dd%20e&f=%C3%BC"
        );
    }
}
