//! One server, asked over HTTPS.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use super::Known;
use super::agent::AgentError;
use super::job::JobError;
use crate::api::{Method, ROOT};
use crate::artifact::challenge::ChallengeError;
use crate::domain::text::clean;
use crate::env::Env;
use crate::kubernetes::https::{self, AskError, Bounds, HttpsClient, Proxies};
use crate::secrets::SecretString;

/// How much is waited for and read: longer than a command on a cluster that does not answer.
const BOUNDS: Bounds = Bounds {
    answer_max: Duration::from_mins(3),
    bytes_max: 64 * 1024 * 1024,
};

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
        /// What went wrong.
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
    /// The session is over, and only a person begins another.
    #[error("nobody is logged in at {origin} any more")]
    Over {
        /// The server's origin.
        origin: String,
        /// The command that begins another.
        login: String,
    },
    /// The SSH agent.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The token of a CI job.
    #[error(transparent)]
    Job(#[from] JobError),
    /// Its question to the key is not answered.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
}

/// One server.
pub(crate) struct Http {
    origin: String,
    client: HttpsClient,
}

/// A request to the server.
#[derive(Clone, Copy)]
pub(super) struct HttpRequest<'a> {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: &'a str,
    /// The session's, where one is needed.
    pub(super) token: Option<&'a SecretString>,
    /// Names and values.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: Option<&'a Value>,
}

impl<'a> HttpRequest<'a> {
    /// A POST without anything else.
    pub(super) fn post(target: &'a str) -> Self {
        Self {
            method: Method::Post,
            target,
            token: None,
            headers: &[],
            body: None,
        }
    }
}

impl Http {
    /// Gets ready to ask a server; nothing is sent yet.
    pub(crate) fn new(origin: &str, known: &Known, env: &Env) -> Result<Self, Error> {
        let client = https::client(origin, known.ca.as_deref(), proxies(env));
        let client = client.map_err(|error| Error::Authority {
            origin: origin.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            origin: origin.to_owned(),
            client,
        })
    }

    /// Asks another one for a document, which it gives to whoever has this token.
    pub(super) async fn fetch(
        url: &str,
        token: &SecretString,
        env: &Env,
    ) -> Result<(u16, Zeroizing<Vec<u8>>), Error> {
        let unreachable = |reason: String| Error::Unreachable {
            origin: clean(url),
            reason: clean(&reason),
        };
        let uri: http::Uri = url
            .parse()
            .map_err(|_| unreachable("it is no address".to_owned()))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let address: Option<std::net::IpAddr> = host.parse().ok();
        let is_here = address.is_some_and(|it| it.is_loopback());
        if uri.scheme_str() != Some("https") && !is_here {
            return Err(unreachable("it is no https address".to_owned()));
        }
        let request = http::Request::get(uri)
            .header(
                http::header::AUTHORIZATION,
                bearer(token).map_err(unreachable)?,
            )
            .body(Full::default())
            .map_err(|error| unreachable(error.to_string()))?;
        let client = https::client(url, None, proxies(env))
            .map_err(|error| unreachable(error.to_string()))?;
        let asked = https::ask(&client, request, BOUNDS).await;
        asked.map_err(|error| unreachable(error.to_string()))
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
        let sent = self.send(HttpRequest {
            body: Some(&body),
            ..HttpRequest::post(&path)
        });
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

    pub(super) fn refused(&self, status: u16, bytes: &[u8]) -> Error {
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
        asked: HttpRequest<'_>,
    ) -> Result<(u16, Zeroizing<Vec<u8>>), Error> {
        let HttpRequest {
            method,
            target,
            token,
            headers,
            body,
        } = asked;
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
            let bearer = bearer(token).map_err(unreachable)?;
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
        // Whether the request may have arrived, and what it asks be done.
        let lost = |reason: String| match method {
            Method::Get => unreachable(reason),
            Method::Post | Method::Put | Method::Delete => Error::Lost {
                origin: self.origin.clone(),
                reason: clean(&reason),
            },
        };
        let asked = https::ask(&self.client, request, BOUNDS).await;
        asked.map_err(|error| match error {
            AskError::Unreachable(reason) => unreachable(reason),
            AskError::Lost(reason) => lost(reason),
            AskError::Late => lost("no answer in three minutes".to_owned()),
        })
    }
}

/// Which proxy to take.
fn proxies(env: &Env) -> Proxies {
    Proxies::of(|name| env.variable(name))
}

/// What shows a token.
fn bearer(token: &SecretString) -> Result<http::HeaderValue, String> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    let value = http::HeaderValue::try_from(text.as_str());
    let mut value = value.map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}
