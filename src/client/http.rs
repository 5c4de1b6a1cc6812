//! One server, asked over HTTPS.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use super::Known;
use crate::api::{Method, ROOT};
use crate::artifact::challenge::ChallengeError;
use crate::domain::text::{chain, clean};
use crate::secrets::SecretString;

/// The largest answer that is read, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(15);
/// How long an answer may take: longer than a command on a cluster that does not answer.
const ANSWER_MAX: Duration = Duration::from_mins(3);

/// Why a server gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No answer.
    #[error("cannot reach the server {origin}: {reason}")]
    Unreachable {
        /// Which one.
        origin: String,
        /// What happened.
        reason: String,
    },
    /// What is to prove the server proves nothing.
    #[error("cannot use the certificate for {origin}: {reason}")]
    Authority {
        /// Which one.
        origin: String,
        /// Why.
        reason: String,
    },
    /// The connection was lost when the request had gone out.
    #[error("the connection to the server {origin} was lost before its answer: {reason}")]
    Lost {
        /// Which one.
        origin: String,
        /// What happened.
        reason: String,
    },
    /// What came makes no sense.
    #[error("the server {origin} answered what `kubegrant serve` never answers (HTTP {status})")]
    Garbled {
        /// Which one.
        origin: String,
        /// The status.
        status: u16,
    },
    /// It refuses, before any command.
    #[error("{what}")]
    Refused {
        /// The exit code that it names.
        exit: u8,
        /// Why.
        what: String,
        /// What would help.
        hints: Vec<String>,
    },
    /// Its question to the key is not answered.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
}

type Connector = hyper_rustls::HttpsConnector<HttpConnector>;

/// One server.
pub(crate) struct Http {
    origin: String,
    client: Client<Connector, Full<Bytes>>,
}

impl Http {
    /// Gets ready to ask a server; nothing is sent yet.
    pub(crate) fn new(origin: &str, known: &Known) -> Result<Self, Error> {
        let tls = crate::kubernetes::tls::config(origin, known.ca.as_deref(), None);
        let tls = tls.map_err(|error| Error::Authority {
            origin: origin.to_owned(),
            reason: error.to_string(),
        })?;
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_MAX));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Self {
            origin: origin.to_owned(),
            client: Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    /// Its address.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// A session that begins and is over at once: somebody ends it, or clocks differ.
    pub(super) fn let_in_and_out(&self) -> Error {
        Error::Refused {
            exit: 4,
            what: format!("the server {} ended the session at once", self.origin),
            hints: vec!["ask whoever runs it; are the clocks right?".to_owned()],
        }
    }

    /// Posts a document, and reads one.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let path = format!("{ROOT}{path}");
        let body = serde_json::to_value(body).unwrap_or_default();
        let sent = self.send((Method::Post, &path), None, &[], Some(&body));
        let (status, bytes) = sent.await?;
        if status != 200 {
            return Err(self.refused(status, &bytes));
        }
        self.document(status, &bytes)
    }

    /// Reads what came.
    pub(super) fn document<T: DeserializeOwned>(
        &self,
        status: u16,
        bytes: &[u8],
    ) -> Result<T, Error> {
        serde_json::from_slice(bytes).map_err(|_| self.refused(status, bytes))
    }

    fn refused(&self, status: u16, bytes: &[u8]) -> Error {
        let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let (what, exit) = (document["error"].as_str(), document["exit"].as_u64());
        let (Some(what), Some(exit)) = (what, exit.and_then(|it| u8::try_from(it).ok())) else {
            return Error::Garbled {
                origin: self.origin.clone(),
                status,
            };
        };
        let hints = document["hints"].as_array().cloned().unwrap_or_default();
        let hints = hints.iter().filter_map(Value::as_str);
        Error::Refused {
            exit,
            what: clean(what),
            hints: hints.map(clean).collect(),
        }
    }

    /// Sends a request; gives the status, and the body.
    pub(super) async fn send(
        &self,
        (method, target): (Method, &str),
        token: Option<&SecretString>,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<(u16, Zeroizing<Vec<u8>>), Error> {
        let unreachable = |reason: String| Error::Unreachable {
            origin: self.origin.clone(),
            reason: clean(&reason),
        };
        let mut request = http::Request::builder()
            .method(method.as_str())
            .uri(format!("{}{target}", self.origin))
            .header(
                http::header::USER_AGENT,
                concat!("kubegrant/", env!("CARGO_PKG_VERSION")),
            );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = token {
            let bearer = format!("Bearer {}", token.expose_secret());
            let bearer = http::HeaderValue::try_from(bearer);
            let mut bearer = bearer.map_err(|error| unreachable(error.to_string()))?;
            bearer.set_sensitive(true);
            request = request.header(http::header::AUTHORIZATION, bearer);
        }
        let bytes = match body {
            None => Bytes::new(),
            Some(body) => {
                request = request.header(http::header::CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
        };
        let request = request
            .body(Full::new(bytes))
            .map_err(|error| unreachable(error.to_string()))?;
        // Whether the request may have been heard, and what it asks be done.
        let lost = |reason: String| match method {
            Method::Get => unreachable(reason),
            Method::Post | Method::Put | Method::Delete => Error::Lost {
                origin: self.origin.clone(),
                reason: clean(&reason),
            },
        };
        let asked = async {
            let answer = self.client.request(request).await;
            let answer = answer.map_err(|error| {
                if error.is_connect() {
                    unreachable(chain(&error))
                } else {
                    lost(plain(&error))
                }
            })?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), BODY_BYTES_MAX).collect();
            let body = body.await.map_err(|error| lost(error.to_string()))?;
            Ok((status, Zeroizing::new(body.to_bytes().to_vec())))
        };
        let answered = tokio::time::timeout(ANSWER_MAX, asked).await;
        answered.map_err(|_| lost("no answer in three minutes".to_owned()))?
    }
}

/// The causes of an error, without what a library tells its own users.
fn plain(error: &(dyn std::error::Error + 'static)) -> String {
    let text = chain(error);
    let end = text.find("https://docs.rs").unwrap_or(text.len());
    let text = text.get(..end).unwrap_or_default();
    text.trim_end_matches([':', ' ']).to_owned()
}
