//! What an issuer publishes of itself, read and kept for a while.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Deserialize;

use super::token::Keys;
use super::{DOCUMENT, Error, FAILED, Issuers};
use crate::domain::oidc::IssuerUrl;
use crate::domain::text::clean;

/// What an issuer says of itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Document {
    pub(super) issuer: String,
    pub(super) jwks_uri: String,
    #[serde(default)]
    pub(super) authorization_endpoint: Option<String>,
    #[serde(default)]
    pub(super) token_endpoint: Option<String>,
    #[serde(default)]
    pub(super) device_authorization_endpoint: Option<String>,
    #[serde(default)]
    pub(super) token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// An issuer, as it was a while ago.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) document: Document,
    pub(super) keys: Keys,
    pub(super) at: Instant,
}

/// What is known of an issuer: how it was, or why that is not known, and since when.
pub(super) type Place = tokio::sync::Mutex<Option<Result<Arc<Known>, (Error, Instant)>>>;

impl Issuers {
    /// An issuer, as it was at most so long ago. However many ask, it is asked once; and where that failed, not again
    /// for a while.
    pub(super) async fn known(
        &self,
        issuer: &IssuerUrl,
        age: Duration,
    ) -> Result<Arc<Known>, Error> {
        let place = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(issuer.clone()).or_default())
        };
        let mut place = place.lock().await;
        match &*place {
            Some(Ok(known)) if known.at.elapsed() < age => return Ok(Arc::clone(known)),
            Some(Err((error, at))) if at.elapsed() < FAILED => return Err(error.clone()),
            _ => {}
        }
        match self.read(issuer).await {
            Ok(known) => {
                let known = Arc::new(known);
                *place = Some(Ok(Arc::clone(&known)));
                Ok(known)
            }
            Err(error) => {
                *place = Some(Err((error.clone(), Instant::now())));
                Err(error)
            }
        }
    }

    /// Reads an issuer's document, and its keys.
    async fn read(&self, issuer: &IssuerUrl) -> Result<Known, Error> {
        let address = format!("{}{DOCUMENT}", issuer.as_str().trim_end_matches('/'));
        let garbled = |reason: &str| Error::Garbled {
            address: address.clone(),
            reason: reason.to_owned(),
        };
        let (status, body) = self.ask(http::Request::get(&address), Bytes::new()).await?;
        if status != 200 {
            return Err(garbled(&format!("status {status}")));
        }
        let document: Document =
            serde_json::from_slice(&body).map_err(|_| garbled("this is no issuer's document"))?;
        // Discovery 1.0, section 4.3: or another issuer would vouch for its people.
        if document.issuer != issuer.as_str() {
            let other = clean(&document.issuer);
            return Err(garbled(&format!("it says that it is {other}")));
        }
        let keys = http::Request::get(&document.jwks_uri);
        let (status, body) = self.ask(keys, Bytes::new()).await?;
        let keys = Keys::read(&body).filter(|_| status == 200);
        let keys = keys.ok_or_else(|| Error::Garbled {
            address: clean(&document.jwks_uri),
            reason: "this is no list of keys".to_owned(),
        })?;
        let at = Instant::now();
        Ok(Known { document, keys, at })
    }
}

impl Known {
    pub(super) fn endpoint<'a>(
        &self,
        found: Option<&'a String>,
        what: &'static str,
    ) -> Result<&'a str, Error> {
        let found = found.filter(|it| it.starts_with("https://"));
        found.map(String::as_str).ok_or_else(|| Error::Lacks {
            issuer: self.document.issuer.clone(),
            what,
        })
    }

    pub(super) fn knows(&self, method: &str) -> bool {
        let methods = self.document.token_endpoint_auth_methods_supported.as_ref();
        methods.is_none_or(|it| it.iter().any(|it| it == method))
    }
}
