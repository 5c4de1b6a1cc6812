//! Opens the connection to one API server.
//!
//! kube's own stack speaks HTTP/1.1 only, waits for ever, retries for minutes and decides proxies
//! by itself, so a small stack of our own stands under [`kube::Client`]:
//!
//! - one TLS connection per cluster: HTTP/2 where the server has it (every Kubernetes does), else
//!   at most eight HTTP/1.1 connections;
//! - whole answers: a request ends with a complete, size-limited body or with an error, within
//!   its time limit. Watching is not possible through this client, and nothing here watches;
//! - the credential goes to exactly the configured address. Redirects are errors, and neither
//!   headers nor bodies enter a log or an error.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, DATE, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper_rustls::{
    DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, ResolveServerName,
};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret as _, SecretString};
use tower::{BoxError, Service};

use super::error::{Error, SetupError};
use super::tls;
use crate::domain::Timestamp;

mod deadline;
mod exchange;
pub(crate) mod proxy;
#[cfg(test)]
mod tests;

use deadline::Deadline;
use exchange::Exchange;
#[cfg(any(test, fuzzing))]
pub(super) use exchange::judge;
use proxy::{Proxy, ProxyKind, ProxyLogin};

/// Where an API server is, and how it proves itself.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// `https://host[:port][/path]`.
    pub(crate) server: String,
    /// The certificate authorities; `None` means the system's.
    pub(crate) ca_pem: Option<String>,
    /// The name to expect in the certificate, if not the host's.
    pub(crate) tls_server_name: Option<String>,
    /// The proxy to go through; the environment is not asked (see [`proxy::proxy_for`]).
    pub(crate) proxy_url: Option<String>,
}

/// Who we are to the API server.
#[derive(Clone)]
pub(crate) enum Login {
    /// A bearer token.
    Token(SecretString),
    /// A client certificate and its key.
    ClientCertificate {
        /// The chain, PEM.
        certificate_pem: String,
        /// The private key, PEM.
        key_pem: SecretString,
    },
    /// A name and a password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: SecretString,
    },
}

/// How long and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// For TCP, proxy and TLS together.
    pub(crate) connect: Duration,
    /// Until a server that never answered begins to, with the connecting.
    pub(crate) first: Duration,
    /// For one attempt of a request, from asking to the last byte.
    pub(crate) read: Duration,
    /// The largest answer, in bytes.
    pub(crate) body_max: usize,
    /// How often a request is tried.
    pub(crate) attempts_max: u32,
    /// After how much time no further attempt begins.
    pub(crate) retry_total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first: Duration::from_secs(8),
            read: Duration::from_secs(30),
            body_max: 64 * 1024 * 1024,
            attempts_max: 4,
            retry_total: Duration::from_secs(20),
        }
    }
}

/// How much of the answer to one request is read: an extension of the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// The largest answer that is read whole, in bytes.
    pub(super) whole: usize,
    /// How much of a larger one is read, in bytes; it is marked as [`Head`].
    pub(super) head: usize,
}

/// An extension of an answer of which only the beginning was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head;

/// What time a server says that it is, by its last answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerTime(Arc<Mutex<Option<Timestamp>>>);

impl ServerTime {
    /// The time of the last answer that named one.
    pub(crate) fn latest(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the `Date` of an answer; what is no time is no news.
    fn note(&self, headers: &http::HeaderMap) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok());
        if let Some(date) = date {
            let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *latest = Some(date.to_utc());
        }
    }
}

/// Sends one request over whatever lies below.
type Transport = Box<
    dyn Fn(
            Request<Full<Bytes>>,
        )
            -> BoxFuture<'static, Result<Response<Incoming>, hyper_util::client::legacy::Error>>
        + Send
        + Sync,
>;

/// Makes one more transport to the same address, with connections of its own.
type Dial = Box<dyn Fn() -> Transport + Send + Sync>;

/// What opens further connections to the address of a client, with the same login.
#[derive(Clone)]
pub(crate) struct Again(Arc<Exchange>);

impl Again {
    /// What the answers on this connection say that the time is there.
    pub(crate) fn time(&self) -> ServerTime {
        self.0.time()
    }

