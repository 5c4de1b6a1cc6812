//! Asking others than API servers over HTTPS: our own server, OpenID issuers, providers.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioExecutor;
use zeroize::Zeroizing;

use super::client::proxy::{Proxy, ProxyError, ProxyKind, proxy_for};
use super::error::SetupError;
use crate::domain::text::chain;

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(15);

type Direct = Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>;
type Tunnelled = Client<hyper_rustls::HttpsConnector<Tunnel<HttpConnector>>, Full<Bytes>>;

/// What asks.
pub(crate) struct HttpsClient {
    direct: Direct,
    /// Or why there is none, for those who would need it.
    tunnelled: Result<Option<Tunnelled>, String>,
    proxies: Proxies,
}

/// The variables of the environment that say which proxy to take, as kubectl reads them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(Vec<(&'static str, String)>);

impl Proxies {
    /// Reads them.
    pub(crate) fn of<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Self {
        let names = ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];
        let set = names
            .into_iter()
            .filter_map(|name| Some((name, variable(name)?.to_owned())));
        Self(set.collect())
    }

    /// The proxy on the way to a server, if one is to be taken.
    fn to(&self, server: &str) -> Result<Option<String>, ProxyError> {
        let value = |name: &str| {
            let found = self.0.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| value.clone())
        };
        proxy_for(server, &value)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum AskError {
    /// Nobody was reached.
    Unreachable(String),
    /// The connection was lost when the request may have arrived.
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
pub(crate) fn client(
    server: &str,
    ca: Option<&str>,
    proxies: Proxies,
) -> Result<HttpsClient, SetupError> {
    let tls = super::tls::config(server, ca, None)?;
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT_MAX));
    let secured = || {
        hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_http1()
    };
    // Whichever server it is asked for: some are not to be reached by it, and others may need none that works.
    let tunnelled = || -> Result<Option<Tunnelled>, String> {
        let proxy = proxies.to("https://any.invalid");
        let Some(text) = proxy.map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let proxy = Proxy::parse(&text).map_err(|error| error.to_string())?;
        if proxy.kind != ProxyKind::Http {
            return Err("a proxy is spoken to by http here".to_owned());
        }
        let wrong = |reason: String| SetupError::Proxy {
            server: server.to_owned(),
            reason,
        };
        let tunnel = super::client::tunnel(proxy, tcp.clone(), &wrong);
        let tunnel = tunnel.map_err(|error| error.to_string())?;
        let connector = secured().wrap_connector(tunnel);
        Ok(Some(Client::builder(TokioExecutor::new()).build(connector)))
    };
    let tunnelled = tunnelled();
    Ok(HttpsClient {
        direct: Client::builder(TokioExecutor::new()).build(secured().wrap_connector(tcp)),
        tunnelled,
        proxies,
    })
}

/// Sends a request; gives the status, and the body.
pub(crate) async fn ask(
    client: &HttpsClient,
    request: http::Request<Full<Bytes>>,
    bounds: Bounds,
) -> Result<(u16, Zeroizing<Vec<u8>>), AskError> {
    let asked = async {
        let server = request.uri().to_string();
        let proxy = client.proxies.to(&server);
        let proxy = proxy.map_err(|error| AskError::Unreachable(error.to_string()))?;
        let answer = match (&client.tunnelled, proxy) {
            (_, None) | (Ok(None), Some(_)) => client.direct.request(request).await,
            (Ok(Some(tunnelled)), Some(_)) => tunnelled.request(request).await,
            (Err(reason), Some(_)) => {
                let reason = format!("the proxy of HTTPS_PROXY cannot be used: {reason}");
                return Err(AskError::Unreachable(reason));
            }
        };
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        answer_max: Duration::from_mins(1),
        bytes_max: 1024,
    };

    #[tokio::test]
    async fn a_proxy_is_asked_unless_the_server_is_excepted() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let place = listener.local_addr().expect("its address");
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let mut line = String::new();
            BufReader::new(&stream)
                .read_line(&mut line)
                .expect("a line");
            let refused = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(refused).expect("it is still there");
            line
        });
        let proxy = format!("http://{place}");
        let variable = |name: &str| match name {
            "HTTPS_PROXY" => Some(proxy.as_str()),
            "NO_PROXY" => Some(".inside.invalid"),
            _ => None,
        };
        let client = client("a server", None, Proxies::of(variable)).expect("a client");
        let get = |url: &str| {
            let request = http::Request::get(url).body(Full::default());
            request.expect("a request")
        };
        // That name leads nowhere: nobody is asked.
        let refused = ask(&client, get("https://kg.inside.invalid/"), BOUNDS).await;
        assert!(matches!(refused, Err(AskError::Unreachable(_))));
        assert!(!answering.is_finished());
        let refused = ask(&client, get("https://kg.outside.invalid/"), BOUNDS).await;
        assert!(matches!(refused, Err(AskError::Unreachable(_))));
        let line = answering.join().expect("a proxy");
        assert_eq!(line.trim(), "CONNECT kg.outside.invalid:443 HTTP/1.1");
    }

    #[tokio::test]
    async fn a_proxy_that_is_none_is_said_to_those_who_need_it() {
        for wrong in ["socks5://127.0.0.1:1", "ftp://x", "http://a/b"] {
            let variable = |name: &str| match name {
                "HTTPS_PROXY" => Some(wrong),
                "NO_PROXY" => Some(".inside.invalid"),
                _ => None,
            };
            let client = client("a server", None, Proxies::of(variable)).expect("a client");
            let ask = async |url: &str| {
                let request = http::Request::get(url).body(Full::default());
                let refused = super::ask(&client, request.expect("a request"), BOUNDS).await;
                refused.expect_err("nobody is there").to_string()
            };
            let inside = ask("https://kg.inside.invalid/").await;
            assert!(!inside.contains("HTTPS_PROXY"), "{inside}");
            let outside = ask("https://kg.outside.invalid/").await;
            assert!(!outside.contains("127.0.0.1"), "{outside}");
        }
    }
}
