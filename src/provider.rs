//! WHAT IS ASKED OF PROVIDERS: whose project a token belongs to. Hetzner Cloud first.

use std::time::Duration;

use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub(crate) use crate::kubernetes::https::Proxies;
use crate::kubernetes::https::{self, Bounds};

/// Where Hetzner's API is, unless `HCLOUD_ENDPOINT` says otherwise (as the hcloud tool has it).
pub(crate) const HETZNER: &str = "https://api.hetzner.cloud/v1";
/// The largest answer that is read, in bytes.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// Why a provider gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The address cannot be used.
    #[error("'{endpoint}' cannot be used as the provider's address: {reason}")]
    Endpoint {
        /// The address.
        endpoint: String,
        /// What went wrong.
        reason: String,
    },
    /// The token holds characters that cannot be sent.
    #[error("this is not a token: it holds characters that cannot be sent")]
    Token,
    /// The provider does not know the token.
    #[error("the provider does not accept the token")]
    Refused,
    /// No answer.
    #[error("cannot reach the provider at {endpoint}: {reason}")]
    Unreachable {
        /// The address.
        endpoint: String,
        /// What happened.
        reason: String,
    },
    /// An answer that makes no sense.
    #[error("the provider at {endpoint} answered what it never answers: {reason}")]
    Garbled {
        /// The address.
        endpoint: String,
        /// What went wrong.
        reason: String,
    },
}

/// What a token opens. Hetzner's API does not name the project: its servers do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    /// How many servers the project has.
    pub(crate) servers: u64,
    /// The names of the first of them.
    pub(crate) names: Vec<String>,
}

#[derive(Deserialize)]
struct Servers {
    servers: Vec<Server>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Server {
    name: String,
}

#[derive(Deserialize)]
struct Meta {
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Pagination {
    total_entries: Option<u64>,
}

/// Refuses addresses that would carry a token in the open: http is for this machine alone.
fn check_endpoint(endpoint: &str) -> Result<http::Uri, Error> {
    let refuse = |reason: &str| Error::Endpoint {
        endpoint: endpoint.to_owned(),
        reason: reason.to_owned(),
    };
    let text = format!("{}/servers?per_page=5", endpoint.trim_end_matches('/'));
    let uri: http::Uri = text.parse().map_err(|_| refuse("it is not an address"))?;
    let host = uri.host().unwrap_or_default();
    let address: Option<std::net::IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if loopback => Ok(uri),
        Some("http") => Err(refuse(
            "it is not https, and the token would go in the open",
        )),
        _ => Err(refuse("it is not an https address")),
    }
}

/// Asks Hetzner what a token opens.
pub(crate) async fn hetzner(
    endpoint: &str,
    token: &SecretString,
    proxies: Proxies,
) -> Result<Project, Error> {
    let uri = check_endpoint(endpoint)?;
    let mut bearer = http::HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
        .map_err(|_| Error::Token)?;
    bearer.set_sensitive(true);
    let request = http::Request::get(uri)
        .header(http::header::AUTHORIZATION, bearer)
        .header(
            http::header::USER_AGENT,
            concat!("kubegrant/", env!("CARGO_PKG_VERSION")),
        )
        .body(Full::default())
        .map_err(|_| Error::Token)?;
    let unreachable = |reason: String| Error::Unreachable {
        endpoint: endpoint.to_owned(),
        reason: crate::domain::text::clean(&reason),
    };
    let client =
        https::client(endpoint, None, proxies).map_err(|error| unreachable(error.to_string()))?;
    let bounds = Bounds {
        answer_max: ANSWER_MAX,
        bytes_max: BODY_BYTES_MAX,
    };
    let asked = https::ask(&client, request, bounds).await;
    let (status, body) = asked.map_err(|error| unreachable(error.to_string()))?;
    judge(endpoint, status, &body)
}

fn judge(endpoint: &str, status: u16, body: &[u8]) -> Result<Project, Error> {
    let garbled = |reason: String| Error::Garbled {
        endpoint: endpoint.to_owned(),
        reason,
    };
    match status {
        200 => {}
        401 | 403 => return Err(Error::Refused),
        other => return Err(garbled(format!("status {other}"))),
    }
    let found: Servers =
        serde_json::from_slice(body).map_err(|_| garbled("JSON of another shape".to_owned()))?;
    let total = found
        .meta
        .and_then(|meta| meta.pagination)
        .and_then(|page| page.total_entries);
    let names: Vec<String> = found
        .servers
        .iter()
        .map(|server| crate::domain::text::clean(&server.name))
        .collect();
    Ok(Project {
        servers: total.unwrap_or(names.len() as u64),
        names,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_over_https_or_stays_on_this_machine() {
        for good in [
            "https://api.hetzner.cloud/v1",
            "http://127.0.0.1:8080/v1",
            "http://localhost",
        ] {
            assert!(check_endpoint(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.hetzner.cloud/v1",
            "ftp://x",
            "nonsense",
            "http://127.evil.example",
        ] {
            assert!(check_endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_names_the_servers_of_the_project() {
        let body = br#"{"servers":[{"name":"node-1"}],"meta":{"pagination":{"total_entries":3}}}"#;
        let project = judge("https://x", 200, body).expect("a good answer");
        assert_eq!(
            project,
            Project {
                servers: 3,
                names: vec!["node-1".to_owned()]
            }
        );
        assert!(matches!(
            judge("https://x", 401, b"{}"),
            Err(Error::Refused)
        ));
        assert!(matches!(
            judge("https://x", 302, b""),
            Err(Error::Garbled { .. })
        ));
        assert!(matches!(
            judge("https://x", 200, b"[]"),
            Err(Error::Garbled { .. })
        ));
    }
}