    /// Makes a client that shares no connection with any other.
    ///
    /// Behind one address there may be several API servers, each of which hears of a change in its
    /// own time. A load balancer gives a new connection to whichever it likes, so one question
    /// asked over several of these is likely to reach more than one of them. That proves nothing
    /// about a server that no connection came to: the balancer may keep one client at one server,
    /// and a server may have been away and come back with what it knew.
    pub(crate) fn open(&self) -> kube::Client {
        kube::Client::new(Connected::new(Arc::new(self.0.again())), "default")
    }

    /// Makes a client that shares the connections and says by another token who it is. Not for
    /// connections with a client certificate, which says it first.
    pub(crate) fn with_token(&self, token: &SecretString) -> Result<kube::Client, Error> {
        let login = Login::Token(token.clone());
        let connected = Connected {
            exchange: Arc::clone(&self.0),
            authorization: authorization(&login, self.0.server())?,
            accepted: Arc::default(),
        };
        Ok(kube::Client::new(connected, "default"))
    }
}

/// Makes a client for one API server. Nothing is sent before the first request.
///
/// The client lives in the runtime it was made in.
#[cfg(test)]
pub(crate) fn connect(
    endpoint: &Endpoint,
    login: Login,
    limits: Limits,
) -> Result<kube::Client, Error> {
    dial(endpoint, login, limits).map(|(client, _)| client)
}

/// Makes a client for one API server, and what opens further ones. Nothing is sent before the first
/// request.
///
/// The client lives in the runtime it was made in.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the credential is given away: no copy of it stays with the caller"
)]
pub(crate) fn dial(
    endpoint: &Endpoint,
    login: Login,
    limits: Limits,
) -> Result<(kube::Client, Again), Error> {
    let server = endpoint.server.clone();
    // kube spawns a task at once and would panic without a runtime.
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(SetupError::NoRuntime { server }.into());
    }
    let base = parse_base(&server)?;
    let authorization = authorization(&login, &server)?;
    let transport = transport(endpoint, &login, limits)?;
    let proxy = endpoint
        .proxy_url
        .as_deref()
        .and_then(|url| Proxy::parse(url).ok());
    let proxy = proxy.map(|proxy| proxy.uri.to_string());
    let exchange = Arc::new(Exchange::new(
        server,
        base,
        authorization,
        limits,
        transport,
        proxy,
    ));
    let client = kube::Client::new(Connected::new(Arc::clone(&exchange)), "default");
    Ok((client, Again(exchange)))
}

fn parse_base(server: &str) -> Result<Uri, SetupError> {
    let wrong = || SetupError::Server {
        server: crate::domain::text::clean(server),
    };
    let base: Uri = server.parse().map_err(|_| wrong())?;
    let plain = base.scheme() == Some(&http::uri::Scheme::HTTPS)
        && base.query().is_none()
        && base
            .authority()
            .is_some_and(|authority| !authority.as_str().contains('@'));
    if plain { Ok(base) } else { Err(wrong()) }
}

fn authorization(login: &Login, server: &str) -> Result<Option<HeaderValue>, SetupError> {
    let text = match login {
        Login::Token(token) => format!("Bearer {}", token.expose_secret()),
        Login::Basic { username, password } => basic(username, password),
        Login::ClientCertificate { .. } => return Ok(None),
    };
    let text = zeroize::Zeroizing::new(text);
    let mut value = HeaderValue::from_str(&text).map_err(|_| SetupError::Token {
        server: server.to_owned(),
    })?;
    // Keeps it out of Debug output and of HTTP/2 compression state.
    value.set_sensitive(true);
    Ok(Some(value))
}

fn basic(username: &str, password: &SecretString) -> String {
    use base64::Engine as _;
    let pair = zeroize::Zeroizing::new(format!("{username}:{}", password.expose_secret()));
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair.as_bytes())
    )
}

