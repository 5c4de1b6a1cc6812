//! Asking others than API servers over HTTPS: our own server, OpenID issuers, providers.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use zeroize::Zeroizing;

use super::error::SetupError;
use crate::domain::text::chain;

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(15);

/// What asks.
pub(crate) type HttpsClient = Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum AskError {
    /// Nobody was reached.
    Unreachable(String),
    /// The connection was lost when the request may have been heard.
    Lost(String),
    /// It took too long.
    Late,
}

impl std::fmt::Display for AskError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable(reason) | Self::Lost(reason) => f.write_str(reason),
            Self::Late => f.write_str("no answer in time"),
        }
    }
}

/// How much is waited for and read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// How long an answer may take.
    pub(crate) answer_max: Duration,
    /// The largest one, in bytes.
    pub(crate) bytes_max: usize,
}

/// Gets ready to ask; nothing is sent yet. Without `ca`, in PEM, the system's authorities are trusted. `server` is
/// for messages. Addresses that begin with `http:` are the caller's to refuse.
pub(crate) fn client(server: &str, ca: Option<&str>) -> Result<HttpsClient, SetupError> {
    let tls = super::tls::config(server, ca, None)?;
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT_MAX));
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// Sends a request; gives the status, and the body.
pub(crate) async fn ask(
    client: &HttpsClient,
    request: http::Request<Full<Bytes>>,
    bounds: Bounds,
) -> Result<(u16, Zeroizing<Vec<u8>>), AskError> {
    let asked = async {
        let answer = client.request(request).await;
        let answer = answer.map_err(|error| {
            if error.is_connect() {
                AskError::Unreachable(chain(&error))
            } else {
                AskError::Lost(plain(&error))
            }
        })?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), bounds.bytes_max).collect();
        let body = body
            .await
            .map_err(|error| AskError::Lost(error.to_string()))?;
        Ok((status, Zeroizing::new(body.to_bytes().to_vec())))
    };
    let answered = tokio::time::timeout(bounds.answer_max, asked).await;
    answered.map_err(|_| AskError::Late)?
}

/// The causes of an error, without what a library tells its own users.
fn plain(error: &(dyn std::error::Error + 'static)) -> String {
    let text = chain(error);
    let end = text.find("https://docs.rs").unwrap_or(text.len());
    let text = text.get(..end).unwrap_or_default();
    text.trim_end_matches([':', ' ']).to_owned()
}
