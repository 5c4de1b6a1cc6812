//! WHAT PEOPLE SERVE THEMSELVES WITH: the API of [`crate::api`] over HTTPS, and the sessions of those who use it.
//!
//! A server decides nothing. Whoever proves a key gets a session; what they ask becomes a command line that is
//! carried out in this process with the server's identity, for them: the rules, the words and the audit log
//! are those of the command line. Its identity opens issuers' logins of clusters with self-service, and
//! nothing stronger.

mod accept;
mod api;
mod limits;
mod login;
mod metrics;
mod page;
mod respond;
mod shells;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::api::{Answer, Route, Terminal};
use crate::domain::login::Way;
use crate::domain::oidc::Provider;
use crate::env::{Env, Host, Interrupt, Sitting};
use crate::oidc::{Issuers, Proxies};
use crate::ops::login::Authenticator;
use crate::secrets::SecretString;
use crate::session::App;

pub(crate) use accept::serve;
pub(crate) use tls::{Certificate, TlsError};

/// How many commands are carried out at once.
const AT_ONCE: usize = 32;
/// How long one waits for its turn.
const TURN_MAX: Duration = Duration::from_secs(20);

/// How often whoever has many commands under way looks whether one is done.
const OWN_REST: Duration = Duration::from_millis(20);

/// What somebody asks for.
pub(crate) struct Call {
    /// Which command.
    pub(crate) route: &'static Route,
    /// Its arguments.
    pub(crate) fields: serde_json::Map<String, serde_json::Value>,
    /// Who asks.
    pub(crate) user: String,
    /// How they came, if they did.
    pub(crate) way: Option<Way>,
    /// The shape of the data, as `--output` has it.
    pub(crate) format: String,
    /// On what it will be read.
    pub(crate) terminal: Terminal,
    /// Whoever goes on with what it begins.
    pub(crate) sitting: Option<Sitting>,
}

/// Carries a command out.
pub(crate) type Run = Arc<dyn Fn(&Host, &Call) -> Answer + Send + Sync>;

/// Makes true what was decided, on all clusters with self-service; gives the exit code, and what is to be said.
pub(crate) type Reconcile = Arc<dyn Fn(&Host) -> (u8, String) + Send + Sync>;

/// Something that is done again and again.
pub(crate) struct Timer {
    /// How long after it was done.
    pub(crate) every: Duration,
    /// What.
    pub(crate) run: Reconcile,
}

/// Says a line about what goes on, for whoever watches the server.
pub(crate) type Log = Arc<dyn Fn(&str) + Send + Sync>;

/// How a server is put up.
pub(crate) struct Options {
    /// The address that people know it by.
    pub(crate) public_url: String,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// How it proves that it is the one; nothing behind a proxy that does.
    pub(crate) certificate: Option<Certificate>,
    /// Whose word on addresses counts.
    pub(crate) trusted_proxies: Vec<std::net::IpAddr>,
    /// Where it says how it is.
    pub(crate) metrics: Option<SocketAddr>,
    /// How often it makes true what was decided.
    pub(crate) reconcile: Option<Timer>,
}

/// How a server asks OpenID issuers.
pub(crate) struct Oidc {
    issuers: Issuers,
    client_secret: Option<(Provider, SecretString)>,
}

impl Oidc {
    /// Trusts these authorities, in PEM, in the place of the system's; proves itself with this secret.
    pub(crate) fn new(
        ca: Option<&[u8]>,
        secret: Option<(Provider, &[u8])>,
        env: &Env,
    ) -> Result<Self, Error> {
        let ca = ca.map(String::from_utf8_lossy);
        let text = |(of, bytes): (Provider, &[u8])| {
            let text = String::from_utf8_lossy(bytes);
            (of, SecretString::from(text.trim()))
        };
        Ok(Self {
            issuers: Issuers::new(ca.as_deref(), Proxies::of(|name| env.variable(name)))?,
            client_secret: secret.map(text),
        })
    }
}

/// Why a server cannot be put up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// The error behind it.
        #[source]
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The authorities for OpenID issuers cannot be used.
    #[error("the authorities for OpenID issuers cannot be used")]
    Issuers(#[from] crate::oidc::AuthoritiesError),
}

/// What the process gives its server.
pub(crate) struct Runtime {
    /// The world in which commands are carried out.
    pub(crate) host: Host,
    /// Carries them out.
    pub(crate) run: Run,
    /// Takes what goes on, a line each.
    pub(crate) log: Log,
    /// Raised when the server is to stop.
    pub(crate) interrupt: Interrupt,
}

/// What all requests share.
pub(crate) struct ServerState {
    /// Who is let in.
    pub(crate) authenticator: Authenticator,
    /// The store, and what goes with it.
    pub(crate) app: Arc<App>,
    /// The world in which commands are carried out.
    pub(crate) host: Host,
    /// Carries them out.
    pub(crate) run: Run,
    /// Says what goes on.
    pub(crate) log: Log,
    /// Raised when the server is to stop.
    pub(crate) interrupt: Interrupt,
    /// The OpenID issuers that it asks.
    issuers: Issuers,
    /// What proves it to the organization's, and which one that was when it started.
    client_secret: Option<(Provider, SecretString)>,
    turns: Semaphore,
    limits: limits::Limits,
    counts: metrics::Counts,
    notices: page::Notices,
    codes: page::Codes,
    shells: shells::Shells,
}

impl ServerState {
    /// Puts together what requests share.
    pub(crate) fn new(
        authenticator: Authenticator,
        app: Arc<App>,
        runtime: Runtime,
        oidc: Oidc,
    ) -> Self {
        let Runtime {
            host,
            run,
            log,
            interrupt,
        } = runtime;
        Self {
            authenticator,
            app,
            host,
            run,
            log,
            interrupt,
            issuers: oidc.issuers,
            client_secret: oidc.client_secret,
            turns: Semaphore::new(AT_ONCE),
            limits: limits::Limits::default(),
            counts: metrics::Counts::default(),
            notices: page::Notices::default(),
            codes: page::Codes::default(),
            shells: shells::Shells::default(),
        }
    }

    /// Does something with the store, where it may wait for others.
    async fn with_store<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let server = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&server))
            .await
            .ok()
    }

    /// Carries a command out, to its end: also where whoever asked has left.
    async fn run(self: &Arc<Self>, call: Call) -> Option<Answer> {
        // Nobody takes everybody's turns: who has many under way waits for their own.
        let began = tokio::time::Instant::now();
        let _own = loop {
            match self.limits.begin(&call.user) {
                Some(own) => break own,
                None if began.elapsed() < TURN_MAX => tokio::time::sleep(OWN_REST).await,
                None => return None,
            }
        };
        let turn = tokio::time::timeout(TURN_MAX, self.turns.acquire()).await;
        let _turn = turn.ok()?.ok()?;
        let line = format!("{}: {}", call.user, call.route.verb.join(" "));
        (self.log)(&format!("{line}: begins"));
        self.counts.running.fetch_add(1, Ordering::Relaxed);
        let answer = self
            .with_store(move |server| (server.run)(&server.host, &call))
            .await;
        self.counts.running.fetch_sub(1, Ordering::Relaxed);
        let exit = answer.as_ref().map_or(1, |answer| answer.exit);
        (self.log)(&format!("{line}: exit {exit}"));
        answer
    }
}