/// Puts TCP, proxy, TLS and HTTP together.
fn transport(endpoint: &Endpoint, login: &Login, limits: Limits) -> Result<Dial, SetupError> {
    let server = &endpoint.server;
    let client = match login {
        Login::ClientCertificate {
            certificate_pem,
            key_pem,
        } => Some((certificate_pem.as_str(), key_pem)),
        Login::Token(_) | Login::Basic { .. } => None,
    };
    let mut config = tls::config(server, endpoint.ca_pem.as_deref(), client)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tls = Tls {
        config: Arc::new(config),
        name: fixed_name(endpoint)?,
    };

    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    // Without it, HTTP/2 waits 40 ms for each small request (measured: 22 requests per second).
    tcp.set_nodelay(true);
    let Some(proxy) = &endpoint.proxy_url else {
        return Ok(tls.over(tcp, limits));
    };
    let wrong = |reason: String| SetupError::Proxy {
        server: server.clone(),
        reason,
    };
    let proxy = Proxy::parse(proxy).map_err(|error| wrong(error.to_string()))?;
    Ok(match proxy.kind {
        ProxyKind::Http => tls.over(tunnel(proxy, tcp, &wrong)?, limits),
        ProxyKind::Https => {
            // The proxy proves itself by the system's authorities, not by the cluster's.
            let config = tls::config(server, None, None)?;
            let resolver = Arc::new(DefaultServerNameResolver::default());
            let secured = HttpsConnector::new(tcp, config, true, resolver);
            tls.over(tunnel(proxy, secured, &wrong)?, limits)
        }
        ProxyKind::Socks5 => {
            let socks = SocksV5::new(proxy.uri, tcp);
            match proxy.login {
                None => tls.over(socks, limits),
                Some(login) => tls.over(socks.with_auth(login.name, login.password), limits),
            }
        }
    })
}

pub(super) fn tunnel<C>(
    proxy: Proxy,
    connector: C,
    wrong: &dyn Fn(String) -> SetupError,
) -> Result<Tunnel<C>, SetupError> {
    let tunnel = Tunnel::new(proxy.uri, connector);
    let Some(ProxyLogin { name, password }) = proxy.login else {
        return Ok(tunnel);
    };
    let value = HeaderValue::from_str(&basic(&name, &SecretString::from(password)))
        .map_err(|_| wrong("its user name or password cannot be sent".to_owned()))?;
    Ok(tunnel.with_auth(value))
}

fn fixed_name(endpoint: &Endpoint) -> Result<Option<ServerName<'static>>, SetupError> {
    let Some(name) = &endpoint.tls_server_name else {
        return Ok(None);
    };
    ServerName::try_from(name.clone())
        .map(Some)
        .map_err(|_| SetupError::ServerName {
            name: crate::domain::text::clean(name),
        })
}

/// The TLS half of a transport.
struct Tls {
    config: Arc<rustls::ClientConfig>,
    name: Option<ServerName<'static>>,
}

impl Tls {
    /// Stacks TLS and HTTP on a connector.
    fn over<C>(self, connector: C, limits: Limits) -> Dial
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Connection + hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
        C::Future: Send + 'static,
        C::Error: Into<BoxError>,
    {
        let resolver: Arc<dyn ResolveServerName + Send + Sync> = match self.name {
            Some(name) => Arc::new(FixedServerNameResolver::new(name)),
            None => Arc::new(DefaultServerNameResolver::default()),
        };
        let https = HttpsConnector::new(connector, self.config, true, resolver);
        let connector = Deadline::new(https, limits.connect);
        Box::new(move || {
            let client = HyperClient::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .build::<_, Full<Bytes>>(connector.clone());
            Box::new(move |request| Box::pin(client.request(request)))
        })
    }
}

/// Said of a login that was accepted before, in the same run.
const REFUSED_SINCE: &str = "it was accepted a moment before: it was ended since, or the API servers at this address do not \
     agree";

/// The service that kube calls.
#[derive(Clone)]
struct Connected {
    exchange: Arc<Exchange>,
    authorization: Option<HeaderValue>,
    /// Whether the login was accepted once.
    accepted: Arc<AtomicBool>,
}

impl Connected {
    fn new(exchange: Arc<Exchange>) -> Self {
        let authorization = exchange.authorization.clone();
        Self {
            exchange,
            authorization,
            accepted: Arc::default(),
        }
    }
}

impl Service<Request<kube::client::Body>> for Connected {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let exchange = Arc::clone(&self.exchange);
        let authorization = self.authorization.clone();
        let accepted = Arc::clone(&self.accepted);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            // kube's bodies are in memory; whole ones can be sent again.
            let body = body.collect().await?.to_bytes();
            if let Some(value) = authorization {
                parts.headers.insert(AUTHORIZATION, value);
            }
            let answer = exchange.run(parts, body).await?;
            if answer.status().is_success() {
                accepted.store(true, Ordering::Relaxed);
            } else if answer.status() == StatusCode::UNAUTHORIZED
                && accepted.load(Ordering::Relaxed)
            {
                return Ok(exchange::with_words(answer, REFUSED_SINCE).await);
            }
            Ok(answer)
        })
    }
}
